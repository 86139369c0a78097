//! One open minute: few tables, each of which takes a flow at the cost of one look.

use std::{
    collections::HashMap,
    hash::Hash,
    net::{IpAddr, Ipv4Addr},
};

use foldhash::quality::RandomState;
use serde::{Deserialize, Serialize};

use super::{
    Bin, KEYS_MAX, Links, TrafficDirection,
    interner::{ExporterDirection, InterfaceId, Interner},
    links::Part,
    placed::{TOLD_MAX, ToldSystems, told_system},
    repeats::Repeats,
};
use crate::record::{Flow, Origin};

/// Distinct keys of one minute in the tables that each flow updates. Full ones are added up early, which costs a moment
/// and loses nothing.
pub const OPEN_KEYS_MAX: usize = 1 << 18;
/// Flows that wait to be added together: their looks into a table that is larger than the processor's caches do not
/// depend on each other, so that it waits for memory once for several of them.
const STAGED_MAX: usize = 256;

type Sums<K> = HashMap<K, u64, RandomState>;
type Talks<K> = HashMap<K, Talk, RandomState>;

/// What passed between two ends, and the autonomous system that was told of the one that counts. Without padding it takes
/// no room beside a key of IPv4. Written down it is its bytes, as files of earlier versions have it.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(from = "u64", into = "u64")]
#[repr(Rust, packed(4))]
struct Talk {
    bytes: u64,
    system: u32,
}

impl From<u64> for Talk {
    fn from(bytes: u64) -> Self {
        Self { bytes, system: 0 }
    }
}

impl From<Talk> for u64 {
    fn from(talk: Talk) -> Self {
        talk.bytes
    }
}

/// What came in one minute, not yet added up.
///
/// Who talks to whom by which interface gives all that is told of addresses, pairs, interfaces and totals. Ports and
/// protocols stand apart, as together with them nearly every flow would have a key of its own.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Minute {
    interner: Interner,
    staged: Vec<Staged>,
    talks_v4: Talks<(InterfaceId, u32, u32)>,
    talks: Talks<(InterfaceId, Option<IpAddr>, Option<IpAddr>)>,
    protocols: Sums<(InterfaceId, u8)>,
    ports: Sums<(ExporterDirection, u16)>,
    rolled_up: Bin,
    /// Autonomous systems as exporters told them, where they are asked for; of a minute that was written down they are
    /// missing, and the database says them.
    #[serde(skip)]
    systems: Option<ToldSystems>,
    #[serde(skip)]
    repeats: Repeats,
    /// What early foldings left of links; of a minute that was written down they are missing.
    #[serde(skip, default = "Links::partial")]
    links: Links,
}

/// A flow between addresses of IPv4.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Staged {
    bytes: u64,
    interface_id: InterfaceId,
    source: u32,
    destination: u32,
    exporter_direction: ExporterDirection,
    port: Option<u16>,
    protocol: Option<u8>,
    #[serde(skip)]
    system: u32,
}

impl Minute {
    /// Creates one that remembers the autonomous systems that exporters tell.
    pub(super) fn with_systems() -> Self {
        Self { systems: Some(ToldSystems::default()), ..Self::default() }
    }

    /// Adds a part of a flow.
    pub(super) fn add(&mut self, exporter: IpAddr, origin: &Origin, flow: &Flow, part: Part) {
        let (direction, bytes) = (TrafficDirection::of(flow), part.bytes);
        let exporter_direction = self.interner.exporter_direction(exporter, direction);
        let Some(link) = self.interner.link(exporter_direction, direction, flow) else { return };
        link.sums.add_part(origin, flow, part);
        let interface_id = link.interface_id;
        self.repeats.note(exporter_direction, flow);
        let (port, protocol) = (flow.destination_port, flow.protocol);
        let system = told_system(direction, flow);
        if let (Some(IpAddr::V4(source)), Some(IpAddr::V4(destination))) = (flow.source, flow.destination) {
            let (source, destination) = (source.to_bits(), destination.to_bits());
            self.staged.push(Staged {
                bytes,
                interface_id,
                source,
                destination,
                exporter_direction,
                port,
                protocol,
                system,
            });
            if self.staged.len() < STAGED_MAX {
                return;
            }
            self.add_staged();
        } else {
            add_talk(&mut self.talks, (interface_id, flow.source, flow.destination), bytes, system);
            self.add_kind(interface_id, exporter_direction, protocol, port, bytes);
        }
        if self.keys() >= OPEN_KEYS_MAX {
            self.fold();
        }
    }

