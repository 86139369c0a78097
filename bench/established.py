"""Times the established Python library (grafoleancollector 0.0.12) against the hub; prints `name value unit` lines.

Run by bench/run in a virtual environment of that library's own.
"""

import multiprocessing
import os
import signal
import sys
import threading
import time

from grafoleancollector import Collector

from population import populate

EMPTY_JOBS = 5_000
SECONDS = 20

runs = multiprocessing.Value("L", 0)


def count_run(*_intervals, **_params):
    with runs.get_lock():
        runs.value += 1


class ReadsEverything(Collector):
    def jobs(self):
        return []


class RunsNothing(Collector):
    def jobs(self):
        for number in range(EMPTY_JOBS):
            yield f"job {number}", [1], count_run, {"number": number}


def time_refresh(url, token):
    collector = ReadsEverything(url, token, 120)
    begun = time.perf_counter()
    devices = len(list(collector.fetch_job_configs("ping")))
    print("established_refresh", round((time.perf_counter() - begun) * 1000, 1), "ms")
    print("established_refresh_devices", devices, "devices")


def count_empty_runs(url, token):
    def report_and_end():
        time.sleep(SECONDS / 2)
        before, begun = runs.value, time.perf_counter()
        time.sleep(SECONDS / 2)
        print("established_empty_jobs", round((runs.value - before) / (time.perf_counter() - begun)), "runs/s", flush=True)
        os.killpg(0, signal.SIGKILL)

    os.setpgrp()
    threading.Thread(target=report_and_end, daemon=True).start()
    RunsNothing(url, token, 3600).execute()


def main():
    url = sys.argv[1]
    token = populate(url, "ping", devices=1_000, sensors=3, interval=60)
    time_refresh(url, token)
    sys.stdout.flush()
    count_empty_runs(url, token)


if __name__ == "__main__":
    main()
