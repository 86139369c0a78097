"""Workers that are processes, for functions that compute; one that dies is replaced."""

import contextlib
import logging
import multiprocessing
import os
import queue
import signal
import threading
import traceback
from multiprocessing.connection import Connection
from typing import Any, Callable, List, Optional, Tuple

from .running import Call, Runner

# How often an idle worker looks whether its parent is still there.
_LOOK_SECONDS = 2.0
_logger = logging.getLogger("apscheduler.executors.iaexecutor")


class ProcessRunner:
    """Runs jobs in processes: each of the engine's threads borrows one for a run.

    Functions and their data are pickled, so functions stand in a module, or are static methods.
    """

    def __init__(self, number: int) -> None:
        """Start so many processes, by the start method that the program has set."""
        self._context = multiprocessing.get_context()
        self._idle: "queue.LifoQueue[Tuple[Any, Connection]]" = queue.LifoQueue()
        self._lock = threading.Lock()
        self._closed = False
        for _ in range(number):
            self._idle.put(self._start())

    def __call__(self, call: Call, intervals: List[int], due: int, done: Callable[..., None]) -> Any:
        """Run a job once in a process."""
        job_id = call[0]
        process, pipe = self._idle.get()
        try:
            pipe.send((call, intervals, due))
            sent, failure, told = pipe.recv()
        except (EOFError, OSError):
            process.join()
            code = process.exitcode
            _logger.error('Job "%s" raised an exception: its worker process died with code %s', job_id, code)
            process, pipe = self._replacement(process, pipe)
            return [], f"the worker process died with code {code}"
        except Exception as error:
            # What cannot be pickled was never sent: the process is as good as before.
            _logger.error('Job "%s" raised an exception', job_id, exc_info=error)
            return [], traceback.format_exception_only(type(error), error)[-1].strip()
        finally:
            self._idle.put((process, pipe))
        if told is not None:
            _logger.error('Job "%s" raised an exception\n%s', job_id, told)
        return sent, failure

    def close(self) -> None:
        """End the processes that are idle; one at work ends when it finds nobody at the other end."""
        self._closed = True
        while True:
            try:
                process, pipe = self._idle.get_nowait()
            except queue.Empty:
                return
            # The pipe's end alone does not tell: forked siblings hold it too.
            with contextlib.suppress(OSError):
                pipe.send(None)
            pipe.close()
            process.join()

    def _start(self) -> Tuple[Any, Connection]:
        # One at a time: a sibling forked amid this would hold the worker's end, and its death would not be told.
        with self._lock:
            ours, theirs = self._context.Pipe()
            process = self._context.Process(target=_work, args=(theirs, ours), name="grafolean-worker", daemon=True)
            process.start()
            theirs.close()
        return process, ours

    def _replacement(self, process: Any, pipe: Connection) -> Tuple[Any, Connection]:
        pipe.close()
        return (process, pipe) if self._closed else self._start()


def _work(pipe: Connection, other_end: Connection) -> None:
    """Run what comes until nobody is there any more. Signals are for the parent, which then closes the pipe."""
    other_end.close()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    runner, parent = Runner(), os.getppid()
    while True:
        try:
            # A forked sibling holds the other end too, so the parent's end alone is not told by the pipe.
            while not pipe.poll(_LOOK_SECONDS):
                if os.getppid() != parent:
                    os._exit(0)
            asked = pipe.recv()
        except (EOFError, OSError):
            os._exit(0)
        if asked is None:
            os._exit(0)
        call, intervals, due = asked
        pipe.send(_ran(runner, call, intervals, due))


def _ran(runner: Runner, call: Call, intervals: List[int], due: int) -> Tuple[Any, Optional[str], Optional[str]]:
    told: List[str] = []
    outcome: List[Any] = []
    over = threading.Event()

    def done(sent: Any, failure: Optional[str]) -> None:
        outcome.append((sent, failure))
        over.set()

    with _Tracebacks(told):
        given = runner(call, intervals, due, done)
        if given is True:
            over.wait()
            given = outcome[0]
    sent, failure = given or ([], None)
    return sent, failure, told[0] if told else None


class _Tracebacks(logging.Filter):
    """Takes the tracebacks that a runner logs, so that the parent logs them."""

    def __init__(self, told: List[str]) -> None:
        super().__init__()
        self._told = told

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info:
            self._told.append("".join(traceback.format_exception(*record.exc_info)))
        return False

    def __enter__(self) -> "_Tracebacks":
        _logger.addFilter(self)
        return self

    def __exit__(self, *_: Any) -> None:
        _logger.removeFilter(self)
