//! Whom to ping: what an entity's details say.

use std::{fmt, net::IpAddr};

use grafolean_collector::model::Details;
use serde_json::Value;
use thiserror::Error;

use super::codec::Family;

/// An address, or a name that is looked up again and again.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// One host's address.
    Address(IpAddr),
    /// A host's name, and which of its addresses is meant; none means the first the resolver gives.
    Name(String, Option<Family>),
}

/// Why an entity cannot be pinged.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum TargetError {
    /// None of the keys holds anything.
    #[error("its details name no address: set ipv4, ipv6 or hostname")]
    None,
    /// Neither an address nor a name.
    #[error("its {key} is {value}: it has to be an address or a host name")]
    Neither {
        /// Which key of the details.
        key: &'static str,
        /// What it holds.
        value: Value,
    },
    /// An address that no single host has.
    #[error("its {key} is {address}: it has to be the address of one host")]
    NotOneHost {
        /// Which key of the details.
        key: &'static str,
        /// What it holds.
        address: IpAddr,
    },
}

impl Target {
    /// Reads an entity's details: the first of `ipv4`, `ipv6` and `hostname` that holds anything counts. People type
    /// names and addresses of either kind into any of the three, so each is taken anywhere; of a name's addresses,
    /// one of the kind that its key promises.
    ///
    /// # Errors
    /// Names the key that holds what cannot be pinged.
    pub fn of(details: &Details) -> Result<Self, TargetError> {
        for (key, family) in [("ipv4", Some(Family::V4)), ("ipv6", Some(Family::V6)), ("hostname", None)] {
            match details.get(key) {
                None | Some(Value::Null) => {}
                Some(Value::String(text)) if text.trim().is_empty() => {}
                Some(Value::String(text)) => return Self::read(key, text.trim(), family),
                Some(value) => return Err(TargetError::Neither { key, value: value.clone() }),
            }
        }
        Err(TargetError::None)
    }

    fn read(key: &'static str, text: &str, family: Option<Family>) -> Result<Self, TargetError> {
        match text.parse::<IpAddr>() {
            Ok(address) if is_one_host(&address) => Ok(Self::Address(address)),
            Ok(address) => Err(TargetError::NotOneHost { key, address }),
            Err(_) if is_name(text) || is_link_local(text) => Ok(Self::Name(text.to_owned(), family)),
            Err(_) => Err(TargetError::Neither { key, value: text.into() }),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(out),
            Self::Name(name, _) => out.write_str(name),
        }
    }
}

fn is_one_host(address: &IpAddr) -> bool {
    let is_broadcast = matches!(address, IpAddr::V4(address) if address.is_broadcast());
    !(address.is_unspecified() || address.is_multicast() || is_broadcast)
}

/// RFC 1123, section 2.1, and `_`, which some have; a name whose last label is a number is a mistyped address.
fn is_name(text: &str) -> bool {
    let labels: Vec<_> = text.strip_suffix('.').unwrap_or(text).split('.').collect();
    let is_label = |label: &&str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let is_number = |label: &&str| label.bytes().all(|byte| byte.is_ascii_digit());
    text.len() <= 253 && labels.iter().all(is_label) && !labels.last().is_some_and(is_number)
}

/// `fe80::1%eth0`: only the resolver knows interfaces by their names.
fn is_link_local(text: &str) -> bool {
    let parts = text.split_once('%');
    parts.is_some_and(|(address, interface)| {
        address.parse::<std::net::Ipv6Addr>().is_ok_and(|address| address.is_unicast_link_local())
            && (1..=15).contains(&interface.len())
            && interface.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/')
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(details: Value) -> Result<Target, String> {
        let Value::Object(details) = details else { panic!("{details} is no object") };
        Target::of(&details).map_err(|error| error.to_string())
    }

    fn address(text: &str) -> Result<Target, String> {
        Ok(Target::Address(text.parse().unwrap()))
    }

    #[test]
    fn the_first_of_ipv4_ipv6_and_hostname_that_holds_anything_counts() {
        let all = json!({"ipv4": "192.0.2.1", "ipv6": "2001:db8::1", "hostname": "router"});
        assert_eq!(of(all), address("192.0.2.1"));
        assert_eq!(
            of(json!({"ipv4": "", "ipv6": " 2001:db8::1 ", "hostname": "router"})),
            address("2001:db8::1")
        );
        let by_name = json!({"ipv4": null, "hostname": "router.example.org."});
        assert_eq!(of(by_name), Ok(Target::Name("router.example.org.".into(), None)));
        assert_eq!(of(json!({})), Err("its details name no address: set ipv4, ipv6 or hostname".into()));
    }

    #[test]
    fn names_and_addresses_are_taken_whatever_key_they_stand_under() {
        assert_eq!(of(json!({"ipv4": "2001:db8::1"})), address("2001:db8::1"));
        assert_eq!(of(json!({"ipv4": "sw_1"})), Ok(Target::Name("sw_1".into(), Some(Family::V4))));
        let scoped = "fe80::1%eth0.7";
        assert_eq!(of(json!({"ipv6": scoped})), Ok(Target::Name(scoped.into(), Some(Family::V6))));
    }

    #[test]
    fn what_cannot_be_pinged_is_refused_by_its_key() {
        let too_long = "a".repeat(64);
        let wrong = [
            "10.0.0.256",
            "10.0.0",
            "10.0.0.1/24",
            "http://a",
            "a b",
            "-a",
            "a..b",
            "2001:db8:::1",
            "fe80::1%",
            &too_long,
        ];
        for wrong in wrong {
            let error = of(json!({"ipv4": wrong})).unwrap_err();
            assert_eq!(error, format!("its ipv4 is \"{wrong}\": it has to be an address or a host name"));
        }
        assert_eq!(
            of(json!({"ipv6": 7})).unwrap_err(),
            "its ipv6 is 7: it has to be an address or a host name"
        );
        for wrong in ["0.0.0.0", "224.0.0.1", "255.255.255.255"] {
            let error = of(json!({"ipv4": wrong})).unwrap_err();
            assert_eq!(error, format!("its ipv4 is {wrong}: it has to be the address of one host"));
        }
    }
}
