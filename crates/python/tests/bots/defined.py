"""A bot that is defined and not executed: the command does that."""

import json
import os

from grafoleancollector import Collector, send_results_to_grafolean

ACCOUNT = int(os.environ["ACCOUNT"])
INTERVALS = json.loads(os.environ.get("INTERVALS", "[60, 3600]"))


def returns(affecting_intervals, **params):
    return {"defined.returned": len(affecting_intervals)}


def sends(affecting_intervals, **params):
    send_results_to_grafolean(params["backend_url"], params["bot_token"], ACCOUNT, {"defined.sent": 2})


async def in_a_coroutine(affecting_intervals, **params):
    return {"defined.coroutine": 3}


def fails(affecting_intervals, **params):
    raise ValueError("it does not work")


class DefinedBot(Collector):
    def jobs(self):
        params = {"account_id": ACCOUNT, "backend_url": self.backend_url, "bot_token": self.bot_token}
        for function in (returns, sends, in_a_coroutine):
            yield function.__name__, INTERVALS, function, params
        if os.environ.get("FAILS"):
            yield "fails", INTERVALS, fails, params
