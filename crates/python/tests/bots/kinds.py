"""A bot with a job for each kind of function, each of which notes where it ran. Arguments: those that it has."""

import logging
import multiprocessing
import os
import subprocess
import sys
import threading
import time

from established import note
from grafoleancollector import Collector, job

ACCOUNT = int(os.environ.get("ACCOUNT", "0"))
LOCK = threading.Lock()
CHOSEN_LATER = None


def function(affecting_intervals, **params):
    note("function", affecting_intervals, thread=threading.current_thread() is not threading.main_thread())
    return {"kinds.function": 1}


@job(workers="thread")
def by_request_in_a_thread(affecting_intervals, **params):
    note(
        "by_request_in_a_thread", affecting_intervals, thread=threading.current_thread() is not threading.main_thread()
    )


async def coroutine(affecting_intervals, **params):
    note("coroutine", affecting_intervals, thread=True)


def pools(affecting_intervals, **params):
    with multiprocessing.Pool(2) as pool:
        total = sum(pool.map(abs, range(-10, 0)))
    note("pools", affecting_intervals, total=total)


def uses_a_lock(affecting_intervals, **params):
    with LOCK:
        note("uses_a_lock", affecting_intervals)


def has_much_data(affecting_intervals, **params):
    note("has_much_data", affecting_intervals, length=len(params["much"]))


def looks_at_what_was_chosen_later(affecting_intervals, **params):
    note("looks_at_what_was_chosen_later", affecting_intervals, chosen=CHOSEN_LATER)


def changes_its_data(affecting_intervals, **params):
    params["list"].append(len(params["list"]))
    note("changes_its_data", affecting_intervals, list=params["list"])


def ends_with_a_program(affecting_intervals, **params):
    note("ends_with_a_program", affecting_intervals)
    subprocess.run(["sleep", "3"], check=True)
    return {"kinds.ends_with_a_program": 1}


def alarms(affecting_intervals, **params):
    import signal

    rung = []
    signal.signal(signal.SIGALRM, lambda *_: rung.append(1))
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    time.sleep(0.2)
    note("alarms", affecting_intervals, rung=len(rung))


class KindsBot(Collector):
    deadline = 30

    @classmethod
    def of_the_class(cls, affecting_intervals, **params):
        note("of_the_class", affecting_intervals, cls=cls.__name__)

    @staticmethod
    def static(affecting_intervals, **params):
        note("static", affecting_intervals)

    def of_the_bot(self, affecting_intervals, **params):
        note("of_the_bot", affecting_intervals)
        self.count = getattr(self, "count", 0) + 1

    def jobs(self):
        params = {"account_id": ACCOUNT}
        for name in sys.argv[1:]:
            if name == "nested":
                yield name, [1], lambda intervals, **_: note("nested", intervals), params
            elif name == "unpicklable_data":
                yield name, [1], self.notes_it, {"lock": threading.Lock(), "name": name}
            elif name == "has_much_data":
                yield name, [1], has_much_data, {"much": "x" * 300_000}
            elif name == "changes_its_data":
                yield name, [1], changes_its_data, {"list": []}
            else:
                yield name, [1], getattr(self, name, None) or globals()[name], params

    @staticmethod
    def notes_it(affecting_intervals, **params):
        note(params["name"], affecting_intervals)


class LockedKindsBot(KindsBot):
    def jobs(self):
        # A thread holds a lock for most of the time, as those of many libraries do.
        threading.Thread(target=hold_the_lock, daemon=True).start()
        time.sleep(0.1)
        return super().jobs()


def hold_the_lock():
    while True:
        with LOCK:
            time.sleep(0.5)
        time.sleep(0.001)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    bot_class = LockedKindsBot if "uses_a_lock" in sys.argv else KindsBot
    bot = bot_class(os.environ["BACKEND_URL"], os.environ["BOT_TOKEN"], int(os.environ["JOBS_REFRESH_INTERVAL"]))
    CHOSEN_LATER = "before it executes"
    bot.execute()
