"""A network of made-up devices in a hub of its own: what the pictures of the documentation show.

Addresses are of RFC 5737 and RFC 3849, names are nobody's. The same each time, but for the clock.
"""

import json
import math
import pathlib
import re
import subprocess
import tempfile
import time
import urllib.request

DAY, MINUTE = 86_400, 60
MEGA, GIGA = 1e6, 1e9
DEVICES = [
    # name, address, model, round trip in ms, share answered, completeness, bits in, bits out, coverage, age of its values
    ("branch-rtr-zrh", "203.0.113.65", "MikroTik RB5009", None, 0, 0, None, None, None, 0),
    ("ups-2", "192.0.2.201", "APC Smart-UPS 3000", None, 0, None, None, None, None, 0),
    ("agg-sw-4", "192.0.2.24", "Juniper EX4650", 1.9, 1, 0, None, None, None, 0),
    ("branch-rtr-lju", "203.0.113.33", "MikroTik CCR2004", 41.3, 0.917, 0.971, 38.2 * MEGA, 11.9 * MEGA, None, 0),
    ("edge-rtr-1", "192.0.2.1", "Cisco ASR 1001-X", 0.61, 1, 1, 3.12 * GIGA, 1.88 * GIGA, 0.712, 0),
    ("dc-leaf-2", "192.0.2.52", "Arista 7050X3", 0.33, 1, 1, 1.06 * GIGA, 842 * MEGA, None, 3 * 3600),
    ("core-sw-1", "192.0.2.11", "Cisco Catalyst 9500-40X", 0.42, 1, 0.986, 4.39 * GIGA, 4.27 * GIGA, 0.984, 0),
    ("core-sw-2", "192.0.2.12", "Cisco Catalyst 9500-40X", 0.45, 1, 1, 4.61 * GIGA, 2.96 * GIGA, 0.981, 0),
    ("edge-rtr-2", "192.0.2.2", "Cisco ASR 1001-X", 0.58, 1, 1, 1.29 * GIGA, 2.44 * GIGA, 0.996, 0),
    ("agg-sw-1", "192.0.2.21", "Juniper EX4650", 1.6, 1, 1, 912 * MEGA, 1.21 * GIGA, 0.996, 0),
    ("agg-sw-2", "192.0.2.22", "Juniper EX4650", 1.8, 1, 0.993, 877 * MEGA, 1.13 * GIGA, None, 0),
    ("dc-leaf-1", "192.0.2.51", "Arista 7050X3", 0.31, 1, 1, 1.42 * GIGA, 1.01 * GIGA, None, 0),
    ("dc-spine-1", "192.0.2.61", "Arista 7280R3", 0.29, 1, 1, 6.33 * GIGA, 6.18 * GIGA, None, 0),
    ("dc-spine-2", "2001:db8::62", "Arista 7280R3", 0.3, 1, 1, 6.05 * GIGA, 6.21 * GIGA, None, 0),
    ("fw-1", "192.0.2.5", "FortiGate 600F", 0.71, 1, 1, 1.18 * GIGA, 2.02 * GIGA, 0.969, 0),
    ("fw-2", "192.0.2.6", "FortiGate 600F", 0.69, 1, 1, 412e3, 388e3, None, 0),
    ("acc-sw-101", "192.0.2.101", "Cisco Catalyst 9300-48P", 2.1, 1, 1, 31 * MEGA, 12 * MEGA, None, 0),
    ("srv-backup-1", "198.51.100.14", "Debian 13", 0.4, 1, None, None, None, None, 0),
    ("nas-1", "198.51.100.40", "Synology RS2423", 0.5, 1, None, None, None, None, 0),
]
INTERFACES = [  # of core-sw-1: name, alias, speed, bits in, bits out, errors a minute
    ("Te1/1/3", "edge-rtr-1 Te0/0/0", 10 * GIGA, 3.12 * GIGA, 1.86 * GIGA, 0), ("Te1/1/1", "core-sw-2 Po1", 40 * GIGA, 2.46 * GIGA, 1.21 * GIGA, 0),
    ("Te1/1/8", "agg-sw-4 xe-0/0/48", 10 * GIGA, 1.83 * GIGA, 702 * MEGA, 0), ("Te1/1/4", "edge-rtr-2 Te0/0/0", 10 * GIGA, 1.27 * GIGA, 2.41 * GIGA, 0),
    ("Te1/1/5", "agg-sw-1 xe-0/0/48", 10 * GIGA, 905 * MEGA, 1.2 * GIGA, 0), ("Te1/1/7", "agg-sw-3 xe-0/0/48", 10 * GIGA, 764 * MEGA, 990 * MEGA, 0.4),
    ("Gi1/0/1", "fw-1 port1", 1 * GIGA, 588 * MEGA, 941 * MEGA, 12.1), ("Gi1/0/5", "srv-backup-1 eno1", 1 * GIGA, 4.1 * MEGA, 218 * MEGA, 0),
    ("Gi1/0/7", "nas-1 LAN 1", 1 * GIGA, 512 * MEGA, 96.4 * MEGA, 0), ("Gi1/0/2", "fw-2 port1", 1 * GIGA, 412e3, 388e3, 0),
    ("Vl10", "office", None, 342 * MEGA, 298 * MEGA, 0), ("Vl99", "management", None, 1.9 * MEGA, 2.4 * MEGA, 0),
]
SOURCES = [("198.51.100.14", 982), ("198.51.100.40", 701), ("203.0.113.17", 466), ("198.51.100.21", 372), ("198.51.100.22", 298),
           ("2001:db8::80", 207), ("203.0.113.33", 121), ("198.51.100.77", 90), ("198.51.100.78", 71), ("198.51.100.79", 52), ("198.51.100.80", 41)]
