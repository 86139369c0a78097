//! Keys that take less room where their addresses are of IPv4, as most are.

use std::{
    hash::Hash,
    net::{IpAddr, Ipv4Addr},
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::Counts;

/// A key made of addresses.
pub(super) trait Narrow: Copy + Eq + Hash {
    /// The same, with addresses of IPv4 alone.
    type Narrow: Copy + Eq + Hash + Serialize + DeserializeOwned;

    /// Returns the narrow key, if all addresses are of IPv4.
    fn narrow(self) -> Option<Self::Narrow>;

    /// Returns the key back.
    fn widen(narrow: Self::Narrow) -> Self;
}

/// An address, and the interface by which its packets came or went.
impl Narrow for (u32, IpAddr) {
    type Narrow = (u32, u32);

    fn narrow(self) -> Option<(u32, u32)> {
        let (interface, IpAddr::V4(address)) = self else { return None };
        Some((interface, address.to_bits()))
    }

    fn widen((interface, address): (u32, u32)) -> Self {
        (interface, IpAddr::V4(Ipv4Addr::from_bits(address)))
    }
}

/// Source and destination.
impl Narrow for (IpAddr, IpAddr) {
    type Narrow = (u32, u32);

    fn narrow(self) -> Option<(u32, u32)> {
        let (IpAddr::V4(source), IpAddr::V4(destination)) = self else { return None };
        Some((source.to_bits(), destination.to_bits()))
    }

    fn widen((source, destination): (u32, u32)) -> Self {
        (IpAddr::V4(Ipv4Addr::from_bits(source)), IpAddr::V4(Ipv4Addr::from_bits(destination)))
    }
}

/// [`Counts`] by such keys.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound(serialize = "K: Serialize", deserialize = "K: DeserializeOwned"))]
pub(super) struct NarrowCounts<K: Narrow> {
    narrow: Counts<K::Narrow>,
    wide: Counts<K>,
}

impl<K: Narrow> Default for NarrowCounts<K> {
    fn default() -> Self {
        Self { narrow: Counts::default(), wide: Counts::default() }
    }
}

impl<K: Narrow> NarrowCounts<K> {
    pub(super) fn add(&mut self, key: K, bytes: u64) {
        match key.narrow() {
            Some(key) => self.narrow.add(key, bytes),
            None => self.wide.add(key, bytes),
        }
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.narrow.merge(other.narrow);
        self.wide.merge(other.wide);
    }

    /// Drops the smaller half of the larger table.
    pub(super) fn purge(&mut self) {
        if self.narrow.len() > self.wide.len() { self.narrow.purge() } else { self.wide.purge() }
    }

    pub(super) fn missed(&self) -> u64 {
        self.narrow.missed().max(self.wide.missed())
    }

    pub(super) fn len(&self) -> usize {
        self.narrow.len() + self.wide.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (K, u64)> {
        self.narrow.iter().map(|(key, bytes)| (K::widen(key), bytes)).chain(self.wide.iter())
    }
}
