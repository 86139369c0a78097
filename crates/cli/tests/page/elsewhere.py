"""Bots elsewhere, by the page: a bot of this binary, the example in Rust and a bot in Python, each with the token that is shown once.

The last two are of protocols that no page was written for: they declare them, and the page has their forms. Then values that
the hub refuses, looked at, tried again and dropped. Arguments: the binary, the example's binary, the engine of the Python package.
"""

import pathlib
import re
import shutil
import socket
import sys
import time

from playwright.sync_api import expect

from started import DEADLINE_MS, Started, first_person, live, new_bot, tab
from world import Hub

PACKAGE = pathlib.Path(__file__).resolve().parents[3] / "python/python/grafoleancollector"
LOAD_BOT = '''
import os
from grafoleancollector import Collector

OUTPUTS = [{"path": "entity.{entity}.load.{what}", "unit": "1", "title": "Load of the machine", "meaning": "Processes that want to run"}]
SCALE = {"type": "number", "title": "Scale", "description": "What the load is multiplied by", "minimum": 1, "maximum": 100, "default": 1}
KEY = {"type": "string", "title": "Key", "writeOnly": True}


def measure(affecting_intervals, entity_id, scale, **params):
    with open("/proc/loadavg") as file:
        load = float(file.read().split()[0])
    values = {f"entity.{entity_id}.load.mean": load * scale}
    mark = os.path.join(os.environ["GRAFOLEAN_DATA"], "sent-wrong")
    if not os.path.exists(mark):
        open(mark, "w").close()
        values[f"entity.{entity_id}.load.no path"] = 1.0
    return values


class LoadBot(Collector):
    declaration = {
        "name": "load", "about": "How busy a machine is", "outputs": OUTPUTS,
        "credential": {"type": "object", "properties": {"key": KEY}, "required": ["key"]},
        "sensor": {"type": "object", "properties": {"scale": SCALE}},
    }

    def jobs(self):
        for entity in self.fetch_job_configs("load"):
            for sensor in entity["sensors"]:
                data = {"account_id": entity["account_id"], "entity_id": entity["entity_id"], "scale": sensor["sensor_details"].get("scale", 1)}
                yield f"{entity['entity_id']}/{sensor['sensor_id']}", [sensor["interval"]], measure, data


if __name__ == "__main__":
    LoadBot(os.environ["BACKEND_URL"], os.environ["BOT_TOKEN"], 1).execute()
'''


def row(page, name):
    return page.get_by_role("table", name="Bots").locator("tbody tr", has_text=name)


def first_call(page, hub, started, binary):
    """The light of a new bot turns green by its first call, and the list says what it is and does."""
    token = new_bot(page, hub, "ping-branch", "ping")
    expect(page.get_by_text("Waiting for its first call")).to_be_visible()
    live(page)
    started.bot(binary, "ping", hub, token)
    expect(page.get_by_text("Waiting for its first call")).to_have_count(0)
    shown = row(page, "ping-branch")
    expect(shown.get_by_text("Up", exact=True)).to_be_visible()
    version = shown.locator("td").nth(3)
    expect(version).to_have_text(re.compile(r"^\d+\.\d+\.\d+$"))
    expect(page.get_by_text("Rights: ")).to_be_visible()


def device(page, hub):
    """A device that a bot elsewhere measures: at once, since its hub told it of it."""
    began = time.monotonic()
    page.goto(f"{hub.url}/first/device")
    page.fill("#address", "127.0.0.1")
    page.fill("#name", "branch")
    page.get_by_role("button", name="Add branch").click()
    expect(page.get_by_text(re.compile("series of branch came"))).to_be_visible()
    print(f"a bot elsewhere measured a new device after {time.monotonic() - began:.1f} s")
    page.goto(f"{hub.url}/bots")
    jobs = row(page, "ping-branch").locator("td.num")
    expect(jobs.filter(has_text=re.compile("^1$")).first).to_be_visible()


def example(page, hub, started, binary):
    """The example in Rust: a sensor's field is what it declares."""
    token = new_bot(page, hub, "doorman", "myprotocol")
    started.run(binary, name="doorman", BACKEND_URL=f"{hub.url}/api", BOT_TOKEN=token, GRAFOLEAN_DATA=str(started.path("doorman")))
    expect(page.get_by_text("Waiting for its first call")).to_have_count(0)
    page.goto(f"{hub.url}/setup/protocols/myprotocol")
    expect(page.get_by_text("TCP port, e.g. 443")).to_be_visible()
    page.goto(f"{hub.url}/setup/credentials/new")
    page.select_option("#f-protocol", "myprotocol")
    page.fill("#f-name", "none needed")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("h1")).to_have_text("Credentials")
    page.goto(f"{hub.url}/setup/sensors/new")
    page.select_option("#f-protocol", "myprotocol")
    page.fill("#f-name", "door")
    page.fill("#f-default_interval", "1")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Not saved")).to_be_visible()
    page.fill("#f-port", str(hub.url.rsplit(":", 1)[1]))
    page.get_by_role("button", name="Save").click()
    expect(page.locator("h1")).to_have_text("Sensors")
    enable(page, hub, "myprotocol")
    expect(page.get_by_text("myprotocol", exact=False).first).to_be_visible()
    stored(page, hub, "entity.?.myprotocol.?.up")


