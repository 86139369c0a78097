//! The devices of the demo: those that every machine has, and those that somebody names.

use std::net::{IpAddr, Ipv6Addr, UdpSocket};

use grafolean_collector::model::Details;

/// A device as the demo's account has it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct DemoDevice {
    pub(super) name: String,
    /// What is pinged: an address or a host name.
    pub(super) target: String,
}

/// The device that is polled by SNMP too.
pub(super) const THIS_MACHINE: &str = "127.0.0.1";

/// All of 127.0.0.0/8 answers on loopback, except its broadcast address: the kernel refuses to send there, and if it
/// did, the packet would stay on loopback. So it is a device that cannot be reached, on any machine and without a
/// packet that leaves it (unlike 240.0.0.1 or 192.0.2.1, which go to the default route).
const UNREACHABLE: &str = "127.255.255.255";

/// Returns the devices that exist on every machine.
pub(super) fn usual() -> Vec<DemoDevice> {
    let device = |name: &str, target: &str| DemoDevice { name: name.to_owned(), target: target.to_owned() };
    let mut devices = vec![device("this machine", THIS_MACHINE)];
    if has_ipv6_loopback() {
        devices.push(device("this machine over IPv6", "::1"));
    }
    devices.push(device("this machine by name", "localhost"));
    devices.push(device("loopback neighbour", "127.10.20.30"));
    devices.push(device("loopback neighbour, far end", "127.200.0.7"));
    devices.push(device("cannot be reached", UNREACHABLE));
    devices
}

/// Creates devices of the addresses and host names that somebody gave.
pub(super) fn named(hosts: &[String]) -> Vec<DemoDevice> {
    hosts.iter().map(|host| DemoDevice { name: host.clone(), target: host.clone() }).collect()
}

impl DemoDevice {
    /// Returns the entity's `details`: the target under the key that fits it.
    pub(super) fn details(&self) -> Details {
        let key = match self.target.parse() {
            Ok(IpAddr::V4(_)) => "ipv4",
            Ok(IpAddr::V6(_)) => "ipv6",
            Err(_) => "hostname",
        };
        Details::from_iter([(key.to_owned(), self.target.as_str().into())])
    }
}

fn has_ipv6_loopback() -> bool {
    UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_beyond_this_machine_is_pinged_unless_somebody_names_it() {
        for DemoDevice { target, .. } in usual() {
            let stays =
                target.parse::<IpAddr>().map_or(target == "localhost", |address| address.is_loopback());
            assert!(stays, "{target}");
        }
    }

    #[test]
    fn a_target_stands_under_the_key_that_fits_it() {
        let hosts = ["192.0.2.7", "2001:db8::7", "router.example.org"].map(str::to_owned);
        let keys: Vec<String> =
            named(&hosts).iter().flat_map(|d| d.details().into_iter().map(|(k, _)| k)).collect();
        assert_eq!(keys, ["ipv4", "ipv6", "hostname"]);
    }
}
