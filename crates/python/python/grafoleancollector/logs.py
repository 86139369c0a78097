"""The engine's log lines on their way to :mod:`logging`."""

import logging
import threading
from typing import Optional

from ._engine import log_lines, stop_logging

_LOGGER = "grafoleancollector.engine"
_WAIT_SECONDS = 60.0
_thread: Optional[threading.Thread] = None


def begin() -> None:
    """Carry lines over from now on, if nobody does yet."""
    global _thread
    if _thread is None:
        level = logging.getLogger(_LOGGER).getEffectiveLevel()
        _thread = threading.Thread(target=_carry, args=(min(level, 255),), name="grafolean-logs", daemon=True)
        _thread.start()


def end() -> None:
    """Carry over what has come, and no more."""
    global _thread
    thread, _thread = _thread, None
    if thread is not None:
        stop_logging()
        thread.join()


def forget() -> None:
    """Take notice that the thread stayed in the process that this one was forked from."""
    global _thread
    _thread = None


def _carry(level: int) -> None:
    while True:
        lines = log_lines(level, _WAIT_SECONDS)
        if lines is None:
            return
        for number, part, text in lines:
            name = part.split(".", 1)[1] if "." in part else ""
            logging.getLogger(f"{_LOGGER}.{name}" if name else _LOGGER).log(number, "%s", text)
