"""A bot that names two jobs alike, and one whose data is the same object with other content each time."""

import logging
import os

from established import note
from grafoleancollector import Collector


def measure(*args, **params):
    note(f"entity {params['entity_id']}", *args)


def looks(*args, **params):
    note("looks", *args, seen=params["shared"]["refreshes"])


class DuplicatesBot(Collector):
    shared = {"refreshes": 0}

    def jobs(self):
        self.shared["refreshes"] += 1
        for entity in self.fetch_job_configs("gauge"):
            yield "gauge", [1], measure, {"entity_id": entity["entity_id"], "account_id": entity["account_id"]}
        yield "1", [1], looks, {"shared": self.shared}
        yield 1, [1], looks, {"shared": self.shared, "bot_token": self.bot_token}


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    DuplicatesBot(os.environ["BACKEND_URL"], os.environ["BOT_TOKEN"], 1).execute()
