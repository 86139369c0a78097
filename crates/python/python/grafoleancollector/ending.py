"""How runs end, and which jobs are stuck: what threads, coroutines and worker processes have in common."""

import logging
import threading
import traceback
from typing import Any, Dict, List, Optional

from . import keeping, logs
from .engines import engine_of
from .run import Call, Sent

# Stuck jobs that a sentence names.
_NAMED = 5


class Stuck:
    """The jobs whose last run did not end within its deadline, for the health of the bot."""

    def __init__(self) -> None:
        """Begin without any."""
        self._jobs: Dict[str, str] = {}
        self._lock = threading.Lock()

    def add(self, job_id: str, what: str) -> None:
        """Remember a job that is stuck, and what became of it."""
        with self._lock:
            self._jobs[job_id] = what

    def ended(self, job_id: str) -> None:
        """Take notice that a run of a job ended by itself."""
        if self._jobs:
            with self._lock:
                self._jobs.pop(job_id, None)

    def keep_only(self, job_ids: Any) -> None:
        """Forget jobs that are no more."""
        with self._lock:
            self._jobs = {job_id: what for job_id, what in self._jobs.items() if job_id in job_ids}

    def faults(self) -> List[str]:
        """Return what is wrong, a sentence each."""
        with self._lock:
            jobs = list(self._jobs.items())
        faults = [f'job "{job_id}" {what}' for job_id, what in jobs[:_NAMED]]
        return faults + ([f"{len(jobs) - _NAMED} more jobs are stuck"] if len(jobs) > _NAMED else [])


def end(call: Call, ended: Any, sent: Sent, failure: Optional[str] = None, kind: Optional[str] = None) -> None:
    """End a run with the values that it returned, or with what went wrong."""
    if sent and keeping.is_dry_run():
        keeping.keep(call.origin, sent)
        sent = []
    if not ended(sent, failure, kind) and sent:
        # The run loop has stopped, and these values are as good as any.
        try:
            engine_of(*call.origin).send(sent)
        except Exception:
            logging.getLogger().exception("Error sending data to Grafolean")


def log_exception(job_id: str, error: BaseException) -> str:
    """Log what a job raised with its traceback; return a line for the engine's count."""
    logs.of_jobs().error('Job "%s" raised an exception', job_id, exc_info=(type(error), error, error.__traceback__))
    return last_line(error)


def last_line(error: BaseException) -> str:
    """Return the line of an exception that says what it is."""
    return "".join(traceback.format_exception_only(type(error), error)).strip()
