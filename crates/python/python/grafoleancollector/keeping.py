"""Where values go that are to be kept: to an engine of this process, as a rule."""

import contextlib
from typing import Any, Callable, Iterator, List, Tuple

from . import engines

Origin = Tuple[str, str]


def keep(origin: Origin, sent: List[Any]) -> None:
    """Return once values of accounts are on disk."""
    _keep(origin, sent)


def in_this_process(origin: Origin, sent: List[Any]) -> None:
    """Keep values by an engine of this process."""
    engines.engine_of(*origin).send(sent)


def keep_by(way: Callable[[Origin, List[Any]], None]) -> None:
    """Keep values in another way from now on: by the process whose worker this is, or by printing them in a dry run."""
    global _keep
    _keep = way


def is_dry_run() -> bool:
    """Whether values are printed."""
    return _keep is by_printing


@contextlib.contextmanager
def printed() -> Iterator[None]:
    """Print values as long as this lasts."""
    global _keep
    before, _keep = _keep, by_printing
    try:
        yield
    finally:
        _keep = before


def by_printing(_: Origin, sent: List[Any]) -> None:
    """Print values, one a line, as a dry run does."""
    for account, values in sent:
        for path, number, seconds in values:
            print(f"account {account}  {path} = {number!r}  at {seconds:.3f}", flush=True)


_keep = in_this_process
