"""Runs in this process: functions in threads, coroutines on a loop of their own."""

import asyncio
import contextvars
import inspect
import threading
import time
from typing import Any, Dict, Optional, Set, Tuple

from . import logs, run
from ._engine import RunQueue
from .ending import Stuck, end, log_exception
from .run import Call, Run

# How often it is looked whether a run is beyond its deadline.
_LOOK_SECONDS = 0.5


# A run that goes on: its call, and when it began.
_Going = Tuple[Call, float]


class ThreadWorkers:
    """Takes runs from the engine's queue, each in one of so many threads; coroutines are not bounded.

    A function in a thread cannot be ended: one that is beyond its deadline is named, and keeps its thread.
    """

    def __init__(self, queue: RunQueue, number: int, stuck: Stuck) -> None:
        """Start the threads. They end with the queue; one that hangs in a function is left behind."""
        self._queue, self._stuck = queue, stuck
        self._loop: Optional[asyncio.AbstractEventLoop] = None
        self._lock = threading.Lock()
        self._closed = threading.Event()
        # What goes on: by thread, and by task.
        self._going: Dict[Any, _Going] = {}
        # A loop holds its tasks only weakly.
        self._tasks: Set[Any] = set()
        for place in range(number):
            threading.Thread(target=self._work, args=(place,), name=f"grafolean-worker-{place}", daemon=True).start()
        threading.Thread(target=self._watch, name="grafolean-deadlines", daemon=True).start()

    def close(self) -> None:
        """End the loop of coroutines and the watch over deadlines."""
        self._closed.set()
        with self._lock:
            loop, self._loop = self._loop, None
        if loop is not None:
            loop.call_soon_threadsafe(loop.stop)

    def _work(self, place: int) -> None:
        take, going, monotonic = self._queue.take, self._going, time.monotonic
        while True:
            taken = take()
            if taken is None:
                return
            call, intervals, due, ended = taken
            going[place] = now = (call, monotonic())
            try:
                this = Run(due, call.origin)
                result = run.perform(call.function, call.data, this, intervals)
                if inspect.isawaitable(result) or inspect.isasyncgen(result):
                    self._await(result, call, this, ended)
                    continue
                if result is None:
                    ended()
                else:
                    end(call, ended, result)
            except BaseException as error:
                end(call, ended, [], log_exception(call.job_id, error))
            finally:
                del going[place]
            self._over(now)

    def _await(self, result: Any, call: Call, this: Run, ended: Any) -> None:
        context = contextvars.copy_context()

        def begin() -> None:
            task = asyncio.ensure_future(self._concluded(result, call, this, ended))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        self._started_loop().call_soon_threadsafe(begin, context=context)

    async def _concluded(self, result: Any, call: Call, this: Run, ended: Any) -> None:
        key = object()
        self._going[key] = now = (call, time.monotonic())
        try:
            concluding = run.conclude(result, call.data, this, self._keep_yielded)
            sent = await asyncio.wait_for(concluding, call.deadline)
        except asyncio.TimeoutError as error:
            if time.monotonic() - now[1] < call.deadline:
                # One of the job's own.
                end(call, ended, [], log_exception(call.job_id, error))
                return
            words = f"did not end within its deadline of {call.deadline:g} s and was cancelled"
            logs.of_jobs().warning('Job "%s" %s', call.job_id, words)
            self._stuck.add(call.job_id, words)
            end(call, ended, [], words, "deadline")
            return
        except BaseException as error:
            end(call, ended, [], log_exception(call.job_id, error))
        else:
            end(call, ended, sent)
        finally:
            del self._going[key]
        self._over(now)

    async def _keep_yielded(self, given: Any, data: Dict[str, Any], this: Run) -> None:
        # Beside the loop: the disk is waited for.
        await asyncio.get_running_loop().run_in_executor(None, run.keep, given, data, this)

    def _started_loop(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=self._loop.run_forever, name="grafolean-coroutines", daemon=True).start()
            return self._loop

    def _over(self, now: _Going) -> None:
        call, began = now
        if time.monotonic() - began < call.deadline:
            self._stuck.ended(call.job_id)

    def _watch(self) -> None:
        told: Set[int] = set()
        while not self._closed.wait(_LOOK_SECONDS):
            moment = time.monotonic()
            late = [it for it in list(self._going.values()) if moment - it[1] > it[0].deadline + _LOOK_SECONDS]
            for now in late:
                call, _ = now
                if id(now) not in told:
                    words = f"has not ended within its deadline of {call.deadline:g} s: it holds its thread"
                    logs.of_jobs().warning('Job "%s" %s', call.job_id, words)
                    self._stuck.add(call.job_id, words)
            told = {id(now) for now in late}
