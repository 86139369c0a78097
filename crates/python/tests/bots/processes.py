"""A bot whose functions run in processes of their own; one of them kills its process each time."""

import logging
import multiprocessing
import os

from established import note
from grafoleancollector import Collector, send_results_to_grafolean


class ComputingBot(Collector):
    def jobs(self):
        params = {
            "backend_url": self.backend_url,
            "bot_token": self.bot_token,
            "account_id": int(os.environ["ACCOUNT"]),
        }
        params["parent"] = os.getpid()
        yield "computing", [1], self.compute, params, 0
        yield "dying", [1], self.die, params, 0
        yield "failing", [1], self.fail, params, 0

    @staticmethod
    def compute(*args, **params):
        note("computing", *args, parent=params["parent"])
        total = sum(range(10_000))
        values = [{"p": "computed", "v": total}]
        send_results_to_grafolean(params["backend_url"], params["bot_token"], params["account_id"], values)

    @staticmethod
    def die(*args, **params):
        note("dying", *args)
        os._exit(3)

    @staticmethod
    def fail(*args, **params):
        note("failing", *args)
        raise ArithmeticError("it does not add up")


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    multiprocessing.set_start_method(os.environ["START_METHOD"])
    ComputingBot(os.environ["BACKEND_URL"], os.environ["BOT_TOKEN"], 5, workers=("process", 2)).execute()
