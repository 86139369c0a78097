"""The packages under test, each in a virtual environment of its own, and a backend for them.

`crates/python/test` names their Pythons: --old for the established package, --new for ours (more than once for ours on
other versions of Python).
"""

import os
import subprocess
from typing import NamedTuple

import pytest

from backend import Backend
from bot_process import BotProcess


class Package(NamedTuple):
    """The Python of a virtual environment, and whether the package in it is ours."""

    python: str
    ours: bool
    version: str

    @property
    def name(self):
        return f"{'new' if self.ours else 'old'}-python{self.version}"


def pytest_addoption(parser):
    parser.addoption("--old", metavar="PYTHON", action="append", default=[], help="has the established package")
    parser.addoption("--minute", metavar="SECONDS", default="2", help="how long a minute of test_shapes.py takes")
    parser.addoption("--minutes", metavar="NUMBER", default="34", help="how many minutes its bots live")
    parser.addoption("--new", metavar="PYTHON", action="append", default=[], help="has our package")


def _packages(config, options):
    for option in options:
        for python in config.getoption(option):
            python = os.path.abspath(python)
            if not os.path.exists(python):
                raise pytest.UsageError(f"{option} {python}: there is no such Python; crates/python/test makes it")
            ask = "import sys; print('%d.%d' % sys.version_info[:2])"
            version = subprocess.run([python, "-c", ask], capture_output=True, text=True, check=True).stdout.strip()
            yield Package(python, option == "new", version)


def pytest_generate_tests(metafunc):
    for fixture, options in [("package", ["old", "new"]), ("ours", ["new"]), ("established", ["old"])]:
        if fixture in metafunc.fixturenames:
            found = list(_packages(metafunc.config, options))
            metafunc.parametrize(fixture, found, ids=[package.name for package in found], scope="module")


@pytest.fixture
def backend():
    backend = Backend()
    yield backend
    backend.stop()


@pytest.fixture
def start(backend, tmp_path):
    """Starts bots that are ended with the test; ours never show their token, and no thread of theirs dies."""
    started = []

    def start(package, script, folder="bot", **given):
        bot = BotProcess(package, script, backend, tmp_path / folder, **given)
        started.append((package, bot))
        return bot

    yield start
    for package, bot in started:
        bot.end_by_force()
    for package, bot in started:
        if package.ours:
            log = bot.log()
            assert backend.token not in log
            assert "Exception in thread" not in log, log[-3000:]
