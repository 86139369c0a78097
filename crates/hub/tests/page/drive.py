"""Drives the page as a person would, in Debian's Chromium. Arguments: what to do, the page's address, a folder for pictures.

`setup`: an empty hub: the admin, the account, the first device. `views`: a hub with values, where the address logs in.
Each view is looked at in light and dark, at a desk and on a phone, and axe-core finds nothing in it.
"""

import importlib.util
import json
import os
import pathlib
import re
import sys
import time
import urllib.parse
import urllib.request

from playwright.sync_api import expect, sync_playwright

CHROMIUM = "/usr/bin/chromium"
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]
DEADLINE_MS = 60_000
# Has a script see which streams of events there are.
STREAMS = ("window.streams = []; const Plain = EventSource; window.EventSource = class extends Plain {"
           " constructor(...all) { super(...all); window.streams.push(this); } };")
AXE = pathlib.Path(importlib.util.find_spec("axe_playwright_python").origin).with_name("axe.min.js").read_text()


def from_disk(url):
    """A file of the page out of the folder PAGE_SOURCE: a change is tried without a build."""
    file = pathlib.Path(os.environ["PAGE_SOURCE"]) / url.split("/page/", 1)[1]
    kinds = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".woff2": "font/woff2"}
    return {"path": file, "content_type": kinds[file.suffix]}


