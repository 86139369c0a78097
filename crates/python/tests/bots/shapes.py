"""The shapes that bots of ping, SNMP and NetFlow have had for years, with made-up measurements. Argument: which of them.

A minute of theirs is `MINUTE_SECONDS`, so that an hour of sums fits into a test.
"""

import logging
import os
import sqlite3
import sys
import time

from grafoleancollector import Collector, send_results_to_grafolean

MINUTE = int(os.environ["MINUTE_SECONDS"])
# Opened by each process that needs it, once, as connections to databases are.
connection = None


class PingBot(Collector):
    """One job for a device, a static function, all sensors at once."""

    def jobs(self):
        for entity in self.fetch_job_configs("ping"):
            intervals = sorted({sensor["interval"] for sensor in entity["sensors"]})
            data = {**entity, "backend_url": self.backend_url, "bot_token": self.bot_token}
            yield str(entity["entity_id"]), intervals, PingBot.perform, data

    @staticmethod
    def perform(*args, **params):
        (affecting_intervals,) = args
        assert affecting_intervals
        path, sent = f"entity.{params['entity_id']}.ping", []
        packets = int(params["credential_details"]["n_packets"])
        for packet in range(packets):
            sent.append({"p": f"{path}.p{packet}.ok", "v": 1.0})
            sent.append({"p": f"{path}.p{packet}.rtt", "v": 0.001 * (packet + 1)})
        sent.append({"p": f"{path}.success", "v": 1.0})
        send_results_to_grafolean(params["backend_url"], params["bot_token"], params["account_id"], sent)


class SnmpBot(Collector):
    """One job for a device with the intervals of all its sensors, of which a run polls those that are due; counters are
    kept in a database. Beside it, one that looks at the interfaces.
    """

    def jobs(self):
        for entity in self.fetch_job_configs("snmp"):
            data = {"entity": entity, "backend_url": self.backend_url, "bot_token": self.bot_token}
            intervals = list({sensor["interval"] for sensor in entity["sensors"]})
            yield f"{entity['entity_id']}", intervals, self.poll, data
            yield f"{entity['entity_id']}-interfaces", [5 * MINUTE], self.look_at_interfaces, data

    @classmethod
    def poll(cls, *args, **params):
        (affecting_intervals,) = args
        entity, sent = params["entity"], []
        for sensor in entity["sensors"]:
            if sensor["interval"] in affecting_intervals:
                count = counted(f"{entity['entity_id']}/{sensor['sensor_id']}")
                path = sensor["sensor_details"]["output_path"]
                sent.append({"p": f"entity.{entity['entity_id']}.snmp.{path}", "v": count})
        send_results_to_grafolean(params["backend_url"], params["bot_token"], entity["account_id"], sent)

    @staticmethod
    def look_at_interfaces(*args, **params):
        entity = params["entity"]
        path = f"entity.{entity['entity_id']}.interfaces"
        send_results_to_grafolean(
            params["backend_url"], params["bot_token"], entity["account_id"], [{"p": path, "v": 2}]
        )


class NetFlowBot(Collector):
    """Sums of each length for each account, whose starts are computed from the present time at each refresh."""

    LENGTHS = (("1min", 1, 0), ("15min", 15, 1), ("1h", 60, 2))

    def jobs(self):
        now = int(time.time())
        accounts = {entity["account_id"]: None for entity in self.fetch_job_configs("netflow")}
        for account in accounts:
            for label, minutes, offset in self.LENGTHS:
                interval = minutes * MINUTE
                data = {
                    "label": label,
                    "account": account,
                    "backend_url": self.backend_url,
                    "bot_token": self.bot_token,
                }
                yield f"{label}/{account}", [interval], self.add_up, data, now + offset * MINUTE // 2 - interval

    @staticmethod
    def add_up(*args, **params):
        label = params["label"]
        values = [{"p": f"netflow.{label}.{way}", "v": "1500"} for way in ("ingress", "egress")]
        send_results_to_grafolean(params["backend_url"], params["bot_token"], params["account"], values)


def counted(name):
    global connection
    if connection is None:
        connection = sqlite3.connect("counters.sqlite", timeout=60)
        connection.execute("CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, count INTEGER)")
    with connection:
        connection.execute(
            "INSERT INTO counters VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET count = count + 1", (name,)
        )
    return connection.execute("SELECT count FROM counters WHERE name = ?", (name,)).fetchone()[0]


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    bot = {"ping": PingBot, "snmp": SnmpBot, "netflow": NetFlowBot}[sys.argv[1]]
    bot(os.environ["BACKEND_URL"], os.environ["BOT_TOKEN"], 2 * MINUTE).execute()
