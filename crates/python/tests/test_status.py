"""What a bot knows of itself: at its own address, pushed to a hub, and explained there by `grafolean why`."""

import json
import os
import pathlib
import socket
import subprocess
import sys
import types
import urllib.request

import pytest

from backend import attachment
from bot_process import BotProcess, wait_until

ROOT = pathlib.Path(__file__).resolve().parents[3]
BINARY = pathlib.Path(os.environ.get("GRAFOLEAN_BINARY", ROOT / "target" / "debug" / "grafolean"))


def free_address():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


def status_at(address):
    """Gives the status of the one bot that is observed at an address; None while nobody answers there."""
    try:
        with urllib.request.urlopen(f"http://{address}/status.json", timeout=30) as answer:
            (status,) = json.loads(answer.read())["bots"]
            return status
    except OSError:
        return None


def gauges(backend):
    """One gauge that is read each second, and one that fails."""
    account = backend.inventory.account()
    credential = backend.inventory.credential(account, "gauge")
    details = {"value": 1, "intervals": [1], "start_ts": 0}
    good = backend.inventory.sensor(account, "gauge", {"job": "good", **details})
    bad = backend.inventory.sensor(account, "gauge", {"job": "bad", "fails": True, **details})
    entity = backend.inventory.entity(account, "tank", {"gauge": attachment(credential, good, bad)})
    return account, entity, good, bad


def test_what_a_bot_knows_is_told_at_its_own_address(ours, backend, start):
    account, entity, good, bad = gauges(backend)
    address = free_address()
    bot = start(ours, "established.py", GRAFOLEAN_METRICS=address)
    bot.wait_for_runs("bad", 3)

    def told():
        status = status_at(address)
        jobs = {job["id"]: job for job in status["jobs"]} if status else {}
        both = [jobs.get(f"{entity}/{sensor}", {}).get("runs") for sensor in (good, bad)]
        return (status, jobs) if all(both) and status["delivery"] else None

    status, jobs = wait_until(told, lambda: f"both jobs in {status_at(address)}")
    assert status["configuration"]["read_at"] and status["backend"].rstrip("/") == backend.url.rstrip("/")
    assert jobs[f"{entity}/{good}"]["runs"][-1]["outcome"] == "ok"
    failed = jobs[f"{entity}/{bad}"]
    assert failed["failed_in_a_row"] >= 1 and "the gauge spoke nonsense" in failed["runs"][-1]["error"]
    (delivery,) = status["delivery"]
    assert delivery["account"] == account and delivery["last_stored"] and delivery.get("failure") is None
    assert status["queue"]["limit_bytes"] > 0 and backend.token not in json.dumps(status)


def test_a_backend_that_takes_no_status_is_asked_once(ours, backend, start):
    account, *_ = gauges(backend)
    bot = start(ours, "established.py")
    bot.wait_for_runs("good", 8)
    asked = [it for it in backend.requests() if "/hub/" in it.path and it.path.endswith("/status")]
    assert len(asked) == 1 and f"/accounts/{account}/" in asked[0].path, asked
    assert asked[0].status in (403, 404)


@pytest.fixture
def hub():
    if not BINARY.exists():
        pytest.skip(f"skipped: {BINARY} was not built")
    sys.path.insert(0, str(ROOT / "crates" / "cli" / "tests" / "page"))
    from world import Hub

    hub = Hub(str(BINARY))
    yield hub
    hub.stop()


def test_a_hub_says_why_a_value_of_a_bot_in_python_is_missing(ours, hub, tmp_path):
    account = hub.begin()
    hub.ask("PUT", "hub/protocols/gauge", {"name": "gauge", "outputs": []})
    bot = hub.ask("POST", f"accounts/{account}/bots", {"name": "gauges", "protocol": "gauge"})
    token = hub.ask("GET", f"accounts/{account}/bots/{bot['id']}/token")["token"]
    for resource, methods in [("entities", ["GET"]), ("credentials", ["GET"]), ("sensors", ["GET"]), ("values", ["PUT", "POST"])]:
        right = {"resource_prefix": f"accounts/{account}/{resource}", "methods": methods}
        hub.ask("POST", f"accounts/{account}/bots/{bot['id']}/permissions", right)
    way = hub.ask("POST", f"accounts/{account}/credentials", {"name": "way", "protocol": "gauge", "details": {}})["id"]
    details = {"value": 1, "intervals": [1], "start_ts": 0}

    def device(name, **more):
        sensor = {"name": name, "protocol": "gauge", "default_interval": 1, "details": {"job": name, **details, **more}}
        sensor = hub.ask("POST", f"accounts/{account}/sensors", sensor)["id"]
        attached = {"gauge": {"credential": way, "bot": None, "sensors": [{"sensor": sensor, "interval": None}]}}
        body = {"name": name, "entity_type": "device", "parent": None, "details": {}, "protocols": attached}
        return hub.ask("POST", f"accounts/{account}/entities", body)["id"]

    good, bad = device("good"), device("bad", fails=True)
    address = free_address()
    where = types.SimpleNamespace(url=f"{hub.url}/api", token=token)

    def why(about):
        command = [str(BINARY), "why", about, "--json", "--metrics", address]
        environment = {"BACKEND_URL": where.url, "BOT_TOKEN": token, "HOME": str(tmp_path), "PATH": os.environ["PATH"]}
        asked = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
        (answer,) = json.loads(asked.stdout)
        causes = [finding["cause"] for finding in answer["findings"]]
        (in_api,) = hub.ask("GET", f"hub/accounts/{account}/why?about={about}")["list"]
        return asked.returncode, causes, [finding["cause"] for finding in in_api["findings"]], answer

    with BotProcess(ours, "established.py", where, tmp_path / "bot", GRAFOLEAN_METRICS=address) as process:
        process.wait_for_runs("bad", 2)
        wait_until(lambda: why("good")[:3] == (0, [], []), lambda: why("good"))
        wait_until(lambda: why("bad")[:3] == (1, ["run_failed"], ["run_failed"]), lambda: why("bad"))
        evidence = why("bad")[3]["findings"][0]["evidence"]
        assert "the gauge spoke nonsense" in evidence, evidence
        rows = hub.ask("GET", f"hub/accounts/{account}/status")["list"]
        (own,) = [row for row in rows if row["bot"] == bot["id"]]
        jobs = {job["id"].split("/")[0]: job for job in own["status"]["jobs"]}
        assert {str(good), str(bad)} <= set(jobs)
        assert process.terminate() == 0
        # It said that it stopped: nobody has to wait for its silence.
        wait_until(lambda: why("good")[1:3] == (["bot_silent"], ["bot_silent"]), lambda: why("good"))