class Page:
    """A tab that fails on whatever a script throws or the policy forbids."""

    def __init__(self, browser, url, pictures, **how):
        self.url, self.pictures = url.rstrip("/"), pathlib.Path(pictures)
        self.tab = browser.new_context(**how).new_page()
        self.tab.set_default_timeout(DEADLINE_MS)
        expect.set_options(timeout=DEADLINE_MS)
        self.complaints = []
        self.tab.add_init_script(STREAMS)
        if "PAGE_SOURCE" in os.environ:
            self.tab.route("**/page/**", lambda route: route.fulfill(**from_disk(route.request.url)))
        self.tab.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.tab.on("console", self.hear)

    def hear(self, said):
        # Whether there is a session is asked: that there is none is an answer.
        if said.type in ("error", "warning") and not said.location.get("url", "").endswith("/api/hub/session"):
            self.complaints.append(said.text)

    def ask(self, method, path, token, body=None):
        """Asks the hub itself, beside the page."""
        headers = {"authorization": urllib.parse.unquote(token.removeprefix("token=")), "content-type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(urllib.request.Request(f"{self.url}/api/{path}", data=data, headers=headers, method=method)) as answer:
            return answer.read()

    def open(self, path):
        self.tab.goto(self.url + path)

    def heading(self, text):
        expect(self.tab.locator("h1")).to_have_text(text)

    def shows(self, text):
        expect(self.tab.get_by_text(text).first).to_be_visible()

    def button(self, name, within="main"):
        self.tab.locator(within).get_by_role("button", name=name, exact=True).first.click()

    def accessible(self, view):
        self.tab.evaluate(AXE)
        found = self.tab.evaluate("() => axe.run().then(({ violations }) => violations.map("
                                  "({ id, nodes }) => [id, nodes[0].html.slice(0, 200), nodes[0].failureSummary]))")
        assert not found, f"{view}: {found}"

    def silent(self):
        assert not self.complaints, self.complaints


def setup(browser, url, pictures, secret):
    page = Page(browser, url, pictures)
    page.open("/")
    page.heading("Welcome to Grafolean")
    if secret:
        page.tab.fill("#secret", secret)
    page.tab.fill("#username", "mira")
    page.tab.fill("#password", "correct horse battery staple")
    page.accessible("the first person")
    page.button("Create admin")
    page.tab.fill("#address", "192.0.2.11")
    page.tab.locator("#name").fill("core-sw-1")
    page.accessible("first device")
    page.button("Add core-sw-1")
    page.shows("Waiting for the first value of core-sw-1")
    page.tab.get_by_role("link", name="Open core-sw-1").click()
    page.heading("core-sw-1")
    page.silent()
    credentials(page)
    sensors(page)
    bots(page)
    device(page)
    page.silent()


def credentials(page):
    """A form drawn from a declaration: what is wrong is said at its field, then it is saved."""
    page.open("/setup/credentials/new")
    page.tab.select_option("#f-protocol", "weather")
    page.button("Save")
    page.shows("Not saved")
    page.tab.fill("#f-name", "roof")
    page.tab.fill("#f-timeout", "99")
    page.button("Save")
    page.shows("99; 1 to 60 is needed.")
    page.accessible("a form with a fault")
    page.tab.fill("#f-timeout", "5")
    page.tab.fill("#f-key", "s3cret")
    page.button("Save")
    page.heading("Credentials")
    page.shows("roof")


def sensors(page):
    page.open("/setup/sensors/new")
    page.tab.select_option("#f-protocol", "weather")
    page.tab.fill("#f-name", "temperature")
    page.tab.fill("#f-default_interval", "60")
    page.button("Add")
    page.tab.fill("#f-places-0-name", "roof")
    page.button("Save")
    page.heading("Sensors")
    page.shows("60 s")


def bots(page):
    page.open("/bots/new")
    page.tab.fill("#f-name", "weather at the roof")
    page.tab.fill("#f-protocol", "weather")
    page.button("Create bot")
    page.shows("This token is shown once")
    page.shows("grafolean bot weather")
    page.shows("Waiting for its first call")
    page.accessible("a new bot")
    page.tab.reload()
    page.shows("Waiting for its first call")
    assert page.tab.get_by_text("This token is shown once").count() == 0, "a token is shown a second time"


def device(page):
    """Enables the new protocol for the device, renames it, removes it: asked before, and gone after."""
    page.open("/devices")
    page.tab.get_by_role("link", name="core-sw-1").click()
    page.tab.locator("nav.tabs").get_by_role("link", name="Settings").click()
    page.tab.check("#f-weather")
    page.tab.fill("#f-name", "renamed")
    page.tab.fill("#f-ipv4", "192.0.2.300.1")
    page.button("Save")
    page.shows("four numbers with dots between them are needed")
    page.tab.fill("#f-ipv4", "192.0.2.12")
    page.button("Save")
    page.heading("renamed")
    page.shows("temperature; every 60 s; credential roof")
    page.tab.locator("nav.tabs").get_by_role("link", name="Settings").click()
    page.button("Delete")
    page.button("Delete", "dialog")
    page.shows("No devices yet")


def views(browser, url, pictures):
    base, token = url.split("#")
    for name, how in {"light": {}, "dark": {"color_scheme": "dark"}, "phone": {"viewport": {"width": 390, "height": 844}}}.items():
        page = Page(browser, base, pictures, **{"viewport": {"width": 1440, "height": 900}, "timezone_id": "UTC", **how})
        page.open(f"/#{token}")
        page.heading("Devices")
        look(page, name)
        page.silent()
    walk(Page(browser, base, pictures), token)


def look(page, name):
    page.shows("edge-frankfurt")
    device_path = page.tab.get_by_role("link", name="core-router").first.get_attribute("href")
    waits = {"/devices": "no answer", device_path: "Last runs", f"{device_path}/charts": "Open in Explore", f"{device_path}/runs": "Last runs",
             f"{device_path}/settings": "Ctrl K", "/explore?p=entity.?.ping.rtt.avg": "core-router", "/explore": "Choose series",
             "/flows": "Where it goes", "/boards": "Dashboards", "/bots": "ping bot", "/setup/credentials": "quick", "/setup/sensors/new": "New sensor",
             "/setup/people": "may do all on everything", "/setup/accounts": "Example network", "/setup/protocols": "Protocols", "/setup/retention": "Values",
             "/more": "Log out", "/first/device": "Add a device",
             "/why": "What is wrong", device_path.replace("/device", "/why/device"): "From configuration to stored value"}
    for path, text in waits.items():
        page.open(path)
        expect(page.tab.get_by_text(text).first).to_be_attached()
        page.accessible(f"{path} ({name})")
        wide = page.tab.evaluate("() => document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, f"{path} ({name}) is {wide} px wider than the screen"
        view = path.split("?")[0].strip("/").replace("/", "-") or "home"
        page.tab.screenshot(path=str(page.pictures / f"{view if 'device-' not in view else 'device' + view.rpartition('-')[2].lstrip('0123456789')}-{name}.png"))


def walk(page, token):
    page.open(f"/#{token}")
    page.heading("Devices")
    page.shows("no answer")
    # A name is text, whatever it looks like; the worst stands first.
    page.shows("<b>bold & new</b>")
    expect(page.tab.locator("tbody tr").first).to_contain_text("backup-link")
    page.tab.keyboard.press("/")
    page.tab.keyboard.type("edge")
    page.shows("2 of 7")
    expect(page.tab).to_have_url(f"{page.url}/devices?q=edge")
    page.tab.get_by_role("button", name="Up 2").click()
    expect(page.tab).to_have_url(f"{page.url}/devices?q=edge&state=up")
    page.tab.keyboard.press("Control+k")
    page.tab.keyboard.type("core-r")
    page.tab.keyboard.press("Enter")
    page.heading("core-router")
    page.shows("Round trip")
    zoom(page)
    flows(page)
    keys(page)
    board(page)
    link(page)
    told(page, token)
    untold(page)
    hidden(page)
    page.open("/nowhere")
    page.heading("Nothing here")
    # The address is not there, and the browser says so too.
    page.complaints = [said for said in page.complaints if "404" not in said]
    page.silent()


def zoom(page):
    """Dragging across a chart is a link to what is seen then; going back widens it again."""
    page.open("/explore?p=entity.?.ping.rtt.avg")
    over = page.tab.locator(".u-over").first
    over.wait_for()
    page.shows("core-router")
    before = page.tab.url
    box = over.bounding_box()
    page.tab.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + 60)
    page.tab.mouse.down()
    page.tab.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + 80, steps=5)
    page.tab.mouse.up()
    page.tab.wait_for_url("**from=1*to=1*")
    zoomed = page.tab.url
    other = page.tab.context.new_page()
    other.goto(zoomed)
    expect(other.get_by_text("core-router").first).to_be_visible()
    other.close()
    page.tab.go_back()
    expect(page.tab).to_have_url(before)
    with page.tab.expect_download() as download:
        page.button("Export", "header")
        page.tab.locator("header").get_by_role("button", name="CSV").click()
    lines = pathlib.Path(download.value.path()).read_text().splitlines()
    assert lines[0].startswith("time,entity.") and len(lines) > 100, lines[:2]


