"""When a job with several intervals is due: arithmetic, kept for those who use it beside the engine's schedule."""

from datetime import datetime, timezone
from typing import Any, Dict, Iterable, List, Optional


class MultipleIntervalsTrigger:
    """Fires at whole seconds ``start_ts + k * interval`` for any of its intervals.

    ``affecting_intervals`` tells, for each firing that was asked for, which intervals caused it.
    """

    def __init__(
        self, intervals: Iterable[Any], forget_affecting_after: int = 300, start_ts: Optional[float] = None
    ) -> None:
        """Take intervals in seconds, cut to whole ones, duplicates ignored; without ``start_ts``, count from now."""
        self.intervals: List[int] = sorted({int(interval) for interval in intervals})
        if not self.intervals:
            raise Exception("At least one interval must be specified")
        if self.intervals[0] < 1:
            raise ValueError(f"an interval of {self.intervals[0]} s: expected at least 1 s")
        now = datetime.now(timezone.utc).timestamp()
        self.start_ts = int(now if start_ts is None else min(start_ts, now))
        self.forget_affecting_after = forget_affecting_after
        self.affecting_intervals: Dict[int, List[int]] = {}

    def get_next_fire_time(self, previous_fire_time: Optional[datetime], now: datetime) -> datetime:
        """Give the first firing after ``now``, and after the one before."""
        after = now.timestamp()
        if previous_fire_time is not None:
            after = max(after, previous_fire_time.timestamp())
        elapsed = int(after - self.start_ts)
        passed = {interval: elapsed // interval + 1 for interval in self.intervals}
        due = min(count * interval for interval, count in passed.items())
        affecting = [interval for interval in self.intervals if due % interval == 0]
        moment = self.start_ts + due
        self.affecting_intervals[moment] = affecting
        for old in [known for known in self.affecting_intervals if known < after - self.forget_affecting_after]:
            del self.affecting_intervals[old]
        return datetime.fromtimestamp(moment, timezone.utc)
