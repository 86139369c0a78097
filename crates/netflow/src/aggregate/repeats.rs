//! Flows that are told twice: ingress and egress of the same packets, by an exporter that does not say which.

use std::{
    collections::{HashMap, HashSet},
    hash::{BuildHasher, Hash},
    net::IpAddr,
};

use foldhash::quality::RandomState;

use super::interner::ExporterDirection;
use crate::record::Flow;

/// One flow in so many is looked at, chosen by its ends: both records of the same packets are.
const ONE_IN: u16 = 16;
/// Flows of one minute that are remembered; no more are looked at.
const REMEMBERED_MAX: usize = 8_192;

/// Flows of one minute, some of which are remembered by a hash of all that two records of the same packets share.
#[derive(Clone, Debug, Default)]
pub(super) struct Repeats {
    hasher: RandomState,
    seen: HashSet<u64, RandomState>,
    /// By direction: flows looked at, and those that had been seen.
    counts: HashMap<ExporterDirection, (u64, u64), RandomState>,
}

impl Repeats {
    /// Looks at a flow, if it is one of those.
    pub(super) fn note(&mut self, direction: ExporterDirection, flow: &Flow) {
        let (source, destination) = (flow.source_port.unwrap_or(0), flow.destination_port.unwrap_or(0));
        let low = |end: Option<IpAddr>| match end {
            Some(IpAddr::V4(address)) => u16::from(address.octets()[3]),
            Some(IpAddr::V6(address)) => address.segments()[7],
            None => 0,
        };
        let chosen = source ^ destination ^ low(flow.source) ^ low(flow.destination);
        if !chosen.is_multiple_of(ONE_IN) || self.seen.len() >= REMEMBERED_MAX {
            return;
        }
        self.look_at(direction, flow);
    }

    #[cold]
    fn look_at(&mut self, direction: ExporterDirection, flow: &Flow) {
        let ends = (flow.source, flow.destination, flow.source_port, flow.destination_port, flow.protocol);
        let counts = (flow.input, flow.output, flow.bytes, flow.packets, flow.biflow);
        let hash = self.hasher.hash_one(Key(direction, ends, counts));
        let count = self.counts.entry(direction).or_default();
        count.0 += 1;
        count.1 += u64::from(!self.seen.insert(hash));
    }

    /// Returns by direction how many flows were looked at, and how many of them had been seen.
    pub(super) fn counts(&self) -> impl Iterator<Item = (ExporterDirection, (u64, u64))> {
        self.counts.iter().map(|(direction, counts)| (*direction, *counts))
    }
}

#[derive(Hash)]
struct Key<A: Hash, B: Hash>(ExporterDirection, A, B);
