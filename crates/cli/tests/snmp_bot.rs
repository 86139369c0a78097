//! The whole way: Debian's snmpd, the SNMP bot and the hub, each a process; and what an established walk says beside it.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::print_stderr, missing_docs)]

mod world;

#[path = "../../bots/tests/snmp/simulator.rs"]
#[allow(dead_code, reason = "each test takes what it needs")]
mod simulator;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{SocketAddr, UdpSocket},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use grafolean_collector::model::{Attachment, EntityId, NewEntity, SensorUse};
use serde_json::{Value, json};
use simulator::Simulator;
use world::{Run, World, json_lines, text};

struct Snmpd {
    process: Child,
    address: SocketAddr,
}

impl Drop for Snmpd {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

impl Snmpd {
    fn start(folder: &Path) -> Option<Self> {
        if !Path::new("/usr/sbin/snmpd").exists() || !Path::new("/usr/bin/snmpbulkwalk").exists() {
            eprintln!("skipped: no snmpd or no snmpbulkwalk");
            return None;
        }
        let address = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let config = folder.join("snmpd.conf");
        std::fs::write(&config, format!("agentaddress udp:{address}\nrocommunity public\n")).unwrap();
        let process = Command::new("/usr/sbin/snmpd")
            .args(["-f", "-Lf", "/dev/null", "-C", "-c"])
            .arg(&config)
            .env("SNMP_PERSISTENT_DIR", folder.join("state"))
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let agent = Self { process, address };
        let begin = Instant::now();
        while agent.column(2).is_empty() {
            assert!(begin.elapsed() < Duration::from_secs(60), "snmpd does not answer");
        }
        Some(agent)
    }

    /// What `snmpbulkwalk` says of a column of ifTable: value by index.
    fn column(&self, column: u32) -> BTreeMap<String, String> {
        let output = Command::new("snmpbulkwalk")
            .args(["-v2c", "-cpublic", "-r0", "-t1", "-Oqn", "-OU", "-Oe"])
            .arg(self.address.to_string())
            .arg(format!("1.3.6.1.2.1.2.2.1.{column}"))
            .finished();
        let line = |line: &str| {
            let (oid, value) = line.split_once(' ')?;
            Some((oid.rsplit('.').next()?.to_owned(), value.trim_matches('"').to_owned()))
        };
        text(&output.stdout).lines().filter_map(line).collect()
    }

    fn octets(&self) -> BTreeMap<String, f64> {
        self.column(10).into_iter().map(|(index, octets)| (index, octets.parse().unwrap())).collect()
    }
}

/// A hub with the device and, on it, the sensors that a new account has, and one that measures ifMtu.
async fn world(agent: &Snmpd) -> (World, EntityId) {
    World::with("snmp", async |setup, account| {
        let credential = "Default SNMP credential (SNMPv2c, 'public')";
        let credential = setup.credential(account, credential, "snmp", Default::default()).await.unwrap();
        let mtu = json!({
            "oids": [{"oid": "1.3.6.1.2.1.2.2.1.4", "fetch_method": "walk"}], "expression": "$1", "output_path": "mtu.{$index}",
        });
        let mut sensors = Vec::new();
        for (name, details) in [
            ("Traffic IN [bps]", json!({})),
            ("Traffic OUT [bps]", json!({})),
            ("Linux lmsensors - temperature [°C]", json!({})),
            ("MTU", mtu),
        ] {
            let details = details.as_object().unwrap().clone();
            let sensor = setup.sensor(account, name, "snmp", Some(60), details).await.unwrap();
            sensors.push(SensorUse { sensor, interval: None });
        }
        let attachment = Attachment { credential: Some(credential), bot: None, sensors };
        let details = json!({"ipv4": agent.address.ip().to_string(), "snmp_port": agent.address.port().to_string()});
        let details = details.as_object().unwrap().clone();
        let entity = NewEntity { name: "switch".to_owned(), entity_type: "device".to_owned(), parent: None, details };
        let protocols = BTreeMap::from([("snmp".to_owned(), attachment)]);
        vec![setup.entity(account, entity, protocols).await.unwrap()]
    })
    .await
    .map_first()
}

fn slug(name: &str) -> String {
    name.replace(|letter: char| !(letter.is_ascii_alphanumeric() || "-_".contains(letter)), "-")
}

fn once(world: &World) -> std::process::Output {
    let output = world.bot().args(["bot", "snmp", "--once"]).finished();
    assert!(output.status.success(), "{output:?}");
    output
}

fn interfaces(world: &World) -> BTreeMap<String, (String, String)> {
    let (status, body) = world.ask("GET", &format!("/accounts/{}/entities", world.account));
    assert_eq!(status, 200);
    let of = |entity: &Value| {
        let detail = |key: &str| entity["details"][key].as_str().unwrap().to_owned();
        (detail("snmp_index"), (entity["name"].as_str().unwrap().to_owned(), detail("speed_bps")))
    };
    let list = body["list"].as_array().unwrap();
    list.iter().filter(|entity| entity["entity_type"] == "interface").map(of).collect()
}

#[tokio::test]
async fn from_an_agent_to_the_hub_the_paths_and_values_are_those_of_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let Some(agent) = Snmpd::start(folder.path()) else { return };
    let (mut world, entity) = world(&agent).await;

