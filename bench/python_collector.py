"""Times `grafoleancollector` against a hub, the established package or ours by whose Python runs this; prints
`name value unit` lines with the given prefix. Run by bench/run in a virtual environment of each.

    python_collector.py PREFIX URL TOKEN refresh
    python_collector.py PREFIX URL TOKEN jobs NUMBER INTERVAL SECONDS
"""

import math
import multiprocessing
import os
import resource
import signal
import sys
import threading
import time

from grafoleancollector import Collector

# Due times have to be whole seconds; what lies between is lateness.
LATENESS_BUCKETS = 10_000
BUCKET_SECONDS = 0.001

# Shared, since functions of the established package run in processes of their own.
runs = multiprocessing.Value("Q", 0)
late = multiprocessing.Array("L", LATENESS_BUCKETS, lock=runs.get_lock())


def count_run(*_intervals, **_params):
    lateness = math.modf(time.time())[0]
    with runs.get_lock():
        runs.value += 1
        late.get_obj()[min(int(lateness / BUCKET_SECONDS), LATENESS_BUCKETS - 1)] += 1


class Idle(Collector):
    def jobs(self):
        return iter(())


class RunsNothing(Collector):
    number, interval = 0, 1

    def jobs(self):
        for number in range(self.number):
            yield f"job {number}", [self.interval], count_run, {"number": number}, number % self.interval


def percentile(buckets, share):
    """Gives the lateness, in ms, below which this share of the runs began."""
    wanted, seen = sum(buckets) * share, 0
    for index, count in enumerate(buckets):
        seen += count
        if seen >= wanted:
            return (index + 1) * BUCKET_SECONDS * 1000
    return 0.0


def resident_mb():
    """Gives the memory of this process and its children, in MB."""
    total = 0
    for pid in [os.getpid(), *(child.pid for child in multiprocessing.active_children())]:
        with open(f"/proc/{pid}/statm", encoding="ascii") as file:
            total += int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return total / 1e6


def time_refresh(prefix, url, token):
    collector = Idle(url, token, 120)
    best = math.inf
    for _ in range(3):
        begun = time.perf_counter()
        devices = len(list(collector.fetch_job_configs("ping")))
        best = min(best, time.perf_counter() - begun)
        if best > 2:
            break
    print(f"{prefix}_refresh", round(best * 1000, 1), "ms")
    print(f"{prefix}_refresh_devices", devices, "devices", flush=True)


def run_jobs(prefix, url, token, number, interval, seconds):
    def cpu_seconds():
        return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))

    def report_and_end():
        time.sleep(seconds / 2)
        with runs.get_lock():
            before, buckets = runs.value, list(late.get_obj())
        begun, cpu = time.perf_counter(), cpu_seconds()
        time.sleep(seconds / 2)
        with runs.get_lock():
            done, buckets = runs.value - before, [b - a for a, b in zip(buckets, late.get_obj())]
        elapsed = time.perf_counter() - begun
        print(f"{prefix}_runs", round(done / elapsed), "runs/s")
        # CPU of the established package's processes is counted when they end: this is its scheduler alone.
        print(f"{prefix}_cpu", round((cpu_seconds() - cpu) / elapsed * 100, 1), "%")
        print(f"{prefix}_memory", round(resident_mb(), 1), "MB")
        print(f"{prefix}_lateness_p99", round(percentile(buckets, 0.99), 1), "ms", flush=True)
        # The established package can't be stopped from outside.
        os.killpg(0, signal.SIGKILL)

    if os.getpgrp() != os.getpid():
        os.setpgrp()
    threading.Thread(target=report_and_end, daemon=True).start()
    RunsNothing.number, RunsNothing.interval = number, interval
    RunsNothing(url, token, 3600).execute()


def main():
    prefix, url, token, what, *numbers = sys.argv[1:]
    if what == "refresh":
        time_refresh(prefix, url, token)
    else:
        run_jobs(prefix, url, token, *map(int, numbers))


if __name__ == "__main__":
    main()
