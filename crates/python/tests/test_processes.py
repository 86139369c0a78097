"""Workers that are processes, by each way of starting them: functions compute there, and one that dies is replaced."""

import pytest

from bot_process import wait_until


@pytest.mark.parametrize("start_method", ["fork", "spawn", "forkserver"])
def test_a_worker_that_dies_is_replaced_and_hurts_nobody(ours, backend, start, start_method):
    account = backend.inventory.account()
    bot = start(ours, "processes.py", ACCOUNT=account, START_METHOD=start_method)
    deaths = bot.wait_for_runs("dying", 4)
    # More have died than there ever were at a time.
    assert len({run["pid"] for run in deaths}) == len(deaths) > 2
    bot.wait_for_runs("failing", 3)
    computed = bot.wait_for_runs("computing", 3, after=deaths[2]["time"])
    assert all(run["pid"] != run["parent"] for run in computed)
    wait_until(lambda: len(backend.values("^computed$")) >= 3, lambda: f"values\n{bot.last_words()}")
    assert {value.value for value in backend.values()} == {49_995_000}
    assert all(value.t == int(value.t) for value in backend.values())
    assert bot.terminate() == 0, bot.last_words()
    wait_until(lambda: not bot.has_left_processes(), "the workers to end")
    log = bot.log()
    assert 'Job "dying" raised an exception: its worker process died with code 3' in log
    assert "ArithmeticError: it does not add up" in log and "in fail" in log, "the traceback of another process"
    assert "Got exit signal, exiting." in log
