"""Metrics and health over HTTP, and the log's way through Python's logging."""

import socket
import urllib.request

from bot_process import wait_until
from backend import attachment


def test_metrics_and_health_are_served_where_they_are_wanted(ours, backend, start):
    account = backend.inventory.account()
    credential = backend.inventory.credential(account, "gauge")
    sensor = backend.inventory.sensor(account, "gauge", {"job": "any", "value": 1, "intervals": [1], "start_ts": 0})
    backend.inventory.entity(account, "any", {"gauge": attachment(credential, sensor)})
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    bot = start(ours, "established.py", GRAFOLEAN_METRICS=address)
    bot.wait_for_log("/metrics and /healthz are served on")
    bot.wait_for_runs("any", 2)
    wait_until(lambda: backend.values(), "values")
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=30) as answer:
        metrics = answer.read().decode()
    assert metrics.endswith("# EOF\n")
    assert backend.token not in metrics
    with urllib.request.urlopen(f"http://{address}/healthz", timeout=30) as answer:
        assert answer.read() == b"ok\n"
