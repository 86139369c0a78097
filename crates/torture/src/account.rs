//! What was owed, and what came: exact accounting from outside of the processes.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::{Add, AddAssign},
    time::Duration,
};

/// A stretch of time in which a bot ran and knew its jobs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Life {
    /// When it had read what to measure.
    pub(crate) ready: Duration,
    /// When it was killed or told to stop.
    pub(crate) ended: Duration,
}

/// What a fault cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Cost {
    /// The values that had to come.
    pub(crate) due: u64,
    /// Those of them that did not.
    pub(crate) lost: u64,
    /// Those that came again with another value at the same path and time.
    pub(crate) doubled: u64,
    /// Runs that were due and not made: the bot counts them as missed. Only known where the device tells.
    pub(crate) missed: u64,
}

impl Add for Cost {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            due: self.due + other.due,
            lost: self.lost + other.lost,
            doubled: self.doubled + other.doubled,
            missed: self.missed + other.missed,
        }
    }
}

impl AddAssign for Cost {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

/// The times at which a path has values, and how often another value came for a time that had one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Series {
    pub(crate) values: BTreeMap<Duration, f64>,
    pub(crate) doubled: u64,
}

impl Series {
    /// Adds a value that came.
    pub(crate) fn add(&mut self, time: Duration, value: f64) {
        if self.values.insert(time, value).is_some_and(|before| before.to_bits() != value.to_bits()) {
            self.doubled += 1;
        }
    }
}

/// Returns the due times, each second, that a bot of an interval of 1 s owes for its lives. What is due within `margin` of
/// the start or the end may or may not have been measured.
pub(crate) fn each_second(lives: &[Life], margin: impl Fn(&Life) -> Duration) -> BTreeSet<Duration> {
    let owed = |life: &Life| {
        let margin = margin(life);
        let first = (life.ready + margin).as_secs() + 1;
        let last = life.ended.saturating_sub(margin).as_secs();
        first..=last
    };
    lives.iter().flat_map(owed).map(Duration::from_secs).collect()
}

/// Compares the times that were owed with those that came.
pub(crate) fn compare(owed: &BTreeSet<Duration>, came: &Series) -> Cost {
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let lost = owed.iter().filter(|time| !came.values.contains_key(time)).count();
    Cost { due: count(owed.len()), lost: count(lost), doubled: came.doubled, missed: 0 }
}

/// Compares the seconds that were owed with what a device was asked and with what came: a run that was made is a value; one
/// that was not made is missed, which is no loss of a value that was measured.
pub(crate) fn compare_asked(owed: &BTreeSet<Duration>, asked: &[Duration], came: &Series) -> Cost {
    // a run is made within the second in which it is due, or a little later on a machine that is late
    let asked: BTreeSet<_> = asked.iter().map(Duration::as_secs).collect();
    let was_asked = |time: &&Duration| asked.contains(&time.as_secs());
    let absent = || owed.iter().filter(|time| !came.values.contains_key(*time));
    let (lost, all) = (absent().filter(was_asked).count(), absent().count());
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    Cost { due: count(owed.len()), lost: count(lost), doubled: came.doubled, missed: count(all - lost) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(number: u64) -> Duration {
        Duration::from_secs(number)
    }

    fn series(times: impl IntoIterator<Item = u64>) -> Series {
        let mut series = Series::default();
        times.into_iter().for_each(|time| series.add(seconds(time), 1.0));
        series
    }

    #[test]
    fn a_second_that_is_missing_is_lost() {
        let life = Life { ready: Duration::from_millis(10_200), ended: Duration::from_millis(20_900) };
        let owed = each_second(&[life], |_| seconds(1));
        assert_eq!(owed, (12..=19).map(seconds).collect());
        let all = compare(&owed, &series(11..=20));
        assert_eq!(all, Cost { due: 8, ..Cost::default() });
        let some = compare(&owed, &series((11..=20).filter(|time| *time != 15)));
        assert_eq!(some, Cost { due: 8, lost: 1, ..Cost::default() });
    }

    #[test]
    fn a_short_life_owes_nothing() {
        let life = Life { ready: seconds(10), ended: seconds(11) };
        assert!(each_second(&[life], |_| seconds(2)).is_empty());
    }

    #[test]
    fn another_value_at_the_same_time_is_told_from_the_same_once_more() {
        let mut series = series([1, 2]);
        series.add(seconds(1), 1.0);
        assert_eq!(series.doubled, 0);
        series.add(seconds(2), 2.0);
        assert_eq!(series.doubled, 1);
    }

    #[test]
    fn a_run_that_was_made_and_has_no_value_is_lost_and_one_that_was_not_made_is_missed() {
        let owed = (11..20).map(seconds).collect();
        let asked: Vec<_> = (11..20)
            .filter(|it| *it != 13)
            .map(|second| Duration::from_millis(second * 1_000 + 30))
            .collect();
        let cost = compare_asked(&owed, &asked, &series((11..20).filter(|it| *it != 13)));
        assert_eq!(cost, Cost { due: 9, lost: 0, doubled: 0, missed: 1 });
        let cost = compare_asked(&owed, &asked, &series(14..20));
        assert_eq!(cost, Cost { due: 9, lost: 2, doubled: 0, missed: 1 });
    }
}
