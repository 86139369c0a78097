"""The bot of the README is the one that runs."""

import pathlib

from bot_process import wait_until
from backend import attachment

README = pathlib.Path(__file__).parent.parent / "README.md"


def test_the_bot_of_the_readme_measures(ours, backend, start, tmp_path):
    code = README.read_text(encoding="utf-8").split("```python\n")[1].split("```")[0]
    assert len([line for line in code.splitlines() if line]) <= 20
    script = tmp_path / "load_bot.py"
    script.write_text(code, encoding="utf-8")
    account = backend.inventory.account()
    credential, sensor = backend.inventory.credential(account, "load"), backend.inventory.sensor(account, "load")
    entity = backend.inventory.entity(account, "this machine", {"load": attachment(credential, (sensor, 1))})
    bot = start(ours, script)
    wait_until(lambda: len(backend.values()) >= 2, lambda: f"values\n{bot.log()}")
    assert {(value.account, value.path) for value in backend.values()} == {(account, f"entity.{entity}.load")}
    assert all(value.value >= 0 for value in backend.values())
    assert bot.terminate() == 0
