"""The process from which workers are forked: as the bot was when it began to execute, and with one thread.

A bot has threads, and a fork of it at any later time could copy a lock that some of them hold. So a copy is made before
anything runs, does nothing but fork when it is asked to, and tells which of its children ended.
"""

import atexit
import contextlib
import gc
import multiprocessing
import multiprocessing.process
import multiprocessing.util
import os
import select
import signal
import socket
import struct
import sys
import warnings
import weakref
from typing import Any, Dict, List, Optional, Tuple

from . import worker

# What is asked, and told: a letter and a process id, and the status with which it ended.
_MESSAGE = struct.Struct("<cqq")
_FORK, _KILL = b"f", b"k"
FORKED, ENDED, FAILED = b"f", b"e", b"x"
# How long the process may take to begin: where its start method is `spawn`, it imports the program.
_BEGIN_SECONDS = 60
# PR_SET_PDEATHSIG and PR_SET_CHILD_SUBREAPER, see prctl(2).
_DIE_WITH_PARENT, _ADOPT_ORPHANS = 1, 36


class CannotBegin(RuntimeError):
    """The process from which workers are forked did not begin."""


class ForkServer:
    """The bot's end of it."""

    def __init__(self, runs: socket.socket, not_for_workers: Tuple[socket.socket, ...] = ()) -> None:
        """Start the process, by the start method that the program has set, else by a fork. Its workers read ``runs``."""
        if _bot_ends:
            raise CannotBegin("this process is ending")
        method = multiprocessing.get_start_method(allow_none=True) or "fork"
        self.control, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        # What a fork copies and a worker has no business with.
        others = (self.control, *not_for_workers) if method == "fork" else ()
        context: Any = multiprocessing.get_context(method)
        process = context.Process(
            target=_serve, args=(there, runs, others, os.getpid()), name="grafolean-fork-server", daemon=True
        )
        with warnings.catch_warnings():
            # Threads of the engine wait at this time, and the copy never uses what is theirs.
            warnings.simplefilter("ignore", DeprecationWarning)
            process.start()
        there.close()
        self._process, self._bot = process, os.getpid()
        _servers.add(self)
        self.control.settimeout(_BEGIN_SECONDS)
        try:
            begun = self.control.recv(1)
        except OSError:
            begun = b""
        self.control.settimeout(None)
        if not begun:
            self.close()
            raise CannotBegin(_why_not(method))

    def fork(self, link: socket.socket) -> None:
        """Ask for a worker at the other end of a link; the answer comes over ``control``."""
        socket.send_fds(self.control, [_MESSAGE.pack(_FORK, 0, 0)], [link.fileno()])

    def kill(self, pid: int) -> None:
        """Kill a worker, and what its job has started."""
        self.control.send(_MESSAGE.pack(_KILL, pid, 0))

    def told(self) -> Optional[Tuple[bytes, int, int]]:
        """Return what was told: what, of which process, with which status. None once the process is gone."""
        try:
            message = self.control.recv(_MESSAGE.size)
        except ConnectionError:
            message = b""
        return _MESSAGE.unpack(message) if message else None

    def close(self) -> None:
        """End the process; workers that are left are killed."""
        self._end()
        self.control.close()
        self._process.join()

    def _end(self) -> None:
        # Of the bot alone: a child that it has forked holds a copy, and shares what it shuts.
        if os.getpid() == self._bot:
            with contextlib.suppress(OSError):
                self.control.shutdown(socket.SHUT_RDWR)


# Those that are at work, for an end of the bot that closes nothing: multiprocessing would wait for them for ever.
_servers: "weakref.WeakSet[ForkServer]" = weakref.WeakSet()


_bot_ends = False


def bot_ends() -> bool:
    """Whether this process is at its end, so that nothing is started anew."""
    return _bot_ends


@atexit.register
def _end_all() -> None:
    global _bot_ends
    _bot_ends = True
    for server in list(_servers):
        server._end()


