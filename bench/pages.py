#!/usr/bin/env python3
"""Measures 200 live pages while 20,000 values a second arrive: the hub's CPU and memory, and how old a value is when a page has it.

Each page looks at a device of its own and is told of it by the hub's events, as the page in the browser is; one in ten is a list of all
devices, which reads the overview each time values came, as seldom as the page does. Two pages do not read at all. Arguments: the
binary, and how many seconds.
"""

import asyncio
import json
import pathlib
import sys
import time
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "crates/cli/tests/page"))
from world import Hub

PAGES, USERS, IDLE = 200, 4, 2
DEVICES, SERIES = 1_000, 20
A_SECOND, REQUESTS = 20_000, 20
KINDS = "stored,paths,changed,status,findings,values"
OVERVIEW_S = 1.0


class Page:
    """One that reads: what it was told, and how old it was."""

    def __init__(self, hub, account, session, device, lists):
        self.hub, self.account, self.session, self.device, self.lists = hub, account, session, device, lists
        self.ages, self.bytes, self.overviews, self.read_at = [], 0, 0, 0.0

    async def ask(self, path):
        host, port = urllib.parse.urlparse(self.hub.url).netloc.split(":")
        reader, writer = await asyncio.open_connection(host, int(port), limit=1 << 26)
        writer.write(f"GET /api/{path} HTTP/1.1\r\nhost: {host}\r\nauthorization: {self.session}\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        assert b" 200 " in head.split(b"\r\n")[0], head
        return reader, writer, head

    async def overview(self):
        began = time.monotonic()
        reader, writer, head = await self.ask(f"hub/accounts/{self.account}/overview")
        await reader.readexactly(int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]))
        writer.close()
        self.overviews += 1
        self.read_at = time.monotonic() + max(OVERVIEW_S, 9 * (time.monotonic() - began))

    async def read(self, until):
        filters = "" if self.lists else f"entity.{self.device}.*"
        kinds = KINDS.replace(",values", "") if self.lists else KINDS
        reader, writer, _ = await self.ask(f"hub/events?account={self.account}&kinds={kinds}&filter={filters}")
        while time.monotonic() < until:
            try:
                line = await asyncio.wait_for(reader.readline(), max(0.1, until - time.monotonic()))
            except asyncio.TimeoutError:
                break
            self.bytes += len(line)
            if line.startswith(b"data: ") and b'"list":[{"p":"entity' in line and b'"t"' in line:
                sent = max(value["v"] for value in json.loads(line[6:])["list"])
                self.ages.append(time.time() - sent)
            elif self.lists and line.startswith(b"event: stored") and time.monotonic() > self.read_at:
                await self.overview()
        writer.close()


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


def memory(pid):
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return {line.split(":")[0]: int(line.split()[1]) / 1024 for line in lines if line.startswith(("VmRSS", "VmHWM"))}


async def feed(hub, account, ids, until):
    """Stores values, each of which is the time at which it was sent."""
    paths = [f"entity.{number}.ping.p{n}.rtt" for n in range(SERIES) for number in ids]
    at, sent, step, due = 0, 0, A_SECOND // REQUESTS, time.monotonic()
    while time.monotonic() < until:
        now = time.time()
        rows = [{"p": paths[(at + n) % len(paths)], "t": now, "v": now} for n in range(step)]
        at += step
        await asyncio.to_thread(hub.ask, "PUT", f"accounts/{account}/values", rows)
        sent += step
        due += 1 / REQUESTS
        await asyncio.sleep(max(0, due - time.monotonic()))
    return sent


def people(hub, account):
    """One user may have 64 windows."""
    for number in range(USERS):
        name = {"username": f"user{number}", "password": "long enough"}
        person = hub.ask("POST", "persons", {**name, "name": "", "email": ""})["id"]
        hub.ask("POST", f"users/{person}/permissions", {"resource_prefix": f"accounts/{account}", "methods": ["GET"]})
        own = Hub.__new__(Hub)
        own.url, own.token = hub.url, None
        own.ask("POST", "auth/login", name)
        yield own.token


async def run(hub, account, seconds):
    device = lambda n: {"name": f"device-{n}", "entity_type": "device", "parent": None, "details": {"ipv4": f"10.0.{n // 256}.{n % 256}"}, "protocols": {}}
    ids = [hub.ask("POST", f"accounts/{account}/entities", device(n))["id"] for n in range(DEVICES)]
    sessions = list(people(hub, account))
    pages = [Page(hub, account, sessions[n % USERS], ids[n], lists=n % 10 == 0) for n in range(PAGES)]
    idle = [await Page(hub, account, sessions[0], ids[0], lists=False).ask(f"hub/events?account={account}") for _ in range(IDLE)]
    await feed(hub, account, ids, time.monotonic() + 2)
    pid, before = hub.process.pid, memory(hub.process.pid)
    began, busy = time.monotonic(), cpu_seconds(hub.process.pid)
    until = began + seconds
    reading = [asyncio.create_task(page.read(until)) for page in pages]
    sent = await feed(hub, account, ids, until)
    took, busy = time.monotonic() - began, cpu_seconds(pid) - busy
    await asyncio.gather(*reading)
    ages = sorted(age for page in pages for age in page.ages)
    after = memory(pid)
    print(f"values stored: {sent / took:,.0f} a second")
    print(f"pages: {PAGES}, of them {sum(page.lists for page in pages)} lists, and {IDLE} that do not read")
    print(f"the hub's CPU: {busy / took:.2f} cores")
    print(f"a value is on its page after: median {ages[len(ages) // 2]:.2f} s, 99 % {ages[len(ages) * 99 // 100]:.2f} s, at most {ages[-1]:.2f} s ({len(ages):,} times)")
    print(f"told to each page: {sum(page.bytes for page in pages) / PAGES / took / 1000:.1f} kB/s; overviews read: {sum(page.overviews for page in pages)}")
    print(f"the hub's memory: {before['VmRSS']:.0f} MiB before, {after['VmRSS']:.0f} MiB after, {after['VmHWM']:.0f} MiB at most")
    for _, writer, _ in idle:
        writer.close()


def main(binary, seconds="20"):
    hub = Hub(binary)
    try:
        asyncio.run(run(hub, hub.begin(), float(seconds)))
    finally:
        hub.stop()


main(*sys.argv[1:])
