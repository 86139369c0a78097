"""A bot whose logging is configured after it was made, which by default silences loggers that are there already."""

import logging.config
import os

from grafoleancollector import Collector, job


def raises(affecting_intervals, **params):
    raise ValueError("what a job raised")


@job(workers="thread")
def raises_in_a_thread(affecting_intervals, **params):
    raise ValueError("what a job in a thread raised")


class LoggedBot(Collector):
    def jobs(self):
        yield "raises", [1], raises, {}
        yield "raises_in_a_thread", [1], raises_in_a_thread, {}
        if os.environ["CONFIGURED"] == "late":
            logging.config.dictConfig(CONFIGURATION)


CONFIGURATION = {
    "version": 1,
    "formatters": {"plain": {"format": "%(levelname)s %(name)s %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["stderr"], "level": "DEBUG"},
}

if __name__ == "__main__":
    bot = LoggedBot(os.environ["BACKEND_URL"], os.environ["BOT_TOKEN"], 1)
    if os.environ["CONFIGURED"] == "early":
        logging.config.dictConfig(CONFIGURATION)
    bot.execute()
