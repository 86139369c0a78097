//! The last minutes of one exporter.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    ExporterMinute, InterfaceMinute,
    side::{Ratios, Side, sides},
};
use crate::ledger::Coverage;

/// Minutes that are held against each other. Flows of longer ago say nothing of how an exporter is set up now.
pub const WINDOW_MINUTES: usize = 15;
/// The latest minutes, by which something is found and found to be mended.
pub(super) const RECENT_MINUTES: usize = 5;

/// The last minutes of one exporter, by their ends.
#[derive(Clone, Debug, Default)]
pub struct Window {
    minutes: BTreeMap<i64, ExporterMinute>,
}

impl Window {
    /// Puts in a minute; one that is put in again takes its own place.
    pub fn put(&mut self, end: i64, minute: ExporterMinute) {
        self.minutes.insert(end, minute);
        while self.minutes.len() > WINDOW_MINUTES {
            self.minutes.pop_first();
        }
    }

    /// Returns the end of the latest minute.
    pub fn latest(&self) -> Option<i64> {
        self.minutes.last_key_value().map(|(end, _)| *end)
    }

    /// Returns the minutes that there are, the oldest first.
    pub fn minutes(&self) -> impl DoubleEndedIterator<Item = (i64, &ExporterMinute)> {
        self.minutes.iter().map(|(end, minute)| (*end, minute))
    }

    /// Returns how flows compare with counters, by interface, in one minute.
    pub fn ratios(&self, end: i64) -> BTreeMap<u32, Ratios> {
        let minute = self.minutes.get(&end);
        let interfaces = minute.into_iter().flat_map(|minute| &minute.interfaces);
        interfaces.filter_map(|(index, its)| Some((*index, Ratios::of(its, 1)?))).collect()
    }

    /// Returns the sums of an interface over the latest minutes in which it was counted, and how many those are.
    pub(super) fn sums(&self, interface: u32, most: usize) -> (InterfaceMinute, usize) {
        let mut sums = InterfaceMinute::default();
        let its = self.minutes.values().rev().filter_map(|minute| minute.interfaces.get(&interface));
        let counted: Vec<_> = its.filter(|its| its.octets.is_some()).take(most).collect();
        counted.iter().for_each(|its| sums.add(its));
        (sums, counted.len())
    }

    /// Returns the sides of each interface over the latest minutes in which it was counted.
    pub(super) fn sides(&self, most: usize) -> Vec<Side> {
        let of = |interface: u32| {
            let (sums, minutes) = self.sums(interface, most);
            sides(interface, &sums, minutes)
        };
        self.interfaces().into_iter().flat_map(of).collect()
    }

    /// Returns all interfaces that were told or counted in the latest minutes.
    pub fn interfaces(&self) -> BTreeSet<u32> {
        let latest = self.minutes.values().rev().take(RECENT_MINUTES);
        latest.flat_map(|minute| minute.interfaces.keys().copied()).collect()
    }

    /// Returns the sums that flows told of an interface in the latest minutes, counted or not.
    pub(super) fn told(&self, interface: u32) -> InterfaceMinute {
        let mut sums = InterfaceMinute::default();
        let latest = self.minutes.values().rev().take(RECENT_MINUTES);
        latest.filter_map(|minute| minute.interfaces.get(&interface)).for_each(|its| sums.add(its));
        sums
    }

    /// Returns how complete the latest minutes are.
    pub fn coverage(&self) -> Coverage {
        let mut sum = Coverage::default();
        self.minutes.values().rev().take(RECENT_MINUTES).for_each(|minute| sum.add(minute.coverage));
        sum
    }

    /// Returns the share of flows that had been told before with the same counts, in the latest minutes.
    pub(super) fn repeated(&self) -> f64 {
        let latest = self.minutes.values().rev().take(RECENT_MINUTES);
        let (looked_at, repeated) = latest.fold((0, 0), |(looked_at, repeated), minute| {
            (looked_at + minute.repeats.0, repeated + minute.repeats.1)
        });
        if looked_at < 20 { 0.0 } else { repeated as f64 / looked_at as f64 }
    }

    /// Returns how many of the latest minutes were counted.
    pub fn counted(&self) -> usize {
        self.minutes.values().rev().take(RECENT_MINUTES).filter(|minute| minute.is_counted).count()
    }
}
