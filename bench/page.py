#!/usr/bin/env python3
"""Measures the page: 10,000 devices with 300,000 series in a list, and a month of one series at the server.

Arguments: the binary. Prints a line for each figure; needs Playwright and Chromium, which ./test installs.
"""

import concurrent.futures
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "crates/cli/tests/page"))
from playwright.sync_api import expect, sync_playwright
from world import Hub

DEVICES, SERIES = 10_000, 30
MONTH_S, STEP_S = 30 * 86_400, 10
OBSERVE = ("window.tasks = []; new PerformanceObserver((list) => list.getEntries().forEach((one) => window.tasks.push(one.duration)))"
           ".observe({ type: 'longtask', buffered: true });")


def fill(hub, account):
    ways = {kind: next(row["id"] for row in hub.ask("GET", f"accounts/{account}/{kind}")["list"] if row["protocol"] == "ping") for kind in ("credentials", "sensors")}
    attached = {"ping": {"credential": ways["credentials"], "bot": None, "sensors": [{"sensor": ways["sensors"], "interval": None}]}}

    def device(number):
        address = f"10.{number // 65536}.{number // 256 % 256}.{number % 256}"
        entity = {"name": f"device-{number}", "entity_type": "device", "parent": None, "details": {"ipv4": address}, "protocols": attached}
        return hub.ask("POST", f"accounts/{account}/entities", entity)["id"]

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        ids = list(pool.map(device, range(DEVICES)))
    now = time.time()
    paths = ["ping.success", "ping.rtt.avg", "snmp.completeness", *[f"snmp.if.{way}-octets.{i}.port-{i}" for i in range(13) for way in ("in", "out")], "snmp.cpu"]
    for at in range(0, DEVICES, 500):
        rows = [{"p": f"entity.{number}.{path}", "t": now, "v": 1 if "octets" not in path else 1e6} for number in ids[at:at + 500] for path in paths[:SERIES]]
        hub.ask("PUT", f"accounts/{account}/values", rows)


def month(hub, account):
    now = int(time.time())
    for at in range(now - MONTH_S, now, 20_000 * STEP_S):
        rows = [{"p": "month.of.one", "t": t, "v": t % 977} for t in range(at, min(now, at + 20_000 * STEP_S), STEP_S)]
        hub.ask("PUT", f"accounts/{account}/values", rows)
    hub.ask("PUT", f"accounts/{account}/values", [{"p": "month.of.one", "t": now - MONTH_S // 2 + 5, "v": 1e9}])
    took, found = [], None
    for _ in range(20):
        began = time.perf_counter()
        found = hub.ask("GET", f"hub/accounts/{account}/series?p=month.of.one&from={now - MONTH_S}&to={now}&points=500")
        took.append(time.perf_counter() - began)
    rows = found["series"]["month.of.one"]["rows"]
    assert max(row[3] for row in rows) == 1e9, "the peak is lost"
    print(f"a month of one series, {MONTH_S // STEP_S} values in {len(rows)} buckets: median {sorted(took)[10] * 1e3:.0f} ms, peak kept")


def listed(hub, account):
    began = time.perf_counter()
    hub.ask("GET", f"hub/accounts/{account}/overview")
    print(f"overview of {DEVICES} devices, {DEVICES * SERIES} series, the first time: {(time.perf_counter() - began) * 1e3:.0f} ms")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"])
        tab = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
        tab.add_init_script(OBSERVE)
        tab.goto(f"{hub.url}/#token={hub.token.replace(' ', '%20')}")
        expect(tab.locator("h1")).to_have_text("Devices", timeout=60_000)
        began = time.perf_counter()
        tab.goto(f"{hub.url}/devices")
        expect(tab.get_by_text(f"{DEVICES} of {DEVICES}, worst first")).to_be_visible(timeout=60_000)
        print(f"list of {DEVICES} devices is there after {(time.perf_counter() - began) * 1e3:.0f} ms")
        tasks = {"loading": tab.evaluate("window.tasks.splice(0)")}
        for _ in range(20):
            tab.mouse.wheel(0, 4_000)
            tab.wait_for_timeout(100)
        tasks["scrolling"] = tab.evaluate("window.tasks.splice(0)")
        tab.get_by_label("Filter devices").fill("device-99")
        tab.get_by_role("button", name="Round trip").click()
        tab.wait_for_timeout(10_000)
        tasks["filtering, sorting, 10 s of looking"] = tab.evaluate("window.tasks.splice(0)")
        for what, list_of in tasks.items():
            print(f"tasks over 50 ms while {what}: {len(list_of)}{', the longest ' + format(max(list_of), '.0f') + ' ms' if list_of else ''}")
        browser.close()


def main(binary):
    hub = Hub(binary)
    try:
        account = hub.begin()
        month(hub, account)
        began = time.perf_counter()
        fill(hub, account)
        print(f"filled in {time.perf_counter() - began:.0f} s", file=sys.stderr)
        listed(hub, account)
    finally:
        hub.stop()


main(*sys.argv[1:])
