//! Proxies before the hub: only what they say of a client's address and of the name it asked for is believed.

use std::{net::IpAddr, str::FromStr};

use axum::http::{HeaderMap, HeaderName};
use thiserror::Error;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// The addresses and networks of proxies: `127.0.0.1,10.0.0.0/8`. None by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxies(Vec<Network>);

/// Why a text names no proxies.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "expected addresses or networks such as 127.0.0.1 or 10.0.0.0/8, with commas between them, found {0:?}"
)]
pub struct ProxiesError(String);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Network {
    address: IpAddr,
    bits: u32,
}

impl Proxies {
    /// Whether an address is one of them.
    pub(crate) fn hold(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.holds(address.to_canonical()))
    }

    /// Returns the address of the client: of what proxies say the last that is not one of them.
    pub(crate) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        let said = headers.get_all(FORWARDED_FOR).iter().filter_map(|value| value.to_str().ok());
        let said: Vec<&str> = said.flat_map(|value| value.split(',')).collect();
        for address in said.iter().rev() {
            if !self.hold(client) {
                break;
            }
            // What is no address was not written by a proxy that is believed.
            let Ok(address) = address.trim().parse::<IpAddr>() else { break };
            client = address.to_canonical();
        }
        client
    }

    /// Whether a proxy was asked over TLS.
    pub(crate) fn speak_tls(&self, peer: IpAddr, headers: &HeaderMap) -> bool {
        self.hold(peer)
            && headers
                .get(FORWARDED_PROTO)
                .is_some_and(|scheme| scheme.as_bytes().eq_ignore_ascii_case(b"https"))
    }

    /// Returns the host that was asked for at a proxy.
    pub(crate) fn host<'a>(&self, peer: IpAddr, headers: &'a HeaderMap) -> Option<&'a str> {
        let said = headers.get(FORWARDED_HOST).filter(|_| self.hold(peer))?;
        said.to_str().ok()?.split(',').next().map(str::trim)
    }
}

impl Network {
    fn holds(self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let differ = u32::from(network) ^ u32::from(address);
                differ.checked_shr(32 - self.bits).unwrap_or(0) == 0
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let differ = u128::from(network) ^ u128::from(address);
                differ.checked_shr(128 - self.bits).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

impl FromStr for Proxies {
    type Err = ProxiesError;

    fn from_str(text: &str) -> Result<Self, ProxiesError> {
        let network = |part: &str| {
            let (address, bits) = match part.split_once('/') {
                Some((address, bits)) => (address, Some(bits.parse().ok()?)),
                None => (part, None),
            };
            let address: IpAddr = address.parse().ok()?;
            let most = if address.is_ipv4() { 32 } else { 128 };
            let bits = bits.unwrap_or(most);
            (bits <= most).then_some(Network { address, bits })
        };
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        parts
            .map(|part| network(part).ok_or_else(|| ProxiesError(part.to_owned())))
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(proxies: &str, peer: &str, said: &[&'static str]) -> String {
        let proxies: Proxies = proxies.parse().unwrap();
        let headers = said.iter().map(|said| (FORWARDED_FOR, said.parse().unwrap())).collect();
        proxies.client(peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn only_named_proxies_are_believed() {
        assert_eq!(client("", "192.0.2.1", &["10.9.9.9"]), "192.0.2.1");
        assert_eq!(client("127.0.0.1", "127.0.0.1", &["10.9.9.9"]), "10.9.9.9");
        assert_eq!(client("127.0.0.1", "192.0.2.1", &["10.9.9.9"]), "192.0.2.1");
        // What stands left of the last stranger may be made up by them.
        assert_eq!(
            client("127.0.0.1,10.0.0.0/8", "127.0.0.1", &["6.6.6.6, 192.0.2.9, 10.0.0.5"]),
            "192.0.2.9"
        );
        assert_eq!(client("127.0.0.1,10.0.0.0/8", "127.0.0.1", &["192.0.2.9", "10.0.0.5"]), "192.0.2.9");
        assert_eq!(client("127.0.0.1", "127.0.0.1", &["nonsense"]), "127.0.0.1");
        assert_eq!(client("2001:db8::/32", "2001:db8:5::1", &["192.0.2.9"]), "192.0.2.9");
        assert_eq!(client("10.0.0.0/8", "::ffff:10.1.2.3", &["192.0.2.9"]), "192.0.2.9");
    }

    #[test]
    fn a_stranger_cannot_say_that_it_was_tls_or_another_host() {
        let proxies: Proxies = "127.0.0.1".parse().unwrap();
        let headers = HeaderMap::from_iter([
            (FORWARDED_PROTO, "https".parse().unwrap()),
            (FORWARDED_HOST, "hub.example.org".parse().unwrap()),
        ]);
        let ask = |peer: &str| {
            let peer = peer.parse().unwrap();
            (proxies.speak_tls(peer, &headers), proxies.host(peer, &headers))
        };
        assert_eq!(ask("127.0.0.1"), (true, Some("hub.example.org")));
        assert_eq!(ask("192.0.2.1"), (false, None));
    }

    #[test]
    fn a_network_is_as_wide_as_it_says() {
        let holds =
            |proxies: &str, address: &str| proxies.parse::<Proxies>().unwrap().hold(address.parse().unwrap());
        assert!(holds("10.0.0.0/8", "10.255.0.1") && !holds("10.0.0.0/8", "11.0.0.1"));
        assert!(holds("0.0.0.0/0", "192.0.2.1") && !holds("0.0.0.0/0", "::1"));
        assert!(holds("::1", "::1") && !holds("::1", "::2"));
        for wrong in ["10.0.0.0/33", "x", "10.0.0.1/", "10.0.0.1/-1", "::/129"] {
            assert!(wrong.parse::<Proxies>().is_err(), "{wrong}");
        }
    }
}
