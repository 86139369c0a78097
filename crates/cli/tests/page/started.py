"""What a test of the whole starts beside the hub: agents, exporters, bots; and a browser that fails on what a script throws."""

import contextlib
import os
import pathlib
import subprocess
import tempfile

from playwright.sync_api import expect, sync_playwright

CHROMIUM = "/usr/bin/chromium"
DEADLINE_MS = 90_000
AGENT = "rocommunity {community} 127.0.0.1\nsysname core-sw-1\nagentaddress udp:127.0.0.1:161\n"


class Started:
    """Processes that end with the test."""

    def __init__(self):
        self.all, self.named, self.folder = [], {}, tempfile.TemporaryDirectory()

    def run(self, *command, name=None, log=subprocess.DEVNULL, **environment):
        process = subprocess.Popen(command, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": self.folder.name, **environment}, stdout=log, stderr=log)
        self.all.append(process)
        self.named[name] = process
        return process

    def path(self, name):
        return pathlib.Path(self.folder.name) / name

    def agent(self, community="example-ro"):
        """A real SNMP agent; started again, it knows another community alone."""
        self.end("agent")
        self.path("snmpd.conf").write_text(AGENT.format(community=community))
        self.run("snmpd", "-f", "-Lo", "-C", "-c", str(self.path("snmpd.conf")), "-p", str(self.path("snmpd.pid")), name="agent", SNMP_PERSISTENT_DIR=self.folder.name)

    def exporter(self):
        """A real exporter of the flows on lo, but for its own."""
        self.run("softflowd", "-i", "lo", "-v", "9", "-t", "maxlife=5", "-t", "expint=1", "-n", "127.0.0.1:2055", "-d",
                 "-p", str(self.path("softflowd.pid")), "-c", str(self.path("softflowd.ctl")), "not port 2055", name="exporter")

    def bot(self, binary, protocol, hub, token):
        self.run(binary, "bot", protocol, "--backend-url", f"{hub.url}/api", "--data", str(self.path("bots")), name=protocol, BOT_TOKEN=token)

    def end(self, name):
        process = self.named.pop(name, None)
        if process:
            process.terminate()
            process.wait()

    def stop(self):
        for process in self.all:
            process.terminate()
        for process in self.all:
            process.wait()
        self.folder.cleanup()


def from_disk(url):
    """A file of the page out of the folder PAGE_SOURCE: a change is tried without a build."""
    file = pathlib.Path(os.environ["PAGE_SOURCE"]) / url.split("/page/", 1)[1].split("?")[0]
    kinds = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".woff2": "font/woff2"}
    return {"path": file, "content_type": kinds[file.suffix]}


@contextlib.contextmanager
def tab(**how):
    """A tab of Debian's Chromium; what scripts throw and what the policy forbids fails the test at the end."""
    expect.set_options(timeout=DEADLINE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        opened = browser.new_context(viewport={"width": 1440, "height": 900}, **how).new_page()
        opened.set_default_timeout(DEADLINE_MS)
        thrown = []
        if "PAGE_SOURCE" in os.environ:
            opened.route("**/page/**", lambda route: route.fulfill(**from_disk(route.request.url)))
        opened.on("pageerror", lambda error: thrown.append(str(error)))
        opened.on("console", lambda said: thrown.append(said.text) if "Content Security Policy" in said.text else None)
        yield opened
        assert not thrown, thrown
        browser.close()


def first_person(page, hub):
    page.goto(f"{hub.url}/#setup={hub.secret}")
    expect(page.locator("h1")).to_have_text("Welcome to Grafolean")
    page.fill("#username", "mira")
    page.fill("#password", "correct horse battery staple")
    page.get_by_role("button", name="Create admin").click()
    expect(page.locator("#address")).to_be_visible()


def live(page):
    """Waits until the hub tells this tab what happens."""
    expect(page.get_by_text("Live, ")).to_be_visible()


def new_bot(page, hub, name, protocol):
    """Makes a bot on the page; returns the token that is shown once."""
    page.goto(f"{hub.url}/bots/new")
    page.fill("#f-name", name)
    page.fill("#f-protocol", protocol)
    page.get_by_role("button", name="Create bot").click()
    return page.locator(".secret span").first.inner_text()
