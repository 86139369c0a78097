//! Between which interfaces traffic passed, and by what it can be held against the interfaces' own counters.

use std::{collections::BTreeMap, net::IpAddr};

use crate::record::{Counter, Direction, Flow, Origin, Protocol};

/// Pairs of interfaces of one exporter in one minute; of further ones nothing is known, and the minute is in part.
pub const LINKS_MAX: usize = 16_384;
/// A flow that lasted longer is reported after the minute in which it passed: active timeouts of a minute are within it.
pub const LONG_MILLIS: u64 = 66_000;
/// Octets of an IP packet's header: fewer a packet are none that can be.
const IP_HEADER: u64 = 20;

/// By which interfaces a flow passed; 0 stands for one that the exporter did not tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Link {
    /// On which side of its interface it was observed.
    pub observed: Observed,
    /// SNMP index of the interface by which it came in.
    pub input: u32,
    /// SNMP index of the interface by which it went out.
    pub output: u32,
}

/// On which side of an interface flows were observed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Observed {
    /// The exporter does not say.
    Untold,
    /// As they came in.
    Ingress,
    /// As they went out.
    Egress,
}

/// What passed by one link, scaled by the sampling.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkSums {
    /// Octets of IP packets.
    pub bytes: u64,
    /// Packets of those.
    pub packets: u64,
    /// Octets of whole frames, as sFlow and the elements of layer 2 count.
    pub framed_bytes: u64,
    /// Packets of those.
    pub framed_packets: u64,
    /// Packets as exported, not scaled.
    pub samples: u64,
    /// Octets of flows that lasted longer than [`LONG_MILLIS`].
    pub long_bytes: u64,
    /// How long the longest flow lasted.
    pub longest_millis: u64,
    /// Flows with fewer octets a packet than an IP header has: their count wrapped.
    pub wrapped: u64,
}

/// What is known of all exporters' links in one minute. It is not kept over a restart.
#[derive(Clone, Debug, Default)]
pub struct Links {
    exporters: BTreeMap<IpAddr, ExporterLinks>,
    /// Whether a part of the minute is missing, as after a restart.
    pub is_partial: bool,
}

/// What is known of one exporter's links in one minute.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExporterLinks {
    /// By link.
    pub sums: BTreeMap<Link, LinkSums>,
    /// Flows whose key was looked at, to find those that are told twice.
    pub looked_at: u64,
    /// Those among them that had been told before with the same counts.
    pub repeated: u64,
}

/// The part of a flow that falls into a minute.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    pub(super) bytes: u64,
    pub(super) packets: u64,
}

impl Link {
    /// Returns the link of a flow.
    pub(super) fn of(flow: &Flow) -> Self {
        let observed = match flow.direction {
            Some(Direction::Ingress) => Observed::Ingress,
            Some(Direction::Egress) => Observed::Egress,
            Some(Direction::Other(_)) | None => Observed::Untold,
        };
        Self { observed, input: flow.input.unwrap_or(0), output: flow.output.unwrap_or(0) }
    }

    /// Returns it as one number.
    pub(super) fn number(self) -> u128 {
        u128::from(self.observed as u8) << 64 | u128::from(self.input) << 32 | u128::from(self.output)
    }
}

impl LinkSums {
    /// Adds a part of a flow.
    pub(super) fn add_part(&mut self, origin: &Origin, flow: &Flow, part: Part) {
        let is_framed = origin.stream.protocol == Protocol::Sflow5 || flow.counter == Counter::Layer2;
        let (bytes, packets) = match is_framed {
            true => (&mut self.framed_bytes, &mut self.framed_packets),
            false => (&mut self.bytes, &mut self.packets),
        };
        *bytes = bytes.saturating_add(part.bytes);
        *packets = packets.saturating_add(part.packets);
        let (told_bytes, told_packets) = (flow.bytes.unwrap_or(0), flow.packets.unwrap_or(0));
        self.samples = self.samples.saturating_add(told_packets);
        self.wrapped += u64::from(told_bytes < told_packets.saturating_mul(IP_HEADER));
        if let (Some(first), Some(last)) = (flow.first, flow.last) {
            let micros = last.micros().saturating_sub(first.micros());
            let millis = u64::try_from(micros).unwrap_or(0) / 1_000;
            self.longest_millis = self.longest_millis.max(millis);
            if millis > LONG_MILLIS {
                self.long_bytes = self.long_bytes.saturating_add(part.bytes);
            }
        }
    }

    /// Adds another's.
    pub fn add(&mut self, other: &Self) {
        let sums = [
            (&mut self.bytes, other.bytes),
            (&mut self.packets, other.packets),
            (&mut self.framed_bytes, other.framed_bytes),
            (&mut self.framed_packets, other.framed_packets),
            (&mut self.samples, other.samples),
            (&mut self.long_bytes, other.long_bytes),
            (&mut self.wrapped, other.wrapped),
        ];
        sums.into_iter().for_each(|(own, its)| *own = own.saturating_add(its));
        self.longest_millis = self.longest_millis.max(other.longest_millis);
    }

    /// Returns all octets as they were told, frames or not.
    pub fn told_bytes(&self) -> u64 {
        self.bytes.saturating_add(self.framed_bytes)
    }
}

impl Links {
    /// Creates what is known of a minute of which a part is missing.
    pub(super) fn partial() -> Self {
        Self { is_partial: true, ..Self::default() }
    }

    /// Returns what is known of an exporter.
    pub fn of(&self, exporter: IpAddr) -> Option<&ExporterLinks> {
        self.exporters.get(&exporter)
    }

    /// Adds what passed by a link.
    pub(super) fn add(&mut self, exporter: IpAddr, link: Link, sums: &LinkSums) {
        let known = self.exporters.entry(exporter).or_default();
        if known.sums.len() >= LINKS_MAX && !known.sums.contains_key(&link) {
            self.is_partial = true;
            return;
        }
        known.sums.entry(link).or_default().add(sums);
    }

    /// Adds how many flows were looked at, and how many of them had been told before.
    pub(super) fn add_repeats(&mut self, exporter: IpAddr, looked_at: u64, repeated: u64) {
        let known = self.exporters.entry(exporter).or_default();
        known.looked_at += looked_at;
        known.repeated += repeated;
    }

    /// Adds all of another's.
    pub fn merge(&mut self, other: Self) {
        self.is_partial |= other.is_partial;
        for (exporter, links) in other.exporters {
            for (link, sums) in &links.sums {
                self.add(exporter, *link, sums);
            }
            self.add_repeats(exporter, links.looked_at, links.repeated);
        }
    }
}
