//! Agents that do not let us in: Debian's snmpd.

use std::{fs, path::PathBuf, process::Stdio};

use serde_json::{Value, json};

use crate::{
    doors::injected,
    scene::{Device, Scene, in_own_network, object, quick, uptime},
    world::{Process, Run, until},
};

/// An snmpd with users of every level, at a port of loopback.
pub(crate) struct Snmpd {
    _process: Process,
    _folder: tempfile::TempDir,
}

const AGENT: &str = "rocommunity public\n\
    createUser open\ncreateUser auth SHA authpass12\ncreateUser priv SHA authpass12 AES privpass12\n\
    rouser open noauth\nrouser auth auth\nrouser priv priv\n\
    view system included .1.3.6.1.2.1.1.3\nrocommunity narrow default -V system\n";

impl Snmpd {
    /// Starts it with more lines in its configuration.
    pub(crate) fn start(port: u16, more: &str) -> Self {
        Self::at(&format!("127.0.0.1:{port}"), more)
    }

    pub(crate) fn at(address: &str, more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("snmpd.conf");
        fs::write(&config, format!("agentaddress udp:{address}\n{AGENT}{more}")).unwrap();
        let mut command = std::process::Command::new("/usr/sbin/snmpd");
        command.args(["-f", "-Lf", "/dev/null", "-C", "-c"]).arg(&config);
        command
            .env("SNMP_PERSISTENT_DIR", folder.path().join("state"))
            .stdin(Stdio::null())
            .stderr(Stdio::null());
        let agent = Self { _process: Process::start(&mut command), _folder: folder };
        until(|| {
            let mut get = std::process::Command::new("/usr/bin/snmpget");
            get.args(["-v2c", "-cpublic", "-r0", "-t1", address, "1.3.6.1.2.1.1.3.0"])
                .finished()
                .status
                .success()
        });
        agent
    }
}

/// A script below `folder` by which snmpd's `pass_persist` answers each GET of an object anew with what `value` prints, which
/// `pass` would keep for half a minute.
fn script(folder: &tempfile::TempDir, oid: &str, kind: &str, value: &str) -> PathBuf {
    let path = folder.path().join("pass.sh");
    let get = format!("read oid; echo .{oid}; echo {kind}; echo {value}");
    let text = format!(
        "while read line; do case \"$line\" in PING) echo PONG ;; get) {get} ;; *) read oid; echo NONE ;; esac; done\n"
    );
    fs::write(&path, text).unwrap();
    path
}

fn user(name: &str, level: &str, auth: &str, privacy: &str) -> Value {
    quick(json!({
        "version": "snmpv3", "snmpv3_securityName": name, "snmpv3_securityLevel": level,
        "snmpv3_authProtocol": "SHA", "snmpv3_authKey": auth, "snmpv3_privProtocol": "AES", "snmpv3_privKey": privacy,
    }))
}

async fn credential_is_named(test: &str, credential: Value, cause: &str) {
    if !in_own_network(test, &["snmpd", "snmpget"]) {
        return;
    }
    let _agent = Snmpd::start(161, "");
    let scene = Scene::of(Device { credential, ..Device::snmp(161) }).await;
    scene.named("switch", cause);
    scene.named(&scene.path("up"), cause);
}

#[tokio::test]
async fn a_wrong_community() {
    let credential = quick(json!({"version": "snmpv2c", "snmpv12_community": "secret"}));
    credential_is_named("agents::a_wrong_community", credential, "snmp_community").await;
}

#[tokio::test]
async fn an_unknown_user() {
    let credential = user("nobody", "authNoPriv", "authpass12", "");
    credential_is_named("agents::an_unknown_user", credential, "snmp_user").await;
}

#[tokio::test]
async fn a_wrong_authentication_key() {
    let credential = user("auth", "authNoPriv", "wrongpass12", "");
    credential_is_named("agents::a_wrong_authentication_key", credential, "snmp_auth_key").await;
}

#[tokio::test]
async fn a_wrong_privacy_key() {
    let credential = user("priv", "authPriv", "authpass12", "wrongpass12");
    credential_is_named("agents::a_wrong_privacy_key", credential, "snmp_priv_key").await;
}

#[tokio::test]
async fn a_wrong_level() {
    let credential = user("open", "authNoPriv", "authpass12", "");
    credential_is_named("agents::a_wrong_level", credential, "snmp_level").await;
}

#[tokio::test]
async fn a_view_that_excludes_the_object() {
    if !in_own_network("agents::a_view_that_excludes_the_object", &["snmpd", "snmpget"]) {
        return;
    }
    let _agent = Snmpd::start(161, "");
    let scene = Scene::of(Device {
        credential: quick(json!({"version": "snmpv2c", "snmpv12_community": "narrow"})),
        sensors: vec![uptime(), object("1.3.6.1.2.1.1.7.0", "get", "$1", "services")],
        ..Device::snmp(161)
    })
    .await;
    scene.named("switch", "not_shown");
    scene.named(&scene.path("services"), "not_shown");
    scene.sound_path("up");
}

