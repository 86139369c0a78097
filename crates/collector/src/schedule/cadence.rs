//! On which seconds a job fires.

use std::time::Duration;

use super::phase::phase;
use crate::{
    bot::{JobId, Overlap},
    model::{Interval, Intervals},
    time::Timestamp,
};

const SHORTEST_DEFAULT_DEADLINE: Duration = Duration::from_secs(1);
const LONGEST_DEFAULT_DEADLINE: Duration = Duration::from_secs(300);

/// All of a job but its id and its task; jobs of one cadence share it.
///
/// Moments are whole seconds since the epoch here. A job fires on `anchor + k * interval` for any whole k and any of
/// its intervals, where the anchor is its start or, without one, its phase.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Cadence {
    intervals: Intervals,
    start: Option<Timestamp>,
    overlap: Overlap,
    deadline: Option<Duration>,
}

/// What a job has to catch up with at one moment.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct CatchUp {
    /// The latest firing that is due.
    pub(super) latest: i64,
    /// The first one that is not.
    pub(super) next: i64,
    /// The intervals that have a firing among those due, ascending.
    pub(super) intervals: Vec<Interval>,
}

impl Cadence {
    pub(super) fn new(
        intervals: Intervals,
        start: Option<Timestamp>,
        overlap: Overlap,
        deadline: Option<Duration>,
    ) -> Self {
        Self { intervals, start, overlap, deadline }
    }

    /// Returns the intervals, ascending.
    pub(super) fn intervals(&self) -> &[Interval] {
        self.intervals.as_slice()
    }

    /// Returns what happens to a firing that comes while the last run goes on.
    pub fn overlap(&self) -> Overlap {
        self.overlap
    }

    /// Returns how long a run may take: the job's own deadline, else its shortest interval between 1 s and 300 s.
    pub fn deadline(&self) -> Duration {
        self.deadline.unwrap_or_else(|| {
            self.intervals.shortest().duration().clamp(SHORTEST_DEFAULT_DEADLINE, LONGEST_DEFAULT_DEADLINE)
        })
    }

    pub(super) fn starts_after(&self, now: i64) -> bool {
        self.start.is_some_and(|start| start.seconds() > now)
    }

    pub(super) fn has_start(&self) -> bool {
        self.start.is_some()
    }

    pub(super) fn has_start_of(&self, other: &Self) -> bool {
        self.start.is_some() && self.start == other.start
    }

    pub(super) fn has_intervals_of(&self, other: &Self) -> bool {
        self.intervals == other.intervals
    }

    /// Returns a second on which the job fires; a start in the future is taken as the present.
    pub(super) fn anchor(&self, id: &JobId, now: i64) -> i64 {
        match self.start {
            Some(start) => start.seconds().min(now),
            None => phase(id, self.intervals.shortest()),
        }
    }

    /// Returns the first firing after `now`.
    pub(super) fn next_after(&self, anchor: i64, now: i64) -> i64 {
        self.around(anchor, now).map(|(_, _, next)| next).min().unwrap_or(i64::MAX)
    }

    /// Returns which firings lie between `first`, itself a firing, and `now`, both included. A first one that is on no
    /// interval stands for all of them.
    pub(super) fn catch_up(&self, anchor: i64, first: i64, now: i64) -> CatchUp {
        let mut due = CatchUp { latest: first, next: i64::MAX, intervals: Vec::with_capacity(1) };
        for (interval, latest, next) in self.around(anchor, now) {
            if latest >= first {
                due.latest = due.latest.max(latest);
                due.intervals.push(interval);
            }
            due.next = due.next.min(next);
        }
        if due.intervals.is_empty() {
            due.intervals.extend_from_slice(self.intervals.as_slice());
        }
        due
    }

    /// For each interval: its last firing up to `now`, and the one after it.
    fn around(&self, anchor: i64, now: i64) -> impl Iterator<Item = (Interval, i64, i64)> {
        self.intervals.as_slice().iter().map(move |interval| {
            let span = i64::from(interval.seconds());
            let latest = now - (now - anchor).rem_euclid(span);
            (*interval, latest, latest + span)
        })
    }
}

/// Returns the second, after `now`, at which a job fires next.
pub fn next_firing(id: &JobId, intervals: &Intervals, start: Option<Timestamp>, now: Timestamp) -> i64 {
    let cadence = Cadence::new(intervals.clone(), start, Overlap::Skip, None);
    cadence.next_after(cadence.anchor(id, now.seconds()), now.seconds())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every(seconds: &[i64]) -> Cadence {
        let intervals = Intervals::new(seconds.iter().map(|s| Interval::from_seconds(*s).unwrap())).unwrap();
        Cadence::new(intervals, None, Overlap::Skip, None)
    }

    #[test]
    fn intervals_that_coincide_are_one_firing() {
        let due = every(&[60, 300]).catch_up(0, 600, 600);
        assert_eq!((due.latest, due.next), (600, 660));
        assert_eq!(due.intervals.iter().map(|i| i.seconds()).collect::<Vec<_>>(), [60, 300]);
    }

    #[test]
    fn missed_firings_are_one_run_of_all_their_intervals() {
        // Missed: 540 (60 s), 600 (60 s and 300 s) and 660 (60 s).
        let due = every(&[60, 300]).catch_up(0, 540, 719);
        assert_eq!((due.latest, due.next), (660, 720));
        assert_eq!(due.intervals.iter().map(|i| i.seconds()).collect::<Vec<_>>(), [60, 300]);
    }

    #[test]
    fn an_interval_that_missed_nothing_is_left_out() {
        let due = every(&[60, 300]).catch_up(0, 660, 720);
        assert_eq!(due.latest, 720);
        assert_eq!(due.intervals.iter().map(|i| i.seconds()).collect::<Vec<_>>(), [60]);
    }

    #[test]
    fn the_default_deadline_is_the_shortest_interval_within_bounds() {
        for (interval, deadline) in [(1, 1), (60, 60), (300, 300), (86_400, 300)] {
            assert_eq!(every(&[interval, 100_000]).deadline(), Duration::from_secs(deadline));
        }
    }
}
