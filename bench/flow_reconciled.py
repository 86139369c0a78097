#!/usr/bin/env python3
"""Holds the flow bot's numbers against a kernel's: a router in network namespaces, real exporters, snmpd, and the bots.

    bench/flow_reconciled.py target/release/grafolean softflowd-9 [MINUTES]

Exporters: softflowd-5, softflowd-9, softflowd-10, pmacctd-9, pmacctd-10, pmacctd-sflow, pmacctd-sampled. It takes root, and Debian's
softflowd, pmacct and snmpd. Each line is a minute of an interface: flows by counters, as the bot reported it.
It fails where a minute is off by more than 1 %, of a sampled exporter by more than 10 %, or where the bot finds a fault.
"""

import http.server
import json
import os
import pathlib
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time

ENTITY = 7
ROUTER, LEFT, RIGHT = (f"flows-{os.getpid()}-{name}" for name in ("router", "left", "right"))
AGENT_PORT, FLOW_PORT, BACKEND_PORT = 16161, 2055, 8099
os.environ["PATH"] += ":/usr/sbin:/sbin"


def run(words):
    subprocess.run(words.split(), check=True)


def in_namespace(name, words, **options):
    command = ["ip", "netns", "exec", name, *words]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(command, **{**quiet, **options})


def attached(credential, sensor, interval):
    return {"credential": credential, "bot": None, "sensors": [{"sensor": sensor, "interval": interval}]}


def answers():
    uptime = {
        "oids": [{"oid": "1.3.6.1.2.1.1.3.0", "fetch_method": "get"}],
        "expression": "$1",
        "output_path": "uptime",
    }
    entity = {
        "id": ENTITY,
        "name": "router",
        "entity_type": "device",
        "parent": None,
        "details": {"ipv4": "127.0.0.1", "snmp_port": str(AGENT_PORT)},
        "protocols": {"snmp": attached(1, 1, 300), "netflow": attached(2, 2, None)},
    }
    community = {"version": "snmpv2c", "snmpv12_community": "public"}
    return {
        "/api/status/info": {"alive": True, "db_migration_needed": False, "user_exists": True},
        "/api/profile": {"user_id": 3, "user_type": "bot", "record": {"id": 3}},
        "/api/profile/permissions": {"list": [{"id": 1, "resource_prefix": None, "methods": None}]},
        "/api/accounts": {"list": [{"id": 1, "name": "account"}]},
        "/api/accounts/1/entities": {"list": [entity]},
        f"/api/accounts/1/entities/{ENTITY}": entity,
        "/api/accounts/1/credentials": {
            "list": [
                {"id": 1, "name": "community", "protocol": "snmp", "details": community},
                {"id": 2, "name": "flows", "protocol": "netflow", "details": {}},
            ]
        },
        "/api/accounts/1/sensors": {
            "list": [
                {"id": 1, "name": "uptime", "protocol": "snmp", "default_interval": 300, "details": uptime},
                {"id": 2, "name": "flows", "protocol": "netflow", "default_interval": None, "details": {}},
            ]
        },
    }


def serve_backend():
    """A backend with one entity, which prints the values that are of interest."""
    known = answers()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self):
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            path = self.path.split("?")[0].rstrip("/")
            if self.command == "GET":
                found = known.get(path)
                status, text = (404, b"{}") if found is None else (200, json.dumps(found).encode())
            else:
                status, text = (201 if self.command == "POST" else 204), b""
                for value in json.loads(body) if "/values" in path else []:
                    if ".reconciled." in value["p"]:
                        print(json.dumps([value["t"], value["p"], value["v"]]), flush=True)
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_PUT = do_POST = do_DELETE = answer

        def log_message(self, *_):
            pass

    http.server.ThreadingHTTPServer(("127.0.0.1", BACKEND_PORT), Handler).serve_forever()


def send_packets(address, octets_a_second, seed):
    """Packets of several sizes on twenty flows, twice as many in seven of each twenty seconds."""
    chance = random.Random(seed)
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(20)]
    for number, sender in enumerate(sockets):
        sender.connect((address, 9000 + number))
    while True:
        size = chance.choice([60, 300, 1000, 1400])
        try:
            chance.choice(sockets).send(b"x" * size)
        except OSError:
            pass  # "port unreachable" came back
        time.sleep(size / octets_a_second / (2 if time.time() % 20 < 7 else 1))


def build_network():
    for name in (ROUTER, LEFT, RIGHT):
        run(f"ip netns add {name}")
        run(f"ip -n {name} link set lo up")
    for name, port, net in ((LEFT, "left", 1), (RIGHT, "right", 2)):
        run(f"ip link add there netns {name} type veth peer name {port} netns {ROUTER}")
        run(f"ip -n {ROUTER} addr add 10.77.{net}.1/24 dev {port}")
        run(f"ip -n {name} addr add 10.77.{net}.2/24 dev there")
        run(f"ip -n {ROUTER} link set {port} up")
        run(f"ip -n {name} link set there up")
        run(f"ip -n {name} route add default via 10.77.{net}.1")
    run(f"ip netns exec {ROUTER} sysctl -qw net.ipv4.ip_forward=1")


