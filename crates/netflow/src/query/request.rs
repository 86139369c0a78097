//! What is asked, and what is answered.

use std::path::PathBuf;

use grafolean_time::Timestamp;
use thiserror::Error;

use super::{
    By, Filter, FlowRow, Sums,
    attribute::Attribute,
    groups::{GROUPS_MAX, Times},
    list::LIST_MAX,
};
use crate::archive::ArchiveError;

/// What is asked.
#[derive(Clone, Debug)]
pub struct Query {
    /// Which flows.
    pub filter: Filter,
    /// Of this time on.
    pub from: Timestamp,
    /// Of before this time.
    pub to: Timestamp,
    /// Which time that is.
    pub time: FlowTime,
    /// By what they are added up; by nothing gives no groups.
    pub by: Vec<By>,
    /// How many groups or flows are wanted.
    pub top: usize,
    /// Which of them come first.
    pub order: Order,
    /// Whether counts are taken as exported. They are else scaled by the sampling, as an estimate of what passed.
    pub unscaled: bool,
    /// Whether the times of groups are wanted, beside those that their order needs.
    pub timed: bool,
}

/// One of the times that a flow has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FlowTime {
    /// When its datagram came, by the collector's clock.
    #[default]
    Received,
    /// When its first packet passed, by the exporter's clock.
    First,
    /// When its last packet passed.
    Last,
}

/// In which order groups or flows come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// The most bytes first.
    #[default]
    Bytes,
    /// The most packets first.
    Packets,
    /// The most flows first; flows by themselves are ordered as by [`First`](Self::First).
    Flows,
    /// The most bits a second first.
    BitRate,
    /// The most packets a second first.
    PacketRate,
    /// The longest first.
    Duration,
    /// The earliest first.
    First,
    /// The one that ended latest first.
    Last,
}

/// Flows that have their key in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The values of what was asked by, for people; `None` where they were not told.
    pub key: Vec<Option<String>>,
    /// What they add up to.
    pub sums: Sums,
    /// When they passed; `None` where that was not asked for.
    pub times: Option<GroupTimes>,
}

/// When flows passed, as far as they told it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupTimes {
    /// When the first packet of all passed.
    pub first: Option<Timestamp>,
    /// When the last packet of all passed.
    pub last: Option<Timestamp>,
    /// Microseconds between the two; `None` where a flow did not tell its times.
    pub duration: Option<u64>,
}

impl GroupTimes {
    /// Returns what of a count passed each second; `None` where no time passed, or it is not known.
    pub fn rate(&self, count: u64) -> Option<u64> {
        let micros = self.duration.filter(|micros| *micros > 0)?;
        u64::try_from(u128::from(count) * 1_000_000 / u128::from(micros)).ok()
    }

    pub(super) fn of(times: &Times, flows: u64) -> Self {
        let known = times.flows == flows && times.last >= times.first;
        let duration = known.then(|| times.last.abs_diff(times.first));
        let told = |time: i64| (0..i64::MAX).contains(&time).then(|| Timestamp::from_micros(time));
        Self { first: told(times.first), last: told(times.last), duration }
    }
}

/// What was found, added up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Answer {
    /// The groups that come first.
    pub groups: Vec<Group>,
    /// How many groups there are in all.
    pub groups_in_all: usize,
    /// All flows that are meant.
    pub total: Sums,
    /// When they passed; `None` where that was not asked for.
    pub times: Option<GroupTimes>,
    /// What was looked through.
    pub scanned: Scanned,
}

/// What was found, flow by flow.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Listing {
    /// The flows that come first.
    pub flows: Vec<FlowRow>,
    /// All flows that are meant.
    pub total: Sums,
    /// What was looked through.
    pub scanned: Scanned,
}

/// What was looked through for an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Scanned {
    /// Flows of the files that were looked at.
    pub flows: u64,
    /// Files that were looked at.
    pub files: usize,
    /// Files that were deleted meanwhile, as they had to go.
    pub vanished: usize,
    /// Flows received in the time meant that the filter selects, and that do not tell the time by which they were to be
    /// looked for.
    pub untimed: u64,
}

/// Why there is no answer.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum QueryError {
    /// The files cannot be read.
    #[error("the flows could not be read")]
    Archive(#[from] ArchiveError),
    /// There is no such folder.
    #[error("there are no flows in {}: does a bot keep them there (--flow-archive)?", .0.display())]
    NoFolder(PathBuf),
    /// The key is too wide.
    #[error("flows can't be added up by so much at once: leave some out")]
    TooWide,
    /// There are more groups than memory should hold.
    #[error("there are more than {GROUPS_MAX} groups: narrow the filter or the time, or add up by less")]
    TooManyGroups,
    /// More flows are wanted than memory should hold.
    #[error(
        "{0} flows are too many to be listed at once: expected at most {LIST_MAX}; narrow the filter or the time"
    )]
    TooMany(usize),
    /// A thread panicked.
    #[error("a thread that read them panicked, as a damaged file may make it")]
    Panicked,
    /// It was stopped.
    #[error("it was stopped")]
    Stopped,
}

impl FlowTime {
    pub(super) const fn attribute(self) -> Attribute {
        match self {
            Self::Received => Attribute::Received,
            Self::First => Attribute::First,
            Self::Last => Attribute::Last,
        }
    }
}

impl Order {
    /// Whether it takes when flows passed.
    pub(super) const fn needs_times(self) -> bool {
        matches!(self, Self::BitRate | Self::PacketRate | Self::Duration | Self::First | Self::Last)
    }
}
