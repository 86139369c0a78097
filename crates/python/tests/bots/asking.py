"""Asks the package one thing and prints what came of it as JSON: what was given, or the exception.

Arguments: what to ask, then a JSON list of arguments for it.
"""

import datetime
import json
import logging
import os
import sys

from grafoleancollector import Collector, send_results_to_grafolean
from grafoleancollector.collector import MultipleIntervalsTrigger

URL, TOKEN = os.environ["BACKEND_URL"], os.environ["BOT_TOKEN"]


class Idle(Collector):
    def jobs(self):
        return iter(())


def attributes():
    bot = Idle(URL, TOKEN, 30)
    names = ["backend_url", "bot_token", "jobs_refresh_interval", "user_id", "known_jobs"]
    return {name: getattr(bot, name) for name in names}


def job_configs(protocol):
    return list(Idle(URL, TOKEN, 30).fetch_job_configs(protocol))


def job_configs_are_a_generator(protocol):
    configs = Idle(URL, TOKEN, 30).fetch_job_configs(protocol)
    return iter(configs) is configs


def send(account_id, values):
    return send_results_to_grafolean(URL, TOKEN, account_id, values)


class Unconvertible:
    def __float__(self):
        raise RuntimeError("no number today")

    def __repr__(self):
        raise RuntimeError("nor a text")


class Text(str):
    """As names that come from other libraries."""


def send_odd(account_id):
    """Sends values of which some are no numbers, or of no time, together with good ones."""
    now = datetime.datetime.now()
    values = [
        {"p": "odd.good", "v": 1},
        {"p": "odd.huge", "v": 10**400},
        {"p": "odd.time", "v": 1, "t": now},
        {"p": "odd.time-that-is-none", "v": 1, "t": float("nan")},
        {"p": "odd.conversion", "v": Unconvertible()},
        {"p": "odd.surrogate\ud800", "v": 1},
        {"p": "odd.of-its-own-time", "v": 1, "t": 1_600_000_000.5},
    ]
    send_results_to_grafolean(URL, TOKEN, account_id, values)
    send_results_to_grafolean(URL, TOKEN, account_id, {Text("odd.of-a-subclass"): 1, "odd.huge-in-a-dict": 10**5000})


def trigger(intervals, start_ts, number):
    """Gives so many firing times from now on, with the intervals that caused each, relative to the start."""
    trigger = MultipleIntervalsTrigger(intervals, start_ts=start_ts)
    now = datetime.datetime.now(datetime.timezone.utc)
    first = previous = trigger.get_next_fire_time(None, now)
    moments = []
    for _ in range(number):
        moments.append(int(previous.timestamp()) - start_ts)
        previous = trigger.get_next_fire_time(previous, previous + datetime.timedelta(seconds=0.5))
    return {"moments": moments, "late": (first - now).total_seconds()}


def main():
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    ask, arguments = sys.argv[1], json.loads(sys.argv[2])
    try:
        answer = {"given": globals()[ask](*arguments)}
    except Exception as error:
        answer = {"raised": type(error).__name__, "message": str(error), "is_exception": isinstance(error, Exception)}
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