DESTINATIONS = ["203.0.113.80", "203.0.113.122", "198.51.100.53", "2001:db8:9::4"]
PORTS = [("443", 1720), ("873", 802), ("2049", 388), ("22", 141), ("53", 80)]
PROTOCOLS = [("TCP", 2980), ("UDP", 402), ("ESP", 24)]


def chance(seed):
    state = seed * 7919 + 17
    while True:
        state = (state * 1_664_525 + 1_013_904_223) % 2**32
        yield state / 2**32


def walk(seed, times, base, noise=0.12, wave=0.25):
    """A series around a base that swings through the day and trembles: the same each time for a seed and a time."""
    numbers, drift, values = chance(seed), 0.0, []
    phase = next(numbers) * 6.28
    for t in times:
        drift = drift * 0.86 + (next(numbers) - 0.5) * noise * 1.4
        peak = noise * 2.5 if next(numbers) < 0.012 else 0
        values.append(max(0.0, base * (1 + wave * math.sin(t % DAY / DAY * 6.28 + phase) + drift + peak)))
    return values


def escaped(address):
    return address.replace(".", "%2e").replace(":", "%3a")


def shares(totals, walks):
    """The same walks, of which all together are nearly the total at every time."""
    sums = [sum(values) for values in zip(*walks.values())]
    return {key: [v * 0.97 * total / whole for v, total, whole in zip(values, totals, sums)] for key, values in walks.items()}


