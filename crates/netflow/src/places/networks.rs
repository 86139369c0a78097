//! Networks of one's own: a file with a prefix and a name on each line.

use std::{
    collections::{BTreeMap, HashMap, hash_map::Entry},
    fmt,
    net::{IpAddr, Ipv6Addr},
    str::FromStr,
};

use foldhash::quality::RandomState;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use thiserror::Error;

/// Octets of a network's name at most.
pub const NAME_OCTETS: usize = 64;
/// Prefixes of one file, so that a wrong one does not fill the memory; one with more is refused.
pub const NETWORKS_MAX: usize = 100_000;

/// The name of a network, in so many octets.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NetworkName([u8; NAME_OCTETS]);

/// Networks by prefix; of several that hold an address the longest names it.
#[derive(Debug, Default)]
pub struct Networks {
    /// By the length of the prefix, IPv4 mapped into IPv6: each with its name, and the line that says it.
    lengths: BTreeMap<u32, HashMap<u128, (NetworkName, usize), RandomState>>,
    count: usize,
}

/// Why a line says no network.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{line}: {text:?} is invalid: expected {expected}")]
pub struct NetworksError {
    /// Which line, from 1.
    pub line: usize,
    /// What stands there.
    pub text: String,
    /// What should.
    pub expected: String,
}

impl FromStr for Networks {
    type Err = NetworksError;

    /// Reads lines of a prefix and a name, with blanks, a comma, `=` or `->` between them; `#` begins a comment.
    fn from_str(text: &str) -> Result<Self, NetworksError> {
        let mut networks = Self::default();
        for (number, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            let content = line.split('#').next().unwrap_or_default().trim();
            if !content.is_empty() {
                let told = networks.add(content, number + 1);
                told.map_err(|expected| NetworksError { line: number + 1, text: line.to_owned(), expected })?;
            }
        }
        Ok(networks)
    }
}

impl Networks {
    fn add(&mut self, content: &str, line: usize) -> Result<(), String> {
        let end = content.find(|c: char| c.is_whitespace() || ",=>".contains(c)).unwrap_or(content.len());
        let (prefix, name) = content.split_at(end);
        let name = name.trim_start_matches(|c: char| c.is_whitespace() || "->,=".contains(c));
        let name = NetworkName::new(name).ok_or_else(|| {
            format!("a prefix and a name of at most {NAME_OCTETS} octets, as `10.1.0.0/16 office`")
        })?;
        let (address, length) = parse_prefix(prefix.trim_end_matches('-'))?;
        if self.count >= NETWORKS_MAX {
            return Err(format!("at most {NETWORKS_MAX} networks"));
        }
        match self.lengths.entry(length).or_default().entry(address) {
            Entry::Occupied(before) if before.get().0 != name => {
                let (other, line) = before.get();
                return Err(format!("one name for a network: line {line} calls it {:?}", other.as_str()));
            }
            Entry::Occupied(_) => {}
            Entry::Vacant(place) => {
                place.insert((name, line));
                self.count += 1;
            }
        }
        Ok(())
    }

    /// Returns the name of the smallest network that holds an address.
    pub fn name(&self, address: IpAddr) -> Option<NetworkName> {
        let address = mapped(address);
        let mut lengths = self.lengths.iter().rev();
        lengths.find_map(|(length, names)| names.get(&masked(address, *length)).map(|(name, _)| *name))
    }

    /// Returns the number of networks.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}

impl NetworkName {
    fn new(name: &str) -> Option<Self> {
        let mut octets = [0; NAME_OCTETS];
        let room = octets.get_mut(..name.len()).filter(|room| !room.is_empty())?;
        room.copy_from_slice(name.as_bytes());
        Some(Self(octets))
    }

    /// Returns it as text.
    pub fn as_str(&self) -> &str {
        let end = self.0.iter().position(|octet| *octet == 0).unwrap_or(NAME_OCTETS);
        self.0.get(..end).and_then(|name| std::str::from_utf8(name).ok()).unwrap_or_default()
    }
}

impl fmt::Debug for NetworkName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(out)
    }
}

impl Serialize for NetworkName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for NetworkName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::new(&name).ok_or_else(|| D::Error::custom("no name of a network"))
    }
}

/// Reads a prefix, or an address as the whole of one.
fn parse_prefix(text: &str) -> Result<(u128, u32), String> {
    const EXPECTED: &str = "a prefix of IPv4 or IPv6 first, as `10.1.0.0/16`";
    let (address, length) =
        text.split_once('/').map_or((text, None), |(address, length)| (address, Some(length)));
    let address: IpAddr = address.parse().map_err(|_| EXPECTED)?;
    let whole = if address.is_ipv4() { 32 } else { 128 };
    let length = length.map_or(Ok(whole), str::parse).map_err(|_| EXPECTED)?;
    if length > whole {
        return Err(format!("a length of at most {whole}"));
    }
    let (bits, length_in_ipv6) = (mapped(address), 128 - whole + length);
    let first = masked(bits, length_in_ipv6);
    if first == bits {
        return Ok((bits, length_in_ipv6));
    }
    let first = Ipv6Addr::from_bits(first);
    let first = first.to_ipv4_mapped().filter(|_| address.is_ipv4()).map_or(IpAddr::V6(first), IpAddr::V4);
    Err(format!("the first address of the network, {first}/{length}"))
}

