//! A bin that ended: its totals, and the largest of each kind.

use std::{cmp::Reverse, collections::BTreeMap, hash::Hash, net::IpAddr};

use super::{Bin, Counts, TrafficDirection, bin::Sums};
use crate::places::{Country, NetworkName};

/// How many of each kind are reported.
pub const TOP: usize = 10;

/// A bin that ended.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Closed {
    exporters: BTreeMap<IpAddr, [Ranking; 2]>,
}

/// Totals and the largest of each kind, of one exporter's traffic one direction; the largest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ranking {
    /// All bytes.
    pub total: u64,
    /// Bytes by address: the source's of what came in, the destination's of what went out.
    pub addresses: Vec<(IpAddr, u64)>,
    /// Bytes by IP protocol.
    pub protocols: Vec<(u8, u64)>,
    /// Bytes by source and destination.
    pub pairs: Vec<((IpAddr, IpAddr), u64)>,
    /// Bytes by destination port.
    pub ports: Vec<(u16, u64)>,
    /// Bytes by autonomous system, where that is asked for.
    pub systems: Vec<(u32, u64)>,
    /// Bytes by country.
    pub countries: Vec<(Country, u64)>,
    /// Bytes by network of one's own.
    pub networks: Vec<(NetworkName, u64)>,
    /// The same by interface.
    pub interfaces: BTreeMap<u32, InterfaceRanking>,
    /// The most bytes by which an entry may be short of the truth; 0 means that all are exact. Totals always are.
    pub missed: u64,
}

/// What is told of one interface.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InterfaceRanking {
    /// All bytes.
    pub total: u64,
    /// Bytes by address.
    pub addresses: Vec<(IpAddr, u64)>,
    /// Bytes by IP protocol.
    pub protocols: Vec<(u8, u64)>,
}

impl Closed {
    /// Ranks a bin.
    pub(super) fn of(bin: &Bin) -> Self {
        let ranked = bin.exporters().map(|(exporter, ways)| (exporter, ways.each_ref().map(Ranking::of)));
        Self { exporters: ranked.collect() }
    }

    /// Returns what an exporter sent one direction, if it sent anything.
    pub fn ranking(&self, exporter: IpAddr, direction: TrafficDirection) -> Option<&Ranking> {
        self.exporters.get(&exporter).map(|ways| direction.of_pair(ways))
    }

    /// Returns the exporters whose lists are estimates, each with the most bytes by which an entry may be short.
    pub fn estimated(&self) -> impl Iterator<Item = (IpAddr, u64)> {
        let missed = self
            .exporters
            .iter()
            .map(|(exporter, [ingress, egress])| (*exporter, ingress.missed.max(egress.missed)));
        missed.filter(|(_, missed)| *missed > 0)
    }
}

impl Ranking {
    fn of(sums: &Sums) -> Self {
        let mut interfaces: BTreeMap<u32, InterfaceRanking> = sums
            .interfaces
            .iter()
            .map(|(interface, total)| (interface, InterfaceRanking { total, ..InterfaceRanking::default() }))
            .collect();
        for (interface, addresses) in by_interface(sums.addresses.iter()) {
            interfaces.entry(interface).or_default().addresses = top(addresses);
        }
        for (interface, protocols) in by_interface(sums.protocols.iter()) {
            interfaces.entry(interface).or_default().protocols = top(protocols);
        }
        Self {
            total: sums.total,
            addresses: top(over_interfaces(sums.addresses.iter())),
            protocols: top(over_interfaces(sums.protocols.iter())),
            pairs: top(sums.pairs.iter().collect()),
            ports: top(sums.ports.iter().collect()),
            systems: top(sums.placed.systems.iter().collect()),
            countries: top(sums.placed.countries.iter().collect()),
            networks: top(sums.placed.networks.iter().collect()),
            interfaces,
            missed: sums.missed(),
        }
    }

    /// Adds what the same device sent from another address. A device speaks from one; if it does from several at once,
    /// its lists are made of the largest of each.
    pub(super) fn merge(&mut self, other: &Self) {
        self.total = self.total.saturating_add(other.total);
        merge(&mut self.addresses, &other.addresses);
        merge(&mut self.protocols, &other.protocols);
        merge(&mut self.pairs, &other.pairs);
        merge(&mut self.ports, &other.ports);
        merge(&mut self.systems, &other.systems);
        merge(&mut self.countries, &other.countries);
        merge(&mut self.networks, &other.networks);
        for (interface, its) in &other.interfaces {
            let own = self.interfaces.entry(*interface).or_default();
            own.total = own.total.saturating_add(its.total);
            merge(&mut own.addresses, &its.addresses);
            merge(&mut own.protocols, &its.protocols);
        }
        self.missed = self.missed.saturating_add(other.missed);
    }
}

fn by_interface<K>(counts: impl Iterator<Item = ((u32, K), u64)>) -> BTreeMap<u32, Vec<(K, u64)>> {
    let mut apart = BTreeMap::<u32, Vec<(K, u64)>>::new();
    for ((interface, key), bytes) in counts {
        apart.entry(interface).or_default().push((key, bytes));
    }
    apart
}

fn over_interfaces<K: Copy + Eq + Hash>(counts: impl Iterator<Item = ((u32, K), u64)>) -> Vec<(K, u64)> {
    let mut together = Counts::default();
    counts.for_each(|((_, key), bytes)| together.add(key, bytes));
    together.iter().collect()
}

fn merge<K: Copy + Eq + Hash + Ord>(own: &mut Vec<(K, u64)>, others: &[(K, u64)]) {
    let mut sums = Counts::default();
    own.iter().chain(others).for_each(|(key, bytes)| sums.add(*key, *bytes));
    *own = top(sums.iter().collect());
}

/// Returns the largest, those of equal size in order of their keys; what has no bytes is left out.
fn top<K: Copy + Ord>(mut rows: Vec<(K, u64)>) -> Vec<(K, u64)> {
    let rank = |(key, bytes): &(K, u64)| (Reverse(*bytes), *key);
    rows.retain(|(_, bytes)| *bytes > 0);
    if rows.len() > TOP {
        rows.select_nth_unstable_by_key(TOP, rank);
        rows.truncate(TOP);
        rows.shrink_to_fit();
    }
    rows.sort_unstable_by_key(rank);
    rows
}
