//! Traps and informs of net-snmp's tools, as `grafolean snmp traps` shows them and as the bot takes them to the hub.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    missing_docs
)]

mod world;

use std::{
    collections::BTreeMap,
    net::{SocketAddr, UdpSocket},
    path::Path,
    process::{Command, Stdio},
    time::Instant,
};

use grafolean_collector::model::{Attachment, NewEntity, SensorUse};
use serde_json::json;
use world::{Process, Run, World, grafolean};

struct Snmpd {
    _process: Process,
    address: SocketAddr,
}

impl Snmpd {
    fn start(folder: &Path) -> Option<Self> {
        if !Path::new("/usr/sbin/snmpd").exists() {
            eprintln!("skipped: no /usr/sbin/snmpd");
            return None;
        }
        let address = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let config = folder.join("snmpd.conf");
        std::fs::write(&config, format!("agentaddress udp:{address}\nrocommunity public\n")).unwrap();
        let mut command = Command::new("/usr/sbin/snmpd");
        command.args(["-f", "-Lf", "/dev/null", "-C", "-c"]).arg(&config);
        command.env("SNMP_PERSISTENT_DIR", folder.join("state")).stdin(Stdio::null()).stderr(Stdio::null());
        Some(Self { _process: Process::start(&mut command), address })
    }
}

#[test]
fn traps_and_informs_of_each_version_are_shown_and_informs_are_acknowledged() {
    if !Path::new("/usr/bin/snmpinform").exists() {
        eprintln!("skipped: no /usr/bin/snmpinform");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let told = folder.path().join("told");
    let mut listening = grafolean(folder.path());
    listening.args([
        "snmp",
        "traps",
        "--listen",
        "127.0.0.1:0",
        "--json",
        "--count",
        "5",
        "--community",
        "public",
    ]);
    listening.args(["-u", "ann", "-a", "SHA", "-A", "authpass12", "-x", "AES", "-X", "privpass12"]);
    listening.stdout(std::fs::File::create(&told).unwrap()).stderr(Stdio::piped());
    let mut listening = listening.spawn().unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(listening.stderr.take().unwrap()));
    let first = lines.next().unwrap().unwrap();
    let address = first.strip_prefix("listening for traps on ").unwrap().to_owned();
    let send = |program: &str, arguments: &[&str], objects: &[&str]| {
        let mut command = Command::new(format!("/usr/bin/{program}"));
        command.env("HOME", folder.path()).env("SNMP_PERSISTENT_DIR", folder.path());
        command.args(["-r", "1", "-t", "5"]).args(arguments).arg(&address).args(objects);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{program} {arguments:?}: {output:?}");
    };
    let link_down = ["", "1.3.6.1.6.3.1.1.5.3", "1.3.6.1.2.1.2.2.1.1.3", "i", "3"];
    let ann = [
        "-v",
        "3",
        "-u",
        "ann",
        "-l",
        "authPriv",
        "-a",
        "SHA",
        "-A",
        "authpass12",
        "-x",
        "AES",
        "-X",
        "privpass12",
    ];
    send("snmptrap", &["-v", "2c", "-c", "wrong"], &link_down);
    let v1 = ["1.3.6.1.4.1.8072", "192.0.2.9", "6", "17", "100", "1.3.6.1.2.1.1.5.0", "s", "peer"];
    send("snmptrap", &["-v", "1", "-c", "public"], &v1);
    send("snmptrap", &["-v", "2c", "-c", "public"], &link_down);
    send("snmpinform", &["-v", "2c", "-c", "public"], &link_down);
    send("snmptrap", &[&ann[..], &["-e", "0x8000000001020304"]].concat(), &link_down);
    send("snmpinform", &ann, &link_down);
    assert!(listening.wait().unwrap().success());
    let last = lines.map(Result::unwrap).last().unwrap();
    assert!(last.contains("5 shown, 2 informs acknowledged; refused 1, floods 0"), "{last}");
    let told = std::fs::read_to_string(told).unwrap();
    let told: Vec<serde_json::Value> = told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let brief: Vec<_> =
        told.iter().map(|it| (it["version"].as_str().unwrap(), it["kind"].as_str().unwrap())).collect();
    assert_eq!(brief, [("v1", "trap"), ("v2c", "trap"), ("v2c", "inform"), ("v3", "trap"), ("v3", "inform")]);
    assert_eq!((&told[0]["oid"], &told[0]["agent"]), (&json!("1.3.6.1.4.1.8072.0.17"), &json!("192.0.2.9")));
    assert_eq!(told[0]["objects"][0]["value"], json!("peer"));
    for trap in &told[1..] {
        assert_eq!(trap["name"], json!("IF-MIB::linkDown"), "{trap}");
        assert_eq!((&trap["objects"][0]["value"], &trap["source"]), (&json!(3), &json!("127.0.0.1")));
    }
    assert_eq!(told[4]["user"], json!("ann"));
}

