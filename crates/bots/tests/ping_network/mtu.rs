//! Path MTU discovery over a router whose far side takes shorter packets, and tells.

use std::{net::Ipv4Addr, process::Command, time::Duration};

use grafolean_bots::ping::{
    PathMtu,
    engine::{Options, Pinger, Probe, Reason},
    path_mtu,
};

use crate::namespace::{Rights, inside_namespace};

/// This namespace, a router and a host, one behind the other; the last link takes 1,300 bytes.
const NETWORK: &str = "set -e
    ip link set lo up
    ip netns add router && ip netns add host
    ip link add near type veth peer name far netns router
    ip -n router link add near2 mtu 1300 type veth peer name far2 mtu 1300 netns host
    ip addr add 10.1.0.1/24 dev near && ip link set near up
    ip -n router addr add 10.1.0.2/24 dev far && ip -n router link set far up
    ip -n router addr add 10.2.0.2/24 dev near2 && ip -n router link set near2 up
    ip -n host addr add 10.2.0.1/24 dev far2 && ip -n host link set far2 up
    ip -n host route add default via 10.2.0.2 && ip route add default via 10.1.0.2
    ip netns exec router sh -c 'echo 1 > /proc/sys/net/ipv4/ip_forward'";

#[tokio::test]
async fn the_largest_packet_that_arrives_is_found_with_what_stops_larger_ones() {
    let test = "mtu::the_largest_packet_that_arrives_is_found_with_what_stops_larger_ones";
    if !inside_namespace(test, Rights::Raw) {
        return;
    }
    let made = Command::new("sh").args(["-c", NETWORK]).output().unwrap();
    if !made.status.success() {
        println!("skipped: no namespaces in a namespace here: {}", String::from_utf8_lossy(&made.stderr));
        return;
    }
    let pinger = Pinger::open(Options::default()).unwrap();
    let find = async |address: [u8; 4]| {
        let probe = Probe { timeout: Duration::from_secs(2), ..Probe::to(Ipv4Addr::from(address).into()) };
        path_mtu(&pinger, probe).await.unwrap()
    };
    let PathMtu { bytes, payload_bytes, limit } = find([10, 2, 0, 1]).await.unwrap();
    assert_eq!((bytes, payload_bytes), (1_300, 1_272));
    assert_eq!(limit.map(Reason::label), Some("packet-too-big"), "the router says so");
    let own = find([10, 1, 0, 2]).await;
    assert_eq!(own, Some(PathMtu { bytes: 1_500, payload_bytes: 1_472, limit: Some(Reason::TooBig) }));
    let loopback = find([127, 0, 0, 1]).await;
    assert_eq!(loopback, Some(PathMtu { bytes: 65_535, payload_bytes: 65_507, limit: None }));
    assert_eq!(find([10, 2, 0, 9]).await, None, "nobody is there");
}
