"""A bot written for the established package lives the same life on it and on ours."""

import collections

import pytest

from course import Course

# How late a run may begin on a busy machine without being taken for one of another second.
LATENESS_SECONDS = 1.9


@pytest.fixture(scope="module")
def course(package, tmp_path_factory):
    return Course(package, tmp_path_factory.mktemp(package.name))


def causes(second, intervals, start):
    return [interval for interval in intervals if (second - start) % interval == 0]


def due_second(run, intervals, start):
    """Gives the latest second before a run at which just the intervals that it was told were due."""
    second = int(run["time"])
    while causes(second, intervals, start) != sorted(run["intervals"]):
        second -= 1
        assert run["time"] - second < 2 * max(intervals), f"{run} was never due"
    return second


def test_values_arrive_for_their_account_and_path(course):
    arrived = collections.defaultdict(set)
    for value in course.backend.values():
        arrived[value.account, value.path].add(value.value)
    assert arrived == {
        course.path("steady"): {1.0},
        course.path("elsewhere"): {2.5},
        course.path("aligned"): {3.0},
        course.path("coinciding"): {4.0},
        course.path("unaligned"): {5.0},
        course.path("changing"): {7.0, 70.0},
        course.path("vanishing"): {8.0},
        course.path("own-interval"): {9.0},
    }


def test_every_run_that_sends_gives_one_value(course):
    runs = collections.Counter(run["job"] for run in course.runs if run["job"] != "failing")
    arrived = collections.Counter(value.path.rsplit(".", 1)[1] for value in course.backend.values())
    for job, number in runs.items():
        # The last run may have been under way when Ctrl-C was pressed.
        assert number - 1 <= arrived[job] <= number, job


@pytest.mark.parametrize("job, interval, start", [("steady", 1, 0), ("aligned", 3, 1_600_000_001), ("failing", 1, 0)])
def test_an_aligned_job_runs_at_its_start_and_multiples_of_its_interval(course, job, interval, start):
    runs = course.runs_of(job)
    dues = [due_second(run, [interval], start) for run in runs]
    assert all(run["time"] - due < LATENESS_SECONDS for run, due in zip(runs, dues))
    assert all(run["intervals"] == [interval] for run in runs)


def test_coinciding_intervals_give_one_run_that_is_told_both(course):
    runs = course.runs_of("coinciding")
    dues = [due_second(run, [2, 3], 0) for run in runs]
    assert len(set(dues)) == len(dues), "one run for each second"
    assert all(run["time"] - due < LATENESS_SECONDS for run, due in zip(runs, dues))
    told = {tuple(sorted(run["intervals"])) for run in runs}
    assert told == {(2,), (3,), (2, 3)}


def test_a_job_without_a_start_first_runs_within_its_interval_and_keeps_its_rhythm(course):
    for job in ("unaligned", "own-interval"):
        times = [run["time"] for run in course.runs_of(job)]
        begun = min(request.time for request in course.backend.requests(pattern="^/profile$"))
        assert times[0] - begun < 2 + 2 * LATENESS_SECONDS
        # Seconds between two runs are the interval or, where one was dropped, a multiple of it.
        gaps = [(later - earlier) / 2 for earlier, later in zip(times, times[1:])]
        assert all(abs(gap - round(gap)) < LATENESS_SECONDS / 4 for gap in gaps), gaps


def test_a_changed_job_runs_with_what_it_was_changed_to(course):
    values = [run["value"] for run in course.runs_of("changing")]
    assert values == sorted(values)
    assert set(values) == {7, 70}


def test_a_removed_job_stops_and_the_others_go_on(course):
    last = course.runs_of("vanishing")[-1]["time"]
    assert len([run for run in course.runs_of("steady") if run["time"] > last]) >= 4
    assert course.others_after_vanishing[0]["time"] > last


def test_a_failing_job_comes_again_and_hurts_nobody(course):
    assert len(course.runs_of("failing")) >= 3
    assert 'ERROR apscheduler.executors.iaexecutor Job "' in course.log
    assert "raised an exception" in course.log
    assert "RuntimeError: the gauge spoke nonsense" in course.log
    assert "in measure" in course.log, "the traceback"


def test_running_jobs_go_on_while_the_backend_is_down(course):
    assert "Error refreshing jobs." in course.log
    assert all(len(runs) >= 3 for runs in course.runs_while_away.values())


def test_ctrl_c_ends_it(course):
    assert "Got exit signal, exiting." in course.log
    assert course.exit_code == 0


def test_known_jobs_hold_the_parameters_of_each(course):
    account, path = course.path("steady")
    steady = next(data for data in course.known_jobs.values() if data["job"] == "steady")
    assert len(course.known_jobs) == 9
    assert steady == {
        "job": "steady",
        "intervals": [1],
        "start_ts": 0,
        "value": 1,
        "backend_url": course.backend.url,
        "bot_token": course.backend.token,
        "account_id": account,
        "entity_id": int(path.split(".")[1]),
        "credential_details": {"of": "steady"},
    }


def test_it_learns_of_accounts_entities_credentials_and_sensors_alone(course):
    asked = {request.path.split("/")[3] for request in course.backend.requests("GET", "^/accounts/[0-9]+/")}
    assert asked == {"entities", "credentials", "sensors"}
    ours = {"PUT", "POST"} if course.package.ours else {"POST"}
    assert {request.method for request in course.backend.requests()} - {"GET"} <= ours


def test_values_of_ours_carry_the_second_at_which_they_were_due(course):
    values = {job: [it for it in course.backend.values(f"gauge[.]{job}$")] for job in course.places}
    if not course.package.ours:
        assert all(value.t is None for value in course.backend.values())
        return
    assert all(value.t % 1 == 0 for value in course.backend.values())
    assert all((value.t - 1_600_000_001) % 3 == 0 for value in values["aligned"])
    assert all(value.t % 2 == 0 or value.t % 3 == 0 for value in values["coinciding"])
    assert len({value.t for value in values["steady"]}) == len(values["steady"])