def python(page, hub, started, engine):
    """A bot in Python: credential and sensor have forms with its bounds, its values their title."""
    package = started.path("python") / "grafoleancollector"
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(engine, package / "_engine.abi3.so")
    started.path("load_bot.py").write_text(LOAD_BOT)
    token = new_bot(page, hub, "py-load", "load")
    started.run(sys.executable, str(started.path("load_bot.py")), name="py-load", BACKEND_URL=f"{hub.url}/api", BOT_TOKEN=token,
                PYTHONPATH=str(started.path("python")), GRAFOLEAN_DATA=str(started.path("load")), log=open(started.path("py-load.log"), "w"))
    expect(page.get_by_text("Waiting for its first call")).to_have_count(0)
    page.goto(f"{hub.url}/setup/credentials/new")
    page.select_option("#f-protocol", "load")
    page.fill("#f-name", "no key")
    page.fill("#f-key", "s3cret")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("h1")).to_have_text("Credentials")
    page.goto(f"{hub.url}/setup/sensors/new")
    page.select_option("#f-protocol", "load")
    page.fill("#f-name", "busy")
    page.fill("#f-default_interval", "1")
    page.fill("#f-scale", "1000")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("1000; 1 to 100 is needed.")).to_be_visible()
    page.fill("#f-scale", "2")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("h1")).to_have_text("Sensors")
    enable(page, hub, "load")
    stored(page, hub, "entity.?.load.mean")
    page.goto(f"{hub.url}/explore?p=entity.?.load.mean&from=-15m&to=now")
    expect(page.get_by_text("Load of the machine").first).to_be_visible()


def enable(page, hub, protocol):
    page.goto(f"{hub.url}/devices")
    page.get_by_role("link", name="branch", exact=True).click()
    page.locator("nav.tabs").get_by_role("link", name="Settings").click()
    page.check(f"#f-{protocol}")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("h1")).to_have_text("branch")
    expect(page.get_by_text("Settings").first).to_be_visible()


def stored(page, hub, path):
    page.goto(f"{hub.url}/explore?p={path}&from=-15m&to=now")
    expect(page.locator("canvas").first).to_be_visible()
    expect(page.locator(".legend td b").first).to_have_text(re.compile(r"\d"))


def dead_letters(page, hub):
    """What the hub refused is looked at, tried again in vain, and dropped."""
    page.goto(f"{hub.url}/bots")
    letters = page.get_by_label("Dead letters of py-load")
    expect(letters.get_by_text("load.no path").first).to_be_visible()
    expect(row(page, "py-load").get_by_text("Degraded", exact=True)).to_be_visible()
    letters.get_by_role("button", name=re.compile("^Retry entity")).first.click()
    expect(page.get_by_text("py-load is told to retry 1 value")).to_be_visible()
    page.reload()
    expect(letters.get_by_text("load.no path").first).to_be_visible()
    began = time.monotonic()
    # One that is tried again in vain comes back as another one, some seconds later.
    while letters.count() and time.monotonic() - began < DEADLINE_MS / 1_000:
        if letters.get_by_role("button", name="Drop all").is_enabled():
            letters.get_by_role("button", name="Drop all").click()
            dialog = page.get_by_role("dialog")
            expect(dialog.get_by_role("button", name="Keep them")).to_be_focused()
            dialog.get_by_role("button", name=re.compile("Drop")).click()
        page.wait_for_timeout(2_000)
    expect(letters).to_have_count(0)
    expect(row(page, "py-load").get_by_text("Up", exact=True)).to_be_visible()


def silent(page, hub, started):
    """A bot that was stopped says so with its last word."""
    page.goto(f"{hub.url}/bots")
    live(page)
    started.end("ping")
    expect(row(page, "ping-branch").get_by_text("Down", exact=True)).to_be_visible()


def main(binary, example_binary, engine):
    started, hub = Started(), Hub(binary)
    try:
        with tab() as page:
            first_person(page, hub)
            first_call(page, hub, started, binary)
            device(page, hub)
            example(page, hub, started, example_binary)
            python(page, hub, started, engine)
            dead_letters(page, hub)
            silent(page, hub, started)
    except Exception:
        log = started.path("py-load.log")
        print(log.read_text()[-4_000:] if log.exists() else "", file=sys.stderr)
        raise
    finally:
        hub.stop()
        started.stop()


main(*sys.argv[1:])
