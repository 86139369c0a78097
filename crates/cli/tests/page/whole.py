"""From an empty folder to one's own device on the page, as a person would: by the browser, with a real agent and a real exporter.

In a network namespace of its own: snmpd at 127.0.0.1, softflowd on lo, the hub with its bots. Then something breaks, the page says
why, and it is mended. Arguments: the binary. Prints how long the way took.
"""

import re
import sys
import time

from playwright.sync_api import expect

from started import Started, first_person, live, tab
from world import Hub


def first_device(page, started):
    """The community is wrong at first, which the test says; then the device names itself, and its flows are heard."""
    page.fill("#address", "127.0.0.1")
    for protocol in ("snmp", "netflow"):
        page.locator(".choice label", has_text=protocol).get_by_role("checkbox").first.check()
    page.select_option("#way-snmp", "new")
    page.get_by_role("button", name=re.compile("v2c", re.I)).click()
    test = page.get_by_role("button", name="Test")
    page.get_by_label("Community").fill("wrong")
    test.click()
    expect(page.locator(".checks li[data-s=bad]")).to_be_visible()
    page.get_by_label("Community").fill("example-ro")
    began = time.monotonic()
    test.click()
    expect(page.locator(".checks li[data-s=ok]", has_text="sysName core-sw-1")).to_be_visible()
    print(f"Test says what answers after {time.monotonic() - began:.2f} s")
    expect(page.locator("#name")).to_have_value("core-sw-1")
    expect(page.locator(".snippet em", has_text="127.0.0.1")).to_be_visible()
    expect(page.get_by_text("Waiting for the first datagram")).to_be_visible()
    page.get_by_role("button", name="Add core-sw-1").click()
    expect(page.get_by_text(re.compile("series of core-sw-1 came"))).to_be_visible()


def chart(page):
    """It grows by what the hub tells: nothing is asked for it again."""
    page.get_by_role("link", name="Open core-sw-1").click()
    expect(page.get_by_text("Round trip").first).to_be_visible()
    expect(page.locator("canvas").first).to_be_visible()


def grows(page, hub):
    page.goto(f"{hub.url}/explore?p=entity.?.ping.rtt.avg&from=-15m&to=now")
    page.locator("canvas").first.wait_for()
    live(page)
    shown = page.locator(".legend td b").first.inner_text()
    page.wait_for_load_state("networkidle")
    asked = []
    page.on("request", lambda request: asked.append(request.url) if "/series" in request.url or "lastvalues" in request.url else None)
    expect(page.locator(".legend td b").first).not_to_have_text(shown)
    assert not asked, f"a chart is told what came, and asked for it all the same: {asked}"


def light(page, hub, started):
    page.goto(f"{hub.url}/first/device")
    page.fill("#address", "127.0.0.1")
    page.locator(".choice label", has_text="netflow").get_by_role("checkbox").first.check()
    expect(page.get_by_text("Waiting for the first datagram")).to_be_visible()
    started.exporter()
    began = time.monotonic()
    expect(page.get_by_text("First datagram heard")).to_be_visible()
    print(f"the light is green {time.monotonic() - began:.1f} s after the exporter began")


def flows(page, hub):
    """While the first minute is open the rate is told; then it is drawn, from raw flows by interface too."""
    page.goto(f"{hub.url}/flows")
    expect(page.get_by_text("The first minute").or_(page.locator("canvas")).first).to_be_visible()
    expect(page.locator("canvas").first).to_be_visible()
    expect(page.locator("main").get_by_text("127.0.0.1").first).to_be_visible()
    expect(page.get_by_text("source, interface, destination")).to_be_visible()
    expect(page.locator("svg.sankey text", has_text="interface 0")).to_be_visible()
    page.get_by_label("Flow query").fill("proto udp by src,dport")
    page.get_by_role("button", name="Ask").click()
    expect(page.get_by_role("table", name="Answer").locator("tbody tr", has_text="161").first).to_be_visible()
    expect(page.get_by_text(re.compile("flows of .* looked at"))).to_be_visible()
    expect(page).to_have_url(re.compile("q=proto"))
    page.get_by_label("Flow query").fill("colour blue")
    page.get_by_role("button", name="Ask").click()
    expect(page.locator("main").get_by_role("alert")).to_be_visible()


def why(page, hub, started):
    """The agent gets another community: the page names the cause, and the mend is seen by itself."""
    started.agent("changed-ro")
    page.goto(f"{hub.url}/devices")
    row = page.locator("tbody tr", has_text="core-sw-1")
    expect(row.get_by_text("Degraded", exact=True)).to_be_visible()
    expect(row.locator("a.cause")).to_have_text(re.compile("communit", re.I))
    row.locator("a.name").focus()
    page.keyboard.press("w")
    expect(page.locator("h1")).to_have_text("Why is core-sw-1 missing?")
    expect(page.locator(".chain li[data-s=bad]").first).to_be_visible()
    expect(page.locator(".answer[data-s=bad]", has_text="snmp")).to_contain_text(re.compile("communit", re.I))
    verdict = page.url
    page.goto(f"{hub.url}/setup/credentials")
    page.get_by_role("link", name="snmp of core-sw-1").click()
    page.get_by_label("Community").fill("changed-ro")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("h1")).to_have_text("Credentials")
    page.goto(verdict)
    expect(page.locator(".answer[data-s=ok]", has_text="snmp")).to_be_visible()
    page.goto(f"{hub.url}/devices")
    expect(row.get_by_text("Up", exact=True)).to_be_visible()


def zoom(page, hub):
    page.goto(f"{hub.url}/explore?p=entity.?.ping.rtt.avg&from=-15m&to=now")
    over = page.locator(".u-over").first
    over.wait_for()
    box = over.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + 80, steps=5)
    page.mouse.up()
    page.wait_for_url("**from=1*to=1*")
    other = page.context.new_page()
    other.goto(page.url)
    expect(other.get_by_text("core-sw-1").first).to_be_visible()
    other.close()


def main(binary):
    started, began = Started(), time.monotonic()
    started.agent()
    hub = Hub(binary, "--with-bots", "--flow-archive")
    try:
        with tab() as page:
            first_person(page, hub)
            first_device(page, started)
            chart(page)
            print(f"from an empty folder to the first device's chart: {time.monotonic() - began:.1f} s")
            light(page, hub, started)
            grows(page, hub)
            zoom(page, hub)
            flows(page, hub)
            why(page, hub, started)
            print(f"with flows of a real exporter, a cause found and mended: {time.monotonic() - began:.1f} s")
    finally:
        hub.stop()
        started.stop()


main(*sys.argv[1:])
