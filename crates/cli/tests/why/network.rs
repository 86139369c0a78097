//! What lies between a bot and a device.

use serde_json::json;

use crate::{
    agents::Snmpd,
    scene::{Device, Scene, in_own_network, run},
};

/// Gives the scene a link to a network in which nobody else is.
fn link() {
    run("ip", &["link", "add", "near0", "type", "veth", "peer", "name", "far0"]);
    run("ip", &["address", "add", "198.51.100.1/24", "dev", "near0"]);
    run("ip", &["link", "set", "near0", "up"]);
    run("ip", &["link", "set", "far0", "up"]);
}

#[tokio::test]
async fn a_device_that_is_off() {
    if !in_own_network("network::a_device_that_is_off", &["ip"]) {
        return;
    }
    link();
    let details = json!({"ipv4": "198.51.100.2"});
    // Long enough for the kernel to find out that nobody has the address.
    let scene = Scene::of(Device { details, interval: Some(8), ..Device::snmp(161) }).await;
    scene.named("switch", "device_off");
}

#[tokio::test]
async fn a_device_that_is_off_and_pinged() {
    if !in_own_network("network::a_device_that_is_off_and_pinged", &["ip"]) {
        return;
    }
    link();
    // Long enough for the kernel to find out that nobody has the address.
    let credential = json!({"n_packets": "1", "timeout": "5", "retry": "0"});
    let scene = Scene::of(Device { credential, interval: Some(6), ..Device::ping("198.51.100.2") }).await;
    scene.named("router", "device_off");
}

#[tokio::test]
async fn a_network_without_a_route() {
    if !in_own_network("network::a_network_without_a_route", &[]) {
        return;
    }
    let details = json!({"ipv4": "192.0.2.1"});
    let scene = Scene::of(Device { details, ..Device::snmp(161) }).await;
    scene.named("switch", "no_route");
}

#[tokio::test]
async fn a_network_without_a_route_for_pings() {
    if !in_own_network("network::a_network_without_a_route_for_pings", &[]) {
        return;
    }
    let scene = Scene::of(Device::ping("192.0.2.1")).await;
    scene.named("router", "no_route");
    scene.named(&scene.path("rtt.avg"), "no_route");
}

#[tokio::test]
async fn a_name_without_an_address() {
    if !in_own_network("network::a_name_without_an_address", &[]) {
        return;
    }
    let details = json!({"hostname": "no-such-device.invalid"});
    let scene = Scene::of(Device { details, ..Device::snmp(161) }).await;
    scene.named("switch", "dns");
}

#[tokio::test]
async fn a_name_without_an_address_for_pings() {
    if !in_own_network("network::a_name_without_an_address_for_pings", &[]) {
        return;
    }
    let details = json!({"hostname": "no-such-device.invalid"});
    let scene = Scene::of(Device { details, ..Device::ping("") }).await;
    scene.named("router", "dns");
}

/// Drops what comes to a port of UDP, as a firewall does.
pub(crate) fn drop_port(port: u16) {
    run("nft", &["add", "table", "inet", "firewall"]);
    run("nft", &["add", "chain", "inet", "firewall", "input", "{ type filter hook input priority 0; }"]);
    run("nft", &["add", "rule", "inet", "firewall", "input", "udp", "dport", &port.to_string(), "drop"]);
}

#[tokio::test]
async fn a_port_that_is_filtered() {
    if !in_own_network("network::a_port_that_is_filtered", &["snmpd", "snmpget", "nft"]) {
        return;
    }
    let _agent = Snmpd::start(161, "");
    let scene = Scene::of(Device::snmp(161)).await;
    scene.wait_for("up");
    drop_port(161);
    scene.named("switch", "port_filtered");
}

#[tokio::test]
async fn a_port_of_tcp_on_which_nothing_listens() {
    if !in_own_network("network::a_port_of_tcp_on_which_nothing_listens", &[]) {
        return;
    }
    let device = Device {
        protocol: "tcp",
        name: "server",
        details: json!({"ipv4": "127.0.0.1"}),
        credential: json!({"timeout": "0.5"}),
        sensors: vec![json!({"port": 443, "tls": true})],
        interval: Some(1),
    };
    let scene = Scene::of(device).await;
    scene.named("server", "port_closed");
}

#[tokio::test]
async fn runs_that_are_longer_than_their_interval() {
    if !in_own_network("network::runs_that_are_longer_than_their_interval", &[]) {
        return;
    }
    let credential = json!({"n_packets": "4", "sleep_packets": "1", "timeout": "1", "retry": "0"});
    let scene = Scene::of(Device { credential, ..Device::ping("127.0.0.1") }).await;
    scene.named("router", "run_skipped");
}
