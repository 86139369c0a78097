"""How jobs are run: in processes or threads, how many at a time, and for how long; said in code or by the environment."""

import os
import sys
from typing import Any, Callable, NamedTuple, Optional, Tuple, Union

# Runs that go on at a time, as ever. More waste memory rather than time: most of a run is waiting.
WORKERS = 10
KINDS = ("process", "thread")
# Where nothing is said. Workers read their runs from a kind of socket that only Linux has.
_USUAL_KIND = "process" if sys.platform == "linux" else "thread"
# Without a deadline of its own a run may take as long as its job's shortest interval, within these bounds.
_SHORTEST_DEADLINE, _LONGEST_DEADLINE = 1, 300
_EXPECTED = 'expected "process", "thread", a number of processes, or both as in "thread:20"'

Workers = Union[None, int, str, Tuple[str, int]]


class WorkerSettings(NamedTuple):
    """Where functions run that say nothing themselves, and how many at a time."""

    kind: str
    number: int


class JobSettings(NamedTuple):
    """What a function says of its runs; None where it says nothing."""

    workers: Optional[str] = None
    deadline: Optional[float] = None


def job(*, workers: Optional[str] = None, deadline: Optional[float] = None) -> Callable[[Any], Any]:
    """Say of a job's function where it runs, ``"process"`` or ``"thread"``, and how many seconds a run may take.

    Below ``@staticmethod``, where there is one: ``@job(workers="thread", deadline=30)``.
    """
    if workers not in (None, *KINDS):
        raise ValueError(f'workers is invalid: {workers!r} (expected "process" or "thread")')
    settings = JobSettings(workers, _checked_deadline(deadline))

    def mark(function: Any) -> Any:
        function.grafolean_job = settings
        return function

    return mark


def of_function(function: Any) -> JobSettings:
    """Return what a function says of its runs."""
    found = getattr(function, "grafolean_job", None)
    return found if isinstance(found, JobSettings) else JobSettings()


def worker_settings(of_argument: Workers, of_class: Workers) -> WorkerSettings:
    """Return what counts: the constructor's argument, else the class, else ``GRAFOLEAN_WORKERS``, else ten processes."""
    for name, said in (("workers", of_argument), ("workers", of_class)):
        if said is not None:
            return _parsed(name, said)
    text = os.environ.get("GRAFOLEAN_WORKERS", "").strip()
    return _parsed("GRAFOLEAN_WORKERS", text) if text else WorkerSettings(_USUAL_KIND, WORKERS)


def deadline_of(intervals: Any, of_job: Optional[float], of_class: Optional[float]) -> float:
    """Return how many seconds a run may take."""
    said = of_job if of_job is not None else _checked_deadline(of_class)
    if said is not None:
        return said
    return float(min(max(min(intervals), _SHORTEST_DEADLINE), _LONGEST_DEADLINE))


def _checked_deadline(deadline: Optional[float]) -> Optional[float]:
    if deadline is None:
        return None
    is_number = isinstance(deadline, (int, float)) and not isinstance(deadline, bool)
    if not is_number or not deadline > 0:
        raise ValueError(f"deadline is invalid: {deadline!r} (expected a number of seconds above 0)")
    return float(deadline)


def _parsed(name: str, said: Any) -> WorkerSettings:
    kind, number = said, WORKERS
    if isinstance(said, tuple) and len(said) == 2:
        kind, number = said
    elif isinstance(said, int) and not isinstance(said, bool):
        kind, number = "process", said
    elif isinstance(said, str):
        kind, colon, digits = said.partition(":")
        if kind.isdigit() and not colon:
            kind, digits, colon = "process", kind, ":"
        if colon:
            number = int(digits) if digits.isdigit() else 0
    is_whole = isinstance(number, int) and not isinstance(number, bool)
    if kind not in KINDS or not is_whole or number < 1:
        raise ValueError(f"{name} is invalid: {said!r} ({_EXPECTED})")
    return WorkerSettings(kind, number)
