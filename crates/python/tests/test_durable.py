"""What `send_results_to_grafolean()` returned from is kept, whatever becomes of the job, the thread or the process."""

import pytest

from bot_process import wait_until

ENDS = ["hangs", "hangs_in_a_thread", "yields_then_hangs", "yields_then_waits", "crashes", "exits"]
OUTLIVING = ["in_a_forked_child", "in_a_child_that_exits", "in_a_thread", "in_a_thread_with_context", "in_a_task"]


def paths(job):
    path = "durable." + job.replace("_", "-")
    return {f"{path}.1", f"{path}.2"} if job == "in_a_pool" else {path}


@pytest.mark.parametrize("jobs", [ENDS, OUTLIVING, ["in_a_pool"]], ids=["ends", "outliving", "pool"])
def test_what_was_sent_arrives_whatever_the_job_does_next(ours, backend, start, jobs):
    account = backend.inventory.account()
    bot = start(ours, "durable.py", more=jobs, ACCOUNT=account)
    wanted = set().union(*map(paths, jobs))

    def missing():
        return wanted - {value.path for value in backend.values("^durable[.]")}

    wait_until(lambda: not missing(), lambda: f"{missing()}\n{bot.log()[-3000:]}")
    assert bot.terminate() == 0, bot.last_words()
    assert "Traceback" not in bot.log() or jobs == ENDS


def test_a_kill_right_after_a_send_loses_nothing(ours, backend, start):
    account = backend.inventory.account()
    backend.rule = lambda method, path: 503 if path.endswith("/values") else None
    bot = start(ours, "durable.py", more=["hangs"], ACCOUNT=account)
    # It noted, sent, and hangs: the next run is another process, begun after the send returned.
    bot.wait_for_runs("hangs", 2)
    bot.end_by_force()
    backend.rule = lambda method, path: None
    start(ours, "durable.py", more=[], ACCOUNT=account)
    wait_until(lambda: backend.values("^durable[.]hangs$"), "the value")
