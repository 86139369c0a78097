"""`python -m grafoleancollector run FILE`."""

from bot_process import wait_until

RUN = ["-m", "grafoleancollector", "run"]


def test_once_does_every_job_once_and_delivers(ours, backend, start):
    account = backend.inventory.account()
    bot = start(ours, "defined.py", arguments=[*RUN, "--once"], ACCOUNT=account)
    assert bot.wait() == 0, bot.log()
    given = {(value.account, value.path, value.value) for value in backend.values()}
    assert given == {(account, "defined.returned", 2), (account, "defined.sent", 2), (account, "defined.coroutine", 3)}
    assert len(backend.values()) == 3


def test_once_ends_with_status_1_when_a_job_failed(ours, backend, start):
    bot = start(ours, "defined.py", arguments=[*RUN, "--once"], ACCOUNT=backend.inventory.account(), FAILS=1)
    assert bot.wait() == 1
    assert "ValueError: it does not work" in bot.log()
    assert len(backend.values()) == 3


def test_a_dry_run_prints_the_values_and_sends_nothing(ours, backend, start):
    account = backend.inventory.account()
    bot = start(ours, "defined.py", arguments=[*RUN, "--dry-run"], ACCOUNT=account)
    assert bot.wait() == 0, bot.log()
    for words in ("defined.returned = 2.0", "defined.sent = 2.0", "defined.coroutine = 3.0"):
        assert f"account {account}  {words}  at " in bot.log()
    assert backend.values() == []
    assert {request.method for request in backend.requests()} == {"GET"}


def test_a_bot_that_is_only_defined_is_run_until_it_is_told_to_stop(ours, backend, start):
    bot = start(ours, "defined.py", arguments=RUN, ACCOUNT=backend.inventory.account(), INTERVALS="[1]")
    wait_until(lambda: len(backend.values("defined.returned")) >= 2, lambda: bot.log())
    assert bot.terminate() == 0, bot.log()
    assert "Got exit signal, exiting." in bot.log()


def test_a_bot_that_executes_itself_is_run_once(ours, backend, start):
    account = backend.inventory.account()
    entity = backend.inventory.device(account, "gauge", sensor={"job": "any", "value": 5}, interval=300)
    bot = start(ours, "established.py", arguments=[*RUN, "--once"])
    assert bot.wait() == 0, bot.log()
    assert {(it.account, it.path, it.value) for it in backend.values()} == {(account, f"entity.{entity}.gauge.any", 5)}


def test_what_is_missing_is_named(ours, backend, start, tmp_path):
    bot = start(ours, "defined.py", arguments=RUN, ACCOUNT=1, BOT_TOKEN="")
    assert bot.wait() == 1
    assert "bot_token is not set: give --bot-token TOKEN, or BOT_TOKEN in the environment" in bot.log()
    empty = tmp_path / "empty.py"
    empty.write_text("", encoding="utf-8")
    bot = start(ours, empty, folder="empty", arguments=RUN)
    assert bot.wait() == 1
    assert "expected one Collector, found none" in bot.log()


def test_the_version_is_known(ours, backend, start, tmp_path):
    bot = start(ours, "defined.py", arguments=["-m", "grafoleancollector", "--version"], ACCOUNT=1)
    assert bot.wait() == 0
    script = tmp_path / "version.py"
    script.write_text("import grafoleancollector; print('grafoleancollector', grafoleancollector.__version__)")
    other = start(ours, script, folder="other")
    assert other.wait() == 0
    assert other.log() == bot.log()
