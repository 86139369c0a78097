//! Discovery against a network of simulated switches: each an agent on loopback that tells its part of the truth.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr
)]

#[path = "../snmp/message.rs"]
mod message;
mod network;
#[path = "../snmp/responder.rs"]
mod responder;

use std::{collections::BTreeSet, num::NonZeroU32, sync::Arc, time::Duration};

use grafolean_bots::{
    discover::{Evidence, FoundDevice, Link, Networks, Progress, Scan, Told, Way, candidates, links},
    snmp::settings::Access,
};
use network::Network;
use serde_json::json;
use tokio_util::sync::CancellationToken;

fn public() -> Way {
    let details = json!({"version": "snmpv2c", "snmpv12_community": "public"});
    Way { name: "public".to_owned(), access: Access::read(details.as_object().unwrap()).unwrap() }
}

async fn scanned(networks: Networks, port: u16) -> Vec<FoundDevice> {
    let scan =
        Scan { networks, ways: vec![public()], port, packets_a_second: NonZeroU32::new(2_000).unwrap() };
    scan.run(Arc::default(), &CancellationToken::new()).await.unwrap()
}

fn named(devices: &[FoundDevice], link: &Link) -> network::Told {
    let end = |end: &grafolean_bots::discover::End| (devices[end.device].label(), end.port.clone().unwrap());
    let mut ends = [end(&link.from), end(&link.to)];
    ends.sort();
    (ends, link.evidence)
}

#[tokio::test]
async fn of_fifty_switches_every_link_is_found_and_none_is_invented() {
    let network = Network::of(50);
    let devices = scanned(network.addresses(), network.port).await;
    assert_eq!(devices.len(), 50);
    let core = devices.iter().find(|device| device.label() == "sw-0.example.org").unwrap();
    let identity = core.identity.as_ref().unwrap();
    assert_eq!((identity.vendor.as_deref(), identity.model.as_deref()), (Some("Cisco"), Some("WS-C2960-0")));
    let uplink = core.interfaces.values().find(|interface| interface.name == "Gi0/1").unwrap();
    assert_eq!((uplink.speed_bps, uplink.up), (1_000_000_000, true));

    let found: BTreeSet<_> = links(&devices).iter().map(|link| named(&devices, link)).collect();
    assert_eq!(found, network.links);
    let by = |evidence| found.iter().filter(|(_, by)| *by == evidence).count();
    for evidence in [Evidence::LldpBothSides, Evidence::LldpOneSide, Evidence::Cdp, Evidence::Fdb] {
        assert!(by(evidence) >= 8, "{evidence:?}: {}", by(evidence));
    }
    let next = candidates(&devices);
    let phone = &next[&network.stranger];
    assert_eq!((phone.told, phone.name.as_deref()), (Told::Lldp, Some("stranger")));
}

#[tokio::test]
async fn a_scan_asks_nobody_else_and_ends_when_it_is_told_to() {
    let networks: Networks = "127.91.0.0/20".parse().unwrap();
    let scan =
        Scan { networks, ways: vec![public()], port: 9, packets_a_second: NonZeroU32::new(50).unwrap() };
    let (stop, progress) = (CancellationToken::new(), Arc::new(Progress::default()));
    let scanning = tokio::spawn({
        let (stop, progress) = (stop.clone(), Arc::clone(&progress));
        async move { scan.run(progress, &stop).await }
    });
    while progress.asked() < 5 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    stop.cancel();
    let devices = scanning.await.unwrap().unwrap();
    assert!(devices.len() < 4_094, "{}", devices.len());
    let networks: Networks = "127.91.0.0/20".parse().unwrap();
    assert!(devices.iter().all(|device| networks.holds(&device.address.unwrap())));
}
