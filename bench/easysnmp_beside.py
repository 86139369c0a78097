"""Times net-snmp's library by easysnmp against an agent; prints `name value unit` lines.

Run by the bench `snmp` with: a name for the lines, address, port, the object to walk, and what to time: get, walk.
"""

import sys
import time

import easysnmp

SECONDS = 4
TEN = [f"1.3.6.1.2.1.2.2.1.{column}.1" for column in range(10, 20)]


def rate(work):
    """Gives how many a second come of a work that gives how many it did."""
    work()
    begun, done = time.perf_counter(), 0
    while time.perf_counter() - begun < SECONDS:
        done += work()
    return done / (time.perf_counter() - begun)


def main():
    name, host, port, root, *what = sys.argv[1:]
    session = easysnmp.Session(hostname=host, remote_port=int(port), community="public", version=2, use_numeric=True)
    if "get" in what:

        def get():
            assert len(session.get(TEN)) == 10
            return 1

        print(f"{name}_get_of_10", round(rate(get)), "GETs/s")
    if "walk" in what:
        print(f"{name}_walk", round(rate(lambda: len(session.walk(root)))), "varbinds/s")
        bulk = lambda: len(session.bulkwalk(root, non_repeaters=0, max_repetitions=100))
        print(f"{name}_bulkwalk", round(rate(bulk)), "varbinds/s")


if __name__ == "__main__":
    main()