#[tokio::test]
async fn nothing_listens_on_the_port() {
    if !in_own_network("agents::nothing_listens_on_the_port", &[]) {
        return;
    }
    let scene = Scene::of(Device::snmp(161)).await;
    scene.named("switch", "port_closed");
}

#[tokio::test]
async fn an_agent_that_stops_is_told_since_when() {
    if !in_own_network("agents::an_agent_that_stops_is_told_since_when", &["snmpd", "snmpget"]) {
        return;
    }
    let agent = Snmpd::start(161, "");
    let scene = Scene::of(Device::snmp(161)).await;
    scene.wait_for("up");
    drop(agent);
    injected();
    scene.named("switch", "port_closed");
    let answer = &scene.api("switch", "")[0];
    let since = answer["findings"][0]["since"].as_f64();
    assert!(since.is_some() && answer["last_stored"].as_f64().is_some(), "{answer:#}");
    assert!(answer["summary"].as_str().unwrap().contains("wrong since 20"), "{answer:#}");
}

#[tokio::test]
async fn an_expression_that_fails_on_the_value() {
    if !in_own_network("agents::an_expression_that_fails_on_the_value", &["snmpd", "snmpget"]) {
        return;
    }
    let _agent = Snmpd::start(161, "");
    let root = object("1.3.6.1.2.1.1.3.0", "get", "sqrt(0 - $1)", "root");
    let scene = Scene::of(Device { sensors: vec![uptime(), root], ..Device::snmp(161) }).await;
    scene.named(&scene.path("root"), "expression");
    let evidence = scene.api("switch", "")[0]["findings"][0]["evidence"].as_str().unwrap().to_owned();
    assert!(evidence.contains("$1 = "), "the value stands in it: {evidence}");
    scene.sound_path("up");
}

#[tokio::test]
async fn an_object_that_is_no_number() {
    if !in_own_network("agents::an_object_that_is_no_number", &["snmpd", "snmpget"]) {
        return;
    }
    let _agent = Snmpd::start(161, "sysDescr a switch\n");
    let descr = object("1.3.6.1.2.1.1.1.0", "get", "$1", "descr");
    let scene = Scene::of(Device { sensors: vec![descr], ..Device::snmp(161) }).await;
    scene.named(&scene.path("descr"), "not_a_number");
}

#[tokio::test]
async fn a_counter_that_goes_back_is_withheld_with_its_rule() {
    if !in_own_network("agents::a_counter_that_goes_back_is_withheld_with_its_rule", &["snmpd", "snmpget"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    // It counts down by the seconds.
    let oid = "1.3.6.1.4.1.8072.9999.1.0";
    let count = script(&folder, oid, "counter64", "$((9000000000 - $(date +%s)))");
    let pass = format!("pass_persist .1.3.6.1.4.1.8072.9999.1 /bin/sh {}\n", count.display());
    let _agent = Snmpd::start(161, &pass);
    let down = object("1.3.6.1.4.1.8072.9999.1.0", "get", "$1", "down");
    let scene = Scene::of(Device { sensors: vec![down], ..Device::snmp(161) }).await;
    scene.named(&scene.path("down"), "withheld");
    let evidence = scene.api("switch", "")[0]["findings"][0]["evidence"].as_str().unwrap().to_owned();
    assert!(evidence.contains("the counter went back from"), "{evidence}");
}

#[tokio::test]
async fn a_clock_of_a_device_that_jumps() {
    if !in_own_network("agents::a_clock_of_a_device_that_jumps", &["snmpd", "snmpget"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    // Each second is a hundred by its clock.
    let ticks = "$(( ($(date +%s) - 1700000000) % 300000 * 10000 ))";
    let clock = script(&folder, "1.3.6.1.2.1.1.3.0", "timeticks", ticks);
    let pass = format!("pass_persist -p 1 .1.3.6.1.2.1.1.3 /bin/sh {}\n", clock.display());
    let _agent = Snmpd::start(161, &pass);
    let octets = object("1.3.6.1.2.1.2.2.1.10.1", "get", "$1", "octets");
    let scene = Scene::of(Device { sensors: vec![octets], ..Device::snmp(161) }).await;
    scene.named(&scene.path("octets"), "device_clock");
}

#[tokio::test]
async fn a_64_bit_counter_over_snmpv1() {
    if !in_own_network("agents::a_64_bit_counter_over_snmpv1", &["snmpd", "snmpget"]) {
        return;
    }
    let _agent = Snmpd::start(161, "");
    let credential = quick(json!({"version": "snmpv1", "snmpv12_community": "public"}));
    let octets = object("1.3.6.1.2.1.31.1.1.1.6.1", "get", "$1", "octets");
    let scene = Scene::of(Device { credential, sensors: vec![octets], ..Device::snmp(161) }).await;
    scene.named(&scene.path("octets"), "counter64");
}