fn mapped(address: IpAddr) -> u128 {
    let mapped: Ipv6Addr = match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    };
    mapped.to_bits()
}

fn masked(address: u128, length: u32) -> u128 {
    address & u128::MAX.checked_shl(128 - length).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn named(networks: &Networks, address: &str) -> Option<String> {
        networks.name(address.parse().unwrap()).map(|name| name.as_str().to_owned())
    }

    #[test]
    fn the_smallest_network_names_an_address() {
        let text = "\u{feff}# ours\r\n10.0.0.0/8 everything\n10.1.0.0/16,office\n10.1.2.0/24 -> lab 2 # the old one\n\n\
                    2001:db8::/32\tdocumentation\n192.0.2.7 printer\n10.3.0.0/16=Zürich\n10.0.0.0/8 everything\n\
                    10.4.0.0/16->x\n";
        let networks: Networks = text.parse().unwrap();
        assert_eq!(networks.len(), 7);
        for (address, name) in [
            ("10.9.9.9", Some("everything")),
            ("10.1.9.9", Some("office")),
            ("10.1.2.3", Some("lab 2")),
            ("10.3.2.3", Some("Zürich")),
            ("10.4.2.3", Some("x")),
            ("2001:db8:1::1", Some("documentation")),
            ("192.0.2.7", Some("printer")),
            ("192.0.2.8", None),
            ("::1", None),
        ] {
            assert_eq!(named(&networks, address).as_deref(), name, "{address}");
        }
    }

    #[test]
    fn what_is_no_network_is_named_by_its_line_with_what_was_expected() {
        let long = format!("10.0.0.0/8 {}", "x".repeat(NAME_OCTETS + 1));
        for (text, expected) in [
            ("10.0.0.0/33 x", "a length of at most 32"),
            ("10.0.0.0/-1 x", "a prefix"),
            ("10.0.0.0/8", "a prefix and a name"),
            ("office 10.0.0.0/8", "a prefix of IPv4 or IPv6 first"),
            ("10.1.2.3/16 x", "the first address of the network, 10.1.0.0/16"),
            ("2001:db8::1/32 x", "the first address of the network, 2001:db8::/32"),
            ("192.0.2.0/24 y", "one name for a network: line 1 calls it \"x\""),
            (long.as_str(), "a prefix and a name of at most 64 octets"),
        ] {
            let error = format!("192.0.2.0/24 x\n{text}").parse::<Networks>().unwrap_err();
            assert_eq!((error.line, error.text.as_str()), (2, text));
            assert!(error.expected.contains(expected), "{error}");
        }
        let all: Networks = "0.0.0.0/0 internet".parse().unwrap();
        assert_eq!((named(&all, "8.8.8.8").as_deref(), named(&all, "2001:db8::1")), (Some("internet"), None));
    }

    proptest! {
        #[test]
        fn the_longest_prefix_wins_as_a_look_at_every_one_has_it(
            prefixes in prop::collection::vec((any::<u32>(), 0_u32..=32), 1..40),
            address in any::<u32>(),
            near in any::<prop::sample::Index>(),
        ) {
            // an address that shares bits with one of them
            let (like, length) = *near.get(&prefixes);
            let address = std::net::Ipv4Addr::from_bits(like ^ address.checked_shr(length).unwrap_or(0));
            let first = |bits: u32, length: u32| bits & u32::MAX.checked_shl(32 - length).unwrap_or(0);
            let networks: std::collections::BTreeSet<(u32, u32)> =
                prefixes.iter().map(|(bits, length)| (*length, first(*bits, *length))).collect();
            let line = |(length, bits): &(u32, u32)| {
                let prefix = format!("{}/{length}", std::net::Ipv4Addr::from_bits(*bits));
                format!("{prefix} {prefix}\n")
            };
            let text: String = networks.iter().map(line).collect();
            let longest = networks.iter().rev().find(|(length, bits)| first(address.to_bits(), *length) == *bits);
            let expected = longest.map(|it| line(it).split(' ').next().unwrap_or_default().to_owned());
            let name = text.parse::<Networks>().unwrap().name(IpAddr::V4(address));
            prop_assert_eq!(name.map(|name| name.as_str().to_owned()), expected);
        }
    }
}
