"""Values as bots give them: a list of ``{"p": path, "v": number}``, or a dict of paths and numbers."""

import logging
import math
from typing import Any, Iterable, List, Mapping, Optional, Tuple

# Path, number, and seconds since 1970 where the value has a time of its own.
Value = Tuple[str, float, Optional[float]]


def checked(values: Any) -> List[Value]:
    """Give those values that are numbers under a path; name each of the others in a warning."""
    good: List[Value] = []
    for path, number, seconds in _rows(values):
        value = _number(number)
        if not isinstance(path, str) or value is None:
            logging.getLogger().warning("Value is not a number under a path and is left out: %r: %r", path, number)
        else:
            good.append((path, value, seconds))
    return good


def are_values(candidate: Any) -> bool:
    """Tell whether something that a function returned is meant to be sent."""
    if isinstance(candidate, Mapping):
        return bool(candidate) and all(
            isinstance(path, str) and _number(value) is not None for path, value in candidate.items()
        )
    if isinstance(candidate, (list, tuple)):
        return bool(candidate) and all(isinstance(it, Mapping) and "p" in it and "v" in it for it in candidate)
    return False


def _rows(values: Any) -> Iterable[Tuple[Any, Any, Optional[float]]]:
    if isinstance(values, Mapping):
        yield from ((path, number, None) for path, number in values.items())
        return
    for row in values:
        if isinstance(row, Mapping):
            seconds = row.get("t")
            yield row.get("p"), row.get("v"), None if seconds is None else float(seconds)
        else:
            yield None, row, None


def _number(number: Any) -> Optional[float]:
    if isinstance(number, bool) or number is None:
        return None
    try:
        value = float(number)
    except (TypeError, ValueError):
        return None
    return value if math.isfinite(value) else None
