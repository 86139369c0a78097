"""What is ours beyond the established package, and where it had faults: one bot with a job of each kind."""

import collections
import time

import pytest

from backend import Backend
from bot_process import BotProcess, wait_until


@pytest.fixture(scope="module")
def course(ours, tmp_path_factory):
    return OwnCourse(ours, tmp_path_factory.mktemp(ours.name))


class OwnCourse:
    """The record of a bot's life with jobs of every form, until SIGTERM."""

    def __init__(self, package, folder):
        self.backend = Backend()
        account = self.account = self.backend.inventory.account()
        odd = {"BACKEND_URL": f" {self.backend.url}/ ", "BOT_TOKEN": f"{self.backend.token}\n", "ACCOUNT": account}
        try:
            with BotProcess(package, "own.py", self.backend, folder, **odd) as bot:
                for job in JOBS:
                    bot.wait_for_runs(job, 3)
                wait_until(
                    lambda: len([it for it in bot.runs("changing-intervals") if it["intervals"] == [2]]) >= 2,
                    lambda: f"the other interval\n{bot.last_words()}",
                )
                wait_until(lambda: len(self.values("own.slow")) >= 2, lambda: f"values\n{bot.last_words()}")
                self.terminated = time.time()
                self.exit_code = bot.terminate()
                self.left_processes = bot.has_left_processes()
                self.log, self.runs, self.last_words = bot.log(), bot.runs(), bot.last_words()
        finally:
            self.backend.stop()

    def values(self, path):
        return [value for value in self.backend.values() if value.path == path]

    def runs_of(self, job):
        return [run for run in self.runs if run["job"] == job]


JOBS = [
    "two-arguments",
    "returns",
    "returns-rows",
    "yields",
    "coroutine",
    "async-yields",
    "failing-coroutine",
    "returns-something-else",
    "sends-then-fails",
    "exits",
    "slow",
    "restless",
]


def test_every_way_of_giving_values_works(course):
    given = {value.path: value.value for value in course.backend.values() if value.path != "own.slow"}
    assert given == {
        "own.two-arguments": 1,
        "own.of-a-dict": 1.5,
        "own.returns": 2,
        "own.returns-rows": 3,
        "own.yields.first": 4,
        "own.yields.second": 5,
        "own.coroutine.sent": 6,
        "own.coroutine.returned": 7,
        "own.async-yields": 8,
        "own.sends-then-fails": 9,
    }
    assert {value.account for value in course.backend.values()} == {course.account}


def test_each_value_carries_the_second_of_its_run(course):
    times = collections.defaultdict(list)
    for value in course.backend.values():
        times[value.path].append(value.t)
    for path, stamps in times.items():
        assert all(stamp == int(stamp) for stamp in stamps), path
        assert len(set(stamps)) == len(stamps), f"{path} has one value a second"
    for value in course.values("own.slow"):
        # What it measured is its end, 2.5 s after the second at which it was due.
        assert value.value - value.t >= 2.5


@pytest.mark.parametrize("job", ["interval None", "interval 0", "interval negative", "no interval"])
def test_an_interval_that_is_none_is_named_once_and_the_rest_runs(course, job):
    named = [line for line in course.log.splitlines() if f'"{job}"' in line]
    assert len(named) == 1, named
    assert named[0].startswith("WARNING root ")
    assert "interval" in named[0].split(":", 1)[1]
    assert "Error refreshing jobs." not in course.log


def test_a_job_whose_intervals_changed_runs_at_the_new_ones(course):
    intervals = [run["intervals"] for run in course.runs_of("changing-intervals")]
    assert intervals == sorted(intervals)
    assert [1] in intervals and [2] in intervals


def test_a_job_never_overlaps_itself(course):
    times = [run["time"] for run in course.runs_of("slow")]
    assert all(later - earlier >= 2.5 for earlier, later in zip(times, times[1:]))


def test_what_a_job_raises_is_logged_with_its_traceback(course):
    for words in ("LookupError: the coroutine lost its way", "ValueError: only after sending"):
        assert words in course.log
    assert "in by_failing_coroutine" in course.log
    assert "in by_sending_then_failing" in course.log
    assert 'ERROR apscheduler.executors.iaexecutor Job "by_exiting" raised an exception' in course.log


def test_sigterm_ends_it_after_the_runs_that_go_on(course):
    assert course.exit_code == 0, course.last_words
    assert not course.left_processes
    assert "Got exit signal, exiting." in course.log
    slow = course.runs_of("slow")
    assert len(course.values("own.slow")) == len(slow), "the run under way was waited for and its value delivered"


def test_the_token_is_never_shown(course):
    assert course.backend.token not in course.log