    // A bot may not write entities until somebody lets it: said, and nothing else suffers.
    let refused = once(&world);
    let said =
        text(&refused.stderr).lines().filter(|line| line.contains("entities are left as they are")).count();
    assert_eq!(said, 1, "{refused:?}");
    assert!(interfaces(&world).is_empty());

    let bot = world.bot.id;
    let right = json!({"resource_prefix": format!("accounts/{}/entities", world.account), "methods": ["GET", "POST", "PUT", "DELETE"]});
    let (status, _) = world.tell("POST", &format!("/users/{bot}/permissions"), &right);
    assert_eq!(status, 201);
    let (before, began) = (agent.octets(), Instant::now());
    once(&world);
    once(&world);
    let (after, took) = (agent.octets(), began.elapsed());

    let described = agent.column(2);
    let speeds = agent.column(5);
    let ours = interfaces(&world);
    assert_eq!(ours.keys().collect::<Vec<_>>(), described.keys().collect::<Vec<_>>());
    for (index, (name, speed)) in &ours {
        assert_eq!((name, speed), (&described[index], &speeds[index]), "interface {index}");
    }

    let stored = world.stored().await;
    let mtus = agent.column(4);
    let mut paths = BTreeSet::from([format!("entity.{entity}.snmp.completeness")]);
    for (index, name) in &described {
        paths.insert(format!("entity.{entity}.snmp.if.in-octets.{index}.{}", slug(name)));
        paths.insert(format!("entity.{entity}.snmp.if.out-octets.{index}.{}", slug(name)));
        paths.insert(format!("entity.{entity}.snmp.mtu.{index}"));
    }
    assert_eq!(stored.keys().cloned().collect::<BTreeSet<_>>(), paths);
    for (_, whole) in &stored[&format!("entity.{entity}.snmp.completeness")] {
        assert!((whole - 1.0).abs() < f64::EPSILON);
    }
    for (index, name) in &described {
        let mtu = &stored[&format!("entity.{entity}.snmp.mtu.{index}")];
        assert!(mtu.iter().all(|(_, value)| value.to_string() == mtus[index]), "{mtu:?}");
        // Two looks within the time in which the counter went from one to the other.
        let (_, rate) =
            stored[&format!("entity.{entity}.snmp.if.in-octets.{index}.{}", slug(name))].last().unwrap();
        let grown = after[index] - before[index];
        assert!(
            *rate >= 0.0 && (grown > 0.0 || *rate == 0.0),
            "{name}: {rate} a second, {grown} in {took:?}"
        );
    }
}

