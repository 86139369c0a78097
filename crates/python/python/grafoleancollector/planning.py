"""What a bot's ``jobs()`` names, checked and compared with what was named before."""

import inspect
import pickle
import time
from typing import Any, Callable, Dict, Iterable, List, NamedTuple, Optional, Set, Tuple

from . import settings
from .run import Call, Origin
from .values import shown

# Jobs that a warning names.
_NAMED = 5
# A start that lies as far from now as it did at the refresh before, within this, is computed from the present time.
_SAME_DISTANCE_SECONDS = 2

# A job as the engine takes it: id, intervals, start, version, what is called, and whether in a process.
EngineJob = Tuple[str, List[int], Optional[int], int, Call, bool]


class Planned(NamedTuple):
    """A job in force."""

    job_id: Any
    function: Callable[..., Any]
    data: Dict[str, Any]
    intervals: List[int]
    start: Optional[int]
    # The start as it was named last, less the time at which it was named.
    distance: Optional[float]
    version: int
    call: Call
    in_process: bool

    def for_engine(self) -> EngineJob:
        """Return the job as the engine takes it."""
        return str(self.job_id), self.intervals, self.start, self.version, self.call, self.in_process


class Planner:
    """Keeps the jobs in force, and finds what changed."""

    def __init__(self, origin: Origin, kind: str, deadline: Optional[float]) -> None:
        """Begin without jobs. ``kind`` is where functions run that say nothing themselves."""
        self._origin, self._kind, self._deadline = origin, kind, deadline
        self.jobs: Dict[str, Planned] = {}
        self._version = 0
        # Jobs of which it has been said that they run in threads, and ids of which it has been said that they are twice.
        self._named: Set[str] = set()
        self._duplicates: Set[str] = set()

    def replace(self, named: Iterable[Tuple[Any, ...]], names: Dict[Tuple[Any, Any], str]) -> List[str]:
        """Put in force what was named: all that there is. Return what is wrong, a sentence each.

        ``names`` are those of devices, by account and id, for the sentences.
        """
        jobs: Dict[str, Planned] = {}
        faults: List[str] = []
        unpicklable: Dict[str, List[str]] = {}
        for job_id, intervals, function, data, *start in named:
            key = str(job_id)
            if key in jobs:
                if key not in self._duplicates:
                    self._duplicates.add(key)
                    faults.append(_duplicate(key, jobs[key].data, data, names))
                continue
            try:
                seconds = _seconds(intervals)
                start_ts = None if not start or start[0] is None else int(start[0])
                jobs[key] = self._planned(job_id, seconds, function, data, start_ts, unpicklable)
            except (TypeError, ValueError, OverflowError) as error:
                faults.append(f'Job "{key}" is left out: {error}')
        self.jobs = jobs
        faults += [_in_threads(job_ids, reason) for reason, job_ids in unpicklable.items()]
        self._named.intersection_update(jobs)
        self._duplicates.intersection_update(jobs)
        return faults

    def _planned(
        self,
        job_id: Any,
        intervals: List[int],
        function: Callable[..., Any],
        data: Dict[str, Any],
        start: Optional[int],
        unpicklable: Dict[str, List[str]],
    ) -> Planned:
        known = self.jobs.get(str(job_id))
        distance = None if start is None else start - time.time()
        is_equal = known is not None and _are_equal((known.function, known.data), (function, data))
        if known is not None and set(known.intervals) == set(intervals):
            # The start as it was named first counts: many compute it from the present time, at each refresh anew.
            if is_equal or _moved_along(known.distance, distance):
                start = known.start
            intervals = known.intervals
        said = settings.of_function(function)
        in_process = (said.workers or self._kind) == "process" and not _is_coroutine(function)
        # Anew each time: what is equal to itself may have changed all the same.
        pickled = self._pickled(str(job_id), function, data, unpicklable) if in_process else None
        if known is not None and is_equal and intervals is known.intervals and pickled == known.call.pickled:
            return known._replace(job_id=job_id, data=data, distance=distance)
        self._version += 1
        deadline = settings.deadline_of(intervals, said.deadline, self._deadline)
        call = Call(str(job_id), function, data, self._origin, deadline, pickled)
        return Planned(job_id, function, data, intervals, start, distance, self._version, call, pickled is not None)

    def _pickled(
        self, job_id: str, function: Callable[..., Any], data: Dict[str, Any], unpicklable: Dict[str, List[str]]
    ) -> Optional[Tuple[bytes, bytes]]:
        try:
            return pickle.dumps(function, pickle.HIGHEST_PROTOCOL), pickle.dumps(data, pickle.HIGHEST_PROTOCOL)
        except Exception as error:
            if job_id not in self._named:
                self._named.add(job_id)
                unpicklable.setdefault(f"{type(error).__name__}: {error}", []).append(job_id)
            return None


def _moved_along(known: Optional[float], distance: Optional[float]) -> bool:
    return known is not None and distance is not None and abs(distance - known) < _SAME_DISTANCE_SECONDS


def _is_coroutine(function: Any) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)


def _are_equal(known: Any, named: Any) -> bool:
    try:
        return bool(known == named)
    except Exception:
        # Things that cannot be compared, as arrays: they count as changed.
        return False


def _seconds(intervals: Iterable[Any]) -> List[int]:
    """Cut intervals to whole seconds; name what is none."""
    seconds = []
    for interval in intervals:
        try:
            seconds.append(int(interval))
        except (TypeError, ValueError, OverflowError):
            raise ValueError(
                f"its interval is invalid: {shown(interval)} (expected a number of seconds, at least 1)"
            ) from None
    if not seconds:
        raise ValueError("it has no interval (expected at least one number of seconds)")
    if min(seconds) < 1:
        raise ValueError(f"its interval is invalid: {min(seconds)} (expected a number of seconds, at least 1)")
    return seconds


def _in_threads(job_ids: List[str], reason: str) -> str:
    named = ", ".join(f'"{job_id}"' for job_id in job_ids[:_NAMED])
    more = f" and {len(job_ids) - _NAMED} more" if len(job_ids) > _NAMED else ""
    words = f"Job {named} runs in a thread" if len(job_ids) == 1 else f"Jobs {named}{more} run in threads"
    return (
        f"{words}: what they call cannot be passed to a worker process ({reason}). A function of a module or a static "
        'method can; @job(workers="thread") asks for threads'
    ).replace("what they call", "what it calls" if len(job_ids) == 1 else "what they call")


def _duplicate(job_id: str, first: Any, second: Any, names: Dict[Tuple[Any, Any], str]) -> str:
    return (
        f'Job "{job_id}" is named twice, for {_device(first, names)} and for {_device(second, names)}: only the first '
        'runs. Give each job an id of its own, e.g. f"{entity_id}/{sensor_id}"'
    )


def _device(data: Any, names: Dict[Tuple[Any, Any], str]) -> str:
    """Return what people call the device that a job's data names, as far as it does."""
    if not isinstance(data, dict):
        return shown(data)
    entity, account = data.get("entity_id"), data.get("account_id")
    if entity is None and isinstance(data.get("entity_info"), dict):
        entity, account = data["entity_info"].get("entity_id"), data["entity_info"].get("account_id", account)
    if entity is None:
        return f"data {shown({key: data[key] for key in data if 'token' not in str(key) and 'credential' not in str(key)})}"
    named = [
        name for (of_account, of_entity), name in names.items() if of_entity == entity and account in (None, of_account)
    ]
    name = f' "{named[0]}"' if named else ""
    return f"device{name} (entity {entity}" + (f" of account {account})" if account is not None else ")")