def softflowd(version, port, index, folder):
    timeouts = [word for name in ("maxlife=4", "expint=1", "udp=3", "general=3", "icmp=3") for word in ("-t", name)]
    target = ["-n", f"127.0.0.1:{FLOW_PORT}", "-c", "none", "-p", str(folder / f"{port}.pid")]
    return [["softflowd", "-d", "-i", f"{index}:{port}", "-v", version, *timeouts, *target]]


def pmacctd(kind, port, index, folder):
    """One of each direction, as a probe of pmacctd tells one."""
    commands = []
    for way in ("in", "out"):
        probe = "sfprobe" if kind == "sflow" else "nfprobe"
        lines = [
            "daemonize: false", f"pcap_interface: {port}", f"pcap_direction: {way}", f"plugins: {probe}[out]",
            f"{probe}_receiver[out]: 127.0.0.1:{FLOW_PORT}", f"{probe}_direction[out]: {way}",
            f"{probe}_ifindex[out]: {index}", f"pidfile: {folder}/{port}.{way}.pid",
        ]
        if probe == "nfprobe":
            lines += [
                "aggregate[out]: src_host, dst_host, src_port, dst_port, proto, tos, in_iface, out_iface",
                f"nfprobe_version[out]: {kind if kind.isdigit() else 10}",
                "nfprobe_timeouts[out]: tcp=3:udp=3:icmp=3:general=3:maxlife=4:expint=1",
                f"nfprobe_engine[out]: {index}:{1 if way == 'in' else 2}" if kind == "9" else
                f"nfprobe_source_ip[out]: 127.0.0.1",
            ]
        if kind in ("sampled", "sflow"):
            lines.append("sampling_rate: 4")
        config = folder / f"{port}.{way}.conf"
        config.write_text("\n".join(lines) + "\n")
        commands.append(["pmacctd", "-f", str(config)])
    return commands


def start(binary, exporter, folder, started):
    (folder / "snmpd.conf").write_text(f"agentaddress udp:127.0.0.1:{AGENT_PORT}\nrocommunity public\n")
    state = {**os.environ, "SNMP_PERSISTENT_DIR": str(folder / "state")}
    agent = ["snmpd", "-f", "-Lf", "/dev/null", "-C", "-c", str(folder / "snmpd.conf")]
    started.append(in_namespace(ROUTER, agent, env=state))
    backend = in_namespace(ROUTER, [sys.executable, __file__, "backend"], stdout=subprocess.PIPE, text=True)
    started.append(backend)
    time.sleep(1)
    tokens = {"BOT_TOKEN_SNMP": "token", "BOT_TOKEN_NETFLOW": "token"}
    settings = {**os.environ, **tokens, "BACKEND_URL": f"http://127.0.0.1:{BACKEND_PORT}/api"}
    bots = [binary, "bot", "all", "--data", str(folder / "data"), "--netflow-listen", f"127.0.0.1:{FLOW_PORT}"]
    started.append(in_namespace(ROUTER, bots, env=settings))
    time.sleep(2)
    program, kind = exporter.split("-")
    for port in ("left", "right"):
        command = ["ip", "netns", "exec", ROUTER, "cat", f"/sys/class/net/{port}/ifindex"]
        index = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
        commands = (softflowd if program == "softflowd" else pmacctd)(kind, port, index, folder)
        started.extend(in_namespace(ROUTER, command) for command in commands)
    for name, address, rate in ((LEFT, "10.77.2.2", 150_000), (RIGHT, "10.77.1.2", 90_000)):
        sender = [sys.executable, __file__, "packets", address, str(rate), name]
        started.append(in_namespace(name, sender))
    return backend.stdout


def measure(binary, exporter, minutes):
    started, worst = [], 0.0
    allowed = 0.10 if exporter in ("pmacctd-sampled", "pmacctd-sflow") else 0.01
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        try:
            build_network()
            values = start(binary, exporter, folder, started)
            threading.Timer(minutes * 60 + 15, started[1].terminate).start()
            compared = 0
            for line in values:
                moment, path, ratio = json.loads(line)
                compared += 1
                worst = max(worst, abs(ratio - 1))
                print(f"{moment} {path} {ratio:.5f}", flush=True)
            verdicts = json.loads((folder / "data/netflow/verdicts.json").read_text())
        finally:
            for process in started:
                process.terminate()
            for process in started:
                process.wait()
            for name in (ROUTER, LEFT, RIGHT):
                subprocess.run(["ip", "netns", "del", name], check=False)
    for verdict in verdicts:
        print(verdict["sentence"])
    print(f"{exporter}: {compared} compared, off by {worst:.2%} at most")
    is_sound = compared > 0 and worst <= allowed and not any(verdict["findings"] for verdict in verdicts)
    return 0 if is_sound else 1


def main():
    match sys.argv[1:]:
        case ["backend"]:
            serve_backend()
        case ["packets", address, rate, seed]:
            send_packets(address, float(rate), seed)
        case [binary, exporter, *rest]:
            sys.exit(measure(os.path.abspath(binary), exporter, int(rest[0]) if rest else 4))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