#[tokio::test]
async fn what_the_bot_asks_is_explained_with_its_packets() {
    let folder = tempfile::tempdir().unwrap();
    let Some(agent) = Snmpd::start(folder.path()) else { return };
    let (world, entity) = world(&agent).await;
    let explain = |arguments: &[&str]| world.bot().args(["snmp", "explain"]).args(arguments).finished();

    let output = explain(&[&entity.to_string(), "--json", "--rows", "48"]);
    assert!(output.status.success(), "{output:?}");
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&told["name"], &told["version"], &told["rows"]),
        (&json!("switch"), &json!("SNMPv2c"), &json!(48))
    );
    let minute = &told["runs"][0];
    assert_eq!((&minute["every_s"], &minute["sensors"].as_array().unwrap().len()), (&json!(60), &4));
    let (packets, alone) = (minute["packets"].as_u64().unwrap(), minute["packets_alone"].as_u64().unwrap());
    assert_eq!(minute["requests"].as_array().unwrap().len(), usize::try_from(packets).unwrap());
    assert!(packets * 10 <= alone, "{packets} packets, {alone} alone");
    let first = &minute["requests"][0];
    assert_eq!((&first["pdu"], &first["oids"]), (&json!("GET"), &json!(["1.3.6.1.2.1.1.3.0"])));

    let by_name = explain(&["switch"]);
    let shown = text(&by_name.stdout);
    assert!(shown.contains("every 60 s, sensors:") && shown.contains("x GETBULK of"), "{shown}");
    assert!(shown.contains("every 300 s"), "interfaces: {shown}");

    // What the bot has met is taken in the place of what is assumed.
    once(&world);
    let learnt = text(&explain(&["switch"]).stdout);
    assert!(learnt.contains("as the bot met them"), "{learnt}");

    let unknown = explain(&["router"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(text(&unknown.stderr).contains("sees no entity \"router\""), "{unknown:?}");
}

#[test]
fn a_walk_is_what_an_established_walk_is() {
    let folder = tempfile::tempdir().unwrap();
    let Some(agent) = Snmpd::start(folder.path()) else { return };
    let walk = |oid: &str| {
        let output = world::grafolean(folder.path())
            .args(["snmp", "walk", &agent.address.to_string(), oid, "--json"])
            .finished();
        assert!(output.status.success(), "{output:?}");
        json_lines(&output)
    };
    let names: Vec<_> = agent.column(2).into_values().map(Value::from).collect();
    let mut ours: Vec<_> =
        walk("1.3.6.1.2.1.2.2.1.2").into_iter().map(|line| line["value"].clone()).collect();
    ours.sort_by_key(ToString::to_string);
    let mut theirs = names;
    theirs.sort_by_key(ToString::to_string);
    assert_eq!(ours, theirs);
    let before = agent.octets();
    let between = walk(".1.3.6.1.2.1.2.2.1.10");
    let after = agent.octets();
    for line in between {
        let index = line["oid"].as_str().unwrap().rsplit('.').next().unwrap();
        let octets = line["value"].as_f64().unwrap();
        // A counter of 32 bits may have gone round.
        let is_between = before[index] <= octets && octets <= after[index];
        assert!(is_between || after[index] < before[index], "{line}: {} to {}", before[index], after[index]);
    }
    let all = walk("1");
    assert!(all.len() > 100 && all[0]["oid"] == "1.3.6.1.2.1.1.1.0", "{} objects", all.len());
}

/// Recorded devices, and what one of their processors and one of their memories said.
const RECORDED: [(&str, (&str, f64), &str); 3] = [
    ("routeros_rb750gr3", ("cpu.1.load", 5.0), "storage.65536."),
    ("panos", ("cpu.1.load", 2.0), "storage.1010."),
    ("arubaos_vmc", ("cpu.1", 16.0), "memory.1.used"),
];

const RECORDINGS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/snmp/librenms");

#[tokio::test]
async fn devices_without_a_sensor_are_measured_by_profile_from_the_agent_to_the_hub() {
    let mut files = Vec::new();
    for (name, ..) in RECORDED {
        let Ok(recording) = std::fs::read(format!("{RECORDINGS}/{name}.snmprec.bz2")) else {
            eprintln!("skipped: no recording of {name} in {RECORDINGS}");
            return;
        };
        files.push((format!("{name}.snmprec.bz2"), recording));
    }
    let Some(agent) = Simulator::start(&files) else { return };
    let folder = tempfile::tempdir().unwrap();
    let said = |name: &str, flags: &[&str]| {
        let asked = ["snmp", "profile", &agent.address.to_string(), "-c", name, "-t", "5"];
        world::grafolean(folder.path()).args(asked).args(flags).finished()
    };
    let begin = Instant::now();
    while !said("panos", &[]).status.success() {
        assert!(
            begin.elapsed() < Duration::from_secs(300),
            "snmpsim does not answer: {:?}",
            said("panos", &[])
        );
    }
    let shown = text(&said("panos", &[]).stdout);
    for part in ["profile      palo-alto: sysObjectID", "sessions", "packets to find out"] {
        assert!(shown.contains(part), "{shown}");
    }
    let sensors = json_lines(&said("panos", &["--sensors"]));
    let has = |path: &str| sensors.iter().any(|sensor| sensor["details"]["output_path"] == path);
    assert!(has("sessions") && has("if.in-octets.{$index}.{$1}") && has("cpu.{$index}.load"), "{sensors:?}");

    let mut world = World::with("snmp", async |setup, account| {
        let mut entities = Vec::new();
        for (name, ..) in RECORDED {
            let details = json!({"version": "snmpv2c", "snmpv12_community": name, "snmp_timeout": "5"});
            let details = details.as_object().unwrap().clone();
            let credential = setup.credential(account, name, "snmp", details).await.unwrap();
            let attachment = Attachment { credential: Some(credential), bot: None, sensors: Vec::new() };
            let (address, port) = (agent.address.ip().to_string(), agent.address.port().to_string());
            let details = json!({"ipv4": address, "snmp_port": port, "snmp_profile": "auto"});
            let details = details.as_object().unwrap().clone();
            let entity =
                NewEntity { name: name.to_owned(), entity_type: "device".to_owned(), parent: None, details };
            let protocols = BTreeMap::from([("snmp".to_owned(), attachment)]);
            entities.push(setup.entity(account, entity, protocols).await.unwrap());
        }
        entities
    })
    .await;
    let entities = world.entities.clone();
    let bot = world.bot.id;
    let right = json!({"resource_prefix": format!("accounts/{}/entities", world.account), "methods": ["GET", "POST", "PUT", "DELETE"]});
    assert_eq!(world.tell("POST", &format!("/users/{bot}/permissions"), &right).0, 201);
    once(&world);
    once(&world);

    let names = interfaces(&world);
    assert!(names.len() > 20, "{names:?}");
    let stored = world.stored().await;
    for (entity, (name, (cpu, load), memory)) in entities.iter().zip(RECORDED) {
        let begins = |path: &str| {
            let path = format!("entity.{entity}.snmp.{path}");
            stored.iter().find(|(stored, _)| stored.starts_with(&path)).map(|(_, values)| values[0].1)
        };
        assert_eq!(begins(cpu), Some(load), "{name}: {stored:?}");
        assert!(begins(memory) > Some(0.0), "{name}: {:?}", stored.keys().collect::<Vec<_>>());
        assert!(begins("if.in-octets.").is_some() && begins("if.up.").is_some(), "{name}");
        let whole = &stored[&format!("entity.{entity}.snmp.completeness")];
        assert!(whole.iter().all(|(_, share)| *share > 0.9), "{name}: {whole:?}");
    }
}
