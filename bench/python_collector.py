"""Times `grafoleancollector` against a hub, the established package or ours by whose Python runs this; prints
`name value unit` lines with the given prefix. Run by bench/run in a virtual environment of each.

    python_collector.py PREFIX URL TOKEN refresh
    python_collector.py PREFIX URL TOKEN jobs NUMBER INTERVAL SECONDS
    python_collector.py PREFIX URL TOKEN empty WORKERS NUMBER SECONDS

The last one is for ours alone: functions that do nothing, in threads or processes as `process:4` says, counted by the
engine.
"""

import math
import multiprocessing
import os
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
    """Returns the lateness, in ms, below which this share of the runs began."""
    wanted, seen = sum(buckets) * share, 0
    for index, count in enumerate(buckets):
        seen += count
        if seen >= wanted:
            return (index + 1) * BUCKET_SECONDS * 1000
    return 0.0


def resident_mb():
    """Returns the memory of this process and of all below it, in MB; what they share counts once."""
    total = 0
    for pid in processes(os.getpid()):
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
            (pss,) = [line.split()[1] for line in file if line.startswith("Pss:")]
            total += int(pss) * 1024
    return total / 1e6


def processes(pid):
    """Returns a process and all below it."""
    found = [pid]
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as file:
            for child in file.read().split():
                found += processes(int(child))
    return found


def cpu_seconds():
    """Returns the CPU time of this process and of all below it."""
    ticks = 0
    for pid in processes(os.getpid()):
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            ticks += sum(map(int, file.read().rsplit(") ", 1)[1].split()[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


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


def nothing(*_intervals, **_params):
    pass


class DoesNothing(Collector):
    number = 0

    def jobs(self):
        for number in range(self.number):
            yield f"job {number}", [1], nothing, {"number": number}


def run_empty_jobs(prefix, url, token, workers, number, seconds):
    os.environ["GRAFOLEAN_WORKERS"] = workers
    DoesNothing.number = number
    bot = DoesNothing(url, token, 3600)

    def succeeded():
        # None is there before the engine has begun.
        lines = [line for line in bot.metrics().splitlines() if "grafolean_runs_succeeded_total" in line]
        return sum(int(line.rsplit(" ", 1)[1]) for line in lines)

    def report_and_end():
        while succeeded() < number:
            time.sleep(0.1)
        begun, before, cpu = time.perf_counter(), succeeded(), cpu_seconds()
        time.sleep(seconds)
        elapsed, done = time.perf_counter() - begun, succeeded() - before
        print(f"{prefix}_runs", round(done / elapsed), "runs/s")
        print(f"{prefix}_cpu_a_run", round((cpu_seconds() - cpu) / done * 1e6, 1), "us", flush=True)
        os.killpg(0, signal.SIGKILL)

    if os.getpgrp() != os.getpid():
        os.setpgrp()
    threading.Thread(target=report_and_end, daemon=True).start()
    bot.execute()


def main():
    prefix, url, token, what, *numbers = sys.argv[1:]
    if what == "refresh":
        time_refresh(prefix, url, token)
    elif what == "empty":
        run_empty_jobs(prefix, url, token, numbers[0], *map(int, numbers[1:]))
    else:
        run_jobs(prefix, url, token, *map(int, numbers))


if __name__ == "__main__":
    main()
