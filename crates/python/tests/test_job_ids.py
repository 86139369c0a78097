"""Jobs by their ids: two of one id are named with their devices, and what is in one is what is in it now."""

from bot_process import wait_until


def test_two_jobs_of_one_id_are_named_with_their_devices_and_the_mend(ours, backend, start):
    account = backend.inventory.account()
    first = backend.inventory.device(account, "gauge", name="router in the cellar")
    second = backend.inventory.device(account, "gauge", name="router in the attic")
    bot = start(ours, "duplicates.py")
    bot.wait_for_runs(f"entity {first}", 3)
    assert bot.runs(f"entity {second}") == []
    (named,) = [line for line in bot.log().splitlines() if 'Job "gauge"' in line]
    assert f'"router in the cellar" (entity {first} of account {account})' in named
    assert f'"router in the attic" (entity {second} of account {account})' in named
    assert "Give each job an id of its own" in named
    # An id counts as the text that it is.
    assert len([line for line in bot.log().splitlines() if 'Job "1" is named twice' in line]) == 1


def test_data_that_changed_within_is_seen_by_the_next_run(ours, backend, start):
    bot = start(ours, "duplicates.py")
    wait_until(lambda: len({run["seen"] for run in bot.runs("looks")}) >= 3, bot.last_words)
