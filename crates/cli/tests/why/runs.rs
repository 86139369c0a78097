//! Runs that cannot come about, or do not end, and tables that do not come whole.

use std::{io::Write, net::TcpListener, thread, time::Duration};

use serde_json::json;

use crate::{
    agents::Snmpd,
    relay::Relay,
    scene::{Device, Scene, in_own_network, object, quick, run, uptime},
};

/// Drops or refuses packets of a kind on their way in or out, as a firewall does.
fn firewall(hook: &str, rule: &[&str]) {
    run("nft", &["add", "table", "inet", "firewall"]);
    let chain = format!("{{ type filter hook {hook} priority 0; }}");
    run("nft", &["add", "chain", "inet", "firewall", hook, &chain]);
    run("nft", &[&["add", "rule", "inet", "firewall", hook], rule].concat());
}

#[tokio::test]
async fn pings_that_nobody_answers() {
    if !in_own_network("runs::pings_that_nobody_answers", &["nft"]) {
        return;
    }
    let scene = Scene::of(Device::ping("127.0.0.1")).await;
    scene.wait_for("success");
    firewall("input", &["icmp", "type", "echo-request", "drop"]);
    scene.named("router", "no_answer");
}

#[tokio::test]
async fn a_firewall_of_the_bots_own_machine_that_lets_nothing_out() {
    let test = "runs::a_firewall_of_the_bots_own_machine_that_lets_nothing_out";
    if !in_own_network(test, &["nft", "snmpd", "snmpget"]) {
        return;
    }
    let _agent = Snmpd::start(161, "");
    let scene = Scene::of(Device::snmp(161)).await;
    scene.wait_for("up");
    firewall("output", &["udp", "dport", "161", "drop"]);
    scene.named("switch", "local_failure");
}

#[tokio::test]
async fn an_agent_that_answers_from_another_address() {
    if !in_own_network("runs::an_agent_that_answers_from_another_address", &["snmpd", "snmpget"]) {
        return;
    }
    let _agent = Snmpd::start(1161, "");
    Relay { from: Some("127.0.0.3:161"), ..Relay::default() }.begin("127.0.0.2:161", "127.0.0.1:1161");
    let details = json!({"ipv4": "127.0.0.2"});
    let scene = Scene::of(Device { details, ..Device::snmp(161) }).await;
    scene.named("switch", "other_source");
    let evidence = scene.api("switch", "")[0]["findings"][0]["evidence"].as_str().unwrap().to_owned();
    assert!(evidence.contains("127.0.0.3"), "{evidence}");
}

#[tokio::test]
async fn an_agent_that_fails() {
    if !in_own_network("runs::an_agent_that_fails", &["snmpd", "snmpget"]) {
        return;
    }
    let _agent = Snmpd::start(1161, "");
    // The first two zeros behind each other are error-status and error-index (RFC 3416, section 3); 5 is genErr.
    let fails = |answer: &mut [u8]| {
        let none = [2, 1, 0, 2, 1, 0];
        if let Some(place) = answer.windows(none.len()).position(|part| part == none) {
            answer[place + 2] = 5;
        }
    };
    Relay { change: fails, ..Relay::default() }.begin("127.0.0.2:161", "127.0.0.1:1161");
    let details = json!({"ipv4": "127.0.0.2"});
    let scene = Scene::of(Device { details, ..Device::snmp(161) }).await;
    scene.named("switch", "run_failed");
}

#[tokio::test]
async fn a_walk_of_more_rows_than_are_wanted() {
    if !in_own_network("runs::a_walk_of_more_rows_than_are_wanted", &["snmpd", "snmpget", "ip"]) {
        return;
    }
    add_interfaces(5);
    let _agent = Snmpd::start(161, "");
    let credential =
        quick(json!({"version": "snmpv2c", "snmpv12_community": "public", "snmp_max_rows": "3"}));
    let walk = object("1.3.6.1.2.1.2.2.1.4", "walk", "$1", "mtu.{$index}");
    let scene = Scene::of(Device { credential, sensors: vec![uptime(), walk], ..Device::snmp(161) }).await;
    scene.named("switch", "walk_cut");
    scene.sound_path("up");
}

#[tokio::test]
async fn a_table_that_takes_longer_than_a_run_may() {
    if !in_own_network("runs::a_table_that_takes_longer_than_a_run_may", &["snmpd", "snmpget", "ip"]) {
        return;
    }
    add_interfaces(40);
    let _agent = Snmpd::start(1161, "");
    Relay { delay: Duration::from_millis(250), ..Relay::default() }.begin("127.0.0.2:161", "127.0.0.1:1161");
    let walk = |column: u32| {
        object(&format!("1.3.6.1.2.1.2.2.1.{column}"), "walk", "$1", &format!("c{column}.{{$index}}"))
    };
    let scene = Scene::of(Device {
        details: json!({"ipv4": "127.0.0.2"}),
        credential: json!({"version": "snmpv2c", "snmpv12_community": "public", "snmp_timeout": "1"}),
        sensors: [4, 5, 7, 8].map(walk).to_vec(),
        ..Device::snmp(161)
    })
    .await;
    scene.named("switch", "walk_cut");
    let evidence = scene.api("switch", "")[0]["findings"][0]["evidence"].as_str().unwrap().to_owned();
    assert!(evidence.contains("time was over"), "{evidence}");
}

#[tokio::test]
async fn a_server_that_does_not_speak_tls() {
    if !in_own_network("runs::a_server_that_does_not_speak_tls", &[]) {
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:8025").unwrap();
    thread::spawn(move || {
        for connection in listener.incoming() {
            let _ = connection.unwrap().write_all(b"220 mail.example.org ready\r\n");
        }
    });
    let device = Device {
        protocol: "tcp",
        name: "server",
        details: json!({"ipv4": "127.0.0.1"}),
        credential: json!({"timeout": "0.5"}),
        sensors: vec![json!({"port": 8025, "tls": true})],
        interval: Some(1),
    };
    let scene = Scene::of(device).await;
    scene.named("server", "tls_failed");
}

/// It takes two minutes by design: exporters send a flow when it ends, or a minute later.
#[tokio::test]
async fn an_exporter_that_sends_nothing() {
    if !in_own_network("runs::an_exporter_that_sends_nothing", &[]) {
        return;
    }
    let scene = Scene::of(Device::exporter("127.0.0.9")).await;
    scene.named("exporter", "nothing_sent");
}

/// Adds so many pairs of interfaces, for rows in the agent's table.
fn add_interfaces(pairs: usize) {
    for number in 0..pairs {
        let (near, far) = (format!("near{number}"), format!("far{number}"));
        run("ip", &["link", "add", &near, "type", "veth", "peer", "name", &far]);
    }
}
