"""A backend that is away, hangs, or lacks a thing: jobs go on, and every value arrives with its second."""

import pytest

from backend import CLOSE, HANG, attachment
from bot_process import wait_until


@pytest.fixture
def gauge(backend):
    """Gives a function that sets up a device with one sensor, and gives its sensor."""
    account = backend.inventory.account()

    def gauge(job, **details):
        credential = backend.inventory.credential(account, "gauge")
        sensor = backend.inventory.sensor(account, "gauge", {"job": job, "value": 1, "intervals": [1], **details})
        backend.inventory.entity(account, job, {"gauge": attachment(credential, sensor)})
        return credential

    return gauge


def seconds_of(backend, job):
    return {value.t for value in backend.values(f"gauge[.]{job}$")}


@pytest.mark.parametrize("away", [503, CLOSE, HANG])
def test_a_kill_while_the_backend_is_away_loses_no_value(ours, backend, gauge, start, away):
    gauge("durable", start_ts=0)
    bot = start(ours, "established.py")
    bot.wait_for_runs("durable", 2)
    wait_until(lambda: len(seconds_of(backend, "durable")) >= 2, "values")
    backend.rule = lambda method, path: away
    begun = bot.runs("durable")[-1]["time"]
    runs = bot.wait_for_runs("durable", 5, after=begun)
    bot.end_by_force()
    # A job never overlaps itself: but for the last, each run was over.
    wanted = {int(run["time"]) for run in runs[:-2]}
    assert not wanted <= seconds_of(backend, "durable")

    backend.rule = lambda method, path: None
    with backend.inventory.lock:
        for account in backend.inventory.accounts.values():
            account["entities"] = []
    start(ours, "established.py")
    wait_until(
        lambda: len(_missing(wanted, seconds_of(backend, "durable"))) == 0,
        lambda: f"{sorted(wanted)}, of which are missing {_missing(wanted, seconds_of(backend, 'durable'))}",
    )
    assert {request.method for request in backend.requests(pattern="values")} == {"PUT"}


def _missing(wanted, arrived):
    """Gives the seconds of runs for which no value came; a run may begin in the second after its own."""
    return sorted(second for second in wanted if second not in arrived and second - 1 not in arrived)


def test_a_backend_that_hangs_stops_no_job(ours, backend, gauge, start):
    gauge("going-on", start_ts=0)
    bot = start(ours, "established.py")
    bot.wait_for_runs("going-on", 1)
    asked = len(backend.requests())
    backend.rule = lambda method, path: HANG
    wait_until(lambda: any(it.status == HANG for it in backend.requests("GET")[-5:]), "a request that hangs")
    runs = bot.wait_for_runs("going-on", 4, after=bot.runs()[-1]["time"])
    assert len(runs) >= 4 and len(backend.requests()) > asked
    assert bot.terminate() == 0, bot.last_words()
    assert not bot.has_left_processes()


def test_a_thing_that_is_gone_while_the_rest_is_read_stops_nobody(ours, backend, gauge, start):
    gauge("good", start_ts=0)
    gone = gauge("without-credential", start_ts=0)
    with backend.inventory.lock:
        (account,) = backend.inventory.accounts.values()
        account["credentials"] = [record for record in account["credentials"] if record["id"] != gone]
    bot = start(ours, "established.py")
    bot.wait_for_runs("good", 3)
    assert "Error refreshing jobs." not in bot.log()
    assert bot.runs("without-credential") == []
    assert "without-credential" in bot.log(), "it is named"


def test_an_account_that_is_refused_keeps_the_others(ours, backend, gauge, start):
    gauge("good", start_ts=0)
    other = backend.inventory.account("Not ours")
    backend.rule = lambda method, path: 403 if path.startswith(f"/accounts/{other}/") else None
    bot = start(ours, "established.py")
    bot.wait_for_runs("good", 2)
    assert bot.process.poll() is None


def test_ctrl_c_in_a_terminal_ends_it(ours, backend, gauge, start):
    gauge("any", start_ts=0)
    bot = start(ours, "established.py")
    bot.wait_for_runs("any", 1)
    assert bot.press_ctrl_c() == 0
    assert "Got exit signal, exiting." in bot.log()
    assert not bot.has_left_processes()
