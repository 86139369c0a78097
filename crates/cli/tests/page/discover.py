"""Twenty devices discovered on the page, added, and seen with their names, processors, memory and interfaces.

In a network namespace of its own: twenty agents of net-snmp at 127.0.2.1 to 127.0.2.20, a hub with its bots. Arguments: the
binary. Prints how long it took from the confirmation to the last figure.
"""

import pathlib
import subprocess
import sys
import tempfile
import time

from playwright.sync_api import expect, sync_playwright

from world import Hub

CHROMIUM = "/usr/bin/chromium"
DEADLINE_MS = 120_000
DEVICES = 20
NAMES = [f"switch-{number:02}" for number in range(1, DEVICES + 1)]
# Rates take two readings, a minute apart: what a first one tells is wanted.
WANTED = ("cpu.", "memory.", "if.up.")


class Agents:
    """An agent for each address, with a name of its own."""

    def __init__(self):
        self.folder, self.all = tempfile.TemporaryDirectory(), []
        for number, name in enumerate(NAMES, 1):
            folder = pathlib.Path(self.folder.name) / name
            folder.mkdir()
            config = folder / "snmpd.conf"
            config.write_text(f"rocommunity public\nsysname {name}\nagentaddress udp:127.0.2.{number}:161\n")
            command = ["snmpd", "-f", "-Lf", "/dev/null", "-C", "-c", str(config), "-p", str(folder / "pid")]
            environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(folder), "SNMP_PERSISTENT_DIR": str(folder)}
            quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
            self.all.append(subprocess.Popen(command, env=environment, **quiet))

    def wait_for_processors(self):
        """An agent knows the load of its processors a minute after its start, as one that has run for long does."""
        deadline = time.monotonic() + DEADLINE_MS / 1000
        for number in range(1, DEVICES + 1):
            ask = ["snmpwalk", "-v2c", "-cpublic", "-Oqv", f"127.0.2.{number}", "1.3.6.1.2.1.25.3.3.1.2"]
            while not subprocess.run(ask, capture_output=True, text=True).stdout.replace("\n", "").isdigit():
                assert time.monotonic() < deadline, f"127.0.2.{number} tells of no processor"
                time.sleep(1)

    def stop(self):
        for process in self.all:
            process.kill()
        for process in self.all:
            process.wait()
        self.folder.cleanup()


def log_in(tab, hub):
    tab.goto(f"{hub.url}/#token={hub.token.replace(' ', '%20')}")
    expect(tab.locator("h1").first).to_be_visible()


def scan(tab, hub):
    tab.goto(f"{hub.url}/discover?net=127.0.2.1-127.0.2.{DEVICES}")
    expect(tab.locator("#networks")).to_have_value(f"127.0.2.1-127.0.2.{DEVICES}")
    tab.get_by_role("button", name="Next").click()
    # It says how much it asks before it asks anything.
    expect(tab.get_by_text("20 addresses are asked by about 40 packets")).to_be_visible()
    tab.get_by_role("button", name="Begin").click()
    expect(tab.get_by_role("button", name=f"Add {DEVICES} devices")).to_be_visible()
    for name in NAMES:
        expect(tab.locator("tbody tr", has_text=name)).to_have_count(1)
    expect(tab.locator("tbody .tag", has_text="linux")).to_have_count(DEVICES)


def add(tab):
    tab.get_by_role("button", name=f"Add {DEVICES} devices").click()
    expect(tab.get_by_role("button", name=f"Add {DEVICES} devices")).to_have_count(0)
    expect(tab.locator("tbody a", has_text="switch-")).to_have_count(DEVICES)


def measured(hub, account):
    """The devices of which all that is wanted is stored."""
    entities = hub.ask("GET", f"accounts/{account}/entities")["list"]
    ids = [entity["id"] for entity in entities if entity["entity_type"] == "device"]
    values = hub.ask("GET", f"accounts/{account}/lastvalues?filter=*")["list"]
    paths = [value["p"] for value in values]
    has = lambda number, part: any(path.startswith(f"entity.{number}.snmp.{part}") for path in paths)
    return [number for number in ids if all(has(number, part) for part in WANTED)]


def figures(tab, hub, account):
    deadline = time.monotonic() + DEADLINE_MS / 1000
    while len(measured(hub, account)) < DEVICES:
        assert time.monotonic() < deadline, f"only {len(measured(hub, account))} devices are measured"
        time.sleep(0.5)
    tab.goto(f"{hub.url}/devices")
    for name in NAMES:
        expect(tab.locator("tbody tr", has_text=name)).to_have_count(1)
    tab.locator("tbody tr", has_text=NAMES[0]).get_by_role("link", name=NAMES[0]).click()
    expect(tab.locator("h1")).to_have_text(NAMES[0])
    tab.get_by_role("link", name="Interfaces").click()
    expect(tab.locator("tbody tr", has_text="lo").first).to_be_visible()
    number = tab.url.split("/device/")[1].split("/")[0]
    for part in ("cpu", "memory"):
        tab.goto(f"{hub.url}/explore?p=entity.{number}.snmp.{part}.*&from=-15m&to=now")
        expect(tab.locator("canvas").first).to_be_visible()


def again(tab, hub, account):
    """A second scan knows the devices, and makes none of them once more."""
    discovery = f"hub/accounts/{account}/discovery"
    before = hub.ask("GET", discovery)["last"]["ended"]
    tab.goto(f"{hub.url}/discover?net=127.0.2.1-127.0.2.{DEVICES}")
    tab.get_by_role("button", name="Next").click()
    tab.get_by_role("button", name="Begin").click()
    deadline = time.monotonic() + DEADLINE_MS / 1000
    while (last := hub.ask("GET", discovery)["last"])["ended"] == before:
        assert time.monotonic() < deadline, "the second scan does not end"
        time.sleep(0.2)
    assert len(last["devices"]) == DEVICES and all(device["entity"] for device in last["devices"]), last["devices"]
    assert last["vanished"] == [], last["vanished"]
    expect(tab.locator("tbody a", has_text="switch-")).to_have_count(DEVICES)


def main(binary):
    agents = Agents()
    hub = Hub(binary, "--with-bots=ping,snmp")
    account = hub.begin()
    agents.wait_for_processors()
    expect.set_options(timeout=DEADLINE_MS)
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
            tab = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
            tab.set_default_timeout(DEADLINE_MS)
            faults = []
            tab.on("pageerror", lambda error: faults.append(str(error)))
            log_in(tab, hub)
            began = time.monotonic()
            scan(tab, hub)
            found = time.monotonic() - began
            add(tab)
            added = time.monotonic() - began
            figures(tab, hub, account)
            print(f"{DEVICES} devices: found after {found:.1f} s, added after {added:.1f} s, all measured and seen after {time.monotonic() - began:.1f} s")
            again(tab, hub, account)
            assert faults == [], faults
            browser.close()
    finally:
        hub.stop()
        agents.stop()


if __name__ == "__main__":
    main(sys.argv[1])
