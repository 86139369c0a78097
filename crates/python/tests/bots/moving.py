"""The jobs of a bot that computes their starts from the present time, at each refresh anew. `DATA` may move too."""

import logging
import os
import time

from established import note
from grafoleancollector import Collector


def run(*args, **params):
    note(params["label"], *args)


class MovingBot(Collector):
    def jobs(self):
        now = int(time.time())
        for label, interval, first in (("often", 3, 0), ("seldom", 6, 1), ("late", 6, 5)):
            data = {"label": label}
            if os.environ.get("DATA") == "moves":
                data["refreshed"] = now
            yield label, [interval], run, data, now + first - interval


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    MovingBot(os.environ["BACKEND_URL"], os.environ["BOT_TOKEN"], 2).execute()
