"""Questions to a package: each is asked in a process of its own."""

import json
import os
import pathlib
import subprocess
from typing import Any, NamedTuple

SCRIPT = pathlib.Path(__file__).parent / "bots" / "asking.py"
ANSWER_SECONDS = 120


class Answer(NamedTuple):
    """What was given, or what was raised and with which message; and what was logged."""

    given: Any
    raised: str
    message: str
    log: str


def ask(package, backend, folder, what, *arguments, **environment):
    """Asks a package, with a backend and a folder for what it keeps."""
    given = {"BACKEND_URL": backend.url, "BOT_TOKEN": backend.token, "GRAFOLEAN_DATA": str(folder / "data")}
    given |= {"PATH": os.environ["PATH"], "PYTHONWARNINGS": "ignore"} | environment
    asked = subprocess.run(
        [package.python, str(SCRIPT), what, json.dumps(arguments)],
        env=given,
        capture_output=True,
        text=True,
        timeout=ANSWER_SECONDS,
        check=False,
    )
    assert asked.returncode == 0, asked.stderr[-2000:]
    assert not package.ours or backend.token not in asked.stderr, "the token is never shown"
    answer = json.loads(asked.stdout.splitlines()[-1])
    return Answer(answer.get("given"), answer.get("raised", ""), answer.get("message", ""), asked.stderr)
