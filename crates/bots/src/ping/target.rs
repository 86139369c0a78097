//! Whom to ping: what an entity's details say.

use std::{fmt, net::IpAddr};

use grafolean_collector::{
    details::{self, DetailsError, Host},
    model::Details,
};

use super::codec::Family;

/// An address, or a name that is looked up again and again.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// One host's address.
    Address(IpAddr),
    /// A host's name, and which of its addresses is meant; none means the first the resolver gives.
    Name(String, Option<Family>),
}

impl Target {
    /// Reads an entity's details: the first of `ipv4`, `ipv6` and `hostname` that holds anything counts. People type
    /// names and addresses of either kind into any of the three, so each is taken anywhere; of a name's addresses,
    /// one of the kind that its key promises.
    ///
    /// # Errors
    /// Names the field that holds what cannot be pinged.
    pub fn of(details: &Details) -> Result<Self, DetailsError> {
        for (key, family) in [("ipv4", Some(Family::V4)), ("ipv6", Some(Family::V6)), ("hostname", None)] {
            match details::field(details, key)? {
                Some(Host::Address(address)) => return Ok(Self::Address(address)),
                Some(Host::Name(name)) => return Ok(Self::Name(name, family)),
                None => {}
            }
        }
        Err(DetailsError::missing("ipv4, ipv6 or hostname"))
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

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
        assert_eq!(of(json!({})), Err("`ipv4, ipv6 or hostname` is missing".into()));
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
            let expected = "expected the address of one host or a host name";
            assert!(error.starts_with("`ipv4` is invalid: found \"") && error.ends_with(expected), "{error}");
        }
        assert_eq!(
            of(json!({"ipv6": 7})).unwrap_err(),
            "`ipv6` is invalid: found 7, expected the address of one host or a host name"
        );
        for wrong in ["0.0.0.0", "224.0.0.1", "255.255.255.255"] {
            let error = of(json!({"ipv4": wrong})).unwrap_err();
            assert!(
                error.contains(&format!("found \"{wrong}\", expected the address of one host")),
                "{error}"
            );
        }
        let unused = json!({"ipv4": "192.0.2.1", "ipv6": "no address at all"});
        assert_eq!(of(unused), address("192.0.2.1"), "what is not used is not judged");
    }
}
