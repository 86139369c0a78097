//! The addresses that somebody named.

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use thiserror::Error;

/// Addresses of one scan: a /16 of IPv4, or a /112 of IPv6. Beyond it somebody mistyped a prefix.
const MOST_ADDRESSES: u64 = 65_536;

/// The addresses that somebody named, each once, in order: `192.0.2.0/24`, `192.0.2.10-192.0.2.20`, `2001:db8::7`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks(BTreeSet<IpAddr>);

/// Why a text names no addresses to ask.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NetworksError {
    /// It is none of the forms.
    #[error(
        "{0:?} is invalid: expected a network (192.0.2.0/24), a range (192.0.2.1-192.0.2.9) or an address"
    )]
    Form(String),
    /// They are more than one scan asks.
    #[error(
        "{0:?} holds too many addresses: at most {MOST_ADDRESSES} are asked by one scan (a /16, or a /112 of IPv6)"
    )]
    TooMany(String),
}

impl Networks {
    /// Adds what another text names.
    ///
    /// # Errors
    /// Returns what is expected.
    pub fn add(&mut self, text: &str) -> Result<(), NetworksError> {
        let form = || NetworksError::Form(text.to_owned());
        let (first, last) = match text.trim().split_once(['/', '-']) {
            Some((base, prefix)) if text.contains('/') => network(base, prefix).ok_or_else(form)?,
            Some((first, last)) => {
                let first = first.trim().parse().map_err(|_| form())?;
                (first, last.trim().parse().map_err(|_| form())?)
            }
            None => {
                let address = text.trim().parse().map_err(|_| form())?;
                (address, address)
            }
        };
        let too_many = || NetworksError::TooMany(text.to_owned());
        let (first, last, is_v4) = match (first, last) {
            (IpAddr::V4(first), IpAddr::V4(last)) => (first.to_bits().into(), last.to_bits().into(), true),
            (IpAddr::V6(first), IpAddr::V6(last)) => (first.to_bits(), last.to_bits(), false),
            _ => return Err(form()),
        };
        let count = u128::checked_sub(last, first).ok_or_else(form)?;
        if count >= MOST_ADDRESSES.into() || self.0.len() as u128 + count >= MOST_ADDRESSES.into() {
            return Err(too_many());
        }
        self.0.extend((first..=last).map(|bits| match u32::try_from(bits) {
            Ok(bits) if is_v4 => IpAddr::V4(Ipv4Addr::from_bits(bits)),
            _ => IpAddr::V6(Ipv6Addr::from_bits(bits)),
        }));
        Ok(())
    }

    /// Returns the addresses.
    pub fn addresses(&self) -> impl ExactSizeIterator<Item = IpAddr> + '_ {
        self.0.iter().copied()
    }

    /// Whether an address was named.
    pub fn holds(&self, address: &IpAddr) -> bool {
        self.0.contains(address)
    }

    /// Returns the number of addresses.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none was named.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromStr for Networks {
    type Err = NetworksError;

    /// Reads several, with commas between them.
    fn from_str(text: &str) -> Result<Self, NetworksError> {
        let mut networks = Self::default();
        text.split(',').try_for_each(|part| networks.add(part))?;
        Ok(networks)
    }
}

/// Returns the first and the last host of a network: its own address and that of its broadcasts are no hosts.
fn network(base: &str, prefix: &str) -> Option<(IpAddr, IpAddr)> {
    let (base, prefix): (IpAddr, u32) = (base.trim().parse().ok()?, prefix.trim().parse().ok()?);
    match base {
        IpAddr::V4(base) if prefix <= 32 => {
            let hosts = u32::MAX.checked_shr(prefix).unwrap_or(0);
            let (first, last) = (base.to_bits() & !hosts, base.to_bits() | hosts);
            let (first, last) = if prefix < 31 { (first + 1, last - 1) } else { (first, last) };
            Some((Ipv4Addr::from_bits(first).into(), Ipv4Addr::from_bits(last).into()))
        }
        IpAddr::V6(base) if prefix <= 128 => {
            let hosts = u128::MAX.checked_shr(prefix).unwrap_or(0);
            let (first, last) = (base.to_bits() & !hosts, base.to_bits() | hosts);
            let first = if prefix < 127 { first + 1 } else { first };
            Some((Ipv6Addr::from_bits(first).into(), Ipv6Addr::from_bits(last).into()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(text: &str) -> (usize, String, String) {
        let networks: Networks = text.parse().unwrap();
        let addresses: Vec<_> = networks.addresses().collect();
        (networks.len(), addresses[0].to_string(), addresses[addresses.len() - 1].to_string())
    }

    #[test]
    fn networks_ranges_and_addresses_are_each_of_their_hosts_once() {
        let text = str::to_owned;
        assert_eq!(ends("192.0.2.77/24"), (254, text("192.0.2.1"), text("192.0.2.254")));
        assert_eq!(ends("192.0.2.4/31"), (2, text("192.0.2.4"), text("192.0.2.5")));
        assert_eq!(ends("192.0.2.4/32"), (1, text("192.0.2.4"), text("192.0.2.4")));
        assert_eq!(ends("10.0.0.0/16"), (65_534, text("10.0.0.1"), text("10.0.255.254")));
        assert_eq!(ends("192.0.2.1-192.0.2.3, 192.0.2.2,192.0.2.9").0, 4);
        assert_eq!(ends("2001:db8::/126"), (3, text("2001:db8::1"), text("2001:db8::3")));
    }

    #[test]
    fn what_names_no_hosts_or_too_many_is_refused() {
        for wrong in
            ["", "192.0.2.0/33", "router", "192.0.2.9-192.0.2.1", "192.0.2.1-::1", "/24", "192.0.2.1/x"]
        {
            assert!(matches!(wrong.parse::<Networks>(), Err(NetworksError::Form(_))), "{wrong}");
        }
        for wide in ["10.0.0.0/8", "0.0.0.0/0", "2001:db8::/64", "10.0.0.0/16,10.1.0.0/16"] {
            assert!(matches!(wide.parse::<Networks>(), Err(NetworksError::TooMany(_))), "{wide}");
        }
    }
}