/// A device that is measured once in an hour, and an agent that answers for it.
async fn device(agent: &Snmpd) -> World {
    World::with("snmp", async |setup, account| {
        let public = json!({"version": "snmpv2c", "snmpv12_community": "public"});
        let public = public.as_object().unwrap().clone();
        let credential = setup.credential(account, "public", "snmp", public).await.unwrap();
        let uptime = json!({
            "oids": [{"oid": "sysUpTime.0", "fetch_method": "get"}], "expression": "$1", "output_path": "uptime",
        });
        let uptime = uptime.as_object().unwrap().clone();
        let sensor = setup.sensor(account, "uptime", "snmp", Some(3_600), uptime).await.unwrap();
        let sensors = vec![SensorUse { sensor, interval: None }];
        let attachment = Attachment { credential: Some(credential), bot: None, sensors };
        let (address, port) = (agent.address.ip().to_string(), agent.address.port().to_string());
        let details = json!({"ipv4": address, "snmp_port": port}).as_object().unwrap().clone();
        let entity = NewEntity { name: "switch".to_owned(), entity_type: "device".to_owned(), parent: None, details };
        let protocols = BTreeMap::from([("snmp".to_owned(), attachment)]);
        vec![setup.entity(account, entity, protocols).await.unwrap()]
    })
    .await
}

#[tokio::test]
async fn a_link_that_goes_down_is_an_event_and_has_its_device_polled_at_once() {
    if !Path::new("/usr/bin/snmpinform").exists() {
        eprintln!("skipped: no /usr/bin/snmpinform");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let Some(agent) = Snmpd::start(folder.path()) else { return };
    let world = device(&agent).await;
    let entity = world.entities[0];
    let address = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut bot = world.bot();
    let log = folder.path().join("log");
    let errors = std::fs::File::create(&log).unwrap();
    let _bot = Process::start(
        bot.args(["bot", "snmp", "--log", "info", "--traps", &address.to_string()]).stderr(errors),
    );
    let send = |program: &str, community: &str, objects: &[&str]| {
        let mut command = Command::new(format!("/usr/bin/{program}"));
        command.env("HOME", folder.path()).env("SNMP_PERSISTENT_DIR", folder.path());
        command.args(["-v", "2c", "-c", community, "-r", "0", "-t", "2"]).arg(address.to_string());
        command.args(objects).finished().status.success()
    };
    let link_down =
        ["", "1.3.6.1.6.3.1.1.5.3", "1.3.6.1.2.1.2.2.1.1.3", "i", "3", "1.3.6.1.2.1.2.2.1.8.3", "i", "2"];
    // An inform is acknowledged once it is safe: not before the bot knows whose it is.
    world::until(|| send("snmpinform", "public", &link_down));
    let told = Instant::now();
    let events = |query: &str| {
        let (status, body) =
            world.ask("GET", &format!("/hub/accounts/{}/device-events{query}", world.account));
        assert_eq!(status, 200, "{body}");
        body["list"].as_array().unwrap().clone()
    };
    world.wait_for_value(&format!("entity.{entity}.snmp.uptime"));
    println!("a value was stored {:?} after the acknowledgement", told.elapsed());
    world::until(|| !events("").is_empty());
    let event = &events(&format!("?entity={entity}&name=linkdown"))[0];
    assert_eq!((&event["name"], &event["entity"]), (&json!("IF-MIB::linkDown"), &json!(entity)));
    assert_eq!((&event["source"], &event["details"]["kind"]), (&json!("127.0.0.1"), &json!("inform")));
    let object = &event["details"]["objects"][1];
    assert_eq!((&object["name"], &object["value"]), (&json!("IF-MIB::ifOperStatus.3"), &json!("down")));
    let values =
        world.ask("GET", &format!("/accounts/{}/values/entity.{entity}.snmp.traps.count", world.account)).1;
    assert!(values["paths"].as_object().is_some_and(|paths| !paths.is_empty()), "{values}");

    // What does not count is said of its device.
    send("snmptrap", "wrong", &["", "1.3.6.1.6.3.1.1.5.3", "1.3.6.1.2.1.2.2.1.1.99", "i", "99"]);
    send("snmptrap", "public", &["", "1.3.6.1.6.3.1.1.5.1"]);
    world::until(|| {
        let (_, found) = world.ask("GET", &format!("/hub/accounts/{}/findings", world.account));
        found.to_string().contains("trap_refused")
    });
    world::until(|| events("?name=coldStart").len() == 1);
    assert!(
        events("").iter().all(|event| !event["details"]["objects"].to_string().contains("ifIndex.99")),
        "{:?}",
        events("")
    );
    let log = std::fs::read_to_string(log).unwrap();
    assert!(log.contains("listening for traps"), "{log}");
}
