//! Addresses of a row group: looked for once, written as text and as two numbers.

use std::{
    io::Write,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use super::{chunk::Dictionary, distinct::Distinct, halves};

/// The addresses of one end.
#[derive(Debug, Default)]
pub(super) struct Addresses {
    /// All of them, and where each flow's stands.
    whole: Distinct<u128>,
    /// Their high halves, of which there are few.
    high: Distinct<u64>,
    /// Where each flow's high half stands.
    high_places: Vec<u32>,
}

impl Addresses {
    pub(super) fn look(&mut self, addresses: &[u128]) {
        self.whole.look(addresses);
        let halves: Vec<u64> = self.whole.entries.iter().map(|address| halves(*address).0).collect();
        self.high.look(&halves);
        let place = |entry: &u32| usize::try_from(*entry).ok().and_then(|entry| self.high.places.get(entry));
        self.high_places.clear();
        self.high_places.extend(self.whole.places.iter().filter_map(place));
    }

    /// Returns where each flow's address stands, of the texts and the low halves.
    pub(super) fn places(&self) -> &[u32] {
        &self.whole.places
    }

    /// Returns them as texts, of which each is written once.
    pub(super) fn texts(&self) -> Dictionary {
        let mut octets = Vec::with_capacity(self.whole.entries.len() * 20);
        for address in &self.whole.entries {
            let place = octets.len();
            octets.extend([0; 4]);
            match Ipv6Addr::from_bits(*address).to_canonical() {
                IpAddr::V4(address) => append_v4(address, &mut octets),
                // to a vector nothing fails
                IpAddr::V6(address) => drop(write!(octets, "{address}")),
            }
            let length = u32::try_from(octets.len() - place - 4).unwrap_or(0).to_le_bytes();
            octets.iter_mut().skip(place).zip(length).for_each(|(octet, of_length)| *octet = of_length);
        }
        Dictionary { octets, entries: self.whole.entries.len() }
    }

    /// Returns the distinct high 64 bits, and where each flow's stand.
    pub(super) fn high(&self) -> (&[u64], &[u32]) {
        (&self.high.entries, &self.high_places)
    }

    /// Returns the low 64 bits of each entry.
    pub(super) fn low(&self) -> Vec<u64> {
        self.whole.entries.iter().map(|address| halves(*address).1).collect()
    }
}

/// Most addresses are IPv4's, and digits written by hand take a fifth of the time that the library's formatting does.
fn append_v4(address: Ipv4Addr, out: &mut Vec<u8>) {
    for (place, octet) in address.octets().into_iter().enumerate() {
        if place > 0 {
            out.push(b'.');
        }
        if octet >= 100 {
            out.push(b'0' + octet / 100);
        }
        if octet >= 10 {
            out.push(b'0' + octet / 10 % 10);
        }
        out.push(b'0' + octet % 10);
    }
}
