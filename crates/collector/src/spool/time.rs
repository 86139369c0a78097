//! The time by which entries grow old: it goes on evenly, whatever the wall clock does.

use std::time::Duration;

use tokio::time::Instant;

use crate::time::Timestamp;

/// How much of the time in which no bot ran makes entries older. A clock that is wrong at a start cannot be told from a
/// machine that was off for long: beyond this, entries are kept rather than dropped.
const LONGEST_GAP: Duration = Duration::from_hours(24);

/// A step of the wall clock below this is a clock that is being adjusted.
const SMALLEST_LEAP: Duration = Duration::from_mins(1);

/// The spool's own time. It starts at the wall clock's and then follows the monotonic one.
#[derive(Clone, Copy, Debug)]
pub(super) struct SpoolTime {
    start: Timestamp,
    origin: Instant,
    /// By how much the wall clock was ahead when it was last looked at, in microseconds.
    wall_ahead: i64,
}

/// The wall clock shows something else than the time that has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Leap {
    /// In seconds; below zero if it went back.
    pub(super) seconds: i64,
}

impl SpoolTime {
    /// Begins at the wall clock's time, but neither before the newest entry was accepted nor more than
    /// [`LONGEST_GAP`] after it.
    pub(super) fn begin(wall: Timestamp, newest: Option<Timestamp>, now: Instant) -> (Self, Option<Leap>) {
        let start = newest.map_or(wall, |newest| wall.clamp(newest, newest + LONGEST_GAP));
        let mut time = Self { start, origin: now, wall_ahead: 0 };
        let leap = time.look(wall, now);
        (time, leap)
    }

    /// Returns the spool's time.
    pub(super) fn at(&self, now: Instant) -> Timestamp {
        self.start + now.saturating_duration_since(self.origin)
    }

    /// Returns by how much the wall clock leapt since it was last looked at, if it did.
    pub(super) fn look(&mut self, wall: Timestamp, now: Instant) -> Option<Leap> {
        let ahead = wall.micros().saturating_sub(self.at(now).micros());
        let leapt = ahead.saturating_sub(self.wall_ahead);
        if Duration::from_micros(leapt.unsigned_abs()) < SMALLEST_LEAP {
            return None;
        }
        self.wall_ahead = ahead;
        Some(Leap { seconds: leapt / 1_000_000 })
    }

    /// Adopts the wall clock's time again: nothing waits whose age could change by it.
    pub(super) fn follow(&mut self, wall: Timestamp, now: Instant) {
        *self = Self { start: wall, origin: now, wall_ahead: 0 };
    }

    /// Returns a moment of the spool's time as the wall clock has it.
    pub(super) fn on_the_wall(&self, moment: Timestamp, wall: Timestamp, now: Instant) -> Timestamp {
        wall - self.at(now).since(moment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Timestamp = Timestamp::from_seconds(1_700_000_000);

    #[test]
    fn a_leap_is_noticed_once_and_not_obeyed() {
        let origin = Instant::now();
        let (mut time, leap) = SpoolTime::begin(NOON, None, origin);
        assert_eq!(leap, None);
        let minute = origin + Duration::from_mins(1);
        assert_eq!(time.look(NOON + Duration::from_secs(61), minute), None);
        let week = Duration::from_hours(8 * 24);
        assert_eq!(time.look(NOON + week + Duration::from_mins(1), minute), Some(Leap { seconds: 691_200 }));
        assert_eq!(time.look(NOON + week + Duration::from_mins(2), minute + Duration::from_mins(1)), None);
        assert_eq!(time.at(minute), NOON + Duration::from_mins(1));
        assert_eq!(time.look(NOON, minute).unwrap().seconds, -691_260);
        time.follow(NOON + week, minute);
        assert_eq!((time.at(minute), time.look(NOON + week, minute)), (NOON + week, None));
    }

    #[test]
    fn the_time_between_two_runs_counts_up_to_a_day() {
        let now = Instant::now();
        for (wall, start, is_a_leap) in [
            (NOON + Duration::from_secs(30), NOON + Duration::from_secs(30), false),
            (NOON + Duration::from_hours(20), NOON + Duration::from_hours(20), false),
            (NOON + Duration::from_hours(24 * 400), NOON + LONGEST_GAP, true),
            (NOON - Duration::from_hours(24 * 400), NOON, true),
        ] {
            let (time, leap) = SpoolTime::begin(wall, Some(NOON), now);
            assert_eq!((time.at(now), leap.is_some()), (start, is_a_leap), "{wall}");
        }
    }
}
