//! Where a device is: an address or a name.

use std::{
    borrow::Cow,
    fmt,
    net::{IpAddr, Ipv6Addr},
};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, Unexpected, Visitor},
};

/// The address of one host, or a host's name (RFC 1123, section 2.1, and `_`, which some have). An address of one link with
/// its interface, `fe80::1%eth0`, is a name: only the resolver knows interfaces by theirs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Host {
    /// An address.
    Address(IpAddr),
    /// A name, to be looked up each time.
    Name(String),
}

const EXPECTED: &str = "the address of one host or a host name";

/// The longest name (RFC 1035, section 2.3.4).
const MAX_NAME: usize = 253;

/// The longest part of a name (RFC 1035, section 2.3.4).
const MAX_LABEL: usize = 63;

/// The longest name of an interface on Linux.
const MAX_INTERFACE: usize = 15;

impl Host {
    /// Parses an address or a name; `None` if it is neither, or an address that no single host has.
    pub fn parse(text: &str) -> Option<Self> {
        match text.trim().parse::<IpAddr>() {
            Ok(address) => is_one_host(&address).then_some(Self::Address(address)),
            Err(_) => (is_name(text.trim()) || is_link_local(text.trim()))
                .then(|| Self::Name(text.trim().to_owned())),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(out),
            Self::Name(name) => out.write_str(name),
        }
    }
}

fn is_one_host(address: &IpAddr) -> bool {
    let is_broadcast = matches!(address, IpAddr::V4(address) if address.is_broadcast());
    !(address.is_unspecified() || address.is_multicast() || is_broadcast)
}

fn is_link_local(text: &str) -> bool {
    let parts = text.split_once('%');
    parts.is_some_and(|(address, interface)| {
        address.parse::<Ipv6Addr>().is_ok_and(|address| address.is_unicast_link_local())
            && (1..=MAX_INTERFACE).contains(&interface.len())
            && interface.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/')
    })
}

/// A name whose last label is a number is a mistyped address.
fn is_name(text: &str) -> bool {
    let labels: Vec<_> = text.strip_suffix('.').unwrap_or(text).split('.').collect();
    let is_label = |label: &&str| {
        (1..=MAX_LABEL).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let is_number = |label: &&str| label.bytes().all(|byte| byte.is_ascii_digit());
    text.len() <= MAX_NAME && labels.iter().all(is_label) && !labels.last().is_some_and(is_number)
}

impl<'de> Deserialize<'de> for Host {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Host;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str(EXPECTED)
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Host, E> {
                Host::parse(text).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_any(Text)
    }
}

impl Serialize for Host {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for Host {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Host".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "maxLength": MAX_NAME})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_names_are_hosts() {
        for text in [
            "192.0.2.1",
            "2001:db8::1",
            " router.example.org. ",
            "sw_1",
            "a1",
            "10.example",
            "fe80::1%eth0.7",
        ] {
            assert_eq!(Host::parse(text).unwrap().to_string(), text.trim());
        }
    }

    #[test]
    fn what_no_single_host_has_is_none() {
        let too_long = "a".repeat(MAX_LABEL + 1);
        for text in [
            "",
            "0.0.0.0",
            "255.255.255.255",
            "224.0.0.1",
            "::",
            "ff02::1",
            "10.0.0.300",
            "10.0",
            "a b",
            "-a",
            "a..b",
            "http://a",
            "fe80::1%",
            "2001:db8::1%eth0",
            "2001:db8:::1",
            &too_long,
        ] {
            assert_eq!(Host::parse(text), None, "{text}");
        }
    }
}
