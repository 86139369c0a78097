"""Log lines on their way to :mod:`logging`: the engine's, and what is said of jobs."""

import logging
import threading
from typing import Any, Optional

from ._engine import LogLines

_ENGINE = "grafoleancollector.engine"
# The name under which bots have always found what their jobs raised.
_JOBS = "apscheduler.executors.iaexecutor"
# How soon a level takes effect that was set later.
_WAIT_SECONDS = 1.0
_lines: Optional[LogLines] = None
_thread: Optional[threading.Thread] = None


def of_jobs() -> logging.Logger:
    """Return the logger for what becomes of runs."""
    return _speaking(_JOBS)


def begin() -> None:
    """Carry the engine's lines over from now on, if nobody does yet."""
    global _lines, _thread
    if _thread is None:
        _lines = LogLines(_level())
        _thread = threading.Thread(target=_carry, args=(_lines,), name="grafolean-logs", daemon=True)
        _thread.start()


def end() -> None:
    """Carry over what has come, and no more."""
    global _lines, _thread
    lines, thread = _lines, _thread
    _lines = _thread = None
    if lines is not None and thread is not None:
        lines.end()
        thread.join()


def forget() -> None:
    """Take notice that the thread stayed in the process that this one was forked from."""
    global _lines, _thread
    _inherited.append(_lines)
    _lines = _thread = None


# Never freed: the channel was copied in whatever state it was.
_inherited: Any = []


def _carry(lines: LogLines) -> None:
    while True:
        come = lines.take(_level(), _WAIT_SECONDS)
        if come is None:
            return
        for number, part, text in come:
            name = part.split(".", 1)[1] if "." in part else ""
            _speaking(f"{_ENGINE}.{name}" if name else _ENGINE).log(number, "%s", text)


def _level() -> int:
    return min(_speaking(_ENGINE).getEffectiveLevel(), 255)


def _speaking(name: str) -> logging.Logger:
    """Return a logger that speaks even where ``logging.config`` silenced all that it did not name, as it does by
    default to those that are there already. To silence it, there are levels.
    """
    logger = logging.getLogger(name)
    logger.disabled = False
    return logger