def flows(page):
    """A click narrows, Alt click leaves out, Backspace widens; a link has it all."""
    page.open("/flows")
    page.shows("of the flows of core-router are lost")
    page.heading("core-router")
    row = page.tab.locator("main").get_by_role("link", name="2001:db8::5").first
    row.click()
    expect(page.tab).to_have_url(re.compile("only="))
    page.shows("only 2001:db8::5")
    page.tab.locator("h1").click()
    page.tab.keyboard.press("Backspace")
    expect(page.tab).not_to_have_url(re.compile("only="))
    page.tab.locator("main").get_by_role("link", name="192.0.2.10").first.click(modifiers=["Alt"])
    expect(page.tab).to_have_url(re.compile("not=192.0.2.10"))
    page.shows("without 192.0.2.10")
    page.button("Port")
    page.shows("https")
    page.tab.get_by_label("Interface").select_option(label="interface 3")
    expect(page.tab).to_have_url(re.compile("/if/3/ingress"))
    page.shows("Raw flows are not kept beside this hub")


def keys(page):
    page.open("/devices")
    page.shows("no answer")
    page.tab.keyboard.press("?")
    expect(page.tab.get_by_role("heading", name="Keys")).to_be_visible()
    page.accessible("the keys")
    page.tab.keyboard.press("Escape")
    expect(page.tab.get_by_role("heading", name="Keys")).to_have_count(0)
    page.tab.keyboard.press("g")
    page.tab.keyboard.press("b")
    page.heading("Bots")


