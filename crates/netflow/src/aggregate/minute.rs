//! One open minute: few tables, each of which takes a flow at the cost of one look.

use std::{
    collections::HashMap,
    hash::Hash,
    net::{IpAddr, Ipv4Addr},
};

use foldhash::quality::RandomState;
use serde::{Deserialize, Serialize};

use super::{
    Bin, KEYS_MAX, Way,
    lanes::{Lane, Lanes, Side},
};
use crate::record::Flow;

/// Distinct keys of one minute in the tables that each flow updates. Full ones are added up early, which costs a moment
/// and loses nothing.
pub const OPEN_KEYS_MAX: usize = 1 << 18;
/// Flows that wait to be added together: their looks into a table that is larger than the processor's caches do not
/// depend on each other, so that it waits for memory once for several of them.
const STAGED_MAX: usize = 256;

type Sums<K> = HashMap<K, u64, RandomState>;

/// What came in one minute, not yet added up.
///
/// Who talks to whom by which interface gives all that is told of addresses, pairs, interfaces and totals. Ports and
/// protocols stand apart, as together with them nearly every flow would have a key of its own.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Minute {
    lanes: Lanes,
    staged: Vec<Staged>,
    talks_v4: Sums<(Lane, u32, u32)>,
    talks: Sums<(Lane, Option<IpAddr>, Option<IpAddr>)>,
    protocols: Sums<(Lane, u8)>,
    ports: Sums<(Side, u16)>,
    rolled_up: Bin,
}

/// A flow between addresses of IPv4.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Staged {
    bytes: u64,
    lane: Lane,
    source: u32,
    destination: u32,
    side: Side,
    port: Option<u16>,
    protocol: Option<u8>,
}

impl Minute {
    /// Adds bytes of a flow.
    pub(super) fn add(&mut self, exporter: IpAddr, flow: &Flow, bytes: u64) {
        let way = Way::of(flow);
        let side = self.lanes.side(exporter, way);
        let lane = self.lanes.lane(side, way.interface(flow));
        let (port, protocol) = (flow.destination_port, flow.protocol);
        if let (Some(IpAddr::V4(source)), Some(IpAddr::V4(destination))) = (flow.source, flow.destination) {
            let (source, destination) = (source.to_bits(), destination.to_bits());
            self.staged.push(Staged { bytes, lane, source, destination, side, port, protocol });
            if self.staged.len() < STAGED_MAX {
                return;
            }
            self.add_staged();
        } else {
            add(&mut self.talks, (lane, flow.source, flow.destination), bytes);
            self.add_kind(lane, side, protocol, port, bytes);
        }
        if self.keys() >= OPEN_KEYS_MAX {
            self.fold();
        }
    }

    /// Adds all of another.
    pub(super) fn merge(&mut self, other: Self) {
        self.rolled_up.merge(other.roll_up());
    }

    pub(super) fn keys(&self) -> usize {
        let small = self.lanes.len() + self.protocols.len() + self.ports.len();
        small + self.talks_v4.len() + self.talks.len()
    }

    /// Adds all of it up.
    pub(super) fn roll_up(mut self) -> Bin {
        self.fold();
        self.rolled_up
    }

    fn add_staged(&mut self) {
        let mut staged = std::mem::take(&mut self.staged);
        for flow in &staged {
            add(&mut self.talks_v4, (flow.lane, flow.source, flow.destination), flow.bytes);
        }
        for flow in staged.drain(..) {
            self.add_kind(flow.lane, flow.side, flow.protocol, flow.port, flow.bytes);
        }
        self.staged = staged;
    }

    fn add_kind(&mut self, lane: Lane, side: Side, protocol: Option<u8>, port: Option<u16>, bytes: u64) {
        if let Some(protocol) = protocol {
            add(&mut self.protocols, (lane, protocol), bytes);
        }
        if let Some(port) = port {
            add(&mut self.ports, (side, port), bytes);
        }
    }

    fn fold(&mut self) {
        self.add_staged();
        let Self { lanes, talks_v4, talks, protocols, ports, rolled_up, .. } = self;
        let mut add_talk = |lane, ends, bytes| {
            if let Some((exporter, way, interface)) = lanes.lane_of(lane) {
                rolled_up.sums(exporter, way).add_talk(way, interface, ends, bytes);
            }
        };
        for ((lane, source, destination), bytes) in talks_v4.drain() {
            let ends = [source, destination].map(|end| Some(IpAddr::V4(Ipv4Addr::from_bits(end))));
            add_talk(lane, ends, bytes);
        }
        for ((lane, source, destination), bytes) in talks.drain() {
            add_talk(lane, [source, destination], bytes);
        }
        for ((lane, protocol), bytes) in protocols.drain() {
            if let Some((exporter, way, interface)) = lanes.lane_of(lane) {
                rolled_up.sums(exporter, way).protocols.add((interface, protocol), bytes);
            }
        }
        for ((side, port), bytes) in ports.drain() {
            if let Some((exporter, way)) = lanes.side_of(side) {
                rolled_up.sums(exporter, way).ports.add(port, bytes);
            }
        }
        lanes.clear();
        rolled_up.bound(KEYS_MAX);
    }
}

fn add<K: Hash + Eq>(sums: &mut Sums<K>, key: K, bytes: u64) {
    let sum = sums.entry(key).or_default();
    *sum = sum.saturating_add(bytes);
}
