//! Bytes by autonomous system, country and network of one's own.

use std::{collections::HashMap, net::IpAddr};

use foldhash::quality::RandomState;
use serde::{Deserialize, Serialize};

use super::{Counts, TrafficDirection};
use crate::{
    places::{Country, NetworkName, Places},
    record::Flow,
};

/// Addresses of one minute whose autonomous systems are remembered as exporters told them. Of more the database says it.
pub(super) const TOLD_MAX: usize = super::KEYS_MAX;
/// What exporters with numbers of 16 bits tell of one that does not fit (RFC 6793): it names nobody.
const AS_TRANS: u32 = 23_456;

/// Autonomous systems as exporters told them, by exporter, direction, interface and address: where routes of one address
/// differ by interface, so may these.
pub(super) type ToldSystems = HashMap<(IpAddr, TrafficDirection, u32, IpAddr), u32, RandomState>;

/// Returns the autonomous system that is told of the end that counts; 0 where none is.
pub(super) fn told_system(direction: TrafficDirection, flow: &Flow) -> u32 {
    let system = *direction.of_pair(&[flow.source_as, flow.destination_as]);
    system.filter(|system| *system != AS_TRANS).unwrap_or(0)
}

/// Sums by where the counted end of traffic belongs.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Placed {
    pub(super) systems: Counts<u32>,
    pub(super) countries: Counts<Country>,
    pub(super) networks: Counts<NetworkName>,
}

impl Placed {
    /// Adds where addresses belong, each with its bytes and the autonomous system that was told of it.
    pub(super) fn place(
        &mut self,
        places: &Places,
        addresses: impl Iterator<Item = (IpAddr, u64, Option<u32>)>,
    ) {
        let lists = places.lists;
        for (address, bytes, told) in addresses {
            if lists.systems
                && let Some(system) = places.system_of(address, told)
            {
                self.systems.add(system, bytes);
            }
            if lists.countries
                && let Some(country) = places.country(address)
            {
                self.countries.add(country, bytes);
            }
            if lists.networks
                && let Some(network) = places.networks.name(address)
            {
                self.networks.add(network, bytes);
            }
        }
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.systems.merge(other.systems);
        self.countries.merge(other.countries);
        self.networks.merge(other.networks);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn len(&self) -> usize {
        self.systems.len() + self.countries.len() + self.networks.len()
    }

    /// Drops the smaller half of each table.
    pub(super) fn purge(&mut self) {
        self.systems.purge();
        self.countries.purge();
        self.networks.purge();
    }

    /// Returns the most bytes by which an entry may be short.
    pub(super) fn missed(&self) -> u64 {
        self.systems.missed().max(self.countries.missed()).max(self.networks.missed())
    }
}
