"""One engine for each backend and token of a process: it reads, schedules, keeps values on disk and delivers them."""

import atexit
import hashlib
import logging
import multiprocessing.util
import os
import tempfile
import threading
from pathlib import Path
from typing import Any, Dict, List, Tuple

from . import logs
from ._engine import BackendError, Engine, Settings

__all__ = ["BackendError", "BackendUnreachable", "Engine", "close", "close_all", "engine_of", "explained", "origin_of"]


class BackendUnreachable(ConnectionError):
    """The backend did not answer: the same may succeed later."""


_engines: Dict[Tuple[str, str], Engine] = {}
_lock = threading.Lock()
_ended = False
# Engines of the process that this one was forked from. Their threads stayed there: they are never used, nor freed.
_inherited: List[Any] = []


def origin_of(backend_url: str, bot_token: str) -> Tuple[str, str]:
    """Return a backend and a token without what makes no difference: white space, a slash at the end of the address."""
    return backend_url.strip().rstrip("/"), bot_token.strip()


def engine_of(backend_url: str, bot_token: str) -> Engine:
    """Return the engine for a backend and a token, the same one each time."""
    key = origin_of(backend_url, bot_token)
    with _lock:
        engine = _engines.get(key)
        if engine is None:
            if _ended:
                raise RuntimeError("this process is ending: nothing more is sent")
            settings = Settings({"backend_url": key[0], "bot_token": key[1]})
            for unknown in settings.unknown():
                logging.getLogger().warning("%s", unknown)
            ca_file = settings.text("ca_file")
            engine = Engine(key[0], key[1], folder_of(*key), Path(ca_file) if ca_file else None)
            _engines[key] = engine
            logs.begin()
        return engine


def folder_of(backend_url: str, bot_token: str) -> Path:
    """Return the folder in which values of a backend and a token wait; its name tells neither."""
    name = hashlib.sha256(f"{backend_url}\n{bot_token}".encode()).hexdigest()[:16]
    return data_folder(Settings({"backend_url": backend_url, "bot_token": bot_token})) / "python" / name


def data_folder(settings: Settings) -> Path:
    """Return the folder for all that is kept: ``GRAFOLEAN_DATA``, else ``grafolean`` in the user's folder for data."""
    folder = settings.text("data")
    if folder is not None and (settings.origin("data") != "default" or _may_write(Path(folder))):
        return Path(folder)
    # A container without a home: values outlive the process, though not the container.
    fallback = Path(tempfile.gettempdir()) / f"grafolean-{os.getuid()}"
    logging.getLogger().warning(
        "%s can't be written: values that wait for the backend are kept in %s (GRAFOLEAN_DATA names another folder)",
        folder or "a home folder",
        fallback,
    )
    return fallback


def _may_write(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK)


def explained(error: BackendError, backend_url: str, below_accounts: str) -> Exception:
    """Make of an engine's error the exception that bots know, with status and address, never with the token."""
    status, path, reason = error.args
    if status is None:
        return BackendUnreachable(reason)
    known = path in ("/profile/", "/accounts/")
    words = "Invalid bot token or network error" if known else below_accounts
    address = f"{backend_url.strip().rstrip('/')}{(path or '').rstrip('/')}"
    return Exception(f"{words}, got status {status} while retrieving {address}: {reason}")


def close(engine: Engine) -> None:
    """Let an engine deliver what it can at once, and end it; what is left waits on disk for the next start."""
    with _lock:
        for key in [key for key, known in _engines.items() if known is engine]:
            del _engines[key]
    engine.close()


def close_all() -> None:
    """End every engine, for good, and the carrying of log lines."""
    global _ended
    _ended = True
    for engine in list(_engines.values()):
        close(engine)
    logs.end()


def _after_fork() -> None:
    global _lock, _ended
    _lock, _ended = threading.Lock(), False
    _inherited.extend(_engines.values())
    _engines.clear()
    logs.forget()
    # Children of multiprocessing leave without the usual goodbyes.
    multiprocessing.util.Finalize(None, close_all, exitpriority=10)


atexit.register(close_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
