//! The machine's own resolver: its files, its name servers.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use dns_lookup::{AddrInfoHints, LookupError, LookupErrorKind, SockType, getaddrinfo};

use super::{AddressFamily, Unresolved};

/// Returns the address of a name by the machine's own resolver; the thread waits as long as that takes.
pub(super) fn ask_the_machine(
    (name, family): &(String, Option<AddressFamily>),
) -> Result<SocketAddr, Unresolved> {
    if is_localhost(name) {
        let loopback = [IpAddr::from(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()];
        let addresses = loopback.into_iter().map(|address| SocketAddr::new(address, 0));
        return choose(addresses, *family).ok_or(Unresolved::NoSuchName);
    }
    // One answer an address instead of one for each kind of socket.
    let hints = AddrInfoHints { socktype: SockType::Stream.into(), ..AddrInfoHints::default() };
    let found = getaddrinfo(Some(name), None, Some(hints)).map_err(|error| reason_of(&error))?;
    let addresses = found.filter_map(io::Result::ok).map(|found| found.sockaddr);
    choose(addresses, *family).ok_or(Unresolved::NoSuchName)
}

/// RFC 6761, section 6.3: such a name is this machine's, whether or not a file or a server says so.
fn is_localhost(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost")
}

/// The first address of the family that is wanted; without a wish the first of all.
fn choose(mut found: impl Iterator<Item = SocketAddr>, family: Option<AddressFamily>) -> Option<SocketAddr> {
    found.find(|address| match family {
        None => true,
        Some(AddressFamily::V4) => address.is_ipv4(),
        Some(AddressFamily::V6) => address.is_ipv6(),
    })
}

fn reason_of(error: &LookupError) -> Unresolved {
    match error.kind() {
        LookupErrorKind::NoName | LookupErrorKind::NoData => Unresolved::NoSuchName,
        LookupErrorKind::Again | LookupErrorKind::Fail => Unresolved::NoAnswer,
        _ => Unresolved::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_names_addresses_the_first_of_the_wanted_kind_counts() {
        let found: [SocketAddr; 2] = ["[::1]:0".parse().unwrap(), "127.0.0.1:0".parse().unwrap()];
        assert_eq!(choose(found.into_iter(), None), Some(found[0]));
        assert_eq!(choose(found.into_iter(), Some(AddressFamily::V4)), Some(found[1]));
        assert_eq!(choose([].into_iter(), None), None);
    }
}
