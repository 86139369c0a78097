"""What bots have always imported: the class that they subclass, and beside it the trigger and the way to send."""

import json
import logging
import signal
import threading
from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional, Tuple, Union

from . import health
from .engines import BackendError, Engine, close, engine_of, explained
from .processes import ProcessRunner
from .running import Runner
from .sending import send_results_to_grafolean
from .trigger import MultipleIntervalsTrigger

__all__ = ["Collector", "MultipleIntervalsTrigger", "send_results_to_grafolean"]

# Runs that go on at a time, as ever. More waste memory rather than time: most of a run is waiting.
WORKERS = 10

# Faults that are remembered so that each is named once; beyond it all are named again.
MOST_TOLD = 10_000


class Scheduler:
    """What runs the jobs of a collector, as far as bots look at it."""

    def __init__(self, engine: Engine, runner: Union[Runner, ProcessRunner]) -> None:
        """Hold an engine that has been started."""
        self._engine, self._runner = engine, runner
        self.running = True

    def shutdown(self, wait: bool = True) -> None:
        """End the schedule after the runs that go on, deliver what can be delivered at once, and close all."""
        if self.running:
            self.running = False
            close(self._engine)
            self._runner.close()


class Collector:
    """Runs the jobs that a subclass names in :meth:`jobs`, for ever, each at its intervals."""

    def __init__(
        self,
        backend_url: str,
        bot_token: str,
        jobs_refresh_interval: float,
        workers: Union[int, str, Tuple[str, int]] = WORKERS,
    ) -> None:
        """Ask the backend whose token this is.

        ``workers``: how many runs go on at a time, on threads; ``"process"`` or ``("process", number)`` for functions
        that compute. Coroutine functions are not bounded by it.
        """
        self.backend_url = backend_url.strip().rstrip("/")
        self.bot_token = bot_token.strip()
        self.jobs_refresh_interval = jobs_refresh_interval
        self.known_jobs: Dict[Any, Dict[str, Any]] = {}
        self.scheduler: Optional[Scheduler] = None
        self._workers = _workers(workers)
        self._planned: Dict[Any, Tuple[Any, int]] = {}
        self._version = 0
        self._told: set = set()
        self._stop = threading.Event()
        self._engine = engine_of(self.backend_url, self.bot_token)
        try:
            self.user_id = self._engine.user_id()
        except BackendError as error:
            raise explained(error, self.backend_url, "Network error") from None

    def jobs(self) -> Iterable[Tuple[Any, ...]]:
        """Yield ``(job_id, intervals, function, data)``, or with a fifth ``start_ts``; to be written by a subclass.

        ``function(affecting_intervals, **data)`` is called each time one of the intervals (seconds) is due. It may be a
        coroutine function, and may send values, return or yield them.
        """
        raise NotImplementedError("a bot says in jobs() what is to be done")

    def fetch_job_configs(self, protocol: str) -> Iterator[Dict[str, Any]]:
        """Yield a dict for each entity that belongs to this bot: what the backend knows of it, its credential's details
        and its sensors. What is set up in a way that cannot be measured is named in a warning and left out.
        """
        try:
            configs, faults = self._engine.job_configs(protocol)
        except BackendError as error:
            raise explained(error, self.backend_url, "Network error") from None
        self._warn(faults)
        yield from json.loads(configs)

    def refresh_jobs(self) -> None:
        """Ask :meth:`jobs` what is to be done and put it in force: what did not change keeps its rhythm."""
        planned: Dict[Any, Tuple[Any, int]] = {}
        jobs: List[Tuple[str, List[int], Optional[int], int, Any]] = []
        faults = []
        for job_id, intervals, function, data, *start in self.jobs():
            try:
                seconds = _seconds(intervals)
            except ValueError as error:
                faults.append(f'Job "{job_id}" is left out: {error}')
                continue
            if job_id in planned:
                faults.append(f'Job "{job_id}" was named twice, the first one counts')
                continue
            version = self._version_of(job_id, (function, data))
            planned[job_id] = ((function, data), version)
            call = (str(job_id), function, data, (self.backend_url, self.bot_token))
            start_ts = None if not start or start[0] is None else int(start[0])
            jobs.append((str(job_id), seconds, start_ts, version, call))
        self._warn(faults)
        self._planned = planned
        self.known_jobs = {job_id: what[1] for job_id, (what, _) in planned.items()}
        if self.scheduler is not None:
            for job_id, reason in self._engine.replace(jobs):
                self._warn([f'Job "{job_id}" is left out: {reason}'])

    def execute(self) -> None:
        """Work for ever: ask for jobs, wait, ask again. Ctrl-C and SIGTERM end it after the runs that go on."""
        log = logging.getLogger()
        restore = self._stop_on_sigterm()
        served = health.serve(self._engine)
        try:
            runner = ProcessRunner(self._workers[1]) if self._workers[0] == "process" else Runner()
            self._engine.start(runner, self._workers[1])
            self.scheduler = Scheduler(self._engine, runner)
            while not self._stop.is_set():
                try:
                    self.refresh_jobs()
                except Exception:
                    log.exception("Error refreshing jobs.")
                self._stop.wait(max(self.jobs_refresh_interval, 1))
            log.info("Got exit signal, exiting.")
        except KeyboardInterrupt:
            self._stop.set()
            log.info("Got exit signal, exiting.")
        finally:
            if self.scheduler is not None:
                self.scheduler.shutdown()
            if served is not None:
                served.shutdown()
            restore()

    def stop(self) -> None:
        """End :meth:`execute`, from another thread or a function of a job."""
        self._stop.set()

    def metrics(self) -> str:
        """Give what is counted, as OpenMetrics text."""
        return self._engine.metrics()

    def _version_of(self, job_id: Any, what: Tuple[Callable[..., Any], Dict[str, Any]]) -> int:
        known = self._planned.get(job_id)
        if known is not None and known[0] == what:
            return known[1]
        self._version += 1
        return self._version

    def _warn(self, faults: Iterable[str]) -> None:
        """Name each fault once: it is found again at every refresh."""
        if len(self._told) > MOST_TOLD:
            self._told.clear()
        for fault in faults:
            if fault not in self._told:
                self._told.add(fault)
                logging.getLogger().warning("%s", fault)

    def _end_at_once(self, *_: Any) -> None:
        """Leave even a wait for a backend that hangs; once, since what comes after is the end itself."""
        if not self._stop.is_set():
            self._stop.set()
            raise KeyboardInterrupt

    def _stop_on_sigterm(self) -> Callable[[], None]:
        if threading.current_thread() is not threading.main_thread():
            return lambda: None
        if signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
            return lambda: None
        signal.signal(signal.SIGTERM, self._end_at_once)
        return lambda: signal.signal(signal.SIGTERM, signal.SIG_DFL) and None


def _workers(workers: Union[int, str, Tuple[str, int]]) -> Tuple[str, int]:
    kind, number = ("thread", workers) if isinstance(workers, int) else (workers, WORKERS)
    if isinstance(kind, tuple):
        kind, number = kind
    if kind not in ("thread", "process") or not isinstance(number, int) or number < 1:
        raise ValueError(f'workers is {workers!r}: it has to be a number, "thread", "process", or ("process", 4)')
    return kind, number


def _seconds(intervals: Iterable[Any]) -> List[int]:
    """Cut intervals to whole seconds; tell what is none."""
    seconds = []
    for interval in intervals:
        try:
            seconds.append(int(interval))
        except (TypeError, ValueError):
            raise ValueError(f"its interval is {interval!r}: it has to be a number of seconds, at least 1") from None
    return seconds
