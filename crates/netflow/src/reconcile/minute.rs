//! One minute of one exporter, by interface.

use std::{collections::BTreeMap, net::IpAddr};

use crate::{
    aggregate::{Link, LinkSums, Links, Observed},
    ledger::Coverage,
};

/// Octets of an Ethernet frame around an IP packet that interfaces count and flows do not: both addresses and the type.
/// Hardware mostly counts the checksum too, and tags.
const ETHERNET: u64 = 14;
/// ifType of what has no frame of Ethernet: ppp, loopback, tunnel, mplsTunnel, and what is propVirtual (IANAifType-MIB).
const UNFRAMED_KINDS: [u32; 5] = [23, 24, 131, 150, 53];

/// What an exporter told of one minute, beside what its interfaces counted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExporterMinute {
    /// By SNMP index; 0 is what it told of no interface.
    pub interfaces: BTreeMap<u32, InterfaceMinute>,
    /// Completeness of what it sent.
    pub coverage: Coverage,
    /// Flows whose key was looked at, and those that had been told before.
    pub repeats: (u64, u64),
    /// Whether its interfaces' counters were read at both ends of the minute.
    pub is_counted: bool,
}

/// What passed by one interface in one minute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InterfaceMinute {
    /// Of flows that came in by it.
    pub ingress: LinkSums,
    /// Of flows that went out by it.
    pub egress: LinkSums,
    /// Of flows of which it is told as both, without a direction: probes do so.
    pub either: LinkSums,
    /// Octets that it counted, in and out; `None` where they are not known.
    pub octets: Option<[u64; 2]>,
    /// Whether its counters have 64 bits.
    pub is_wide: bool,
    /// Octets of a frame around an IP packet.
    pub framing: u64,
    /// ifType (IANAifType-MIB).
    pub kind: Option<u32>,
    /// Whether the device has it, counted or not.
    pub is_known: bool,
}

impl ExporterMinute {
    /// Adds up the links of an exporter's addresses.
    pub fn of_links(links: &Links, addresses: &[IpAddr]) -> Self {
        let mut minute = Self::default();
        let mut ways = BTreeMap::<u32, [LinkSums; 4]>::new();
        for exporter in addresses.iter().filter_map(|address| links.of(*address)) {
            minute.repeats.0 += exporter.looked_at;
            minute.repeats.1 += exporter.repeated;
            // a probe names its one interface twice, and what it calls the direction is no interface's; of a router such a
            // flow came in and went out by the same one
            let is_router = |link: &Link| link.input != link.output && link.input != 0 && link.output != 0;
            let is_probe = !exporter.sums.keys().any(is_router);
            for (Link { observed, input, output }, sums) in &exporter.sums {
                if input == output && is_probe {
                    minute.interfaces.entry(*input).or_default().either.add(sums);
                    continue;
                }
                let by_egress = usize::from(*observed == Observed::Egress);
                let mut add = |interface: &u32, way: usize| {
                    if let Some(known) = ways.entry(*interface).or_default().get_mut(way) {
                        known.add(sums);
                    }
                };
                add(input, by_egress);
                add(output, 2 + by_egress);
            }
        }
        // a packet that is observed as it comes in and as it goes out is told in both: it passed once
        for (interface, [came_at_input, came_at_output, went_at_input, went_at_output]) in ways {
            let known = minute.interfaces.entry(interface).or_default();
            known.ingress = larger(came_at_input, came_at_output);
            known.egress = larger(went_at_output, went_at_input);
        }
        minute
    }

    /// Puts in what an interface counted; `None` of one that is there and not to be compared.
    pub fn count(&mut self, interface: u32, octets: Option<[u64; 2]>, is_wide: bool, kind: Option<u32>) {
        let framing = if kind.is_some_and(|kind| UNFRAMED_KINDS.contains(&kind)) { 0 } else { ETHERNET };
        let known = self.interfaces.entry(interface).or_default();
        (known.octets, known.is_wide, known.framing) = (octets, is_wide, framing);
        (known.kind, known.is_known) = (kind, true);
        self.is_counted |= octets.is_some();
    }
}

fn larger(one: LinkSums, other: LinkSums) -> LinkSums {
    if other.told_bytes() > one.told_bytes() { other } else { one }
}

impl InterfaceMinute {
    /// Adds another minute's.
    pub(super) fn add(&mut self, other: &Self) {
        self.ingress.add(&other.ingress);
        self.egress.add(&other.egress);
        self.either.add(&other.either);
        if let Some([ingress, egress]) = other.octets {
            let [own_in, own_out] = self.octets.unwrap_or_default();
            self.octets = Some([own_in.saturating_add(ingress), own_out.saturating_add(egress)]);
        }
        (self.is_wide, self.framing) = (other.is_wide, other.framing);
        self.kind = other.kind.or(self.kind);
        self.is_known |= other.is_known;
    }

    /// Returns all that flows told of it.
    pub(super) fn told(&self) -> LinkSums {
        let mut sums = self.ingress;
        sums.add(&self.egress);
        sums.add(&self.either);
        sums
    }
}
