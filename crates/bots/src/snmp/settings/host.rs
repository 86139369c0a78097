//! Where a device is.

use std::{fmt, net::SocketAddr};

use grafolean_collector::{
    details::{self, DetailsError, Whole},
    model::Details,
};

/// The port of SNMP agents.
const DEFAULT_PORT: u16 = 161;

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
    /// Names the field that holds what no device can be asked at.
    pub fn read(details: &Details) -> Result<Self, DetailsError> {
        let mut name = None;
        for key in ["ipv4", "ipv6", "hostname"] {
            if name.is_none() {
                name = details::field::<details::Host>(details, key)?;
            }
        }
        let name = name.ok_or_else(|| DetailsError::missing("ipv4, ipv6 or hostname"))?.to_string();
        let port = details::field::<Whole<1, 65_535>>(details, "snmp_port")?;
        let port = port.and_then(|port| u16::try_from(port.get()).ok()).unwrap_or(DEFAULT_PORT);
        Ok(Self { name, port })
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
    pub fn read(details: &Details) -> Result<Option<Self>, DetailsError> {
        let choice = details::field::<String>(details, "snmp_profile")?;
        Ok(choice.map(|name| if name == "auto" { Self::Auto } else { Self::Named(name) }))
    }

    /// Returns the profile that was chosen.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Auto => None,
            Self::Named(name) => Some(name),
        }
    }
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
            (json!({}), "`ipv4, ipv6 or hostname` is missing"),
            (json!({"ipv4": 5}), "`ipv4` is invalid: found 5, expected the address of one host"),
            (json!({"ipv4": "10.0.0.300"}), "`ipv4` is invalid: found \"10.0.0.300\""),
            (json!({"ipv4": "0.0.0.0"}), "is invalid"),
            (json!({"ipv6": "ff02::1"}), "`ipv6` is invalid"),
            (json!({"hostname": "a b"}), "`hostname` is invalid"),
            (
                json!({"ipv4": "10.0.0.1", "snmp_port": "0"}),
                "`snmp_port` is invalid: found \"0\", expected a whole number from 1 to 65535",
            ),
        ] {
            let error = read(details).unwrap_err();
            assert!(error.contains(said), "{error}");
        }
    }
}
