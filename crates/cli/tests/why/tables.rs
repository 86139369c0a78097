//! Tables of an agent whose rows come and go.

use serde_json::json;

use crate::{
    agents::Snmpd,
    doors::injected,
    scene::{Device, Scene, in_own_network, object, run, uptime},
};

const MTU: &str = "1.3.6.1.2.1.2.2.1.4";
const DESCRIPTION: &str = "1.3.6.1.2.1.2.2.1.2";

fn add_interface(name: &str, index: &str) {
    let peer = format!("{name}p");
    run("ip", &["link", "add", name, "index", index, "type", "veth", "peer", "name", &peer]);
}

#[tokio::test]
async fn a_row_that_is_gone() {
    if !in_own_network("tables::a_row_that_is_gone", &["snmpd", "snmpget", "ip"]) {
        return;
    }
    add_interface("gone0", "70");
    let agent = Snmpd::start(161, "");
    let scene =
        Scene::of(Device { sensors: vec![object(MTU, "walk", "$1", "mtu.{$index}")], ..Device::snmp(161) })
            .await;
    scene.wait_for("mtu.70");
    // It keeps its interfaces for a while, and their names for ever: another one knows what there is.
    drop(agent);
    run("ip", &["link", "del", "gone0"]);
    let _agent = Snmpd::start(161, "");
    injected();
    scene.named(&scene.path("mtu.70"), "index_gone");
    scene.sound_path("mtu.1");
}

#[tokio::test]
async fn a_row_that_is_asked_for_and_gone() {
    if !in_own_network("tables::a_row_that_is_asked_for_and_gone", &["snmpd", "snmpget"]) {
        return;
    }
    let _agent = Snmpd::start(161, "");
    let seventy = object(&format!("{MTU}.70"), "get", "$1", "mtu");
    let scene = Scene::of(Device { sensors: vec![seventy], ..Device::snmp(161) }).await;
    scene.named(&scene.path("mtu"), "index_gone");
}

#[tokio::test]
async fn an_interface_that_is_renamed() {
    if !in_own_network("tables::an_interface_that_is_renamed", &["snmpd", "snmpget", "ip"]) {
        return;
    }
    add_interface("before0", "70");
    let agent = Snmpd::start(161, "");
    let named = json!({
        "oids": [{"oid": MTU, "fetch_method": "walk"}, {"oid": DESCRIPTION, "fetch_method": "walk"}],
        "expression": "$1", "output_path": "mtu.{$index}.{$2}",
    });
    let scene = Scene::of(Device { sensors: vec![named], ..Device::snmp(161) }).await;
    scene.wait_for("mtu.70.before0");
    drop(agent);
    run("ip", &["link", "set", "before0", "name", "after0"]);
    let _agent = Snmpd::start(161, "");
    injected();
    scene.named(&scene.path("mtu.70.before0"), "renamed");
    let evidence = scene.api(&scene.path("mtu.70.before0"), "")[0]["findings"][0]["evidence"].clone();
    assert!(evidence.as_str().unwrap().contains("mtu.70.after0"), "{evidence}");
    scene.sound_path("mtu.70.after0");
}

#[tokio::test]
async fn a_path_that_two_sensors_share() {
    if !in_own_network("tables::a_path_that_two_sensors_share", &["snmpd", "snmpget"]) {
        return;
    }
    let _agent = Snmpd::start(161, "");
    let interfaces = object("1.3.6.1.2.1.2.1.0", "get", "$1", "up");
    let scene = Scene::of(Device { sensors: vec![uptime(), interfaces], ..Device::snmp(161) }).await;
    scene.named("switch", "duplicate_path");
    scene.named(&scene.path("up"), "duplicate_path");
}

#[tokio::test]
async fn an_output_path_that_is_refused() {
    if !in_own_network("tables::an_output_path_that_is_refused", &["snmpd", "snmpget"]) {
        return;
    }
    let _agent = Snmpd::start(161, "");
    let bad = object("1.3.6.1.2.1.1.3.0", "get", "$1", "not a path!");
    let scene = Scene::of(Device { sensors: vec![bad], ..Device::snmp(161) }).await;
    scene.named("switch", "output_path");
}
