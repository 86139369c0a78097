"""Where functions run: in worker processes, unless they, the bot or the environment ask for threads."""

import os
import signal

import pytest

from bot_process import wait_until

IN_PROCESSES = ["function", "static", "of_the_class", "has_much_data", "pools", "alarms"]


def run_kinds(start, package, jobs, **environment):
    bot = start(package, "kinds.py", more=jobs, **environment)
    for job in jobs:
        bot.wait_for_runs(job, 2)
    return bot


def test_plain_functions_run_in_processes_whatever_they_lean_on(ours, start):
    bot = run_kinds(start, ours, [*IN_PROCESSES, "looks_at_what_was_chosen_later", "changes_its_data"])
    assert all(run["pid"] != bot.process.pid for run in bot.runs())
    assert all(run["thread"] is False for run in bot.runs("function")), "in the main thread"
    assert {run["cls"] for run in bot.runs("of_the_class")} == {"KindsBot"}
    assert {run["length"] for run in bot.runs("has_much_data")} == {300_000}
    assert {run["total"] for run in bot.runs("pools")} == {55}
    assert {run["rung"] for run in bot.runs("alarms")} == {1}
    # As the program was when it began to execute, and with data of its own each time.
    assert {run["chosen"] for run in bot.runs("looks_at_what_was_chosen_later")} == {"before it executes"}
    assert all(run["list"] == [0] for run in bot.runs("changes_its_data"))
    assert bot.terminate() == 0, bot.last_words()
    assert not bot.has_left_processes()


@pytest.mark.parametrize(
    "environment", [{}, {"GRAFOLEAN_WORKERS": "process:2"}, {"GRAFOLEAN_WORKERS": "3"}], ids=["unset", "process:2", "3"]
)
def test_the_environment_bounds_the_processes(ours, start, environment):
    bot = run_kinds(start, ours, ["function", "static", "of_the_class", "alarms"], **environment)
    bot.wait_for_runs("function", 5)
    most = {"process:2": 2, "3": 3}.get(environment.get("GRAFOLEAN_WORKERS"), 10)
    assert len({run["pid"] for run in bot.runs()}) <= most
    assert bot.process.pid not in {run["pid"] for run in bot.runs()}


def test_threads_are_to_be_had_by_the_environment_a_decorator_or_a_coroutine(ours, start):
    bot = run_kinds(start, ours, ["by_request_in_a_thread", "coroutine", "function"])
    for job in ("by_request_in_a_thread", "coroutine"):
        assert {run["pid"] for run in bot.runs(job)} == {bot.process.pid}
    assert bot.process.pid not in {run["pid"] for run in bot.runs("function")}
    bot = run_kinds(start, ours, ["function", "static"], folder="threads", GRAFOLEAN_WORKERS="thread:2")
    assert {run["pid"] for run in bot.runs()} == {bot.process.pid}


def test_what_no_process_can_be_given_runs_in_a_thread_and_is_named(ours, start):
    jobs = ["nested", "unpicklable_data", "of_the_bot"]
    bot = run_kinds(start, ours, [*jobs, "function"])
    assert {run["pid"] for job in jobs for run in bot.runs(job)} == {bot.process.pid}
    for job in jobs:
        (named,) = [line for line in bot.log().splitlines() if f'"{job}"' in line and "thread" in line]
        assert named.startswith("WARNING root "), named


@pytest.mark.parametrize("said", ["fibers", "process:0", "thread:many", "-1"])
def test_a_setting_of_workers_that_is_invalid_is_named(ours, start, said):
    bot = start(ours, "kinds.py", GRAFOLEAN_WORKERS=said)
    assert bot.wait() == 1
    assert f"GRAFOLEAN_WORKERS is invalid: {said!r} (expected" in bot.log()


def test_a_lock_that_a_thread_of_the_bot_holds_is_free_in_workers(ours, start):
    bot = run_kinds(start, ours, ["uses_a_lock"], JOBS_REFRESH_INTERVAL=60)
    bot.wait_for_runs("uses_a_lock", 4)
    assert "deadline" not in bot.log()


def test_sigterm_to_all_processes_lets_a_job_end_with_the_program_it_started(ours, backend, start):
    account = backend.inventory.account()
    bot = start(ours, "kinds.py", more=["ends_with_a_program"], ACCOUNT=account)
    (run,) = bot.wait_for_runs("ends_with_a_program", 1)
    # To the group, as a shell does, and to the worker, as systemd does.
    os.kill(run["pid"], signal.SIGTERM)
    os.killpg(bot.process.pid, signal.SIGTERM)
    assert bot.wait() == 0, bot.last_words()
    wait_until(lambda: backend.values("ends_with_a_program"), "the value of the run that went on")
    assert not bot.has_left_processes()
    assert "raised an exception" not in bot.log()


def test_a_bot_that_is_killed_leaves_no_workers(ours, start):
    bot = run_kinds(start, ours, ["function", "static", "ends_with_a_program"])
    bot.process.kill()
    bot.process.wait()
    wait_until(lambda: not bot.has_left_processes(), "the workers to end")


def test_what_workers_are_forked_from_is_started_anew_when_it_is_killed(ours, start):
    bot = run_kinds(start, ours, ["function"])
    children = _children(bot.process.pid)
    assert len(children) == 1, "workers are children of one process, and that of the bot"
    os.kill(children[0], signal.SIGKILL)
    bot.wait_for_log("is gone: it is started anew")
    after = bot.runs("function")[-1]["time"]
    bot.wait_for_runs("function", 2, after=after)
    assert bot.terminate() == 0, bot.last_words()


def _children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return [int(child) for child in file.read().split()]


def test_a_program_without_a_guard_runs(ours, backend, start, tmp_path):
    script = tmp_path / "unguarded.py"
    script.write_text(UNGUARDED, encoding="utf-8")
    account = backend.inventory.account()
    start(ours, script, ACCOUNT=account)
    wait_until(lambda: len(backend.values("^unguarded$")) >= 2, "values")


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_a_program_without_a_guard_that_has_to_be_imported_ends_with_what_is_missing(
    ours, backend, start, tmp_path, method
):
    script = tmp_path / "unguarded.py"
    lines = ["import multiprocessing", "if multiprocessing.get_start_method(True) is None:"]
    lines += [f"    multiprocessing.set_start_method({method!r})", ""]
    words = "\n".join(lines)
    script.write_text(words + UNGUARDED, encoding="utf-8")
    bot = start(ours, script, ACCOUNT=backend.inventory.account())
    assert bot.wait() == 1
    assert 'if __name__ == "__main__":' in bot.log()
    wait_until(lambda: not bot.has_left_processes(), "the processes to end")


UNGUARDED = """
import os
from grafoleancollector import Collector

def tick(intervals, **params):
    return {"unguarded": 1}

class Bot(Collector):
    def jobs(self):
        yield "tick", [1], tick, {"account_id": int(os.environ["ACCOUNT"])}

Bot(os.environ["BACKEND_URL"], os.environ["BOT_TOKEN"], 5).execute()
"""
