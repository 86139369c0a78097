//! How often something is measured.

use std::{fmt, num::NonZeroU32, time::Duration};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A number of whole seconds, at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Interval(NonZeroU32);

/// Why something is no interval, or no set of intervals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum IntervalError {
    /// Zero, negative, or more than 2^32 - 1 seconds.
    #[error("an interval of {0} s: expected at least 1 s and at most {max} s", max = u32::MAX)]
    OutOfRange(i64),
    /// A job without any interval would never run.
    #[error("a job needs at least one interval")]
    None,
}

impl Interval {
    /// A minute.
    pub const MINUTE: Self = Self(NonZeroU32::new(60).unwrap());

    /// Creates it of seconds; refuses what is not in `1..=u32::MAX`.
    pub fn from_seconds(seconds: i64) -> Result<Self, IntervalError> {
        let number = u32::try_from(seconds).map_err(|_| IntervalError::OutOfRange(seconds))?;
        NonZeroU32::new(number).map(Self).ok_or(IntervalError::OutOfRange(seconds))
    }

    /// Returns the seconds.
    pub const fn seconds(self) -> u32 {
        self.0.get()
    }

    /// Returns the interval as a span of time.
    pub const fn duration(self) -> Duration {
        Duration::from_secs(self.0.get() as u64)
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} s", self.0)
    }
}

/// The intervals of one job: at least one, ascending, none twice.
///
/// ```
/// use grafolean_collector::model::{Interval, Intervals};
///
/// let seconds = [300, 60, 300].map(Interval::from_seconds);
/// let intervals = Intervals::new(seconds.into_iter().flatten())?;
/// assert_eq!(intervals.as_slice().len(), 2);
/// assert_eq!(intervals.shortest().seconds(), 60);
/// # Ok::<(), grafolean_collector::model::IntervalError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Intervals(Box<[Interval]>);

impl Intervals {
    /// Creates them of intervals in any order, duplicates allowed.
    pub fn new(intervals: impl IntoIterator<Item = Interval>) -> Result<Self, IntervalError> {
        let mut sorted: Vec<_> = intervals.into_iter().collect();
        sorted.sort_unstable();
        sorted.dedup();
        if sorted.is_empty() { Err(IntervalError::None) } else { Ok(Self(sorted.into())) }
    }

    /// Returns the shortest one, which bounds how long a run may take.
    pub fn shortest(&self) -> Interval {
        self.0.first().copied().unwrap_or(Interval(NonZeroU32::MIN))
    }

    /// Returns all of them, ascending.
    pub fn as_slice(&self) -> &[Interval] {
        &self.0
    }
}

impl From<Interval> for Intervals {
    fn from(interval: Interval) -> Self {
        Self(Box::new([interval]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_at_least_a_second() {
        for refused in [0, -60, i64::from(u32::MAX) + 1] {
            assert_eq!(Interval::from_seconds(refused), Err(IntervalError::OutOfRange(refused)));
        }
        assert_eq!(Interval::from_seconds(60).unwrap().duration(), Duration::from_secs(60));
    }

    #[test]
    fn intervals_are_sorted_and_none_stands_twice() {
        let seconds = [300, 60, 300, 15].map(|s| Interval::from_seconds(s).unwrap());
        let intervals = Intervals::new(seconds).unwrap();
        assert_eq!(intervals.as_slice().iter().map(|i| i.seconds()).collect::<Vec<_>>(), [15, 60, 300]);
        assert_eq!(intervals.shortest().seconds(), 15);
        assert_eq!(Intervals::new([]), Err(IntervalError::None));
    }
}
