//! The intervals of aggregation.

use grafolean_collector::model::Interval;
use serde::{Deserialize, Serialize};

/// One of the five intervals. Each begins on a multiple of its length since 1970, so that each nests in the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Span {
    /// `1min`.
    Minute,
    /// `15min`.
    Quarter,
    /// `1h`.
    Hour,
    /// `4h`.
    FourHours,
    /// `24h`, a day of UTC.
    Day,
}

impl Span {
    /// All of them, the shortest first.
    pub const ALL: [Self; 5] = [Self::Minute, Self::Quarter, Self::Hour, Self::FourHours, Self::Day];

    /// Returns the length in seconds.
    pub const fn seconds(self) -> i64 {
        match self {
            Self::Minute => 60,
            Self::Quarter => 900,
            Self::Hour => 3_600,
            Self::FourHours => 14_400,
            Self::Day => 86_400,
        }
    }

    /// Returns the word in paths.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Minute => "1min",
            Self::Quarter => "15min",
            Self::Hour => "1h",
            Self::FourHours => "4h",
            Self::Day => "24h",
        }
    }

    /// Returns the interval whose bins make up one of this.
    pub fn shorter(self) -> Option<Self> {
        Self::ALL.into_iter().rfind(|other| *other < self)
    }

    /// Returns the interval that a bin of this is part of.
    pub fn longer(self) -> Option<Self> {
        Self::ALL.into_iter().find(|other| *other > self)
    }

    /// Returns the second at which the bin begins that `second` lies in.
    pub const fn bin_of(self, second: i64) -> i64 {
        second - second.rem_euclid(self.seconds())
    }

    /// Returns how often a job has to run that reports this interval; none is never the case.
    pub fn interval(self) -> Option<Interval> {
        Interval::from_seconds(self.seconds()).ok()
    }
}
