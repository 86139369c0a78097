"""Jobs that do not end: they are named, fail the health check, and stop neither the others nor the end."""

import os
import socket
import urllib.error
import urllib.request

import pytest

from bot_process import wait_until


@pytest.fixture
def address():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


def health(address):
    try:
        with urllib.request.urlopen(f"http://{address}/healthz", timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, "nobody answers yet"


@pytest.mark.parametrize(
    "job, words",
    [
        ("spins", "did not end within its deadline of 1 s: its worker process was killed and replaced"),
        ("spins_in_a_thread", "has not ended within its deadline of 1 s: it holds its thread"),
        ("waits", "did not end within its deadline of 1 s and was cancelled"),
    ],
)
def test_a_job_that_never_ends_is_named_and_fails_the_health_check(ours, start, address, job, words):
    bot = start(ours, "stuck.py", more=[job, "is_quick"], GRAFOLEAN_METRICS=address)
    bot.wait_for_runs(job, 1)
    wait_until(lambda: health(address)[0] == 503, lambda: f"{health(address)}\n{bot.last_words()}")
    assert f'job "{job}" {words}' in health(address)[1]
    assert f'WARNING apscheduler.executors.iaexecutor Job "{job}" {words}' in bot.log()
    after = bot.runs()[-1]["time"]
    bot.wait_for_runs("is_quick", 2, after=after)
    assert bot.terminate() == 0, bot.last_words()
    assert "execute() returned" in bot.log()
    assert not bot.has_left_processes()


def test_workers_that_are_stuck_are_killed_and_replaced(ours, start):
    bot = start(ours, "stuck.py", more=["spins", "is_quick"], GRAFOLEAN_WORKERS="1")
    runs = bot.wait_for_runs("spins", 3)
    assert len({run["pid"] for run in runs}) == 3
    bot.wait_for_runs("is_quick", 2)


def test_what_a_stuck_job_has_started_ends_with_it_and_is_reaped(ours, start):
    bot = start(ours, "stuck.py", more=["spins_beside_a_program"])
    programs = [run["program"] for run in bot.wait_for_runs("spins_beside_a_program", 2)]
    wait_until(lambda: not os.path.exists(f"/proc/{programs[0]}"), "the program to be gone")


def test_the_health_check_recovers_with_the_job(ours, start, address, tmp_path):
    until = tmp_path / "now"
    bot = start(ours, "stuck.py", more=["spins"], GRAFOLEAN_METRICS=address, STUCK_UNTIL=until)
    wait_until(lambda: health(address)[0] == 503, lambda: bot.last_words())
    until.touch()
    wait_until(lambda: health(address)[0] == 200, lambda: f"{health(address)}\n{bot.last_words()}")


def test_a_job_may_have_a_deadline_of_its_own(ours, start):
    bot = start(ours, "stuck.py", more=["takes_its_time"])
    bot.wait_for_runs("took_its_time", 2)
    assert "deadline" not in bot.log()


def test_the_end_waits_for_a_run_within_its_deadline(ours, start):
    bot = start(ours, "stuck.py", more=["takes_its_time"])
    begun = len(bot.wait_for_runs("takes_its_time", 1))
    assert bot.terminate() == 0, bot.last_words()
    assert len(bot.runs("took_its_time")) >= begun