def link(page):
    """A dashboard by its link: without a login, without navigation, nothing else; gone when it is taken back."""
    page.open("/board/uplinks")
    page.button("Share", "header")
    page.button("Create link")
    page.shows("This link is shown once")
    url = page.tab.locator(".secret span").first.inner_text()
    other = Page(page.tab.context.browser, page.url, page.pictures, viewport={"width": 1440, "height": 900})
    other.tab.goto(url)
    other.heading("Uplinks")
    other.tab.locator("canvas").first.wait_for()
    other.shows("backup-link")
    assert other.tab.locator("nav").count() == 0, "a shared dashboard leads elsewhere"
    other.accessible("a shared dashboard")
    asked = other.tab.evaluate("async (url) => (await fetch(url)).status", f"/api/hub{url.split(page.url)[1]}/series?p=office.temperature")
    assert asked == 403, asked
    page.button("Take back")
    page.button("Take it back", "dialog")
    page.shows("The link shows nothing any more")
    other.complaints.clear()
    other.tab.reload()
    other.shows("This link shows nothing")


def told(page, token):
    """A chart goes on by what the hub tells: a value is drawn that nobody asked for."""
    account = json.loads(page.ask("GET", "accounts", token))["list"][0]["id"]
    page.open("/explore?p=office.temperature&from=-15m&to=now")
    now = page.tab.locator(".legend td b").first
    expect(now).to_have_text("21.5")
    page.shows("Live, ")
    page.tab.wait_for_function("() => window.streams.at(-1).url.includes('office.temperature')")
    page.tab.wait_for_load_state("networkidle")
    asked = []
    page.tab.on("request", lambda request: asked.append(request.url) if "/series" in request.url else None)
    page.ask("PUT", f"accounts/{account}/values", token, [{"p": "office.temperature", "t": time.time(), "v": 23.25}])
    expect(now).to_have_text("23.3")
    assert not asked, asked


def untold(page):
    """Where the stream fails, the page asks every few seconds, and says so."""
    page.tab.route("**/api/hub/events*", lambda route: route.abort())
    page.open("/devices")
    page.shows("Asked every 3 s")
    page.tab.wait_for_event("request", lambda request: "/overview" in request.url)
    page.tab.unroute("**/api/hub/events*")
    page.shows("Live, ")
    page.complaints = [said for said in page.complaints if "ERR_FAILED" not in said]


def hidden(page):
    """A hidden tab asks nothing and closes its stream; shown again it goes on."""
    page.open("/devices")
    page.shows("Live, ")
    page.tab.evaluate("() => { Object.defineProperty(document, 'hidden', { value: true, configurable: true });"
                      " document.dispatchEvent(new Event('visibilitychange')); }")
    page.tab.wait_for_function("() => window.streams.every((stream) => stream.readyState === EventSource.CLOSED)")
    page.tab.wait_for_load_state("networkidle")
    asked = []
    page.tab.on("request", lambda request: asked.append(request.url))
    page.tab.wait_for_timeout(8_000)
    assert not asked, asked
    page.tab.evaluate("() => { delete document.hidden; document.dispatchEvent(new Event('visibilitychange')); }")
    page.tab.wait_for_event("request")
    page.shows("Live, ")


def board(page):
    page.open("/boards")
    page.button("New dashboard", "header")
    page.tab.get_by_label("Name of the dashboard").fill("Uplinks")
    page.button("Create dashboard")
    page.button("Flows")
    page.tab.fill("#f-title", "Who sends")
    page.button("Save")
    page.tab.get_by_role("heading", name="Who sends", exact=True).wait_for()
    for kind, title, path in [("Chart", "All round trips", "entity.?.ping.rtt.avg"), ("Highest", "Worst", "entity.?.ping.loss")]:
        page.button(kind)
        page.tab.fill("#f-title", title)
        page.tab.get_by_label("Add a path").fill(path)
        page.tab.get_by_label("Add a path").press("Enter")
        page.button("Save")
        page.tab.get_by_role("heading", name=title, exact=True).wait_for()
    page.tab.locator("canvas").first.wait_for()
    page.shows("backup-link")
    page.tab.get_by_role("link", name="Done").click()
    expect(page.tab).to_have_url(f"{page.url}/board/uplinks")


def main(what, url, pictures, secret=""):
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        if what == "setup":
            setup(browser, url, pictures, secret)
        else:
            views(browser, url, pictures)
        browser.close()


main(*sys.argv[1:])
