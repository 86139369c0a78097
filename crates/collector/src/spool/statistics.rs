//! What is in the queue.

use std::{collections::BTreeMap, iter::Sum, ops::AddAssign};

use super::{
    entry::{Lane, LaneKey},
    sinks::SinkStatistics,
};
use crate::{model::AccountId, time::Timestamp};

/// A number of reports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Depth {
    /// How many.
    pub reports: u64,
    /// Their values.
    pub values: u64,
    /// Their payload, and [`super::Limits::ENTRY_OVERHEAD`] for each.
    pub bytes: u64,
}

impl AddAssign for Depth {
    fn add_assign(&mut self, more: Self) {
        self.reports = self.reports.saturating_add(more.reports);
        self.values = self.values.saturating_add(more.values);
        self.bytes = self.bytes.saturating_add(more.bytes);
    }
}

impl Sum for Depth {
    fn sum<I: Iterator<Item = Self>>(depths: I) -> Self {
        depths.fold(Self::default(), |mut sum, depth| {
            sum += depth;
            sum
        })
    }
}

impl Depth {
    pub(super) fn less(self, gone: Self) -> Self {
        Self {
            reports: self.reports.saturating_sub(gone.reports),
            values: self.values.saturating_sub(gone.values),
            bytes: self.bytes.saturating_sub(gone.bytes),
        }
    }
}

/// The state of a spool after its last group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Statistics {
    /// What waits, on disk and in memory.
    pub queue: Depth,
    /// What of it is only in memory, since the disk takes no more.
    pub held: Depth,
    /// When the oldest waiting report was accepted.
    pub oldest: Option<Timestamp>,
    /// How many dead letters of the backend there are; sinks count their own.
    pub dead_letters: u64,
    /// Why the disk takes no more; None while all is well.
    pub trouble: Option<String>,
    /// The sinks beside the backend.
    pub sinks: Vec<SinkStatistics>,
}

/// What is on disk, by lane and account; lanes that are empty are left out.
#[derive(Clone, Debug, Default)]
pub(super) struct Lanes {
    by_lane: [BTreeMap<AccountId, Depth>; Lane::ALL.len()],
    total: Depth,
}

impl Lanes {
    pub(super) fn add(&mut self, key: LaneKey, depth: Depth) {
        self.total += depth;
        if let Some(lane) = self.by_lane.get_mut(usize::from(key.lane.number())) {
            *lane.entry(key.account).or_default() += depth;
        }
    }

    pub(super) fn remove(&mut self, key: LaneKey, depth: Depth) {
        self.total = self.total.less(depth);
        if let Some(lane) = self.by_lane.get_mut(usize::from(key.lane.number()))
            && let Some(held) = lane.get_mut(&key.account)
        {
            *held = held.less(depth);
            if held.reports == 0 {
                lane.remove(&key.account);
            }
        }
    }

    pub(super) fn total(&self) -> Depth {
        self.total
    }

    /// Returns the accounts that have something in a lane, ascending.
    pub(super) fn accounts(&self, lane: Lane) -> impl Iterator<Item = AccountId> + '_ {
        self.by_lane.get(usize::from(lane.number())).into_iter().flatten().map(|(account, _)| *account)
    }
}
