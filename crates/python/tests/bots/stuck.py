"""A bot with jobs that never end, and one that does. `WORKERS` is where they run."""

import asyncio
import logging
import os
import subprocess
import sys
import time

from established import note
from grafoleancollector import Collector, job

STUCK_UNTIL = os.environ.get("STUCK_UNTIL")


def spins(affecting_intervals, **params):
    note("spins", affecting_intervals)
    while not (STUCK_UNTIL and os.path.exists(STUCK_UNTIL)):
        time.sleep(0.005)


def spins_beside_a_program(affecting_intervals, **params):
    program = subprocess.Popen(["sleep", "1000"])
    note("spins_beside_a_program", affecting_intervals, program=program.pid)
    program.wait()


@job(workers="thread")
def spins_in_a_thread(affecting_intervals, **params):
    note("spins_in_a_thread", affecting_intervals)
    while True:
        time.sleep(0.005)


async def waits(affecting_intervals, **params):
    note("waits", affecting_intervals)
    await asyncio.sleep(1000)


@job(deadline=30)
def takes_its_time(affecting_intervals, **params):
    note("takes_its_time", affecting_intervals)
    time.sleep(2.2)
    note("took_its_time", affecting_intervals)


def is_quick(affecting_intervals, **params):
    note("is_quick", affecting_intervals)


class StuckBot(Collector):
    def jobs(self):
        for name in sys.argv[1:]:
            yield name, [1], globals()[name], {}


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    StuckBot(os.environ["BACKEND_URL"], os.environ["BOT_TOKEN"], 120).execute()
    print("execute() returned", flush=True)
