"""A bot that uses what is ours beyond the established package: each job function has another form."""

import asyncio
import logging
import os
import time

from established import note
from grafoleancollector import Collector, send_results_to_grafolean

ACCOUNT = int(os.environ.get("ACCOUNT", "0"))
VALUES_FILE = os.environ.get("VALUES_FILE")


def send(params, values):
    send_results_to_grafolean(params["backend_url"], params["bot_token"], params["account_id"], values)


def by_two_arguments(affecting_intervals, **params):
    note("two-arguments", affecting_intervals)
    send(params, {"own.two-arguments": 1, "own.of-a-dict": 1.5})


def by_return(affecting_intervals, **params):
    note("returns", affecting_intervals)
    return {"own.returns": 2}


def by_returned_rows(*args, **params):
    note("returns-rows", *args)
    return [{"p": "own.returns-rows", "v": 3}]


def by_yield(affecting_intervals, **params):
    note("yields", affecting_intervals)
    yield {"own.yields.first": 4}
    yield [{"p": "own.yields.second", "v": 5}]


async def by_coroutine(affecting_intervals, **params):
    note("coroutine", affecting_intervals)
    await asyncio.sleep(0.01)
    send(params, {"own.coroutine.sent": 6})
    return {"own.coroutine.returned": 7}


async def by_async_yield(affecting_intervals, **params):
    note("async-yields", affecting_intervals)
    yield {"own.async-yields": 8}
    await asyncio.sleep(0.01)


async def by_failing_coroutine(affecting_intervals, **params):
    note("failing-coroutine", affecting_intervals)
    await asyncio.sleep(0)
    raise LookupError("the coroutine lost its way")


def by_something_else(affecting_intervals, **params):
    note("returns-something-else", affecting_intervals)
    return 42


def by_sending_then_failing(affecting_intervals, **params):
    note("sends-then-fails", affecting_intervals)
    send(params, {"own.sends-then-fails": 9})
    raise ValueError("only after sending")


def by_exiting(affecting_intervals, **params):
    note("exits", affecting_intervals)
    raise SystemExit(3)


def slowly(affecting_intervals, **params):
    note("slow", affecting_intervals)
    time.sleep(2.5)
    return {"own.slow": time.time()}


def changing_intervals(affecting_intervals, **params):
    note("changing-intervals", affecting_intervals)


def restless(affecting_intervals, **params):
    note("restless", affecting_intervals)


FUNCTIONS = [
    by_two_arguments,
    by_return,
    by_returned_rows,
    by_yield,
    by_coroutine,
    by_async_yield,
    by_failing_coroutine,
    by_something_else,
    by_sending_then_failing,
    by_exiting,
    slowly,
]


class OwnBot(Collector):
    # One of the functions takes longer than its interval.
    deadline = 30
    refreshes = 0

    def jobs(self):
        self.refreshes += 1
        params = {"backend_url": self.backend_url, "bot_token": self.bot_token, "account_id": ACCOUNT}
        for function in FUNCTIONS:
            yield function.__name__, [1], function, params, 0
        yield "interval None", [None], by_return, params
        yield "interval 0", [0], by_return, params
        yield "interval negative", [-5], by_return, params
        yield "no interval", [], by_return, params
        # The same data: only the intervals tell that it changed.
        yield "changing", [1] if self.refreshes < 4 else [2], changing_intervals, params, 0
        # It has other data each time it is asked for, and runs all the same.
        yield "restless", [1], restless, params | {"refresh": self.refreshes}, 0


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    # With the slash and the newline that a shell script leaves.
    OwnBot(os.environ["BACKEND_URL"], os.environ["BOT_TOKEN"], 1).execute()