def exit_text(status: int) -> str:
    """Return what a status of a process that ended says."""
    if os.WIFSIGNALED(status):
        return f"was killed by {_signal_name(os.WTERMSIG(status))}"
    return f"died with code {os.WEXITSTATUS(status)}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _why_not(method: str) -> str:
    main = getattr(sys.modules.get("__main__"), "__file__", None) or "the program"
    words = "the process from which workers are forked did not begin"
    if method == "fork":
        return words
    return (
        f"{words}: its start method is {method!r}, which imports {main} anew. What that file does at its end, execute() "
        'above all, has to stand below `if __name__ == "__main__":`'
    )


def is_importing_main() -> bool:
    """Whether this process is one that only imports the program, to become what workers are forked from."""
    return bool(getattr(multiprocessing.process.current_process(), "_inheriting", False))


def _serve(control: socket.socket, runs: socket.socket, others: Tuple[socket.socket, ...], bot: int) -> None:
    for other in others:
        other.close()
    if os.getppid() == bot:
        _die_with_parent()
    # What killed workers leave behind is reaped here: a bot that is the first process of a container would not.
    _control_process(_ADOPT_ORPHANS, 1)
    # Jobs may have children of their own.
    multiprocessing.process.current_process()._config["daemon"] = False  # type: ignore[attr-defined]
    bell, ring = os.pipe()
    for end in (bell, ring):
        os.set_blocking(end, False)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
        # Signals to all processes of the bot are for the bot, which then closes the control socket.
        signal.signal(number, lambda *_: None)
    signal.set_wakeup_fd(ring, warn_on_full_buffer=False)
    gc.collect()
    gc.freeze()
    control.send(b"r")
    workers: Dict[int, None] = {}
    while True:
        waited_for: List[Any] = [control, bell]
        ready, _, _ = select.select(waited_for, [], [])
        if bell in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(bell, 4096)
            _reap(control, workers)
        if control in ready and not _answer(control, runs, (bell, ring), workers):
            for pid in workers:
                _kill(pid)
            return


def _answer(control: socket.socket, runs: socket.socket, pipe: Tuple[int, int], workers: Dict[int, None]) -> bool:
    """Do what is asked; false once the bot is gone."""
    try:
        message, links, _, _ = socket.recv_fds(control, _MESSAGE.size, 1)
    except ConnectionError:
        message, links = b"", []
    if not message:
        return False
    what, pid, _ = _MESSAGE.unpack(message)
    if what == _KILL:
        # Of its own children only: no other process can have their numbers.
        if pid in workers:
            _kill(pid)
        return True
    (link,) = links
    try:
        pid = os.fork()
    except OSError as error:
        _tell(control, FAILED, error.errno or 0, 0)
    else:
        if pid == 0:
            _become_worker(control, runs, link, pipe)
        workers[pid] = None
        _tell(control, FORKED, pid, 0)
    os.close(link)
    return True


def _become_worker(control: socket.socket, runs: socket.socket, link: int, pipe: Tuple[int, int]) -> None:
    try:
        server = os.getppid()
        # Its own group: what is signalled to the bot's reaches neither the job nor what the job has started.
        os.setpgid(0, 0)
        _die_with_parent()
        if os.getppid() != server:
            os._exit(0)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for end in pipe:
            os.close(end)
        control.close()
        worker.work(runs, socket.socket(fileno=link))
    finally:
        os._exit(1)


def _die_with_parent() -> None:
    """Have the kernel kill this process when the one that forked it ends, where it can."""
    _control_process(_DIE_WITH_PARENT, signal.SIGKILL)


def _control_process(what: int, value: int) -> None:
    with contextlib.suppress(Exception):
        import ctypes

        ctypes.CDLL(None).prctl(what, value, 0, 0, 0)


def _kill(pid: int) -> None:
    for kill in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            kill(pid, signal.SIGKILL)


def _reap(control: socket.socket, workers: Dict[int, None]) -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        if workers.pop(pid, 0) is None:
            _tell(control, ENDED, pid, status)


def _tell(control: socket.socket, what: bytes, pid: int, status: int) -> None:
    # The bot may be gone; the end of the control socket says so next.
    with contextlib.suppress(ConnectionError):
        control.send(_MESSAGE.pack(what, pid, status))


__all__: List[Any] = [
    "ENDED",
    "FAILED",
    "FORKED",
    "CannotBegin",
    "ForkServer",
    "bot_ends",
    "exit_text",
    "is_importing_main",
]
