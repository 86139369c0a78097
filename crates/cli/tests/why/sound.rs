//! Set-ups with which nothing is wrong: no cause is claimed of any.

use std::{collections::BTreeMap, net::TcpListener, process::Stdio, thread};

use grafolean_collector::model::{Attachment, SensorUse};
use serde_json::{Value, json};

use crate::{
    agents::Snmpd,
    scene::{Device, Scene, causes, in_own_network, object, quick, run, uptime},
    world::{Process, until},
};

/// Asks about all of these devices, on the command line and in the API, each time that the bot has spoken anew, and hears of
/// no cause.
fn all_sound(scene: &Scene, names: &[&str]) {
    scene.each_time_it_speaks(|| {
        for name in names {
            let (code, answers) = scene.command_line(name, &[]);
            assert_eq!((causes(&answers), code), (vec![], Some(0)), "{name}: {answers:#}");
            let answers = scene.api(name, "");
            assert_eq!(causes(&answers), Vec::<String>::new(), "{name}: {answers:#}");
        }
    });
    let findings = format!("/hub/accounts/{}/findings", scene.world.account);
    // What was found a moment ago, before the bot spoke, is still told for some seconds.
    until(|| scene.ask("GET", &findings, &Value::Null).1["list"] == json!([]));
}

/// Waits until each device has a value of a second run.
fn wait_for_all(scene: &Scene, below: &[(usize, &str)]) {
    for (place, path) in below {
        let entity = scene.world.entities[*place];
        scene.world.wait_for_value(&format!("entity.{entity}.{}.{path}", scene.protocol));
    }
}

#[tokio::test]
async fn pings_of_all_kinds() {
    if !in_own_network("sound::pings_of_all_kinds", &["ip"]) {
        return;
    }
    let ping = |name, details: Value| Device { name, details, ..Device::ping("") };
    let devices = [
        ping("v4", json!({"ipv4": "127.0.0.1"})),
        ping("v6", json!({"ipv6": "::1"})),
        ping("both", json!({"ipv4": "127.0.0.3", "ipv6": "::1"})),
        ping("named", json!({"hostname": "localhost"})),
        Device {
            credential: json!({"n_packets": "5", "sleep_packets": "0.05", "timeout": "0.2", "retry": "1"}),
            ..ping("several", json!({"ipv4": "127.0.0.4"}))
        },
        Device { interval: Some(3_600), ..ping("hourly", json!({"ipv4": "127.0.0.5"})) },
        Device { sensors: vec![json!({}), json!({})], ..ping("twice", json!({"ipv4": "127.0.0.6"})) },
    ];
    let names = devices.each_ref().map(|device| device.name);
    let mut scene = Scene::with("ping", async |setup, account| {
        let mut entities = Vec::new();
        for device in &devices {
            entities.push(device.add(setup, account).await);
        }
        entities
    })
    .await;
    scene.start_bot();
    wait_for_all(
        &scene,
        &[(0, "success"), (1, "success"), (2, "success"), (3, "success"), (4, "success"), (6, "success")],
    );
    all_sound(&scene, &names);
}

#[tokio::test]
async fn agents_of_all_kinds() {
    if !in_own_network("sound::agents_of_all_kinds", &["snmpd", "snmpget", "ip"]) {
        return;
    }
    run("ip", &["link", "add", "idle0", "type", "veth", "peer", "name", "idle1"]);
    let _agent = Snmpd::start(161, "");
    let snmp = |name, credential: Value| Device { name, credential: quick(credential), ..Device::snmp(161) };
    let user = |name: &str, level: &str| {
        json!({
            "version": "snmpv3", "snmpv3_securityName": name, "snmpv3_securityLevel": level,
            "snmpv3_authProtocol": "SHA", "snmpv3_authKey": "authpass12",
            "snmpv3_privProtocol": "AES", "snmpv3_privKey": "privpass12",
        })
    };
    let public = || json!({"version": "snmpv2c", "snmpv12_community": "public"});
    let octets = || object("1.3.6.1.2.1.2.2.1.10", "walk", "$1 * 8", "in.{$index}");
    let devices = [
        snmp("v1", json!({"version": "snmpv1", "snmpv12_community": "public"})),
        snmp("v2c", public()),
        snmp("v3-open", user("open", "noAuthNoPriv")),
        snmp("v3-auth", user("auth", "authNoPriv")),
        snmp("v3-priv", user("priv", "authPriv")),
        Device { sensors: vec![octets(), uptime()], ..snmp("counters", public()) },
        Device {
            sensors: vec![object("1.3.6.1.2.1.2.2.1.4", "walk", "$1", "mtu.{$index}"), uptime()],
            ..snmp("table", public())
        },
        // A table that this agent does not have is none of its faults.
        Device {
            sensors: vec![
                object("1.3.6.1.4.1.2021.13.16.2.1.3", "walk", "$1", "temperature.{$index}"),
                uptime(),
            ],
            ..snmp("no-rows", public())
        },
        Device {
            sensors: vec![object("1.3.6.1.2.1.1.3.0", "get", "$1 / 100", "seconds"), uptime()],
            ..snmp("expression", public())
        },
    ];
    let names = devices.each_ref().map(|device| device.name);
    let mut scene = Scene::with("snmp", async |setup, account| {
        let mut entities = Vec::new();
        for device in &devices {
            entities.push(device.add(setup, account).await);
        }
        entities
    })
    .await;
    scene.start_bot();
    let up: Vec<_> = (0..devices.len()).map(|place| (place, "up")).collect();
    wait_for_all(&scene, &up);
    wait_for_all(&scene, &[(5, "in.1"), (6, "mtu.1")]);
    all_sound(&scene, &names);
}

