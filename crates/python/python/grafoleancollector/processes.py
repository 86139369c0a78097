"""Runs in worker processes: the bot's side.

```text
 engine's queue ──▶ attend ──▶ socket that all workers read ──▶ worker ──▶ its link ──▶ attend ──▶ run's end
                                                                              │  ▲
                                                                              ▼  │ once on disk
                                                                              keep
```
A run is a message that one idle worker reads, so a run that hangs holds up no other. Each worker tells over its link when
a run begins and ends, and hands over values, for which it waits until they are on disk. Processes are started when there
is work for them; one that dies is replaced, one whose run is beyond its deadline is killed.
"""

import collections
import contextlib
import itertools
import logging
import marshal
import os
import queue
import selectors
import signal
import socket
import tempfile
import threading
import time
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from . import keeping, logs, worker
from ._engine import RunQueue
from .ending import Stuck, end
from .fork_server import ENDED, FAILED, FORKED, CannotBegin, ForkServer, bot_ends, exit_text
from .run import Call, Origin

# Runs that are taken from the engine at a time.
_FED_AT_ONCE = 64
_FED_IN_A_TURN = 4
_LINK_BYTES = 1 << 18
# The longest pause between two looks at deadlines and at what went wrong.
_LOOK_SECONDS = 1.0
# A run that no worker has begun for so long, though none waits, was lost with a worker that died as it took it.
_LOST_SECONDS = 30.0
# How long idle workers may take to end: threads that jobs left behind end first.
_IDLE_GRACE_SECONDS = 10.0
# How soon a process that could not be started is tried again.
_RETRY_SECONDS = 5.0


class _Due(NamedTuple):
    """A run on its way to a worker."""

    call: Call
    due: int
    ended: Any
    since: float


class _Worker:
    """What is known of a worker process."""

    def __init__(self, link: socket.socket) -> None:
        self.link, self.pid, self.read = link, 0, b""
        # What it does, since when, and when it has to be killed.
        self.run: Optional[_Due] = None
        self.began = 0.0
        self.kill_at = 0.0
        self.killed = False
        self.is_gone = False