class Hub:
    """A hub of the binary in a folder that goes with it."""

    def __init__(self, binary, *arguments):
        self.folder = tempfile.TemporaryDirectory()
        command = [binary, "hub", "--data", self.folder.name, "--listen", "127.0.0.1:0", *arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.url, self.secret, self.token = None, None, None
        while not self.secret:
            line = self.process.stdout.readline()
            assert line, "the hub ended"
            found = re.search(r"the hub is at (\S+?)/?,", line)
            self.url = found.group(1) if found else self.url
            found = re.search(r"#setup=(\S+)", line)
            self.secret = found.group(1) if found else None

    def ask(self, method, path, body=None, bot=None):
        headers = {"content-type": "application/json", **({"authorization": self.token} if self.token and not bot else {})}
        data = None if body is None else json.dumps(body).encode()
        path = f"{path}?b={bot}" if bot else path
        request = urllib.request.Request(f"{self.url}/api/{path}", data=data, headers=headers, method=method)
        with urllib.request.urlopen(request) as answer:
            self.token = answer.headers.get("x-jwt-token", self.token)
            text = answer.read()
        return json.loads(text) if text else None

    def begin(self, name="Example Ltd"):
        """The first person and their account; returns its id."""
        person = {"username": "mira", "password": "correct horse battery", "name": "Mira", "email": "mira@example.com"}
        self.ask("POST", "admin/first", {**person, "setup_secret": self.secret})
        self.ask("POST", "auth/login", {"username": "mira", "password": "correct horse battery"})
        accounts = self.ask("GET", "accounts")["list"]
        return accounts[0]["id"] if accounts else self.ask("POST", "admin/accounts", {"name": name})["id"]

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self.folder.cleanup()


class Network:
    """Fills a hub with devices and a day of their values."""

    def __init__(self, hub):
        self.hub, self.now = hub, int(time.time())
        self.account = hub.begin()
        self.rows, self.ids = [], {}
        kinds = ("credentials", "sensors")
        self.of = {kind: {row["protocol"]: row["id"] for row in hub.ask("GET", f"accounts/{self.account}/{kind}")["list"]} for kind in kinds}
        self.sensors = hub.ask("GET", f"accounts/{self.account}/sensors")["list"]
        for seed, device in enumerate(DEVICES):
            self.device(seed, *device)
        self.interfaces()
        for exporter in ("core-sw-1", "edge-rtr-2"):
            self.flows(exporter)
        self.send()
        self.dashboard()
        self.bots = {protocol: self.bot(name, protocol) for name, protocol in (("ping", "ping"), ("snmp-plant", "snmp"), ("netflow", "netflow"))}
        self.tell()

    def bot(self, name, protocol):
        """A bot with the rights it needs: its id and its token."""
        number = self.hub.ask("POST", f"accounts/{self.account}/bots", {"name": name, "protocol": protocol, "config": None})["id"]
        for what, methods in (("values", ["POST", "PUT"]), ("entities", ["GET"]), ("credentials", ["GET"]), ("sensors", ["GET"])):
            right = {"resource_prefix": f"accounts/{self.account}/{what}", "methods": methods}
            self.hub.ask("POST", f"accounts/{self.account}/bots/{number}/permissions", right)
        return number, self.hub.ask("GET", f"accounts/{self.account}/bots/{number}/token")["token"]

    def tell(self):
        """Has the bots say what they know, as of this moment: runs of each device, what they met, and what was refused."""
        now = int(time.time())
        of = lambda protocol: [name for name, _, _, _, _, complete, _, _, coverage, _ in DEVICES
                               if protocol == "ping" or (protocol == "snmp" and complete is not None) or (protocol == "netflow" and coverage is not None)]
        troubles = {
            "ping": [("branch-rtr-zrh", "device_off", "3 packets, no answer", 840), ("ups-2", "ping_no_answer", "3 packets, no answer", 7_200)],
            "snmp": [("agg-sw-4", "snmp_community", "192.0.2.24:161: no answer to this community, though an agent is there", 1_260),
                     ("branch-rtr-zrh", "no_answer", "203.0.113.65:161: no answer after 3 attempts", 840)],
            "netflow": [],
        }
        letters = [("snmp.lmsensors.temp.1.a-sensor-with-a-name-that-is-far-too-long", "path of 214 characters, 200 allowed", 60),
                   ("snmp.if.in-octets.9.lo", "not finite after the expression", 61)]
        for protocol, (number, token) in self.bots.items():
            job = lambda name: f"{protocol}.{self.account}.{self.ids[name]}"
            runs = [{"due": now - 60 * back - 17, "late": 0.004 + 0.003 * back, "took": 0.4 if protocol == "snmp" else 0.02, "outcome": "ok", "values": 148 if protocol == "snmp" else 13}
                    for back in range(4, -1, -1)]
            status = {
                "protocol": protocol, "version": "0.1.0", "started": now - 86_400, "at": now, "pause": 60,
                "configuration": {"accounts": [self.account], "every": 120, "devices": len(of(protocol)), "jobs": len(of(protocol)), "read_at": now - 20},
                "jobs": [{"id": job(name), "account": self.account, "entity": self.ids[name], "intervals": [60], "next_due": now + 43, "last_good": now - 17, "runs": runs}
                         for name in of(protocol)],
                "troubles": [{"cause": cause, "account": self.account, "entity": self.ids[name], "evidence": evidence, "job": job(name), "since": now - ago, "last": now - 17}
                             for name, cause, evidence, ago in troubles[protocol]],
                "delivery": [{"account": self.account, "stored": 11_204_318 if protocol == "snmp" else 1_204_977, "waiting": 0}],
                "queue": {"values": 24 if protocol == "snmp" else 0, "oldest": now - 1},
            }
            if protocol == "snmp":
                newest = [{"id": place, "account": self.account, "path": f"entity.{self.ids['core-sw-1']}.{path}", "time": now - ago, "rejected_at": now - ago, "kind": "refused", "reason": reason, "again": False}
                          for place, (path, reason, ago) in enumerate(letters, 1)]
                status["dead_letters"] = {"count": len(newest), "newest": newest}
            self.hub.ask("PUT", f"hub/accounts/{self.account}/bots/{number}/status", status, bot=token)

    def attached(self, *protocols):
        use = lambda protocol: [{"sensor": row["id"], "interval": None} for row in self.sensors if row["protocol"] == protocol]
        return {name: {"credential": self.of["credentials"][name], "bot": None, "sensors": use(name)} for name in protocols}

    def device(self, seed, name, address, model, rtt, answered, complete, inward, outward, coverage, age):
        protocols = ["ping"] + ["snmp"] * (complete is not None) + ["netflow"] * (coverage is not None)
        family = "ipv6" if ":" in address else "ipv4"
        entity = {"name": name, "entity_type": "device", "parent": None, "details": {family: address, "model": model},
                  "protocols": self.attached(*protocols)}
        self.ids[name] = number = self.hub.ask("POST", f"accounts/{self.account}/entities", entity)["id"]
        times = range(self.now - age - (DAY if name == "core-sw-1" else 2 * 3600), self.now - age, MINUTE)
        self.series(f"entity.{number}.ping.success", times, [answered] * len(times))
        if rtt is not None:
            self.series(f"entity.{number}.ping.rtt.avg", times, [v / 1e3 for v in walk(seed + 7, times, rtt, 0.12, 0.06)])
        if complete is not None:
            self.series(f"entity.{number}.snmp.completeness", times[-5:], [complete] * 5)
        if inward is not None and name != "core-sw-1":
            self.series(f"entity.{number}.snmp.if.in-octets.1.uplink", times, [v / 8 for v in walk(seed + 90, times, inward, 0.16)])
            self.series(f"entity.{number}.snmp.if.out-octets.1.uplink", times, [v / 8 for v in walk(seed + 190, times, outward, 0.16)])
        if coverage is not None:
            self.series(f"netflow.coverage.entity.{number}", times[-5:], [coverage] * 5)

    def interfaces(self):
        parent, times = self.ids["core-sw-1"], range(self.now - DAY, self.now, MINUTE)
        for index, (name, alias, speed, inward, outward, errors) in enumerate(INTERFACES, 1):
            details = {"snmp_index": str(index), "alias": alias, **({"speed_bps": speed} if speed else {})}
            entity = {"name": name, "entity_type": "interface", "parent": parent, "details": details, "protocols": {}}
            self.hub.ask("POST", f"accounts/{self.account}/entities", entity)
            path = re.sub(r"[^A-Za-z0-9]", "-", name)
            self.series(f"entity.{parent}.snmp.if.in-octets.{index}.{path}", times, [v / 8 for v in walk(index + 20, times, inward, 0.18)])
            self.series(f"entity.{parent}.snmp.if.out-octets.{index}.{path}", times, [v / 8 for v in walk(index + 60, times, outward, 0.18)])
            self.series(f"entity.{parent}.snmp.if.in-errors.{index}.{path}", times[-5:], [errors / 60] * 5)

    def flows(self, name):
        number = self.ids[name]
        for interval, width, back in (("1min", 60, 6 * 3600), ("15min", 900, DAY)):
            begin = (self.now - back) // width * width
            times = range(begin, self.now - width, width)
            for direction in ("ingress", "egress"):
                prefix = f"netflow.{interval}.{direction}.entity.{number}"
                scale = width / (6 * 3600) * GIGA
                lists = {"topip": [(escaped(key), v) for key, v in SOURCES], "topdstports": PORTS, "topprotocol": PROTOCOLS,
                         "topconn": [(f"{escaped(key)}.{escaped(DESTINATIONS[(i + j) % 4])}", v * share)
                                     for i, (key, v) in enumerate(SOURCES[:6]) for j, share in ((0, 0.6), (1, 0.4))][:10]}
                walks = {key: walk(i + 70, times, v * scale, 0.2, 0.3) for i, (key, v) in enumerate(lists["topip"])}
                totals = [sum(v) * 1.08 for v in zip(*walks.values())]
                self.series(prefix, times, totals)
                for kind, keys in lists.items():
                    of_key = walks if kind == "topip" else shares(totals, {key: walk(i + 50, times, v, 0.15, 0.3) for i, (key, v) in enumerate(keys)})
                    for place, t in enumerate(times):
                        largest = sorted(of_key, key=lambda key: -of_key[key][place])[:10]
                        self.rows += [{"p": f"{prefix}.{kind}.{key}", "t": t, "v": round(of_key[key][place])} for key in largest]

    def series(self, path, times, values):
        self.rows += [{"p": path, "t": t, "v": v} for t, v in zip(times, values)]

    def send(self):
        for at in range(0, len(self.rows), 20_000):
            self.hub.ask("PUT", f"accounts/{self.account}/values", self.rows[at:at + 20_000])
        self.rows = []

    def dashboard(self):
        core, flows = self.ids["core-sw-1"], self.ids["edge-rtr-2"]
        boards = f"accounts/{self.account}/dashboards"
        self.hub.ask("POST", boards, {"name": "Uplinks"})
        octets = f"entity.{core}.snmp.if"
        widgets = [
            ("chart", "core-sw-1 Te1/1/3, in and out", {"paths": [f"{octets}.in-octets.1.?", f"{octets}.out-octets.1.?"], "mirror": True}),
            ("lastvalue", "Round trip to 203.0.113.33", {"paths": [f"entity.{self.ids['branch-rtr-lju']}.ping.rtt.avg"]}),
            ("gauge", "Uplink use", {"paths": [f"{octets}.in-octets.{index}.?" for index in (1, 4, 7, 9)]}),
            ("topn", "Busiest interfaces", {"paths": [f"entity.{core}.snmp.if.in-octets.?.?"], "n": 5}),
            ("topn", "Longest round trips", {"paths": ["entity.?.ping.rtt.avg"], "n": 5}),
            ("netflow", "Ingress by destination port", {"entity": flows, "direction": "ingress", "by": "port", "shown": "chart",
             "paths": [f"netflow.?.ingress.entity.{flows}", f"netflow.?.ingress.entity.{flows}.topdstports.*", f"netflow.coverage.entity.{flows}"]}),
            ("netflow", "Top sources", {"entity": flows, "direction": "ingress", "by": "address", "shown": "table",
             "paths": [f"netflow.?.ingress.entity.{flows}", f"netflow.?.ingress.entity.{flows}.topip.*"]}),
        ]
        for kind, title, content in widgets:
            self.hub.ask("POST", f"{boards}/uplinks/widgets", {"type": kind, "title": title, "content": json.dumps(content)})
