"""A course of events that a bot lives through once, while all is recorded: many tests look at one recording."""

import json
import time

from backend import Backend, attachment
from bot_process import BotProcess, wait_until


class Course:
    """Two accounts, jobs of every kind, and what happens to them: the record of one bot's life."""

    def __init__(self, package, folder):
        self.package = package
        self.backend = Backend()
        try:
            self._set_up()
            with BotProcess(
                package,
                "established.py",
                self.backend,
                folder,
                KNOWN_JOBS_FILE=str(folder / "known"),
                JOBS_REFRESH_INTERVAL=2,
            ) as bot:
                self._live(bot, folder)
                # The established package takes an interrupt amid a refresh for a failure of that refresh.
                wait_until(self._is_between_refreshes, "a pause between refreshes")
                self.exit_code = bot.interrupt()
                self.log = bot.log()
                self.runs = bot.runs()
        finally:
            self.backend.stop()

    def runs_of(self, job):
        """Gives the runs of one job, in order."""
        return [run for run in self.runs if run["job"] == job]

    def path(self, job):
        """Gives account and path under which a job's values belong."""
        return self.places[job]

    def _set_up(self):
        inventory = self.backend.inventory
        self.here, self.there = inventory.account("Here"), inventory.account("There")
        self.places, self.sensors = {}, {}
        self._gauge(self.here, "steady", intervals=[1], start_ts=0, value=1)
        self._gauge(self.there, "elsewhere", intervals=[1], start_ts=0, value=2.5)
        self._gauge(self.here, "aligned", intervals=[3], start_ts=1_600_000_001, value=3)
        self._gauge(self.here, "coinciding", intervals=[2, 3], start_ts=0, value=4)
        self._gauge(self.here, "unaligned", intervals=[2], value=5)
        self._gauge(self.here, "failing", intervals=[1], start_ts=0, value=6, fails=True)
        self._gauge(self.here, "changing", intervals=[1], start_ts=0, value=7)
        self._gauge(self.here, "vanishing", intervals=[1], start_ts=0, value=8)
        # Its sensor names no intervals: those of the entity count.
        self._gauge(self.here, "own-interval", interval=2, value=9)

    def _gauge(self, account, job, interval=None, **details):
        inventory = self.backend.inventory
        credential = inventory.credential(account, "gauge", {"of": job})
        sensor = inventory.sensor(account, "gauge", {"job": job, **details})
        entity = inventory.entity(account, job, {"gauge": attachment(credential, (sensor, interval))})
        self.places[job] = account, f"entity.{entity}.gauge.{job}"
        self.sensors[job] = account, sensor, entity, credential

    def _live(self, bot, folder):
        for job in self.places:
            bot.wait_for_runs(job, 3)
        wait_until(lambda: (folder / "known").read_text(encoding="utf-8").startswith('{"'), "jobs to be known")
        self.known_jobs = json.loads((folder / "known").read_text(encoding="utf-8"))

        account, sensor, *_ = self.sensors["changing"]
        self.backend.inventory.change_sensor(account, sensor, value=70)
        wait_until(lambda: self._has("changing", 70), lambda: f"the changed job\n{bot.last_words()}")

        account, _, entity, credential = self.sensors["vanishing"]
        self.backend.inventory.attach(account, entity, "gauge", attachment(credential))
        self.others_after_vanishing = wait_until(
            lambda: self._steady_since_last_of(bot, "vanishing"), lambda: f"the job to vanish\n{bot.last_words()}"
        )

        self.backend.rule = lambda method, path: 503 if method == "GET" else None
        before = bot.log().count("Error refreshing jobs.")
        wait_until(lambda: bot.log().count("Error refreshing jobs.") > before, lambda: f"an error\n{bot.last_words()}")
        begun = max(run["time"] for run in bot.runs())
        self.runs_while_away = {job: bot.wait_for_runs(job, 3, after=begun) for job in ("steady", "elsewhere")}
        self.backend.rule = lambda method, path: None
        asked = len(self.backend.requests("GET"))
        wait_until(
            lambda: any(it.status == 200 for it in self.backend.requests("GET")[asked:]),
            lambda: f"the bot to read the configuration again\n{bot.last_words()}",
        )
        wait_until(lambda: self._has("steady", 1, more_than=8), lambda: f"values\n{bot.last_words()}")

    def _is_between_refreshes(self):
        return 0.4 < time.time() - self.backend.requests("GET")[-1].time < 1

    def _has(self, job, value, more_than=0):
        account, path = self.places[job]
        found = [it for it in self.backend.values() if (it.account, it.path, it.value) == (account, path, value)]
        return len(found) > more_than

    def _steady_since_last_of(self, bot, job):
        last = max(run["time"] for run in bot.runs(job))
        since = [run for run in bot.runs("steady") if run["time"] > last + 0.5]
        return since if len(since) >= 4 else None