class ProcessWorkers:
    """Takes runs from the engine's queue, each in one of up to so many processes."""

    def __init__(self, runs: RunQueue, number: int, stuck: Stuck) -> None:
        """Start what workers are forked from, before anything else runs; raise `CannotBegin` where it does not begin."""
        self._queue, self._number, self._stuck = runs, number, stuck
        self._feeding, self._taking = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._server = ForkServer(self._taking, (self._feeding,))
        self._server_is_gone = False
        self._numbers = itertools.count(1)
        # Runs for which the socket had no room.
        self._unsent: "collections.deque[Any]" = collections.deque()
        # Runs that no worker has begun, by number.
        self._waiting: Dict[int, _Due] = {}
        self._workers: Dict[int, _Worker] = {}
        self._starting: List[_Worker] = []
        self._retry_at = 0.0
        # When deadlines are looked at next.
        self._look_at = 0.0
        self._closing_at: Optional[float] = None
        self._selector = selectors.DefaultSelector()
        self._keeping: "queue.SimpleQueue[Any]" = queue.SimpleQueue()
        self._bell, self._ring = socket.socketpair()
        self._threads: List[threading.Thread] = []

    def start(self) -> None:
        """Begin to take runs, unless that has been done."""
        if self._threads:
            return
        for end_of_pair in (self._bell, self._ring):
            end_of_pair.setblocking(False)
        self._selector.register(self._bell, selectors.EVENT_READ, self._bell)
        self._selector.register(self._queue, selectors.EVENT_READ, self._queue)
        self._selector.register(self._server.control, selectors.EVENT_READ, self._server)
        for name, target in (("attend", self._attend), ("keep", self._keep)):
            thread = threading.Thread(target=target, name=f"grafolean-{name}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def close(self) -> None:
        """Let runs that go on end, within their deadlines, and end the processes. The engine's queue is closed already."""
        if self._threads:
            self._closing_at = time.monotonic()
            # What nobody has begun is not begun any more, and idle workers find the end.
            self._feeding.shutdown(socket.SHUT_WR)
            with contextlib.suppress(BlockingIOError):
                while self._taking.recv(worker.LARGEST_MESSAGE, socket.MSG_DONTWAIT):
                    pass
            with contextlib.suppress(BlockingIOError):
                self._ring.send(b"w")
            attend, keep = self._threads
            attend.join()
            self._keeping.put(None)
            keep.join()
            self._threads = []
        self.abandon()

    def faults(self) -> List[str]:
        """Return what is wrong, a sentence each."""
        ended = [thread.name for thread in self._threads if not thread.is_alive()]
        return [f"{name} ended: please report this as a bug" for name in ended if self._closing_at is None]

    def abandon(self) -> None:
        """End the processes at once."""
        self._server.close()
        for each in (self._feeding, self._taking, self._bell, self._ring):
            each.close()
        self._selector.close()

    def _feed(self) -> None:
        """Pass runs from the engine's queue to the socket that workers read, as long as it takes them."""
        unsent = self._unsent
        # Bounded, since quick workers might take as many as come, and have to be heard.
        for _ in range(_FED_IN_A_TURN):
            if not unsent and not self._take_ready():
                return
            try:
                while unsent:
                    self._feeding.send(unsent[0], socket.MSG_DONTWAIT)
                    unsent.popleft()
            except BlockingIOError:
                # A worker that takes a run tells so, and then there is room.
                return
            except ConnectionError:
                # It is being closed.
                return

    def _take_ready(self) -> bool:
        since = time.monotonic()
        taken = self._queue.take_ready(_FED_AT_ONCE)
        for call, intervals, due, ended in taken:
            number = next(self._numbers)
            try:
                self._unsent.append(_message(number, due, intervals, call))
                self._waiting[number] = _Due(call, due, ended, since)
            except OSError as error:
                end(call, ended, [], f"it could not be passed to a worker process: {error}")
        return bool(taken)

    def _attend(self) -> None:
        """Hear what workers tell, hold deadlines, and start processes that are missing."""
        while self._closing_at is None or self._workers or self._starting:
            for key, _ in self._selector.select(self._pause()):
                if isinstance(key.data, _Worker):
                    self._hear(key.data)
                elif key.data is self._server:
                    self._hear_server()
                elif key.data is self._bell:
                    with contextlib.suppress(BlockingIOError):
                        self._bell.recv(4096)
            if self._closing_at is None:
                self._feed()
            now = time.monotonic()
            if now >= self._look_at:
                self._look_at = now + _LOOK_SECONDS
                self._hold_deadlines(now)
            self._start_missing(now)

    def _pause(self) -> float:
        return max(0.0, self._look_at - time.monotonic())

    def _start_missing(self, now: float) -> None:
        if len(self._workers) + len(self._starting) >= self._number and not self._server_is_gone:
            return
        if self._closing_at is not None or now < self._retry_at:
            return
        idle = sum(it.run is None for it in list(self._workers.values()))
        wanted = min(len(self._waiting) - idle, self._number - len(self._workers)) - len(self._starting)
        if wanted <= 0 or not self._server_is_there():
            return
        for _ in range(wanted):
            ours, theirs = socket.socketpair()
            started = _Worker(ours)
            try:
                self._server.fork(theirs)
            except OSError:
                # It is gone, which the next look at its socket says.
                ours.close()
                return
            finally:
                theirs.close()
            self._starting.append(started)

    def _hear_server(self) -> None:
        told = self._server.told()
        if told is None:
            self._replace_server()
            return
        what, pid, status = told
        if what == FORKED:
            started = self._starting.pop(0)
            started.pid = pid
            self._workers[pid] = started
            self._selector.register(started.link, selectors.EVENT_READ, started)
        elif what == FAILED:
            self._starting.pop(0).link.close()
            self._retry_at = time.monotonic() + _RETRY_SECONDS
            logging.getLogger().warning("A worker process could not be started: %s", os.strerror(pid))
        elif what == ENDED and pid in self._workers:
            self._conclude(self._workers.pop(pid), exit_text(status))

    def _replace_server(self) -> None:
        """Start it anew, after somebody killed it, and all workers with it."""
        self._selector.unregister(self._server.control)
        self._server.close()
        for pid in list(self._workers):
            with contextlib.suppress(OSError):
                os.killpg(pid, signal.SIGKILL)
            self._conclude(self._workers.pop(pid), "was killed")
        for started in self._starting:
            started.link.close()
        self._starting.clear()
        if self._closing_at is not None:
            return
        self._server_is_gone = True
        if not bot_ends():
            logging.getLogger().error("The process from which workers are forked is gone: it is started anew")

    def _server_is_there(self) -> bool:
        if self._server_is_gone:
            try:
                self._server = ForkServer(self._taking, (self._feeding, self._bell, self._ring))
            except (CannotBegin, OSError) as error:
                if not bot_ends():
                    logging.getLogger().error("Worker processes cannot be started: %s", error)
                self._retry_at = time.monotonic() + _RETRY_SECONDS
                return False
            self._server_is_gone = False
            self._selector.register(self._server.control, selectors.EVENT_READ, self._server)
        return True

    def _hear(self, told: _Worker) -> None:
        if told.is_gone:
            # It was heard to its end in the same look.
            return
        try:
            read = told.link.recv(_LINK_BYTES, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except ConnectionError:
            read = b""
        if not read:
            # Its process is ending, which the one that forked it tells.
            with contextlib.suppress(KeyError):
                self._selector.unregister(told.link)
            return
        told.read += read
        self._take_frames(told)

    def _take_frames(self, told: _Worker) -> None:
        read, place, length = told.read, 0, worker.LENGTH.size
        while len(read) - place >= length:
            (size,) = worker.LENGTH.unpack_from(read, place)
            if len(read) - place - length < size:
                break
            kind, *content = marshal.loads(memoryview(read)[place + length : place + length + size])
            place += length + size
            if kind == worker.STATE:
                ended, began = content
                if ended is not None:
                    self._ended(told, ended)
                if began is not None:
                    self._began(told, began)
            else:
                origin, sent = content
                self._keeping.put((told.link, origin, sent))
        told.read = read[place:]

    def _began(self, told: _Worker, number: int) -> None:
        told.run = run = self._waiting.pop(number, None)
        if run is not None:
            told.began = time.monotonic()
            told.kill_at = told.began + run.call.deadline
            self._look_at = min(self._look_at, told.kill_at)

    def _ended(self, told: _Worker, ended: Tuple[int, Any, Optional[str], Optional[str]]) -> None:
        run, told.run = told.run, None
        if run is None:
            return
        _, sent, failure, tracebacks = ended
        if tracebacks is not None:
            logs.of_jobs().error('Job "%s" raised an exception\n%s', run.call.job_id, tracebacks.rstrip("\n"))
        if failure is None and not sent:
            run.ended()
        else:
            end(run.call, run.ended, sent or [], failure)
        self._stuck.ended(run.call.job_id)

    def _hold_deadlines(self, now: float) -> None:
        for told in list(self._workers.values()):
            late = told.run is not None and now >= told.kill_at
            idle_too_long = (
                self._closing_at is not None and told.run is None and now > self._closing_at + _IDLE_GRACE_SECONDS
            )
            if (late or idle_too_long) and not told.killed:
                # What it told before is heard first: it may just have ended.
                self._hear(told)
                if late and (told.run is None or now < told.kill_at):
                    continue
                told.killed = True
                with contextlib.suppress(OSError):
                    self._server.kill(told.pid)
            elif told.run is not None:
                self._look_at = min(self._look_at, told.kill_at)
        if self._waiting:
            self._give_up_lost(now)

    def _give_up_lost(self, now: float) -> None:
        lost = [number for number, run in list(self._waiting.items()) if now - run.since > _LOST_SECONDS]
        if not lost or not self._nothing_waits():
            return
        for number in lost:
            run = self._waiting.pop(number, None)
            if run is not None:
                end(run.call, run.ended, [], "its worker process died as it began", "died")

    def _nothing_waits(self) -> bool:
        try:
            self._taking.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return True
        return False

    def _conclude(self, gone: _Worker, how: str) -> None:
        """Take what a worker told last, and end the run with which it died."""
        gone.is_gone = True
        with contextlib.suppress(OSError):
            while True:
                read = gone.link.recv(_LINK_BYTES, socket.MSG_DONTWAIT)
                if not read:
                    break
                gone.read += read
        self._take_frames(gone)
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(gone.link)
        self._keeping.put((gone.link, None, None))
        run = gone.run
        if run is None:
            return
        job_id, deadline = run.call.job_id, run.call.deadline
        if gone.killed:
            words = f"did not end within its deadline of {deadline:g} s: its worker process was killed and replaced"
            logs.of_jobs().warning('Job "%s" %s', job_id, words)
            self._stuck.add(job_id, words)
            end(run.call, run.ended, [], words, "deadline")
        else:
            words = f"its worker process {how}"
            logs.of_jobs().error('Job "%s" raised an exception: %s', job_id, words)
            end(run.call, run.ended, [], words, "died")

    def _keep(self) -> None:
        """Have values of workers on disk, those that wait together, and let the workers go on."""
        while True:
            asked = [self._keeping.get()]
            with contextlib.suppress(queue.Empty):
                while True:
                    asked.append(self._keeping.get_nowait())
            by_origin: Dict[Origin, List[Any]] = {}
            for it in asked:
                if it is not None and it[1] is not None:
                    by_origin.setdefault(tuple(it[1]), []).append(it)
            for origin, of_origin in by_origin.items():
                _keep_together(origin, of_origin)
            for it in asked:
                if it is None:
                    return
                if it[1] is None:
                    it[0].close()


def _keep_together(origin: Origin, asked: List[Any]) -> None:
    error = None
    try:
        keeping.keep(origin, [sent for _, _, sents in asked for sent in sents])
    except Exception as failure:
        error = str(failure) or type(failure).__name__
    for link, _, _ in asked:
        # A worker that has died needs no answer, and what it sent is kept.
        with contextlib.suppress(OSError):
            link.sendall(worker.frame(error))


def _message(number: int, due: int, intervals: List[int], call: Call) -> bytes:
    """Return the message of a run; what its function is given stands in a file where it is too long."""
    function, data = call.pickled or (b"", b"")
    message = marshal.dumps((number, due, intervals, function, data, call.origin))
    if len(message) > worker.LARGEST_MESSAGE:
        message = marshal.dumps((number, due, intervals, function, _file_of(data), call.origin))
    return message


def _file_of(pickled: bytes) -> str:
    """Write what is too long for a message to a file, which the worker deletes; return its name."""
    number, name = tempfile.mkstemp(prefix="grafolean-run-")
    with os.fdopen(number, "wb") as file:
        file.write(pickled)
    return name
