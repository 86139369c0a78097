"""From an empty folder to one's own devices on the page, as a person would: by the browser, with a real agent and a real exporter.

In a network namespace of its own: snmpd at 127.0.0.1, softflowd on lo, bots as processes with the tokens that the page shows once.
Arguments: the binary. Prints how long the way took.
"""

import pathlib
import re
import subprocess
import sys
import tempfile
import time

from playwright.sync_api import expect, sync_playwright

from world import Hub

CHROMIUM = "/usr/bin/chromium"
DEADLINE_MS = 90_000
AGENT = "rocommunity example-ro 127.0.0.1\nsysname core-sw-1\nagentaddress udp:127.0.0.1:161\n"


class Started:
    """Processes that end with the test."""

    def __init__(self):
        self.all, self.folder = [], tempfile.TemporaryDirectory()

    def run(self, *command, **environment):
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.all.append(subprocess.Popen(command, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": self.folder.name, **environment}, **quiet))

    def agent(self):
        file = pathlib.Path(self.folder.name) / "snmpd.conf"
        file.write_text(AGENT)
        self.run("snmpd", "-f", "-Lo", "-C", "-c", str(file), "-p", f"{self.folder.name}/snmpd.pid", SNMP_PERSISTENT_DIR=self.folder.name)

    def exporter(self):
        self.run("softflowd", "-i", "lo", "-v", "9", "-t", "maxlife=5", "-t", "expint=1", "-n", "127.0.0.1:2055", "-d",
                 "-p", f"{self.folder.name}/softflowd.pid", "-c", f"{self.folder.name}/softflowd.ctl", "not port 2055")

    def stop(self):
        for process in self.all:
            process.terminate()
        for process in self.all:
            process.wait()
        self.folder.cleanup()


def first_person(tab, hub):
    tab.goto(f"{hub.url}/#setup={hub.secret}")
    expect(tab.locator("h1")).to_have_text("Welcome to Grafolean")
    tab.fill("#username", "mira")
    tab.fill("#password", "correct horse battery staple")
    tab.get_by_role("button", name="Create admin").click()


def first_device(tab):
    tab.fill("#address", "127.0.0.1")
    tab.fill("#name", "core-sw-1")
    for protocol in ("snmp", "netflow"):
        tab.locator(".choice label", has_text=protocol).get_by_role("checkbox").first.check()
    tab.select_option("#way-snmp", "new")
    tab.get_by_role("button", name=re.compile("v2c", re.I)).click()
    tab.get_by_label("Community").fill("example-ro")
    expect(tab.get_by_text("Make core-sw-1 send its flows here")).to_be_visible()
    expect(tab.locator(".snippet em", has_text="127.0.0.1")).to_be_visible()
    tab.get_by_role("button", name="Add core-sw-1").click()
    expect(tab.get_by_text("Waiting for the first value of core-sw-1").or_(tab.get_by_text("series of core-sw-1 came"))).to_be_visible()


def bot(tab, hub, started, binary, protocol):
    """A bot by the page: its token is shown once, and starts it."""
    tab.goto(f"{hub.url}/bots/new")
    tab.fill("#f-name", protocol)
    tab.fill("#f-protocol", protocol)
    tab.get_by_role("button", name="Create bot").click()
    token = tab.locator(".secret span").first.inner_text()
    started.run(binary, "bot", protocol, "--backend-url", f"{hub.url}/api", "--data", f"{started.folder.name}/bots", BOT_TOKEN=token)


def values(tab, hub):
    tab.goto(f"{hub.url}/devices")
    row = tab.locator("tbody tr", has_text="core-sw-1")
    expect(row.get_by_text(re.compile("[mµ]s")).first).to_be_visible()
    row.get_by_role("link", name="core-sw-1").click()
    expect(tab.get_by_text("Round trip").first).to_be_visible()
    expect(tab.locator("canvas").first).to_be_visible()


def zoom(tab, hub):
    tab.goto(f"{hub.url}/explore?p=entity.?.ping.rtt.avg&from=-15m&to=now")
    over = tab.locator(".u-over").first
    over.wait_for()
    box = over.bounding_box()
    tab.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + 60)
    tab.mouse.down()
    tab.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + 80, steps=5)
    tab.mouse.up()
    tab.wait_for_url("**from=1*to=1*")
    other = tab.context.new_page()
    other.goto(tab.url)
    expect(other.get_by_text("core-sw-1").first).to_be_visible()
    other.close()


def main(binary):
    started, began = Started(), time.monotonic()
    started.agent()
    hub = Hub(binary)
    expect.set_options(timeout=DEADLINE_MS)
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
            tab = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
            tab.set_default_timeout(DEADLINE_MS)
            first_person(tab, hub)
            first_device(tab)
            for protocol in ("ping", "snmp", "netflow"):
                bot(tab, hub, started, binary, protocol)
            started.exporter()
            values(tab, hub)
            print(f"from an empty folder to the first device's chart: {time.monotonic() - began:.1f} s")
            zoom(tab, hub)
            tab.goto(f"{hub.url}/flows")
            expect(tab.get_by_text("127.0.0.1").first).to_be_visible()
            expect(tab.locator("canvas").first).to_be_visible()
            tab.goto(f"{hub.url}/devices")
            expect(tab.locator("tbody tr", has_text="core-sw-1").get_by_text("100", exact=False).first).to_be_visible()
            print(f"with SNMP and flows of a real exporter on the page: {time.monotonic() - began:.1f} s")
            browser.close()
    finally:
        hub.stop()
        started.stop()


main(*sys.argv[1:])
