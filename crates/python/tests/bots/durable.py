"""A bot whose jobs send, and then do what would lose a value that was not on disk. Arguments: those that it has."""

import asyncio
import contextvars
import ctypes
import logging
import multiprocessing
import os
import sys
import threading
import time

from established import note
from grafoleancollector import Collector, job, send_results_to_grafolean

URL, TOKEN, ACCOUNT = os.environ["BACKEND_URL"], os.environ["BOT_TOKEN"], int(os.environ["ACCOUNT"])
TASKS = set()


def send(path):
    send_results_to_grafolean(URL, TOKEN, ACCOUNT, [{"p": f"durable.{path}", "v": 1.0}])


def hangs(affecting_intervals, **params):
    note("hangs", affecting_intervals)
    send("hangs")
    time.sleep(1000)


@job(workers="thread")
def hangs_in_a_thread(affecting_intervals, **params):
    note("hangs-in-a-thread", affecting_intervals)
    send("hangs-in-a-thread")
    time.sleep(1000)


def yields_then_hangs(affecting_intervals, account_id):
    note("yields-then-hangs", affecting_intervals)
    yield {"durable.yields-then-hangs": 1}
    time.sleep(1000)


async def yields_then_waits(affecting_intervals, account_id):
    note("yields-then-waits", affecting_intervals)
    yield {"durable.yields-then-waits": 1}
    await asyncio.sleep(1000)


def crashes(affecting_intervals, **params):
    send("crashes")
    ctypes.string_at(0)


def exits(affecting_intervals, **params):
    send("exits")
    os._exit(3)


def in_a_forked_child(affecting_intervals, **params):
    child = multiprocessing.get_context("fork").Process(target=send, args=("in-a-forked-child",))
    child.start()
    child.join()


def in_a_child_that_exits(affecting_intervals, **params):
    pid = os.fork()
    if pid == 0:
        send("in-a-child-that-exits")
        os._exit(0)
    os.waitpid(pid, 0)


def in_a_pool(affecting_intervals, **params):
    with multiprocessing.Pool(2) as pool:
        pool.map(send, ["in-a-pool.1", "in-a-pool.2"])


def in_a_thread(affecting_intervals, **params):
    threading.Timer(0.3, send, ("in-a-thread",)).start()


def in_a_thread_with_context(affecting_intervals, **params):
    threading.Timer(0.3, contextvars.copy_context().run, (send, "in-a-thread-with-context")).start()


async def in_a_task(affecting_intervals, **params):
    async def later():
        await asyncio.sleep(0.3)
        send("in-a-task")

    task = asyncio.ensure_future(later())
    TASKS.add(task)
    task.add_done_callback(TASKS.discard)


class DurableBot(Collector):
    def jobs(self):
        for name in sys.argv[1:]:
            yield name, [2], globals()[name], {"account_id": ACCOUNT}


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    DurableBot(URL, TOKEN, 120).execute()
