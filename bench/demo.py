"""The demo, from its start to the first value that the hub answers, and its memory: prints `name value unit` lines.

    python3 bench/demo.py target/release/grafolean
"""

import json
import re
import subprocess
import sys
import tempfile
import time
import urllib.request

DEADLINE_S = 60
SETTLED_S = 20


def asked(url, session):
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {session}"})
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=5) as answer:
        return json.load(answer)


def memory_mb(process, field):
    with open(f"/proc/{process}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(field)) * 1024 / 1e6


def main(program):
    with tempfile.TemporaryDirectory() as data:
        began = time.monotonic()
        command = [program, "demo", "--for", f"{DEADLINE_S + SETTLED_S}s", "--data", data, "--listen", "127.0.0.1:0"]
        demo = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            address = token = None
            for line in demo.stdout:
                if found := re.search(r"(http://\S+?)/#token=(\S+)", line):
                    address, token = found.groups()
                    break
            listening = time.monotonic() - began
            account = asked(f"{address}/api/accounts", token)["list"][0]["id"]
            while not asked(f"{address}/api/accounts/{account}/lastvalues?limit=1", token)["list"]:
                if time.monotonic() - began > DEADLINE_S:
                    sys.exit("there is no value")
                time.sleep(0.02)
            print(f"demo_listening {listening:.3f} s")
            print(f"demo_first_value {time.monotonic() - began:.3f} s")
            time.sleep(SETTLED_S)
            print(f"demo_memory {memory_mb(demo.pid, 'VmRSS'):.1f} MB")
            print(f"demo_memory_peak {memory_mb(demo.pid, 'VmHWM'):.1f} MB")
        finally:
            demo.kill()
            demo.wait()


main(sys.argv[1])