    /// Adds all of another.
    pub(super) fn merge(&mut self, mut other: Self) {
        self.links.merge(other.take_links());
        self.links.is_partial = true;
        if let Some(systems) = &mut self.systems {
            systems.extend(other.take_systems().into_iter().take(TOLD_MAX.saturating_sub(systems.len())));
        }
        self.rolled_up.merge(other.roll_up());
    }

    /// Takes out what passed by each link. To be called before it is rolled up, and once.
    pub fn take_links(&mut self) -> Links {
        self.fold();
        std::mem::take(&mut self.links)
    }

    /// Takes out the autonomous systems that exporters told. To be called before it is rolled up, and once.
    pub(super) fn take_systems(&mut self) -> ToldSystems {
        self.fold();
        self.systems.take().unwrap_or_default()
    }

    pub(super) fn keys(&self) -> usize {
        let small = self.interner.len() + self.protocols.len() + self.ports.len();
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
            let key = (flow.interface_id, flow.source, flow.destination);
            add_talk(&mut self.talks_v4, key, flow.bytes, flow.system);
        }
        for flow in staged.drain(..) {
            self.add_kind(flow.interface_id, flow.exporter_direction, flow.protocol, flow.port, flow.bytes);
        }
        self.staged = staged;
    }

    fn add_kind(
        &mut self,
        interface_id: InterfaceId,
        exporter_direction: ExporterDirection,
        protocol: Option<u8>,
        port: Option<u16>,
        bytes: u64,
    ) {
        if let Some(protocol) = protocol {
            add(&mut self.protocols, (interface_id, protocol), bytes);
        }
        if let Some(port) = port {
            add(&mut self.ports, (exporter_direction, port), bytes);
        }
    }

    fn fold(&mut self) {
        self.add_staged();
        let Self { interner, talks_v4, talks, protocols, ports, rolled_up, systems, links, repeats, .. } =
            self;
        for (exporter, link) in interner.links() {
            links.add(exporter, link.link, &link.sums);
        }
        for (exporter_direction, (looked_at, repeated)) in repeats.counts() {
            if let Some((exporter, _)) = interner.exporter_direction_of(exporter_direction) {
                links.add_repeats(exporter, looked_at, repeated);
            }
        }
        *repeats = Repeats::default();
        let mut roll_up = |interface_id, ends, talk: Talk| {
            let Some((exporter, direction, interface)) = interner.interface_of(interface_id) else { return };
            rolled_up.sums(exporter, direction).add_talk(direction, interface, ends, talk.bytes);
            if talk.system != 0
                && let (Some(systems), Some(address)) = (&mut *systems, *direction.of_pair(&ends))
                && systems.len() < TOLD_MAX
            {
                systems.insert((exporter, direction, interface, address), talk.system);
            }
        };
        for ((interface_id, source, destination), talk) in talks_v4.drain() {
            let ends = [source, destination].map(|end| Some(IpAddr::V4(Ipv4Addr::from_bits(end))));
            roll_up(interface_id, ends, talk);
        }
        for ((interface_id, source, destination), talk) in talks.drain() {
            roll_up(interface_id, [source, destination], talk);
        }
        for ((interface_id, protocol), bytes) in protocols.drain() {
            if let Some((exporter, direction, interface)) = interner.interface_of(interface_id) {
                rolled_up.sums(exporter, direction).protocols.add((interface, protocol), bytes);
            }
        }
        for ((exporter_direction, port), bytes) in ports.drain() {
            if let Some((exporter, direction)) = interner.exporter_direction_of(exporter_direction) {
                rolled_up.sums(exporter, direction).ports.add(port, bytes);
            }
        }
        interner.clear();
        rolled_up.bound(KEYS_MAX);
    }
}

fn add_talk<K: Hash + Eq>(talks: &mut Talks<K>, key: K, bytes: u64, system: u32) {
    let talk = talks.entry(key).or_default();
    talk.bytes = talk.bytes.saturating_add(bytes);
    if system != 0 {
        talk.system = system;
    }
}

fn add<K: Hash + Eq>(sums: &mut Sums<K>, key: K, bytes: u64) {
    let sum = sums.entry(key).or_default();
    *sum = sum.saturating_add(bytes);
}
