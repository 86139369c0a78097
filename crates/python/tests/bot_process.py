"""A bot in a process of its own, run by the Python of a virtual environment."""

import json
import os
import pathlib
import signal
import subprocess
import time

BOTS = pathlib.Path(__file__).parent / "bots"
# How long something may take that comes in a second or a few: as long as a busy machine can make it.
PATIENCE_SECONDS = 60


def wait_until(condition, what, seconds=PATIENCE_SECONDS):
    """Waits until a condition holds and gives what it gave; `what` is said when it never does."""
    end = time.monotonic() + seconds
    while True:
        given = condition()
        if given:
            return given
        assert time.monotonic() < end, f"waited {seconds} s in vain: {what() if callable(what) else what}"
        time.sleep(0.05)


class BotProcess:
    """Runs a script of `bots/` in its own process group, as a terminal does; what it says goes to a file."""

    def __init__(self, package, script, backend, folder, arguments=(), more=(), **environment):
        folder.mkdir(parents=True, exist_ok=True)
        self.log_file, self.runs_file = folder / "log", folder / "runs"
        self.log_file.touch()
        self.runs_file.touch()
        self.data = folder / "data"
        given = {"BACKEND_URL": backend.url, "BOT_TOKEN": backend.token, "JOBS_REFRESH_INTERVAL": "1"}
        given |= {"RUNS_FILE": str(self.runs_file), "GRAFOLEAN_DATA": str(self.data), "PYTHONWARNINGS": "ignore"}
        given |= {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "LANG") if name in os.environ}
        with open(self.log_file, "ab") as log:
            self.process = subprocess.Popen(
                [package.python, *arguments, str(BOTS / script) if isinstance(script, str) else str(script), *more],
                env=given | {name: str(value) for name, value in environment.items()},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=folder,
                start_new_session=True,
            )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end_by_force()

    def log(self):
        """Gives all that the bot said."""
        return self.log_file.read_text(encoding="utf-8", errors="replace")

    def last_words(self):
        """Gives the end of what the bot said, without tracebacks."""
        lines = [line for line in self.log().splitlines() if line.startswith(("INFO", "WARNING", "ERROR"))]
        return "\n".join(line[:300] for line in lines[-30:])

    def runs(self, job=None):
        """Gives what the functions of jobs noted, in the order of their beginning."""
        lines = self.runs_file.read_text(encoding="utf-8").split("\n")[:-1]
        runs = sorted(map(json.loads, lines), key=lambda run: run["time"])
        return [run for run in runs if job in (None, run["job"])]

    def wait_for_runs(self, job, number, after=0.0):
        """Waits until a job began so often, counted from a time on, and gives those runs."""

        def found():
            runs = [run for run in self.runs(job) if run["time"] > after]
            return runs if len(runs) >= number else None

        return wait_until(found, lambda: f"{number} runs of {job}\n{self.last_words()}")

    def wait_for_log(self, words):
        """Waits until the bot said something."""
        wait_until(lambda: words in self.log(), lambda: f"the bot to say {words!r}\n{self.last_words()}")

    def interrupt(self):
        """Interrupts the bot alone, as Ctrl-C in a container does. Gives the exit code."""
        return self._end(lambda: self.process.send_signal(signal.SIGINT))

    def press_ctrl_c(self):
        """Interrupts all processes of the bot, as a terminal does. Gives the exit code."""
        return self._end(lambda: os.killpg(self.process.pid, signal.SIGINT))

    def terminate(self):
        """Asks the bot alone to end, as a service manager does. Gives the exit code."""
        return self._end(self.process.terminate)

    def end_by_force(self):
        """Ends the bot and all that it started, at once."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()

    def has_left_processes(self):
        """Whether any process of the bot is still there: of its group, or one that a job ran in."""
        pids = {run["pid"] for run in self.runs() if run["pid"] != self.process.pid}
        return _is_there(lambda: os.killpg(self.process.pid, 0)) or any(
            _is_there(lambda: os.kill(it, 0)) for it in pids
        )

    def wait(self):
        """Waits until the bot ends by itself, and gives its exit code."""
        return self._end(lambda: None)

    def _end(self, ask):
        ask()
        try:
            return self.process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the bot did not end\n{self.last_words()}") from None


def _is_there(ask):
    try:
        ask()
    except ProcessLookupError:
        return False
    return True