#[tokio::test]
async fn ports_of_tcp() {
    if !in_own_network("sound::ports_of_tcp", &[]) {
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:8022").unwrap();
    thread::spawn(move || listener.incoming().for_each(drop));
    let device = Device {
        protocol: "tcp",
        name: "server",
        details: json!({"ipv4": "127.0.0.1"}),
        credential: json!({"timeout": "0.5"}),
        sensors: vec![json!({"port": 8022})],
        interval: Some(1),
    };
    let scene = Scene::of(device).await;
    scene.sound("8022.ok");
}

#[tokio::test]
async fn exporters_of_all_formats() {
    if !in_own_network("sound::exporters_of_all_formats", &[]) {
        return;
    }
    for (format, more) in [
        ("v5", &[][..]),
        ("v9", &[]),
        ("ipfix", &[]),
        ("sflow", &["--sampling", "100"]),
        ("v9", &["--sampling", "100", "--mixed"]),
    ] {
        // The sensor that each account begins with has no interval: the bot sends what comes.
        let interval = (format != "v9").then_some(60);
        let scene = Scene::of(Device { interval, ..Device::exporter("127.0.0.1") }).await;
        let mut command = scene.world.bot();
        command
            .args(["flow", "send", "--to", "127.0.0.1:2055", "--rate", "200", "--format", format])
            .args(more);
        until(|| std::net::TcpStream::connect("127.0.0.1:9300").is_ok());
        let _sending = Process::start(command.stdout(Stdio::null()).stderr(Stdio::null()));
        let status = format!("/hub/accounts/{}/status", scene.world.account);
        until(|| {
            let (_, rows) = scene.ask("GET", &status, &Value::Null);
            let own = rows["list"]
                .as_array()
                .unwrap()
                .iter()
                .find(|row| row["bot"] == json!(scene.world.bot.id))
                .unwrap();
            let exporter = &own["status"]["heard"]["exporters"][0];
            exporter["named"] == true && exporter["flows"].as_u64().is_some_and(|flows| flows > 100)
        });
        all_sound(&scene, &["exporter"]);
    }
}

#[tokio::test]
async fn a_device_of_two_protocols_that_are_both_measured() {
    if !in_own_network("sound::a_device_of_two_protocols_that_are_both_measured", &["snmpd", "snmpget"]) {
        return;
    }
    let _agent = Snmpd::start(161, "");
    let mut pinger = None;
    let mut scene = Scene::with("snmp", async |setup, account| {
        pinger = Some(setup.bot(account, "other", "ping").await.unwrap());
        // a run has to fit into its interval
        let quick =
            serde_json::json!({"n_packets": "1", "sleep_packets": "0", "timeout": "0.5", "retry": "0"});
        let quick = quick.as_object().unwrap().clone();
        let credential = setup.credential(account, "quick", "ping", quick).await.unwrap();
        let sensor = setup.sensor(account, "often", "ping", Some(1), Default::default()).await.unwrap();
        let ping = Attachment {
            credential: Some(credential),
            bot: None,
            sensors: vec![SensorUse { sensor, interval: None }],
        };
        let device = Device::snmp(161);
        let object = |value: Value| value.as_object().unwrap().clone();
        let credential = setup.credential(account, "agent", "snmp", object(device.credential)).await.unwrap();
        let sensor = setup.sensor(account, "up", "snmp", Some(1), object(uptime())).await.unwrap();
        let snmp = Attachment {
            credential: Some(credential),
            bot: None,
            sensors: vec![SensorUse { sensor, interval: None }],
        };
        let entity = grafolean_collector::model::NewEntity {
            name: "both".to_owned(),
            entity_type: "device".to_owned(),
            parent: None,
            details: object(device.details),
        };
        let protocols = BTreeMap::from([("ping".to_owned(), ping), ("snmp".to_owned(), snmp)]);
        vec![setup.entity(account, entity, protocols).await.unwrap()]
    })
    .await;
    scene.start_bot();
    let mut command = scene.world.bot();
    let token = secrecy::ExposeSecret::expose_secret(&pinger.unwrap().token).to_owned();
    command.args(["bot", "ping", "--jobs-refresh-interval", "1", "--log", "error"]).env("BOT_TOKEN", token);
    let _pinger = Process::start(&mut command);
    scene.wait_for("up");
    scene.world.wait_for_value(&format!("entity.{}.ping.success", scene.entity));
    until(|| causes(&scene.api("both", "")).is_empty());
    all_sound(&scene, &["both"]);
}

#[tokio::test]
async fn a_device_that_is_given_to_its_bot_by_name() {
    if !in_own_network("sound::a_device_that_is_given_to_its_bot_by_name", &[]) {
        return;
    }
    let mut scene = Scene::with("ping", async |setup, account| {
        let own = setup.bot(account, "pinger", "ping").await.unwrap().id;
        vec![
            Device::ping("127.0.0.1").add_with(setup, account, |attachment| attachment.bot = Some(own)).await,
        ]
    })
    .await;
    scene.start_bot();
    scene.sound("success");
}
