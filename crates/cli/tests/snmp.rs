//! `grafolean snmp` against Debian's snmpd, and against nobody.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::print_stderr, missing_docs)]

mod world;

#[path = "../../bots/tests/snmp/message.rs"]
mod message;
#[path = "../../bots/tests/snmp/responder.rs"]
mod responder;

use std::{
    net::{SocketAddr, UdpSocket},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use grafolean_bots::snmp::Value;
use responder::{NetworkPath, Responder};
use serde_json::json;
use world::{Run, World, grafolean, json_lines, text};

const NAME: &str = "1.3.6.1.2.1.1.5.0";

struct Snmpd {
    process: Child,
    host: String,
}

impl Drop for Snmpd {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

fn snmpd(folder: &Path) -> Option<Snmpd> {
    snmpd_of(folder, "")
}

/// An agent with what it kept of its last life.
fn snmpd_of(folder: &Path, kept: &str) -> Option<Snmpd> {
    if !Path::new("/usr/sbin/snmpd").exists() {
        eprintln!("skipped: no /usr/sbin/snmpd");
        return None;
    }
    let host = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let config = folder.join("snmpd.conf");
    let text = format!(
        "agentaddress udp:{host}\nrocommunity public\nsysname peer\ncreateUser ann SHA authpass12 AES privpass12\nrouser ann priv\n\
         createUser eve\nrouser eve noauth\nexactEngineID 0x8000000001020304dd\n"
    );
    std::fs::write(&config, text).unwrap();
    let state = folder.join("state");
    std::fs::create_dir_all(&state).unwrap();
    std::fs::write(state.join("snmpd.conf"), kept).unwrap();
    let process = Command::new("/usr/sbin/snmpd")
        .args(["-f", "-Lf", "/dev/null", "-C", "-c"])
        .arg(format!("{},{}", config.display(), state.join("snmpd.conf").display()))
        .env("SNMP_PERSISTENT_DIR", &state)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let snmpd = Snmpd { process, host };
    let begin = Instant::now();
    while !snmp(folder, &["get", &snmpd.host, NAME, "-t", "0.2", "-r", "0"]).status.success() {
        assert!(begin.elapsed() < Duration::from_secs(60), "snmpd does not answer");
    }
    Some(snmpd)
}

fn snmp(folder: &Path, arguments: &[&str]) -> std::process::Output {
    grafolean(folder).arg("snmp").args(arguments).finished()
}

#[test]
fn objects_are_json_lines_and_a_walk_of_one_object_gives_it() {
    let folder = tempfile::tempdir().unwrap();
    let Some(agent) = snmpd(folder.path()) else { return };
    let expected =
        [json!({"oid": NAME, "name": "SNMPv2-MIB::sysName.0", "type": "OCTET STRING", "value": "peer"})];
    for arguments in [["get", &agent.host, NAME, "--json"], ["walk", &agent.host, NAME, "--json"]] {
        let output = snmp(folder.path(), &arguments);
        assert!(output.status.success(), "{output:?}");
        assert_eq!(json_lines(&output), expected);
    }
    let system =
        json_lines(&snmp(folder.path(), &["walk", &agent.host, "1.3.6.1.2.1.1", "--json", "-v", "1"]));
    assert!(system.len() > 7 && system.contains(&expected[0]), "{system:?}");
    let unknown = snmp(folder.path(), &["get", &agent.host, "1.3.6.1.2.1.1.55.0", "--json"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(json_lines(&unknown)[0]["value"].is_null());
}

#[test]
fn a_test_says_who_it_is_or_why_it_cannot_be_measured() {
    let folder = tempfile::tempdir().unwrap();
    let Some(agent) = snmpd(folder.path()) else { return };
    let user = ["-v3", "-u", "ann", "-t", "0.5", "-r", "0"];
    for (flags, code, said) in [
        (vec![], 0, "vendor: net-snmp"),
        ([&user[..], &["-A", "authpass12", "-X", "privpass12"]].concat(), 0, "\"peer\""),
        (
            [&user[..], &["-A", "wrongpass12", "-X", "privpass12"]].concat(),
            1,
            "authentication key or protocol is wrong",
        ),
        (
            [&user[..], &["-A", "authpass12", "-X", "wrongpass12"]].concat(),
            1,
            "privacy key or protocol is wrong",
        ),
        (vec!["-v3", "-u", "bob", "-t", "0.5", "-r", "0"], 1, "knows no user of this name"),
        (
            vec!["-v3", "-u", "eve", "-A", "authpass12", "-t", "0.5", "-r", "0"],
            1,
            "does not allow this user the security level",
        ),
        (vec!["-c", "wrong", "-t", "0.5", "-r", "0"], 1, "no answer to this community"),
        (vec!["-v1", "-c", "wrong", "-t", "0.5", "-r", "0"], 1, "look at the community"),
    ] {
        let output = snmp(folder.path(), &[&["test", agent.host.as_str()], &flags[..]].concat());
        assert_eq!(output.status.code(), Some(code), "{flags:?}: {output:?}");
        assert!(text(&output.stdout).contains(said), "{flags:?}: {output:?}");
        assert!(output.stderr.is_empty(), "{output:?}");
    }
}

#[test]
fn a_port_where_nothing_listens_is_said_and_a_walk_of_nothing_fails() {
    let folder = tempfile::tempdir().unwrap();
    let nobody = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let test = snmp(folder.path(), &["test", &nobody, "-t", "0.2", "-r", "0"]);
    assert_eq!(test.status.code(), Some(1), "{test:?}");
    assert!(text(&test.stdout).contains("nothing listens on the port"), "{test:?}");
    let walk = snmp(folder.path(), &["walk", &nobody, "1.3", "-t", "0.2", "-r", "0"]);
    assert_eq!(walk.status.code(), Some(2), "{walk:?}");
    assert!(text(&walk.stderr).contains("nothing listens on the port"), "{walk:?}");
    let wrong = snmp(folder.path(), &["walk", &nobody, "sysNames"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(text(&wrong.stderr).contains("did you mean sysName?"), "{wrong:?}");
}

#[test]
fn an_agent_whose_boots_have_run_out_is_said() {
    let folder = tempfile::tempdir().unwrap();
    // At 2^31 - 1 boots every message is outside the time window: RFC 3414, section 3.2.
    let kept = "engineBoots 2147483646\noldEngineID 0x8000000001020304dd\n";
    let Some(agent) = snmpd_of(folder.path(), kept) else { return };
    let flags = ["-v3", "-u", "ann", "-A", "authpass12", "-X", "privpass12", "-t", "1", "-r", "0"];
    let output = snmp(folder.path(), &[&["test", agent.host.as_str()], &flags[..]].concat());
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(text(&output.stdout).contains("not in the agent's time window"), "{output:?}");
}

#[test]
fn a_user_who_may_not_read_at_this_level_is_no_good() {
    let folder = tempfile::tempdir().unwrap();
    let Some(agent) = snmpd(folder.path()) else { return };
    // Ann may read when she encrypts.
    let flags = ["test", agent.host.as_str(), "-v3", "-u", "ann", "-A", "authpass12"];
    let output = snmp(folder.path(), &flags);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = text(&output.stdout);
    assert!(said.contains("authorizationError") && said.contains("security level"), "{said}");
}

/// An agent that answers each datagram by what `answer` makes of it, from its port or from another address.
struct Scripted {
    host: String,
    port: SocketAddr,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Scripted {
    fn start(
        from: &str,
        mut answer: impl FnMut(&message::Asked) -> Option<Vec<u8>> + Send + 'static,
    ) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let elsewhere = UdpSocket::bind((from, 0)).unwrap();
        let is_here = from == "127.0.0.1";
        let port = socket.local_addr().unwrap();
        let serve = move || {
            let mut room = vec![0; 65_536];
            while let Ok((length @ 1.., asker)) = socket.recv_from(&mut room) {
                let asked = message::decode(&room[..length]).filter(|asked| asked.version < 3);
                if let Some(answer) = asked.and_then(|asked| answer(&asked)) {
                    let socket = if is_here { &socket } else { &elsewhere };
                    socket.send_to(&answer, asker).unwrap();
                }
            }
        };
        Self { host: port.to_string(), port, thread: Some(std::thread::spawn(serve)) }
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        UdpSocket::bind("127.0.0.1:0").unwrap().send_to(&[], self.port).unwrap();
        self.thread.take().unwrap().join().ok();
    }
}

/// Every object is the number 7.
fn sevens(asked: &message::Asked) -> Option<Vec<u8>> {
    let cell = |oid| message::varbind(oid, Ok(&Value::Integer(7)));
    Some(message::answer(asked, 0, 0, &asked.oids.iter().flat_map(cell).collect::<Vec<_>>()))
}

#[test]
fn an_answer_from_another_address_is_named_and_counts_where_it_is_allowed() {
    let folder = tempfile::tempdir().unwrap();
    let agent = Scripted::start("127.0.0.2", sevens);
    let quick = ["test", agent.host.as_str(), "-t", "0.5", "-r", "0"];
    let refused = snmp(folder.path(), &quick);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    let said = text(&refused.stdout);
    assert!(said.contains("an answer came from 127.0.0.2:") && said.contains("snmp_any_source"), "{said}");
    let allowed = snmp(folder.path(), &["test", agent.host.as_str(), "--any-source"]);
    assert_eq!(allowed.status.code(), Some(0), "{allowed:?}");
}

#[test]
fn an_agent_of_v1_alone_is_found_out() {
    let folder = tempfile::tempdir().unwrap();
    let agent = Scripted::start("127.0.0.1", |asked| (asked.version == 0).then(|| sevens(asked))?);
    let output = snmp(folder.path(), &["test", agent.host.as_str(), "-t", "0.5", "-r", "0"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(text(&output.stdout).contains("it answers SNMPv1, but not SNMPv2c"), "{output:?}");
    let output = snmp(folder.path(), &["test", agent.host.as_str(), "-v", "1"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

#[test]
fn an_agent_that_is_silent_to_what_it_lacks_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let known = |asked: &message::Asked| asked.oids.iter().all(|oid| oid.to_string() == "1.3.6.1.4.1.9.1.0");
    let agent = Scripted::start("127.0.0.1", move |asked| known(asked).then(|| sevens(asked))?);
    let get = ["get", agent.host.as_str(), "1.3.6.1.4.1.9.1.0", "-t", "0.5", "-r", "0", "--json"];
    let output = snmp(folder.path(), &get);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(json_lines(&output)[0]["value"], 7);
}

#[test]
fn what_other_objects_are_is_printed_beside_one_that_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let known = |oid: &grafolean_bots::snmp::Oid| oid.to_string() != "1.3.6.1.4.1.9.2.0";
    let leaves_out = move |asked: &message::Asked| {
        let cells = asked
            .oids
            .iter()
            .filter(|oid| known(oid))
            .map(|oid| message::varbind(oid, Ok(&Value::Integer(7))));
        Some(message::answer(asked, 0, 0, &cells.flatten().collect::<Vec<_>>()))
    };
    let agent = Scripted::start("127.0.0.1", leaves_out);
    let oids = ["1.3.6.1.4.1.9.1.0", "1.3.6.1.4.1.9.2.0", "1.3.6.1.4.1.9.3.0"];
    let output = snmp(folder.path(), &[&["get", agent.host.as_str()], &oids[..], &["--json"]].concat());
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert_eq!(json_lines(&output).len(), 2);
    assert!(text(&output.stderr).contains("enterprises.9.2.0: the answer leaves it out"), "{output:?}");
}

#[test]
fn a_filter_is_told_from_a_port_where_nothing_listens() {
    let folder = tempfile::tempdir().unwrap();
    // It takes what comes and says nothing.
    let filtered = UdpSocket::bind("127.0.0.1:0").unwrap();
    let host = filtered.local_addr().unwrap().to_string();
    for flags in [&["-c", "public"][..], &["-v3", "-u", "ann"]] {
        let output = snmp(folder.path(), &[&["test", host.as_str(), "-t", "0.3", "-r", "0"], flags].concat());
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(text(&output.stdout).contains("packets to the port are dropped"), "{output:?}");
    }
}

#[test]
fn a_walk_that_does_not_reach_its_end_says_why_and_fails() {
    let folder = tempfile::tempdir().unwrap();
    let cell =
        |row| (format!("1.3.6.1.2.1.2.2.1.2.{row}").parse().unwrap(), Value::Octets((*b"port").into()));
    let objects: Vec<_> = (1..=500).map(cell).collect();
    let agent = Responder::on(NetworkPath::Ends(3), &objects, 1_400);
    let walk = ["walk", &agent.address.to_string(), "1.3.6.1.2.1.2.2.1.2", "--json", "-t", "0.3", "-r", "0"];
    let output = snmp(folder.path(), &walk);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let came = json_lines(&output).len();
    assert!(came > 0 && came < 500, "{came}");
    let said = text(&output.stderr);
    assert!(said.contains("did not reach its end") && said.contains("no answer"), "{said}");
    // Behind the last one the first one comes again.
    let looping = Responder::on(NetworkPath::Round, &objects, 1_400);
    let walk = ["walk", &looping.address.to_string(), "1.3.6.1.2.1.2.2.1.2"];
    let output = snmp(folder.path(), &walk);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(text(&output.stderr).contains("walk loop"), "{output:?}");
}

#[test]
fn objects_are_asked_for_and_shown_by_name_and_by_number_where_that_is_wanted() {
    let folder = tempfile::tempdir().unwrap();
    let Some(agent) = snmpd(folder.path()) else { return };
    let get = |flags: &[&str]| {
        let asked = ["get", agent.host.as_str(), "sysName.0", "IF-MIB::ifOperStatus.1", "ifSpeed.1"];
        let output = snmp(folder.path(), &[&asked[..], flags].concat());
        assert!(output.status.success(), "{output:?}");
        text(&output.stdout)
    };
    let named = get(&[]);
    assert!(named.contains("SNMPv2-MIB::sysName.0 = OCTET STRING: \"peer\"\n"), "{named}");
    assert!(named.contains("IF-MIB::ifOperStatus.1 = INTEGER: up(1)\n"), "{named}");
    for flag in ["-On", "--numeric"] {
        let numbers = get(&[flag]);
        assert!(numbers.contains("1.3.6.1.2.1.1.5.0 = OCTET STRING: \"peer\"\n"), "{numbers}");
        assert!(numbers.contains("1.3.6.1.2.1.2.2.1.8.1 = INTEGER: 1\n"), "{numbers}");
    }
    let walked = snmp(folder.path(), &["walk", &agent.host, "ifPhysAddress"]);
    assert!(text(&walked.stdout).contains("IF-MIB::ifPhysAddress.1 = "), "{walked:?}");
}

#[test]
fn a_name_of_a_mib_file_is_one_and_a_bad_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let mib = "ACME-MIB DEFINITIONS ::= BEGIN IMPORTS OBJECT-TYPE, Integer32, enterprises FROM SNMPv2-SMI;
        acme OBJECT IDENTIFIER ::= { enterprises 424242 }
        acmeDoor OBJECT-TYPE SYNTAX INTEGER { open(1), closed(2) } MAX-ACCESS read-only STATUS current
          DESCRIPTION \"A\" ::= { acme 2 } END";
    std::fs::write(folder.path().join("ACME-MIB.txt"), mib).unwrap();
    std::fs::write(folder.path().join("noise.txt"), [0, 159, 146, 150]).unwrap();
    let folders = folder.path().to_str().unwrap();
    let output = snmp(folder.path(), &["translate", "acmeDoor.0", "--json", "--snmp-mib-folders", folders]);
    assert!(output.status.success(), "{output:?}");
    let said = &json_lines(&output)[0];
    assert_eq!((&said["oid"], &said["words"]["closed"]), (&json!("1.3.6.1.4.1.424242.2.0"), &json!(2)));
    assert!(text(&output.stderr).contains("noise.txt"), "{output:?}");
    let builtin = snmp(folder.path(), &["translate", "ifOperStatus.3", "--snmp-mib-folders", folders]);
    assert!(text(&builtin.stdout).contains("words   up(1) down(2)"), "{builtin:?}");
    assert!(builtin.stderr.is_empty(), "what is built in needs no file: {builtin:?}");
    let number = snmp(folder.path(), &["translate", "ifOperStatus.3", "-On"]);
    assert_eq!(text(&number.stdout), "1.3.6.1.2.1.2.2.1.8.3\n");
}

#[tokio::test]
async fn a_hub_tests_a_device_before_it_is_set_up_and_says_what_is_wrong_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let Some(agent) = snmpd(folder.path()) else { return };
    let world = World::with("snmp", async |_, _| Vec::new()).await;
    let port: u16 = agent.host.rsplit(':').next().unwrap().parse().unwrap();
    let account = world.account;
    let test = |port: u16, credential: serde_json::Value| {
        let details = json!({"snmp_port": port});
        let body =
            json!({"account": account, "address": "127.0.0.1", "details": details, "credential": credential});
        let (status, tested) = world.tell("POST", "/hub/test/snmp", &body);
        assert_eq!(status, 200, "{tested}");
        tested
    };
    let v2c = |community: &str| json!({"version": "snmpv2c", "snmpv12_community": community});
    let user = |key: &str| {
        json!({"version": "snmpv3", "snmpv3_securityName": "ann", "snmpv3_securityLevel": "authPriv",
            "snmpv3_authProtocol": "SHA", "snmpv3_authKey": key,
            "snmpv3_privProtocol": "AES", "snmpv3_privKey": "privpass12"})
    };
    for credential in [v2c("public"), user("authpass12")] {
        let tested = test(port, credential);
        assert_eq!((&tested["ok"], &tested["problem"]), (&json!(true), &json!(null)), "{tested}");
        let fact = |name: &str| {
            let facts = tested["facts"].as_array().unwrap();
            facts.iter().find(|fact| fact["name"] == name).unwrap()["value"].clone()
        };
        assert_eq!((fact("sysName"), fact("vendor")), (json!("peer"), json!("net-snmp")));
        assert!(fact("sysDescr").as_str().unwrap().starts_with("Linux"), "{tested}");
        assert!(tested["took"].as_f64().unwrap() < 60.0);
    }
    let unknown = test(port, v2c("secret community"));
    assert_eq!(unknown["ok"], json!(false));
    assert!(unknown["remedy"].as_str().unwrap().contains("community"), "{unknown}");
    assert!(!unknown.to_string().contains("secret community"), "{unknown}");
    let wrong = test(port, user("another key"));
    assert!(wrong["remedy"].as_str().unwrap().contains("authentication password"), "{wrong}");
    let closed = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let tested = test(closed, v2c("public"));
    assert!(tested["remedy"].as_str().unwrap().contains("is an agent running"), "{tested}");
    let unreadable = test(port, json!({"version": "snmpv4"}));
    assert!(unreadable["problem"].as_str().unwrap().contains("version"), "{unreadable}");

    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let open = listener.local_addr().unwrap().port();
    let body = json!({"account": account, "address": "127.0.0.1", "sensor": {"port": open}});
    let (_, tested) = world.tell("POST", "/hub/test/tcp", &body);
    assert_eq!(tested["ok"], json!(true), "{tested}");
    let (_, audited) = world.ask("GET", "/hub/audit?limit=5");
    let resources: Vec<_> =
        audited["list"].as_array().unwrap().iter().map(|row| row["resource"].clone()).collect();
    assert!(resources.contains(&json!("hub/test/tcp 127.0.0.1")), "{audited}");
    if world::may_ping() {
        let (_, tested) =
            world.tell("POST", "/hub/test/ping", &json!({"account": account, "address": "127.0.0.1"}));
        assert_eq!(tested["facts"][1], json!({"name": "answered", "value": "3 of 3"}), "{tested}");
        let nowhere = json!({"account": account, "address": "127.255.255.255"});
        let (_, tested) = world.tell("POST", "/hub/test/ping", &nowhere);
        assert_eq!(tested["ok"], json!(false), "{tested}");
    }
}

#[tokio::test]
async fn a_device_that_is_discovered_is_added_with_what_can_be_measured_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let Some(agent) = snmpd(folder.path()) else { return };
    let world = World::with("snmp", async |_, _| Vec::new()).await;
    let port = agent.host.rsplit(':').next().unwrap().to_owned();
    let discover = |more: &[&str]| {
        let arguments = ["discover", "127.0.0.1-127.0.0.3", "--snmp-port", &port, "--community", "public"];
        world.admin().args(arguments).args(more).finished()
    };
    let asked = discover(&[]);
    assert!(text(&asked.stderr).contains("--yes"), "it asks first: {asked:?}");
    let output = discover(&["--yes", "--json", "--rate", "2000"]);
    assert!(output.status.success(), "{output:?}");
    let found = &json_lines(&output)[0];
    let device = found["devices"].as_array().unwrap().iter().find(|it| it["address"] == "127.0.0.1").unwrap();
    assert_eq!(
        (&device["identity"]["name"], &device["identity"]["vendor"]),
        (&json!("peer"), &json!("net-snmp"))
    );
    let interfaces = device["interfaces"].as_object().unwrap();
    assert!(interfaces.values().any(|it| it["name"] == "lo"), "{device}");
    let output = discover(&["--yes", "--add", "--account", "Office"]);
    assert!(text(&output.stdout).contains("+ device peer"), "{output:?}");
    let (_, entities) = world.ask("GET", &format!("/accounts/{}/entities", world.account));
    let added = entities["list"].as_array().unwrap().iter().find(|row| row["name"] == "peer").unwrap();
    assert_eq!(added["details"]["ipv4"], json!("127.0.0.1"));
    // What it has is measured by the profiles that match it.
    assert_eq!(added["details"]["snmp_profile"], json!("auto"));
    assert!(added["protocols"]["snmp"]["credential"].is_number(), "{added}");
    let again = discover(&["--yes", "--add", "--account", "Office"]);
    assert!(!text(&again.stdout).contains("device peer"), "it is known: {again:?}");
}
