"""Takes the pictures of the documentation: each view in light, dark and on a phone, of a network that world.py makes.

Arguments: the binary, the folder for the pictures, and views, if not all are wanted.
"""

import io
import pathlib
import sys

from PIL import Image
from playwright.sync_api import expect, sync_playwright

from world import Hub, Network

CHROMIUM = "/usr/bin/chromium"
HOW = {
    "light": {"viewport": {"width": 1440, "height": 900}},
    "dark": {"viewport": {"width": 1440, "height": 900}, "color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 844}},
}


def views(network):
    core, edge = network.ids["core-sw-1"], network.ids["edge-rtr-2"]
    return {
        "devices": ("/devices", "no answer"),
        "device": (f"/device/{core}", "Last runs"),
        "explore": (f"/explore?p=entity.{core}.snmp.if.in-octets.?.?&p=entity.?.ping.rtt.avg&from=-24h&to=now&p95=1&line=5e9", "95th"),
        "flows": (f"/flows/{edge}/ingress?by=address&from=-6h&to=now", "Where it goes"),
        "board": ("/board/uplinks?from=-6h&to=now", "Busiest interfaces"),
        "bots": ("/bots", "Bots"),
        "setup": ("/setup/credentials", "Default SNMP credential"),
        "first": ("/first/device", "What to measure"),
    }


def main(binary, folder, *wanted):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    hub = Hub(binary)
    try:
        network = Network(hub)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
            for how, options in HOW.items():
                tab = browser.new_context(**options, timezone_id="UTC").new_page()
                on_disk(tab)
                tab.goto(f"{hub.url}/#token={hub.token.replace(' ', '%20')}")
                expect(tab.locator("h1")).to_have_text("Devices", timeout=60_000)
                for view, (path, text) in views(network).items():
                    if wanted and view not in wanted:
                        continue
                    network.tell()
                    tab.goto(hub.url + path)
                    expect(tab.get_by_text(text).first).to_be_attached(timeout=60_000)
                    tab.wait_for_load_state("networkidle")
                    tab.wait_for_timeout(500)
                    taken = tab.screenshot(full_page="--full" in sys.argv)
                    save(taken, folder / f"{view}-{how}.png")
            browser.close()
    finally:
        hub.stop()


def save(taken, file):
    """A picture in 256 colours, rare ones too: half of its size, and it looks the same."""
    picture = Image.open(io.BytesIO(taken)).convert("RGB")
    picture.quantize(256, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(file, optimize=True)


def on_disk(tab):
    """The page's files as they stand in the source, so that a picture does not wait for a build."""
    page = pathlib.Path(__file__).resolve().parents[3] / "hub/src/page"
    kinds = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".woff2": "font/woff2"}

    def fulfil(route):
        file = page / route.request.url.split("/page/", 1)[1].split("?")[0]
        route.fulfill(path=file, content_type=kinds[file.suffix])

    tab.route("**/page/**", fulfil)


main(*[argument for argument in sys.argv[1:] if argument != "--full"])
