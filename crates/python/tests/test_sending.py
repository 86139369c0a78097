"""`send_results_to_grafolean` outside of any run, and the trigger that stands beside the collector."""

import math
import time

import pytest

from question import ask


@pytest.fixture
def account(backend):
    return backend.inventory.account()


def test_values_arrive(package, backend, account, tmp_path):
    before = time.time()
    answer = ask(package, backend, tmp_path, "send", account, [{"p": "a.b", "v": 1}, {"p": "a.c", "v": 2.5}])
    assert answer.given is None and answer.raised == ""
    arrived = backend.values()
    assert [(value.account, value.path, value.value) for value in arrived] == [
        (account, "a.b", 1),
        (account, "a.c", 2.5),
    ]
    if package.ours:
        assert all(math.floor(before) <= value.t <= time.time() for value in arrived)


@pytest.mark.parametrize("nothing", [[], {}])
def test_nothing_to_send_is_a_warning(package, backend, account, tmp_path, nothing):
    answer = ask(package, backend, tmp_path, "send", account, nothing)
    assert answer.raised == ""
    assert "WARNING root No results available to be sent to Grafolean, skipping." in answer.log
    assert backend.requests() == []


def test_a_failure_raises_nothing(package, backend, account, tmp_path):
    backend.rule = lambda method, path: 503
    answer = ask(package, backend, tmp_path, "send", account, [{"p": "a.b", "v": 1}])
    assert answer.raised == ""
    if not package.ours:
        assert "Error sending data to Grafolean" in answer.log


def test_what_could_not_be_sent_is_sent_by_the_next_start(ours, backend, account, tmp_path):
    backend.rule = lambda method, path: 503
    ask(ours, backend, tmp_path, "send", account, [{"p": "a.b", "v": 1}])
    assert backend.values() == []
    backend.rule = lambda method, path: None
    ask(ours, backend, tmp_path, "send", account, [{"p": "a.c", "v": 2}])
    assert {(value.path, value.value) for value in backend.values()} == {("a.b", 1), ("a.c", 2)}


def test_a_dict_of_paths_and_values_is_taken(ours, backend, account, tmp_path):
    ask(ours, backend, tmp_path, "send", account, {"a.b": 1, "a.c": "2.5"})
    assert {(value.path, value.value) for value in backend.values()} == {("a.b", 1), ("a.c", 2.5)}


def test_one_bad_value_never_keeps_the_others(ours, backend, account, tmp_path):
    # JSON as Python reads it knows NaN.
    odd = [float("nan"), float("inf"), None, True, "text", [1], {}]
    values = [{"p": "good.first", "v": 1}, *({"p": f"bad.{n}", "v": v} for n, v in enumerate(odd))]
    values += [{"p": "not a path\n", "v": 1}, {"p": None, "v": 1}, {"v": 1}, "text", {"p": "good.last", "v": "2"}]
    answer = ask(ours, backend, tmp_path, "send", account, values)
    assert answer.raised == ""
    assert {(value.path, value.value) for value in backend.values()} == {("good.first", 1), ("good.last", 2)}
    for n in range(len(odd)):
        assert f"bad.{n}" in answer.log, "each is named"


def test_a_bad_time_or_a_number_beyond_all_costs_itself(ours, backend, account, tmp_path):
    answer = ask(ours, backend, tmp_path, "send_odd", account)
    assert answer.raised == ""
    assert {value.path for value in backend.values()} == {"odd.good", "odd.of-a-subclass", "odd.of-its-own-time"}
    assert {value.t for value in backend.values("of-its-own-time")} == {1_600_000_000.5}
    for name in ("huge", "time", "time-that-is-none", "conversion", "huge-in-a-dict"):
        assert f"odd.{name}'" in answer.log, f"{name} is named"
    assert "odd.surrogate" in answer.log


def test_the_trigger_fires_at_multiples_of_its_intervals(package, backend, tmp_path):
    start = 1_600_000_000
    given = ask(package, backend, tmp_path, "trigger", [3, 2, 3], start, 8).given
    moments = given["moments"]
    assert 0 <= given["late"] <= 2
    assert moments == [moment for moment in range(moments[0], moments[-1] + 1) if moment % 2 == 0 or moment % 3 == 0]


def test_a_trigger_without_intervals_is_refused(package, backend, tmp_path):
    assert ask(package, backend, tmp_path, "trigger", [], None, 1).raised == "Exception"
