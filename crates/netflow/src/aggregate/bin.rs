//! What one bin holds.

use std::{collections::BTreeMap, net::IpAddr};

use serde::{Deserialize, Serialize};

use super::{
    Counts, TrafficDirection,
    narrow::NarrowCounts,
    placed::{Placed, ToldSystems},
};
use crate::places::Places;

/// Distinct keys in one bin of all exporters together, up to which everything is exact: addresses by interface, address
/// pairs, ports, protocols. A hundred thousand pairs talking both ways are within it. At some 40 octets a key of IPv4 all
/// five intervals stay below 120 MB. Beyond it the exporter with the most keys drops the smaller half of its largest
/// table, of n keys: no entry of a list is then short by more than 2/n of that exporter's bytes, [`Counts::missed`] tells
/// by how much at most, and totals stay exact.
pub const KEYS_MAX: usize = 500_000;

/// Sums of one bin, by exporter.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Bin {
    exporters: BTreeMap<IpAddr, [Sums; 2]>,
}

/// Sums of one exporter's traffic one direction.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Sums {
    pub(super) total: u64,
    pub(super) interfaces: Counts<u32>,
    pub(super) addresses: NarrowCounts<(u32, IpAddr)>,
    pub(super) protocols: Counts<(u32, u8)>,
    pub(super) pairs: NarrowCounts<(IpAddr, IpAddr)>,
    pub(super) ports: Counts<u16>,
    /// Written beside the bin: files of earlier versions have none.
    #[serde(skip)]
    pub(super) placed: Placed,
}

/// Where traffic belongs, of the exporters of one bin.
pub(super) type PlacedExporters = BTreeMap<IpAddr, [Placed; 2]>;

impl Bin {
    /// Returns an exporter's sums one direction, to be added to.
    pub(super) fn sums(&mut self, exporter: IpAddr, direction: TrafficDirection) -> &mut Sums {
        direction.of_pair_mut(self.exporters.entry(exporter).or_default())
    }

    /// Adds where addresses belong.
    pub(super) fn place(&mut self, places: &Places, told: &ToldSystems) {
        for (exporter, ways) in &mut self.exporters {
            for direction in TrafficDirection::ALL {
                let Sums { addresses, placed, .. } = direction.of_pair_mut(ways);
                let addresses = addresses.iter().map(|((interface, address), bytes)| {
                    (address, bytes, told.get(&(*exporter, direction, interface, address)).copied())
                });
                placed.place(places, addresses);
            }
        }
    }

    /// Returns where traffic belongs, to be written beside it.
    pub(super) fn placed(&self) -> PlacedExporters {
        let placed = self
            .exporters
            .iter()
            .map(|(exporter, ways)| (*exporter, ways.each_ref().map(|sums| sums.placed.clone())));
        placed.filter(|(_, ways)| !ways.iter().all(Placed::is_empty)).collect()
    }

    /// Puts back what was written beside it.
    pub(super) fn put_placed(&mut self, placed: PlacedExporters) {
        for (exporter, ways) in placed {
            let own = self.exporters.entry(exporter).or_default();
            own.iter_mut().zip(ways).for_each(|(own, placed)| own.placed = placed);
        }
    }

    /// Adds all of another bin.
    pub(super) fn merge(&mut self, other: Self) {
        for (exporter, ways) in other.exporters {
            let own = self.exporters.entry(exporter).or_default();
            own.iter_mut().zip(ways).for_each(|(own, direction)| own.merge(direction));
        }
        self.bound(KEYS_MAX);
    }

    /// Drops keys of whoever has the most, until no more than `most` are left.
    pub(super) fn bound(&mut self, most: usize) {
        let mut keys = self.keys();
        while keys > most {
            let ways = self.exporters.values_mut().flatten();
            let Some(largest) = ways.max_by_key(|sums| sums.keys()) else { return };
            let before = largest.keys();
            largest.purge();
            let dropped = before - largest.keys();
            if dropped == 0 {
                return;
            }
            keys -= dropped;
        }
    }

    /// Returns the number of distinct keys.
    pub fn keys(&self) -> usize {
        self.exporters.values().flatten().map(Sums::keys).sum()
    }

    pub(super) fn exporters(&self) -> impl Iterator<Item = (IpAddr, &[Sums; 2])> {
        self.exporters.iter().map(|(exporter, ways)| (*exporter, ways))
    }
}

impl Sums {
    /// Adds what passed between two ends by an interface: all but its protocol and port.
    pub(super) fn add_talk(
        &mut self,
        direction: TrafficDirection,
        interface: u32,
        ends: [Option<IpAddr>; 2],
        bytes: u64,
    ) {
        self.total = self.total.saturating_add(bytes);
        self.interfaces.add(interface, bytes);
        if let Some(address) = *direction.of_pair(&ends) {
            self.addresses.add((interface, address), bytes);
        }
        if let [Some(source), Some(destination)] = ends {
            self.pairs.add((source, destination), bytes);
        }
    }

    fn merge(&mut self, other: Self) {
        self.total = self.total.saturating_add(other.total);
        self.interfaces.merge(other.interfaces);
        self.addresses.merge(other.addresses);
        self.protocols.merge(other.protocols);
        self.pairs.merge(other.pairs);
        self.ports.merge(other.ports);
        self.placed.merge(other.placed);
    }

    fn keys(&self) -> usize {
        let small = self.interfaces.len() + self.protocols.len() + self.ports.len();
        small + self.addresses.len() + self.pairs.len() + self.placed.len()
    }

    /// Drops the smaller half of the largest table.
    fn purge(&mut self) {
        let lengths = [
            self.interfaces.len(),
            self.protocols.len(),
            self.ports.len(),
            self.addresses.len(),
            self.pairs.len(),
            self.placed.len(),
        ];
        let longest = lengths.into_iter().max().unwrap_or(0);
        if self.pairs.len() == longest {
            self.pairs.purge();
        } else if self.addresses.len() == longest {
            self.addresses.purge();
        } else if self.ports.len() == longest {
            self.ports.purge();
        } else if self.protocols.len() == longest {
            self.protocols.purge();
        } else if self.placed.len() == longest {
            self.placed.purge();
        } else {
            self.interfaces.purge();
        }
    }

    /// Returns the most bytes by which any entry of any list may be short.
    pub(super) fn missed(&self) -> u64 {
        [
            self.interfaces.missed(),
            self.addresses.missed(),
            self.protocols.missed(),
            self.pairs.missed(),
            self.ports.missed(),
            self.placed.missed(),
        ]
        .into_iter()
        .max()
        .unwrap_or(0)
    }
}
