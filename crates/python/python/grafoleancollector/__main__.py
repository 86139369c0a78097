"""Runs a bot by hand: ``python -m grafoleancollector run FILE [--once | --dry-run]``."""

import argparse
import contextlib
import logging
import sys
import types
from pathlib import Path
from typing import Any, List

from . import __version__, keeping
from ._engine import Settings, SettingsError
from .collector import Collector, command


def main() -> int:
    """Run what the arguments name; return the exit status."""
    asked = _arguments().parse_args()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    command.once = asked.once or asked.dry_run
    with keeping.printed() if asked.dry_run else contextlib.nullcontext():
        module = _executed(asked.file, asked.arguments)
        if not command.executed:
            _bot_of(module, asked.file).execute()
    return 1 if command.failed else 0


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m grafoleancollector", description="Bots for Grafolean in Python")
    parser.add_argument("--version", action="version", version=f"grafoleancollector {__version__}")
    run = parser.add_subparsers(required=True, metavar="COMMAND").add_parser(
        "run",
        help="run the bot of a file",
        description="Run the bot of a file: what the file executes, else the one subclass of Collector in it, by "
        "BACKEND_URL, BOT_TOKEN or BOT_TOKEN_FROM_FILE, and JOBS_REFRESH_INTERVAL (120).",
    )
    how = run.add_mutually_exclusive_group()
    how.add_argument("--once", action="store_true", help="do every job once, deliver, and end; status 1 if one failed")
    how.add_argument("--dry-run", action="store_true", help="do every job once and print the values, send nothing")
    run.add_argument("file", type=Path, metavar="FILE")
    run.add_argument("arguments", nargs=argparse.REMAINDER, metavar="ARGUMENT", help="arguments for the file")
    return parser


def _executed(file: Path, arguments: List[str]) -> types.ModuleType:
    """Execute a file as the program that it is: workers find its functions in `__main__`."""
    try:
        code = compile(file.read_bytes(), str(file), "exec")
    except (OSError, SyntaxError) as error:
        sys.exit(f"{file} can't be run: {error}")
    module = types.ModuleType("__main__")
    module.__file__ = str(file)
    sys.modules["__main__"] = module
    sys.argv = [str(file), *arguments]
    sys.path[0] = str(file.resolve().parent)
    exec(code, module.__dict__)
    return module


def _bot_of(module: types.ModuleType, file: Path) -> Collector:
    """Return the bot that a file defines, set up by the environment."""
    found: List[Any] = [
        it
        for it in vars(module).values()
        if isinstance(it, type) and issubclass(it, Collector) and it.__module__ == "__main__"
    ]
    if len(found) != 1:
        names = ", ".join(it.__name__ for it in found) or "none"
        sys.exit(
            f"{file} calls no execute(), and which bot it defines is unclear: expected one Collector, found {names}"
        )
    try:
        settings = Settings()
        url, token = settings.backend()
    except SettingsError as error:
        sys.exit(f"error: {error}")
    bot: Collector = found[0](url, token, settings.seconds("jobs_refresh_interval"))
    return bot


if __name__ == "__main__":
    sys.exit(main())
