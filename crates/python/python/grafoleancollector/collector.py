"""What bots have always imported: the class that they subclass, and beside it the trigger and the way to send."""

import contextlib
import json
import logging
import signal
import threading
from typing import Any, Callable, ClassVar, Dict, Iterable, Iterator, List, Optional, Set, Tuple

from . import health, keeping, settings
from ._engine import Settings
from .ending import Stuck
from .engines import BackendError, Engine, close, engine_of, explained, folder_of, origin_of
from .fork_server import is_importing_main
from .last_good import LastGood
from .planning import EngineJob, Planner
from .processes import ProcessWorkers
from .sending import send_results_to_grafolean
from .settings import Workers
from .threads import ThreadWorkers
from .trigger import MultipleIntervalsTrigger

__all__ = ["Collector", "MultipleIntervalsTrigger", "send_results_to_grafolean"]

# Faults that are remembered so that each is named once; beyond it all are named again.
MOST_TOLD = 10_000


class Scheduler:
    """What runs the jobs of a collector, as far as bots look at it."""

    def __init__(self, engine: Engine, workers: settings.WorkerSettings) -> None:
        """Start what worker processes are forked from, before anything else runs."""
        self._engine, self.stuck = engine, Stuck()
        self._runs_of_processes, self._runs_of_threads = engine.queues()
        self._numbers = {kind: workers.number if kind == workers.kind else settings.WORKERS for kind in settings.KINDS}
        self._threads: Optional[ThreadWorkers] = None
        self._processes: Optional[ProcessWorkers] = None
        if workers.kind == "process":
            self._prepare_processes()
        self.running = True

    def need(self, *, processes: bool, threads: bool) -> None:
        """Have the workers that jobs need."""
        if processes:
            self._prepare_processes().start()
        if threads and self._threads is None:
            self._threads = ThreadWorkers(self._runs_of_threads, self._numbers["thread"], self.stuck)

    def _prepare_processes(self) -> ProcessWorkers:
        if self._processes is None:
            self._processes = ProcessWorkers(self._runs_of_processes, self._numbers["process"], self.stuck)
        return self._processes

    def faults(self) -> List[str]:
        """Return what is wrong, a sentence each."""
        of_processes = self._processes.faults() if self._processes is not None else []
        return self._engine.faults() + of_processes + self.stuck.faults()

    def shutdown(self, wait: bool = True) -> None:
        """End the schedule after the runs that go on, deliver what can be delivered at once, and close all."""
        if self.running:
            self.running = False
            self._engine.stop_runs()
            if self._threads is not None:
                self._threads.close()
            if self._processes is not None:
                self._processes.close()
            close(self._engine)


