"""Settings are read as at every other door: the cases are those of the binary and of `serve`."""

import json
import os
import pathlib
import subprocess

CASES = pathlib.Path(__file__).parents[2] / "collector/tests/settings/cases.json"

ASK = """
import json, sys
from grafoleancollector._engine import Settings, SettingsError
try:
    settings = Settings()
except SettingsError as error:
    sys.exit(str(error))
def shown(name):
    origin = settings.origin(name)
    return ["(hidden)" if name == "bot_token" and origin != "default" else settings.text(name), origin]
print(json.dumps({name: shown(name) for name in sys.argv[1:]}))
"""


def test_every_case_comes_out_as_at_every_other_door(ours, tmp_path):
    for number, case in enumerate(json.loads(CASES.read_text(encoding="utf-8"))):
        here, home = tmp_path / str(number) / "here", tmp_path / str(number) / "home"
        for folder in (here, home):
            folder.mkdir(parents=True)
        for name, text in case.get("files", {}).items():
            (here / name).parent.mkdir(parents=True, exist_ok=True)
            (here / name).write_text(text, encoding="utf-8")
        environment = {b"HOME": os.fsencode(home), b"PATH": os.fsencode(os.environ["PATH"])}
        environment |= {name.encode(): text.encode() for name, text in case.get("environment", {}).items()}
        environment |= {name.encode(): bytes.fromhex(code) for name, code in case.get("environment_hex", {}).items()}
        expected = case.get("in_force", {})
        asked = subprocess.run(
            [ours.python, "-c", ASK, *expected], env=environment, cwd=here, capture_output=True, text=True
        )
        told = asked.stderr.replace(str(here), "HERE")
        if "error" in case:
            assert asked.returncode == 1 and told.startswith(case["error"]), (case, told)
            assert "5f3a" not in told
        else:
            assert asked.returncode == 0, (case, told)
            in_force = json.loads(asked.stdout.replace(str(home), "HOME"))
            assert in_force == {name: list(value) for name, value in expected.items()}, case
