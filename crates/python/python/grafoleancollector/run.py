"""One run of a job: the call of its function, and the time that its values have."""

import contextvars
import inspect
import os
import threading
import time
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Set, Tuple

from . import keeping
from .values import Value, are_values, checked

# Values of accounts, as the engine takes them.
Sent = List[Tuple[int, List[Value]]]
# The backend and the token that values belong to.
Origin = Tuple[str, str]


class Call(NamedTuple):
    """What a job calls."""

    job_id: str
    function: Callable[..., Any]
    data: Dict[str, Any]
    origin: Origin
    # How long a run may take, in seconds.
    deadline: float
    # Function and data as a worker process takes them, each pickled; None where they run in a thread.
    pickled: Optional[Tuple[bytes, bytes]] = None


class Run:
    """One run: what it sends is stamped with the second at which it was due."""

    __slots__ = ("due", "origin", "_seen")

    def __init__(self, due: float, origin: Origin) -> None:
        """Begin without values."""
        self.due, self.origin = due, origin
        self._seen: Optional[Set[Tuple[int, str]]] = None

    def stamped(self, account: int, values: List[Value]) -> List[Value]:
        """Return values with their times. A path that comes again in a run has the present time, since at the due time
        it would replace the first.
        """
        stamped: List[Value] = []
        with _stamping:
            seen = self._seen = self._seen or set()
            for path, number, seconds in values:
                if seconds is None:
                    seconds = time.time() if (account, path) in seen else float(self.due)
                seen.add((account, path))
                stamped.append((path, number, seconds))
        return stamped


# Held while values are stamped, by threads of one run too.
_stamping = threading.Lock()
_current: "contextvars.ContextVar[Optional[Run]]" = contextvars.ContextVar("grafolean_run", default=None)


def current() -> Optional[Run]:
    """Return the run that goes on in this thread or task, if any."""
    return _current.get()


def _after_fork() -> None:
    # A thread that held the lock does not exist in the child.
    global _stamping
    _stamping = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def perform(function: Callable[..., Any], data: Dict[str, Any], run: Run, intervals: List[int]) -> Any:
    """Call a job's function. Return the values that it returned, or the awaitable that has yet to be awaited, or None.

    What a generator yields is kept as it comes.
    """
    token = _current.set(run)
    try:
        result = function(intervals, **data)
        if result is None or inspect.isawaitable(result) or inspect.isasyncgen(result):
            return result
        if not inspect.isgenerator(result):
            return list(taken(result, data, run))
        for given in result:
            keep(given, data, run)
        return None
    finally:
        _current.reset(token)


async def conclude(result: Any, data: Dict[str, Any], run: Run, keep_yielded: Callable[..., Any]) -> Sent:
    """Await what a function gave. Return the values that it returned; ``keep_yielded`` is awaited for those it yields."""
    token = _current.set(run)
    try:
        if not inspect.isasyncgen(result):
            return list(taken(await result, data, run))
        async for given in result:
            await keep_yielded(given, data, run)
        return []
    finally:
        _current.reset(token)


def keep(given: Any, data: Dict[str, Any], run: Run) -> None:
    """Keep what a function yielded, if it is values: on return they are on disk."""
    sent = list(taken(given, data, run))
    if sent:
        keeping.keep(run.origin, sent)


def taken(given: Any, data: Dict[str, Any], run: Run) -> Iterator[Tuple[int, List[Value]]]:
    """Take what a function returned or yielded, if it is values and the job's data says whose: ``account_id``.

    Whatever else a function returns is its own business, as ever.
    """
    account = data.get("account_id")
    if isinstance(given, tuple) and len(given) == 2 and isinstance(given[0], int) and are_values(given[1]):
        account, given = given
    if account is not None and are_values(given):
        yield int(account), run.stamped(int(account), checked(given))
