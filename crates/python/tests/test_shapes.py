"""Bots of the three shapes that have been written live on both packages: the same paths, as many values of each.

`--minute` is how many seconds one of their minutes takes, `--minutes` how many of them they live.
"""

import collections
import time

import pytest

from backend import Backend, attachment
from bot_process import BotProcess, wait_until

SHAPES = ("ping", "snmp", "netflow")


class Life:
    """The values that a bot of each shape sent on one package, and the runs that it says it has missed."""

    def __init__(self, package, folder, minute):
        self.backends = {shape: Backend() for shape in SHAPES}
        self.bots = {}
        for shape, backend in self.backends.items():
            set_up(backend.inventory, shape, minute)
            given = {"more": [shape], "MINUTE_SECONDS": minute}
            self.bots[shape] = BotProcess(package, "shapes.py", backend, folder / package.name / shape, **given)

    def end(self):
        for bot in self.bots.values():
            bot.end_by_force()
        for backend in self.backends.values():
            backend.stop()

    def count(self, shape):
        return collections.Counter((value.account, value.path) for value in self.backends[shape].values())

    def missed(self, shape):
        return self.bots[shape].log().count("was missed by")


def set_up(inventory, shape, minute):
    account = inventory.account()
    credential = inventory.credential(account, shape, {"n_packets": "3", "version": "snmpv2c"})
    intervals = {"ping": [minute], "snmp": [minute, 2 * minute, 5 * minute], "netflow": [minute]}[shape]
    for device in range(3):
        sensors = [inventory.sensor(account, shape, {"output_path": f"value.{it}"}, it) for it in intervals]
        inventory.entity(account, f"device {device}", {shape: attachment(credential, *sensors)})


@pytest.fixture(scope="module")
def lives(ours, established, tmp_path_factory, request):
    minute, minutes = (int(request.config.getoption(name)) for name in ("--minute", "--minutes"))
    folder = tmp_path_factory.mktemp("lives")
    both = [Life(package, folder, minute) for package in (established, ours)]
    try:
        for life in both:
            for shape in SHAPES:
                wait_until(lambda life=life, shape=shape: life.count(shape), f"values of {shape}")
        time.sleep(minute * minutes)
        for life in both:
            life.counts = {shape: life.count(shape) for shape in SHAPES}
            life.all_missed = {shape: life.missed(shape) for shape in SHAPES}
        yield both
    finally:
        for life in both:
            life.end()


@pytest.mark.parametrize("shape", SHAPES)
def test_the_same_paths_have_as_many_values(lives, shape, request):
    before, now = lives
    minutes = int(request.config.getoption("--minutes"))
    assert set(now.counts[shape]) == set(before.counts[shape])
    for key, count in now.counts[shape].items():
        # One more or less, as they began; and what the established package says it has missed.
        difference = count - before.counts[shape][key]
        assert -2 <= difference <= 2 + before.all_missed[shape], (key, count, before.counts[shape][key])
    if shape == "netflow":
        for label, length in (("1min", 1), ("15min", 15), ("1h", 60)):
            wanted = minutes // length
            counts = [count for (_, path), count in now.counts[shape].items() if f".{label}." in path]
            assert all(count >= 0.8 * wanted - 1 for count in counts), (label, counts)
            assert counts or wanted == 0
