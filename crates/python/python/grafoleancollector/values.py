"""Values as bots give them: a list of ``{"p": path, "v": number}``, or a dict of paths and numbers."""

import logging
import math
from typing import Any, Iterable, List, Mapping, Optional, Tuple

# Path, number, and seconds since 1970 where the value has a time of its own.
Value = Tuple[str, float, Optional[float]]

# How much of something invalid a warning shows.
_SHOWN_CHARACTERS = 100


def checked(values: Any) -> List[Value]:
    """Return those values that are finite numbers under a path; name each of the others in a warning."""
    good: List[Value] = []
    for path, number, t in _rows(values):
        value, seconds = _finite(number), None if t is None else _finite(t)
        if not _is_text(path) or value is None:
            _warn("Value is invalid and left out: %s: %s (expected a finite number under a path)", path, number)
        elif t is not None and seconds is None:
            _warn(
                "Time of a value is invalid, the value is left out: %s: t = %s (expected seconds since 1970)", path, t
            )
        else:
            # An exact string, whatever subclass of it was given: it crosses to other processes.
            good.append((str.__str__(path), value, seconds))
    return good


def are_values(candidate: Any) -> bool:
    """Whether something that a function returned is meant to be sent."""
    if isinstance(candidate, Mapping):
        return bool(candidate) and all(
            isinstance(path, str) and _finite(value) is not None for path, value in candidate.items()
        )
    if isinstance(candidate, (list, tuple)):
        return bool(candidate) and all(isinstance(it, Mapping) and "p" in it and "v" in it for it in candidate)
    return False


def shown(thing: Any) -> str:
    """Return what a log line says of a thing, whatever it is: short, and without failing."""
    try:
        text = repr(thing)
    except Exception:
        return f"<{type(thing).__name__}>"
    return text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "..."


def _warn(words: str, *things: Any) -> None:
    logging.getLogger().warning(words, *map(shown, things))


def _rows(values: Any) -> Iterable[Tuple[Any, Any, Any]]:
    if isinstance(values, Mapping):
        yield from ((path, number, None) for path, number in values.items())
        return
    for row in values:
        if isinstance(row, Mapping):
            yield row.get("p"), row.get("v"), row.get("t")
        else:
            yield None, row, None


def _is_text(path: Any) -> bool:
    if not isinstance(path, str):
        return False
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def _finite(number: Any) -> Optional[float]:
    if isinstance(number, bool) or number is None:
        return None
    try:
        value = float(number)
    except Exception:
        # A number that is too large, an object whose conversion fails: it costs itself alone.
        return None
    return value if math.isfinite(value) else None
