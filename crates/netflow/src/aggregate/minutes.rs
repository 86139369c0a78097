//! The minutes that are open.

use std::{collections::BTreeMap, net::IpAddr};

use grafolean_time::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Minute, SET_BACK_SECONDS, Span, links::Part};
use crate::{
    places::Lists,
    record::{Flow, Origin},
};

/// How long a minute stays open after its end: datagrams come late by less, and a flow that is told just after a minute
/// ended is spread over it. Values are reported so much later.
pub const GRACE_SECONDS: i64 = 5;
/// Minutes that wait to be rolled up while the run loop is held up. The oldest is then added to the one after it.
pub const WAITING_MAX: usize = 4;

const MINUTE_MICROS: i64 = 60_000_000;

/// Adds flows to the minutes that are open.
///
/// A flow counts when it is received. One that lasted is spread evenly over the open minutes that it covers; what falls
/// before them counts in the first. Its times are those of the exporter's clock, so its age is what is used:
/// the time from its packets to the datagram that tells of them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Minutes {
    open: BTreeMap<i64, Minute>,
    /// Minutes that begin before this second are closed for good.
    floor: i64,
    /// Whether autonomous systems are remembered as exporters tell them.
    #[serde(skip)]
    with_systems: bool,
}

impl Minutes {
    /// Returns those that remember the autonomous systems that exporters tell, where they are asked for.
    #[must_use]
    pub fn for_lists(self, lists: Lists) -> Self {
        Self { with_systems: lists.systems, ..self }
    }

    /// Adds a flow of the exporter that sent it.
    pub fn add(&mut self, origin: &Origin, flow: &Flow) {
        self.add_of(origin.stream.exporter.ip(), origin, flow);
    }

    /// Adds a flow of the exporter that is known by this address.
    pub fn add_of(&mut self, exporter: IpAddr, origin: &Origin, flow: &Flow) {
        let bytes = flow.scaled_bytes();
        let received = origin.received.micros();
        let second = origin.received.seconds();
        if self.floor > second.saturating_add(SET_BACK_SECONDS) {
            self.set_back(Span::Minute.bin_of(second));
        }
        let first_open = Span::Minute.bin_of(second - GRACE_SECONDS).max(self.floor);
        let last_open = Span::Minute.bin_of(second).max(first_open);
        let packets = flow.scaled_packets();
        if first_open == last_open {
            return self.add_to(last_open, exporter, origin, flow, Part { bytes, packets });
        }
        let (began, ended) = lasted(origin, flow);
        let boundary = last_open.saturating_mul(1_000_000);
        let before = share(bytes, began.min(received), ended.min(received), boundary);
        let passed = portion(packets, before, bytes);
        if before > 0 {
            self.add_to(first_open, exporter, origin, flow, Part { bytes: before, packets: passed });
        }
        if before < bytes || bytes == 0 {
            let rest = Part { bytes: bytes - before, packets: packets.saturating_sub(passed) };
            self.add_to(last_open, exporter, origin, flow, rest);
        }
    }

    /// Removes and returns the minutes that ended before a second; what comes for them from here on counts in the first open one.
    pub fn close(&mut self, until: i64) -> Vec<(i64, Minute)> {
        let until = Span::Minute.bin_of(until);
        if self.floor > until.saturating_add(SET_BACK_SECONDS) {
            self.set_back(until);
        }
        self.floor = self.floor.max(until);
        let still_open = self.open.split_off(&self.floor);
        std::mem::replace(&mut self.open, still_open).into_iter().collect()
    }

    /// Drops minutes that were rolled up before the last restart, and goes on from there.
    pub fn go_on_from(&mut self, floor: i64) {
        self.open = self.open.split_off(&floor);
        self.floor = self.floor.max(floor);
    }

    /// Adds all of another's, as of a receiving thread that is no more.
    pub fn merge(&mut self, other: Self) {
        for (start, minute) in other.open {
            self.minute(start).merge(minute);
        }
        self.floor = self.floor.max(other.floor);
    }

    /// Returns the number of distinct keys in all open minutes.
    pub fn keys(&self) -> usize {
        self.open.values().map(Minute::keys).sum()
    }

    fn add_to(&mut self, start: i64, exporter: IpAddr, origin: &Origin, flow: &Flow, part: Part) {
        if let Some(minute) = self.open.get_mut(&start) {
            return minute.add(exporter, origin, flow, part);
        }
        if self.open.len() >= WAITING_MAX {
            self.join_oldest();
        }
        self.minute(start).add(exporter, origin, flow, part);
    }

    fn minute(&mut self, start: i64) -> &mut Minute {
        let with_systems = self.with_systems;
        let new = || if with_systems { Minute::with_systems() } else { Minute::default() };
        self.open.entry(start).or_insert_with(new)
    }

    fn join_oldest(&mut self) {
        let Some((_, oldest)) = self.open.pop_first() else { return };
        if let Some(mut next) = self.open.first_entry() {
            next.get_mut().merge(oldest);
        }
    }

    /// The clock was set back by far: what it called the future is counted in the present.
    fn set_back(&mut self, present: i64) {
        self.floor = present;
        for (_, minute) in self.open.split_off(&(present + 1)) {
            self.minute(present).merge(minute);
        }
    }
}

/// When a flow's first and last packets passed, by our clock, in microseconds.
fn lasted(origin: &Origin, flow: &Flow) -> (i64, i64) {
    let received = origin.received.micros();
    let (Some(exported), Some(first), Some(last)) = (origin.exported, flow.first, flow.last) else {
        return (received, received);
    };
    let ours =
        |moment: Timestamp| received.saturating_sub(exported.micros().saturating_sub(moment.micros()).max(0));
    (ours(first).min(ours(last)), ours(last))
}

/// Returns the same portion of a count as `part` is of `whole`.
fn portion(count: u64, part: u64, whole: u64) -> u64 {
    let portion = u128::from(count) * u128::from(part) / u128::from(whole.max(1));
    u64::try_from(portion).unwrap_or(u64::MAX)
}

/// Returns the share of bytes before a boundary, if they are spread evenly from one moment to the other.
fn share(bytes: u64, began: i64, ended: i64, boundary: i64) -> u64 {
    if ended < boundary {
        return bytes;
    }
    if began >= boundary || began >= ended {
        return 0;
    }
    // exporters that tell whole seconds may call a flow older than it can be: nothing here overflows
    let before = u128::from(boundary.abs_diff(began));
    let whole = u128::from(ended.abs_diff(began));
    u64::try_from(u128::from(bytes) * before / whole.max(1)).unwrap_or(bytes)
}

const _: () = assert!(GRACE_SECONDS * 1_000_000 < MINUTE_MICROS, "at most two minutes are open");
