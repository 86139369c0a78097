"""How long scans take, and how many packets they send: a /24 with 40 devices and a /16 with 200, in namespaces of their own.

    unshare --net bench/discover.py target/release/grafolean [24] [16]

Needs root and snmpd. The scanner stands behind a router that drops what is for nobody, as most of a network is; one agent
answers at all addresses. Prints, for each network, the time, the devices, and packets a second as the interface counts them.
"""

import json
import pathlib
import subprocess
import sys
import tempfile
import threading
import time

CASES = {24: ("10.9.7.0/24", 40, 2_000), 16: ("10.9.0.0/16", 200, 2_000)}


def run(*command):
    subprocess.run(command, check=True)


class Network:
    """A namespace behind a router, with addresses that answer."""

    def __init__(self):
        self.holder = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
        self.folder = tempfile.TemporaryDirectory()
        self.agent = None
        time.sleep(0.5)
        run("ip", "link", "set", "lo", "up")
        run("ip", "link", "add", "scan0", "type", "veth", "peer", "name", "net0", "netns", str(self.holder.pid))
        run("ip", "addr", "add", "10.255.0.1/30", "dev", "scan0")
        run("ip", "link", "set", "scan0", "up")
        self.inside("ip", "link", "set", "lo", "up")
        self.inside("ip", "addr", "add", "10.255.0.2/30", "dev", "net0")
        self.inside("ip", "link", "set", "net0", "up")
        run("ip", "route", "add", "10.9.0.0/16", "via", "10.255.0.2")

    def inside(self, *command):
        run("nsenter", "--net", "--target", str(self.holder.pid), *command)

    def devices(self, network, number):
        batch = pathlib.Path(self.folder.name) / "batch"
        third = lambda place: 7 if network.endswith("/24") else place * 251 // number
        lines = [f"addr add 10.9.{third(place)}.{place % 250 + 1}/32 dev lo" for place in range(number)]
        batch.write_text("\n".join(lines) + "\n")
        self.inside("ip", "-force", "-batch", str(batch))
        config = pathlib.Path(self.folder.name) / "snmpd.conf"
        config.write_text("rocommunity public\nagentaddress udp:161\n")
        command = ["nsenter", "--net", "--target", str(self.holder.pid), "snmpd", "-f", "-Lf", "/dev/null", "-C", "-c", str(config)]
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "SNMP_PERSISTENT_DIR": self.folder.name}
        self.agent = subprocess.Popen(command, env=environment)
        time.sleep(1)

    def stop(self):
        for process in filter(None, (self.agent, self.holder)):
            process.kill()
            process.wait()
        self.folder.cleanup()


def sent():
    lines = pathlib.Path("/proc/self/net/dev").read_text().splitlines()
    return next(int(line.split(":")[1].split()[9]) for line in lines if line.strip().startswith("scan0:"))


def case(binary, prefix):
    name, number, rate = CASES[prefix]
    network = Network()
    try:
        network.devices(name, number)
        rates, done = [], threading.Event()

        def sample():
            before, at = sent(), time.monotonic()
            while not done.wait(1):
                count, now = sent(), time.monotonic()
                rates.append((count - before) / (now - at))
                before, at = count, now

        sampler = threading.Thread(target=sample)
        first, began = sent(), time.monotonic()
        sampler.start()
        output = subprocess.run([binary, "discover", name, "--community", "public", "--rate", str(rate), "--yes", "--json"],
                                stdout=subprocess.PIPE, check=True)
        took, packets = time.monotonic() - began, sent() - first
        done.set()
        sampler.join()
        found = json.loads(output.stdout)["devices"]
        read = sum(1 for device in found if device["interfaces"])
        print(f"{name}: {took:.1f} s, {len(found)} of {number} devices found, {read} read, {packets} packets, "
              f"{packets / took:.0f} a second, {max(rates, default=0):.0f} in the busiest second")
    finally:
        network.stop()
        subprocess.run(["ip", "link", "del", "scan0"], stderr=subprocess.DEVNULL)


if __name__ == "__main__":
    for prefix in [int(text) for text in sys.argv[2:]] or [24, 16]:
        case(sys.argv[1], prefix)
