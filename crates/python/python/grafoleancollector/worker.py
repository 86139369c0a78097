"""A worker process: takes runs, performs them one after another, and tells the bot what becomes of them.

It has one thread, so that functions may lean on that: signals and alarms come to them, libraries need not be safe in
threads, and they may start processes and pools of their own.
"""

import asyncio
import contextlib
import marshal
import multiprocessing.util
import os
import pickle
import signal
import socket
import struct
import sys
import threading
import traceback
import types
from typing import Any, Dict, List, Optional, Tuple

from . import keeping, run
from .ending import last_line
from .run import Origin, Run

# The longest message; what is longer is passed in a file.
LARGEST_MESSAGE = 1 << 16
# Before each frame of a link stands its length.
LENGTH = struct.Struct("<I")
# The kinds of frames from a worker: how its run ended and which began, and values that have to be kept.
STATE, KEEP = 0, 1

# Functions that a worker remembers; more than a bot has.
_MOST_FUNCTIONS = 1000

# What a worker is, while it is one.
_worker: "Optional[_Worker]" = None


def frame(content: Any) -> bytes:
    """Return a frame of a link."""
    text = marshal.dumps(content)
    return LENGTH.pack(len(text)) + text


def work(runs: socket.socket, link: socket.socket) -> None:
    """Perform runs until the bot wants no more, then leave."""
    global _worker
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # The bot decides when its workers end. Not `SIG_IGN`: programs that jobs start would inherit that.
        signal.signal(number, _stay)
    _worker = _Worker(runs, link)
    keeping.keep_by(_worker.keep)
    with contextlib.suppress(ConnectionError):
        _worker.work()
    _leave()


def _stay(*_: Any) -> None:
    """Go on."""


class _Worker:
    def __init__(self, runs: socket.socket, link: socket.socket) -> None:
        self._runs, self._link = runs, link
        # A thread that a job left behind sends beside the job that came after it.
        self._lock = threading.Lock()
        self._space = memoryview(bytearray(LARGEST_MESSAGE))

    def work(self) -> None:
        ended: Optional[Tuple[int, Any, Optional[str], Optional[str]]] = None
        while True:
            try:
                # What waits is taken at once, and one message tells of the end of a run and the beginning of the next.
                length = self._runs.recv_into(self._space, 0, socket.MSG_DONTWAIT)
            except BlockingIOError:
                if ended is not None:
                    self._tell((STATE, ended, None))
                    ended = None
                length = self._runs.recv_into(self._space)
            if length == 0:
                if ended is not None:
                    self._tell((STATE, ended, None))
                return
            number, due, intervals, function, data, origin = marshal.loads(self._space[:length])
            self._tell((STATE, ended, number))
            ended = (number, *_performed(function, data, Run(due, origin), intervals))

    def keep(self, origin: Origin, sent: List[Any]) -> None:
        """Return once the bot has values on disk."""
        with self._lock:
            self._link.sendall(frame((KEEP, origin, sent)))
            (length,) = LENGTH.unpack(self._read(LENGTH.size))
            error = marshal.loads(self._read(length))
        if error is not None:
            raise RuntimeError(error)

    def forget(self) -> None:
        """Leave the sockets to the worker whose forked child this is."""
        self._runs.close()
        self._link.close()

    def _tell(self, content: Any) -> None:
        with self._lock:
            self._link.sendall(frame(content))

    def _read(self, length: int) -> bytes:
        read = b""
        while len(read) < length:
            more = self._link.recv(length - len(read))
            if not more:
                raise ConnectionError("the bot is gone")
            read += more
        return read


def _performed(
    pickled_function: bytes, pickled_data: Any, this: Run, intervals: List[int]
) -> Tuple[Any, Optional[str], Optional[str]]:
    """Return the values that a run returned; or the last line of what it raised, and the traceback."""
    try:
        if isinstance(pickled_data, str):
            name = pickled_data
            with open(name, "rb") as file:
                os.unlink(name)
                pickled_data = file.read()
        function = _functions.get(pickled_function) or _function(pickled_function)
        data = pickle.loads(pickled_data)
        result = run.perform(function, data, this, intervals)
        if result is not None and not isinstance(result, list):
            result = asyncio.run(run.conclude(result, data, this, _keep_yielded))
        return result, None, None
    except BaseException as error:
        return None, last_line(error), "".join(traceback.format_exception(type(error), error, error.__traceback__))
    finally:
        # What a job prints is seen when it is printed, not when its worker ends.
        with contextlib.suppress(Exception):
            sys.stdout.flush()


# Functions by what they are when pickled. Only plain ones: other things to call may change in a run.
_functions: Dict[bytes, Any] = {}


def _function(pickled: bytes) -> Any:
    function = pickle.loads(pickled)
    if isinstance(function, types.FunctionType):
        if len(_functions) >= _MOST_FUNCTIONS:
            _functions.clear()
        _functions[pickled] = function
    return function


async def _keep_yielded(*given: Any) -> None:
    run.keep(*given)


def _leave() -> None:
    """End as a process of multiprocessing does, after the threads that jobs left behind."""
    try:
        for thread in threading.enumerate():
            if not thread.daemon and thread is not threading.current_thread():
                thread.join()
        multiprocessing.util._exit_function()  # type: ignore[attr-defined]
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):
                stream.flush()
    finally:
        os._exit(0)


def _after_fork() -> None:
    """A child that a job has forked: it keeps values by itself, and ends at a signal as any process."""
    global _worker
    left, _worker = _worker, None
    if left is not None:
        left.forget()
        keeping.keep_by(keeping.in_this_process)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
