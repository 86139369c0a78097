"""A start while the backend is away: what it said last is used."""

import pytest

from backend import CLOSE, attachment
from bot_process import wait_until


def set_up(backend, job="durable"):
    account = backend.inventory.account()
    credential = backend.inventory.credential(account, "gauge", {"community": "a secret of the device"})
    sensor = backend.inventory.sensor(account, "gauge", {"job": job, "value": 1, "intervals": [1], "start_ts": 0})
    backend.inventory.entity(account, job, {"gauge": attachment(credential, sensor)})


@pytest.mark.parametrize("away", [503, CLOSE])
def test_a_start_while_the_backend_is_away_goes_on_with_what_it_said_last(ours, backend, start, away):
    set_up(backend)
    bot = start(ours, "established.py")
    bot.wait_for_runs("durable", 1)
    bot.end_by_force()
    kept = next(bot.data.rglob("last-good.json"))
    assert kept.stat().st_mode & 0o077 == 0, "it holds credentials"
    backend.rule = lambda method, path: away
    again = start(ours, "established.py")
    after = bot.runs()[-1]["time"]
    runs = again.wait_for_runs("durable", 2, after=after)
    assert "The backend is away, the bot starts all the same" in again.log()
    assert "The backend is away, the last good configuration is used" in again.log()
    backend.rule = lambda method, path: None
    second = int(runs[-1]["time"])
    wait_until(lambda: {second, second - 1} & {it.t for it in backend.values("durable")}, "the values of that time")


def test_a_token_that_is_refused_is_no_reason_to_use_it(ours, backend, start):
    set_up(backend)
    bot = start(ours, "established.py")
    bot.wait_for_runs("durable", 1)
    bot.end_by_force()
    backend.rule = lambda method, path: 401
    again = start(ours, "established.py")
    assert again.wait() == 1
    assert "got status 401" in again.log()


def test_a_damaged_one_is_not_used(ours, backend, start):
    set_up(backend)
    bot = start(ours, "established.py")
    bot.wait_for_runs("durable", 1)
    bot.end_by_force()
    kept = next(bot.data.rglob("last-good.json"))
    content = bytearray(kept.read_bytes())
    content[-20] ^= 1
    kept.write_bytes(content)
    backend.rule = lambda method, path: 503
    again = start(ours, "established.py")
    assert again.wait() == 1
    assert "is damaged and not used" in again.log()
