"""Calls the functions of jobs, and collects what each run sends."""

import asyncio
import contextvars
import inspect
import logging
import threading
import time
import traceback
from typing import Any, Callable, Dict, List, Optional, Set, Tuple

from .values import Value, are_values, checked

Sent = List[Tuple[int, List[Value]]]
# What a job is: the function, its data, and the backend and token of its collector.
Call = Tuple[str, Callable[..., Any], Dict[str, Any], Tuple[str, str]]

_current: "contextvars.ContextVar[Optional[RunValues]]" = contextvars.ContextVar("grafolean_run", default=None)


class RunValues:
    """What one run sends."""

    def __init__(self, due: float, origin: Tuple[str, str]) -> None:
        """Begin without values; what comes is stamped with ``due``."""
        self.due = due
        self.sent: Sent = []
        self._origin = origin
        self._seen: Set[Tuple[int, str]] = set()
        self._lock = threading.Lock()

    def takes(self, backend_url: str, bot_token: str) -> bool:
        """Tell whether values for this backend are this run's: a bot may well send elsewhere too."""
        return (backend_url.strip().rstrip("/"), bot_token.strip()) == self._origin

    def add(self, account: int, values: List[Value]) -> None:
        """Add values. A path that comes again has the present time, since at the due time it would replace the first."""
        with self._lock:
            stamped = []
            for path, number, seconds in values:
                if seconds is None and (account, path) in self._seen:
                    seconds = time.time()
                self._seen.add((account, path))
                stamped.append((path, number, seconds))
            self.sent.append((account, stamped))


def current() -> Optional[RunValues]:
    """Give the run that goes on in this thread or task, if any."""
    return _current.get()


class Runner:
    """Runs jobs in this process: functions on the engine's threads, coroutines on a loop of their own."""

    def __init__(self) -> None:
        """Begin without a loop; the first coroutine starts it."""
        self._loop: Optional[asyncio.AbstractEventLoop] = None
        self._lock = threading.Lock()
        # A loop holds its tasks only weakly.
        self._tasks: Set[Any] = set()

    def __call__(self, call: Call, intervals: List[int], due: int, done: Callable[..., None]) -> Any:
        """Run a job once; see the engine for what it makes of the outcome."""
        job_id, function, data, origin = call
        values = RunValues(due, origin)
        token = _current.set(values)
        try:
            result = function(intervals, **data)
            if result is None:
                return (values.sent, None) if values.sent else None
            if inspect.isawaitable(result) or inspect.isasyncgen(result):
                self._await(result, call, values, done)
                return True
            for given in result if inspect.isgenerator(result) else (result,):
                take(given, data, values)
            return values.sent, None
        except BaseException as error:
            return values.sent, failed(job_id, error)
        finally:
            _current.reset(token)

    def close(self) -> None:
        """End the loop of coroutines."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)

    def _await(self, result: Any, call: Call, values: RunValues, done: Callable[..., None]) -> None:
        context = contextvars.copy_context()

        def begin() -> None:
            task = asyncio.ensure_future(_conclude(result, call, values, done))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        self._started_loop().call_soon_threadsafe(begin, context=context)

    def _started_loop(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=self._loop.run_forever, name="grafolean-coroutines", daemon=True).start()
            return self._loop


async def _conclude(result: Any, call: Call, values: RunValues, done: Callable[..., None]) -> None:
    job_id, _, data, _ = call
    failure = None
    try:
        if inspect.isasyncgen(result):
            async for given in result:
                take(given, data, values)
        else:
            take(await result, data, values)
    except BaseException as error:
        failure = failed(job_id, error)
    done(values.sent, failure)


def take(given: Any, data: Dict[str, Any], values: RunValues) -> None:
    """Take what a function returned or yielded, if it is values and the job's data says whose: ``account_id``.

    Whatever else a function returns is its own business, as ever.
    """
    account = data.get("account_id")
    if isinstance(given, tuple) and len(given) == 2 and isinstance(given[0], int) and are_values(given[1]):
        account, given = given
    if account is not None and are_values(given):
        values.add(int(account), checked(given))


def failed(job_id: str, error: BaseException) -> str:
    """Log an exception of a job with its traceback; give a line for the engine's count."""
    logging.getLogger("apscheduler.executors.iaexecutor").error(
        'Job "%s" raised an exception', job_id, exc_info=(type(error), error, error.__traceback__)
    )
    return "".join(traceback.format_exception_only(type(error), error)).strip()
