"""Log lines reach whatever logging is configured, and whenever."""

import pytest


@pytest.mark.parametrize("configured", ["early", "late"])
def test_logging_that_is_configured_after_the_bot_was_made_silences_nothing(ours, backend, start, configured):
    bot = start(ours, "logged.py", CONFIGURED=configured)
    for words in ("what a job raised", "what a job in a thread raised"):
        bot.wait_for_log(f"ValueError: {words}")
    # Its level was another when the engine began.
    bot.wait_for_log("DEBUG grafoleancollector.engine.run")
    assert bot.terminate() == 0
    assert 'ERROR apscheduler.executors.iaexecutor Job "raises" raised an exception' in bot.log()
