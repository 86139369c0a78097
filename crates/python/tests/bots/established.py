"""A bot as they were always written: jobs made of what the backend has, a static function that measures and sends.

What a sensor's job shall do stands in the sensor's details, so that a test sets it up at the backend.
"""

import json
import logging
import os
import time

from grafoleancollector import Collector, send_results_to_grafolean

PROTOCOL = "gauge"


def note(job, intervals, **more):
    """Adds a line to the file of runs: one write, so that lines of several processes never mix."""
    line = (
        json.dumps({"job": job, "intervals": list(intervals), "time": time.time(), "pid": os.getpid(), **more}) + "\n"
    )
    file = os.open(os.environ["RUNS_FILE"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(file, line.encode())
    os.close(file)


class GaugeBot(Collector):
    def jobs(self):
        if os.environ.get("KNOWN_JOBS_FILE"):
            with open(os.environ["KNOWN_JOBS_FILE"], "w", encoding="utf-8") as file:
                json.dump(self.known_jobs, file)
        for entity in self.fetch_job_configs(PROTOCOL):
            for sensor in entity["sensors"]:
                details = sensor["sensor_details"]
                job_id = f"{entity['entity_id']}/{sensor['sensor_id']}"
                params = {
                    **details,
                    "backend_url": self.backend_url,
                    "bot_token": self.bot_token,
                    "account_id": entity["account_id"],
                    "entity_id": entity["entity_id"],
                    "credential_details": entity["credential_details"],
                }
                intervals = details.get("intervals") or [sensor["interval"]]
                if details.get("start_ts") is None:
                    yield job_id, intervals, self.measure, params
                else:
                    yield job_id, intervals, self.measure, params, details["start_ts"]

    @staticmethod
    def measure(*args, **params):
        (affecting_intervals,) = args
        note(params["job"], affecting_intervals, value=params["value"])
        if params.get("fails"):
            raise RuntimeError("the gauge spoke nonsense")
        path = f"entity.{params['entity_id']}.gauge.{params['job']}"
        values = [{"p": path, "v": params["value"]}]
        send_results_to_grafolean(params["backend_url"], params["bot_token"], params["account_id"], values)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    GaugeBot(os.environ["BACKEND_URL"], os.environ["BOT_TOKEN"], int(os.environ["JOBS_REFRESH_INTERVAL"])).execute()
