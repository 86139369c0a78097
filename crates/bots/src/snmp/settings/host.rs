//! Where a device is.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
};

use grafolean_collector::model::Details;

use super::{SettingsError, field::Fields};

/// The port of SNMP agents.
const DEFAULT_PORT: u32 = 161;

/// A device's address or name, and its port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Host {
    /// An address, or a name that is looked up again and again.
    pub name: String,
    /// UDP port.
    pub port: u16,
}

impl Host {
    /// Reads an entity's details: the first of `ipv4`, `ipv6`, `hostname` that holds anything, and `snmp_port`.
    ///
    /// # Errors
    /// Names the key that holds what no device can be asked at.
    pub fn read(details: &Details) -> Result<Self, SettingsError> {
        const EXPECTED: &str = "the device's address or host name (ipv4, ipv6 or hostname)";
        let fields = Fields { details, whose: "its" };
        let key = ["ipv4", "ipv6", "hostname"].into_iter().find(|key| fields.given(key).is_some());
        let key = key.ok_or_else(|| fields.error("ipv4", "is missing", EXPECTED))?;
        let name = fields.text(key, EXPECTED)?.trim();
        let is_one_host = match name.parse::<IpAddr>() {
            Ok(IpAddr::V4(address)) => {
                !(address.is_unspecified() || address.is_multicast() || address.is_broadcast())
            }
            Ok(IpAddr::V6(address)) => !(address.is_unspecified() || address.is_multicast()),
            Err(_) => is_name(name),
        };
        if !is_one_host {
            return Err(fields.error(key, "is invalid", EXPECTED));
        }
        let port = fields.whole("snmp_port", &(1..=u16::MAX.into()))?.unwrap_or(DEFAULT_PORT);
        Ok(Self { name: name.to_owned(), port: u16::try_from(port).unwrap_or(u16::MAX) })
    }

    /// Returns the address if it needs no lookup.
    pub fn address(&self) -> Option<SocketAddr> {
        Some(SocketAddr::new(self.name.parse().ok()?, self.port))
    }
}

/// Which profiles are tried on a device, where its entity names any.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ProfileChoice {
    /// All.
    Auto,
    /// One, beside those of standards.
    Named(String),
}

impl ProfileChoice {
    /// Reads an entity's details: `snmp_profile`.
    ///
    /// # Errors
    /// Where it is no text.
    pub fn read(details: &Details) -> Result<Option<Self>, SettingsError> {
        const EXPECTED: &str = "auto, or a profile's name";
        let fields = Fields { details, whose: "its" };
        let choice = fields.optional_text("snmp_profile", EXPECTED)?.map(str::trim);
        Ok(choice.map(|name| match name {
            "auto" => Self::Auto,
            name => Self::Named(name.to_owned()),
        }))
    }

    /// Returns the profile that was chosen.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Auto => None,
            Self::Named(name) => Some(name),
        }
    }
}

/// RFC 1123, section 2.1, and `_`, which some have; `%` names the interface of a link-local address. A name whose last
/// label is a number is a mistyped address.
fn is_name(name: &str) -> bool {
    let last = name.trim_end_matches('.').rsplit('.').next().unwrap_or_default();
    let is_allowed =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':' | b'%');
    (1..=253).contains(&name.len())
        && name.bytes().all(is_allowed)
        && !last.bytes().all(|byte| byte.is_ascii_digit())
        && (!name.contains(':') || name.contains('%'))
}

impl fmt::Display for Host {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address() {
            Some(address) => address.fmt(out),
            None => write!(out, "{}:{}", self.name, self.port),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(details: Value) -> Result<String, String> {
        let Value::Object(details) = details else { panic!("{details} is no object") };
        Host::read(&details).map(|host| host.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn addresses_and_names_of_either_kind_are_taken_with_their_port() {
        for (details, expected) in [
            (json!({"ipv4": " 192.0.2.1 "}), "192.0.2.1:161"),
            (json!({"ipv4": "", "ipv6": "2001:db8::1", "snmp_port": "1161"}), "[2001:db8::1]:1161"),
            (json!({"hostname": "switch-1.example.org", "snmp_port": 16100}), "switch-1.example.org:16100"),
        ] {
            assert_eq!(read(details).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn what_is_no_host_is_named() {
        for (details, said) in [
            (json!({}), "its `ipv4` is missing"),
            (json!({"ipv4": 5}), "its `ipv4` is not text"),
            (json!({"ipv4": "10.0.0.300"}), "its `ipv4` is invalid"),
            (json!({"ipv4": "0.0.0.0"}), "is invalid"),
            (json!({"ipv6": "ff02::1"}), "its `ipv6` is invalid"),
            (json!({"hostname": "a b"}), "its `hostname` is invalid"),
            (
                json!({"ipv4": "10.0.0.1", "snmp_port": "0"}),
                "`snmp_port` is invalid: expected a whole number from 1 to 65535",
            ),
        ] {
            let error = read(details).unwrap_err();
            assert!(error.contains(said), "{error}");
        }
    }
}