class Collector:
    """Runs the jobs that a subclass names in :meth:`jobs`, for ever, each at its intervals."""

    # Where functions run and how many at a time, if neither they nor the constructor say: "process", "thread", a number
    # of processes, or ("thread", 20).
    workers: ClassVar[Workers] = None
    # How many seconds a run may take, if its function does not say; else its shortest interval, from 1 to 300 s.
    deadline: ClassVar[Optional[float]] = None
    # What the bot reads and measures, as a hub's page needs it for its forms: {"name": "load", "about": "...", "sensor":
    # {JSON Schema}, "credential": {JSON Schema}, "outputs": [...]}.
    declaration: ClassVar[Optional[Dict[str, Any]]] = None

    def __init__(self, backend_url: str, bot_token: str, jobs_refresh_interval: float, workers: Workers = None) -> None:
        """Ask the backend whose token this is.

        ``workers``: where functions run, and how many at a time; ten processes if nothing is said, neither here nor by
        the class nor by ``GRAFOLEAN_WORKERS``. Coroutine functions run on a loop in this process, any number.
        """
        self.backend_url, self.bot_token = origin_of(backend_url, bot_token)
        self.jobs_refresh_interval = jobs_refresh_interval
        self.known_jobs: Dict[Any, Dict[str, Any]] = {}
        self.scheduler: Optional[Scheduler] = None
        self._worker_settings = settings.worker_settings(workers, self.workers)
        self._planner = Planner((self.backend_url, self.bot_token), self._worker_settings.kind, self.deadline)
        self._names: Dict[Tuple[Any, Any], str] = {}
        self._read: Set[str] = set()
        self._told: Set[str] = set()
        self._stop = threading.Event()
        self._engine = engine_of(self.backend_url, self.bot_token)
        self._last_good = LastGood(folder_of(self.backend_url, self.bot_token))
        self.user_id = self._asked_user_id()

    def jobs(self) -> Iterable[Tuple[Any, ...]]:
        """Yield ``(job_id, intervals, function, data)``, or with a fifth ``start_ts``; to be written by a subclass.

        ``function(affecting_intervals, **data)`` is called each time one of the intervals (seconds) is due. It may be a
        coroutine function, and may send values, return or yield them.
        """
        raise NotImplementedError("a bot names in jobs() what is to be done")

    def fetch_job_configs(self, protocol: str) -> Iterator[Dict[str, Any]]:
        """Yield a dict for each entity that belongs to this bot: what the backend knows of it, its credential's details
        and its sensors. What is set up in a way that cannot be measured is named in a warning and left out.

        A bot that starts while the backend is away goes on with what it was told last.
        """
        try:
            text, faults = self._engine.job_configs(protocol)
        except BackendError as error:
            kept = None if protocol in self._read or not _may_pass(error) else self._last_good.configs(protocol)
            if kept is None:
                raise explained(error, self.backend_url, "Network error") from None
            self._warn([f"The backend is away, the last good configuration is used: {error.args[2]}"])
            text, faults = kept, []
        else:
            self._read.add(protocol)
            self._last_good.keep_configs(protocol, text)
        self._warn(faults)
        configs = json.loads(text)
        self._names.update({(it["account_id"], it["entity_id"]): it.get("name") for it in configs})
        yield from configs

    def refresh_jobs(self) -> None:
        """Ask :meth:`jobs` what is to be done and put it in force: what did not change keeps its rhythm."""
        jobs = self._replanned(self.scheduler)
        if self.scheduler is not None:
            for job_id, reason in self._engine.replace(jobs):
                self._warn([f'Job "{job_id}" is left out: {reason}'])

    def execute(self) -> None:
        """Work for ever: ask for jobs, wait, ask again. Ctrl-C and SIGTERM end it after the runs that go on."""
        if is_importing_main():
            raise RuntimeError(
                'execute() has to stand below `if __name__ == "__main__":`, since workers import this file'
            )
        command.executed = True
        if command.once:
            command.failed += self.run_once()
            return
        log = logging.getLogger()
        restore, served = self._stop_on_sigterm(), None
        try:
            # Before anything else has threads.
            self.scheduler = Scheduler(self._engine, self._worker_settings)
            in_force = Settings({"backend_url": self.backend_url, "bot_token": self.bot_token})
            served = health.serve(self._engine, in_force, self.scheduler.faults)
            self._engine.start()
            self._declare()
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

    def run_once(self, *, dry_run: bool = False) -> int:
        """Do every job once, as if all its intervals were due, and return how many of them failed.

        What they send is on disk when it returns, and delivered if the backend takes it at once; in a dry run it is
        printed and nothing is sent.
        """
        dry_run = dry_run or keeping.is_dry_run()
        with keeping.printed() if dry_run else contextlib.nullcontext():
            try:
                self.scheduler = Scheduler(self._engine, self._worker_settings)
                jobs = self._replanned(self.scheduler)
                runs, failed = self._engine.run_once(jobs, dry_run)
            finally:
                if self.scheduler is not None:
                    self.scheduler.shutdown()
        logging.getLogger().info("Every job has been done once: %d runs, %d failed.", runs, failed)
        return failed

    def stop(self) -> None:
        """End :meth:`execute`, from another thread."""
        self._stop.set()

    def metrics(self) -> str:
        """Return what is counted, as OpenMetrics text."""
        return self._engine.metrics()

    def __reduce__(self) -> Any:
        """Refuse to be copied: a function of the bot itself runs in its process."""
        raise TypeError("a Collector stays in its process")

    def _asked_user_id(self) -> int:
        try:
            user_id = self._engine.user_id()
        except BackendError as error:
            kept = self._last_good.user_id() if _may_pass(error) else None
            if kept is None:
                raise explained(error, self.backend_url, "Network error") from None
            logging.getLogger().warning("The backend is away, the bot starts all the same: %s", error.args[2])
            return kept
        self._last_good.keep_user_id(user_id)
        return user_id

    def _declare(self) -> None:
        """Tell the hub what the bot reads and measures; without it the page has no forms, and all else works."""
        if self.declaration is None:
            return
        try:
            self._engine.declare(str(self.declaration["name"]), json.dumps(self.declaration))
        except (BackendError, KeyError, ValueError) as error:
            logging.getLogger().warning("The protocol is not declared, the hub's page has no forms for it: %s", error)

    def _replanned(self, scheduler: Optional[Scheduler]) -> List[EngineJob]:
        self._warn(self._planner.replace(self.jobs(), self._names))
        jobs = self._planner.jobs
        self.known_jobs = {job.job_id: job.data for job in jobs.values()}
        if scheduler is not None:
            in_process = [job.in_process for job in jobs.values()]
            scheduler.need(processes=any(in_process), threads=not all(in_process))
            scheduler.stuck.keep_only(jobs)
        return [job.for_engine() for job in jobs.values()]

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
        return self._forget_sigterm

    @staticmethod
    def _forget_sigterm() -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


class _Command:
    """What ``python -m grafoleancollector run`` asks of :meth:`Collector.execute`, and what came of it."""

    once = False
    executed = False
    failed = 0


command = _Command()


def _may_pass(error: BackendError) -> bool:
    """Whether a backend is away rather than refusing."""
    status: Optional[int] = error.args[0]
    return status is None or status >= 500
