//! Agents that behave as public reports tell of real ones, and the whole bot that measures them.

use std::{collections::BTreeMap, net::UdpSocket, sync::Arc, thread};

use grafolean_bots::snmp::{
    Exception, Oid, SnmpBot, Value,
    engine::{Engine, SnmpMetrics},
};
use grafolean_collector::{bot::Job, model::Device, report::Children};
use serde_json::json;

use crate::{
    bot::{device_at, job, run, sensor},
    message,
    twisted::{Agent, IF, IFX, Reply, oid, text},
};

/// A bot with one device, and what it counts.
struct Measured {
    bot: SnmpBot,
    device: Device,
    metrics: SnmpMetrics,
    due: i64,
}

impl Measured {
    fn new(agent: &Agent, sensors: &[serde_json::Value]) -> Self {
        let metrics = SnmpMetrics::default();
        let bot = SnmpBot::new(Engine::start(metrics.clone()).unwrap());
        let sensors = (1..).zip(sensors).map(|(id, details)| sensor(id, details.clone())).collect();
        Self { bot, device: device_at(agent.address, sensors), metrics, due: 0 }
    }

    /// With time-outs that a silent agent does not make long; what is right does not wait for them but for a lost packet.
    fn quick(mut self) -> Self {
        self.set("snmp_timeout", json!("0.25"));
        self.set("snmp_retries", json!("0"));
        self
    }

    fn set(&mut self, key: &str, value: serde_json::Value) {
        self.device.credential.details.insert(key.to_owned(), value);
    }

    fn job(&self) -> Job<grafolean_bots::snmp::SnmpTask> {
        job(&self.bot, &self.device)
    }

    async fn run(&mut self) -> BTreeMap<String, f64> {
        self.run_of(&[60]).await.0
    }

    async fn run_of(&mut self, intervals: &[i64]) -> (BTreeMap<String, f64>, Option<Children>) {
        self.due += 60;
        let (values, children) = run(&self.bot, &self.job(), self.due, intervals).await;
        let values = values.into_iter().map(|(path, value)| (path.replace("entity.7.snmp.", ""), value));
        (values.collect(), children)
    }

    fn exposed(&self) -> String {
        let mut registry = prometheus_client::registry::Registry::default();
        self.metrics.register(&mut registry);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        text
    }
}

fn get(name: &str, path: &str) -> serde_json::Value {
    json!({"oids": [{"oid": name, "fetch_method": "get"}], "expression": "$1", "output_path": path})
}

fn walk(names: &[&str], path: &str) -> serde_json::Value {
    let oids: Vec<_> = names.iter().map(|name| json!({"oid": name, "fetch_method": "walk"})).collect();
    json!({"oids": oids, "expression": format!("${}", names.len()), "output_path": path})
}

fn octets_of_all() -> serde_json::Value {
    walk(&[&format!("{IF}.2"), &format!("{IFX}.6")], "in.{$index}.{$1}")
}

fn names(children: Option<Children>) -> Vec<(String, serde_json::Value, serde_json::Value)> {
    let detail = |details: &serde_json::Map<String, serde_json::Value>, key: &str| {
        details.get(key).cloned().unwrap_or_default()
    };
    let children = children.expect("the interfaces are brought in step").children;
    let one = |it: grafolean_collector::report::Child| {
        (it.name, detail(&it.details, "speed_bps"), detail(&it.details, "snmp_alias"))
    };
    children.into_iter().map(one).collect()
}

#[tokio::test]
async fn an_index_that_is_given_to_another_interface_is_a_first_reading() {
    let agent = Agent::with_interfaces(2);
    let mut measured = Measured::new(&agent, &[octets_of_all()]);
    measured.run().await;
    agent.change(|state| {
        state.put(&format!("{IF}.2.2"), &text(b"ppp7"));
        state.put(&format!("{IFX}.6.2"), &Value::Counter64(3_000_000_000));
    });
    let reused = measured.run().await;
    assert_eq!(reused.keys().collect::<Vec<_>>(), ["completeness", "in.1.eth1"]);
    assert_eq!(reused["completeness"], 1.0);
    assert!(measured.run().await.contains_key("in.2.ppp7"));
}

#[tokio::test]
async fn numbers_that_are_none_are_missing_and_said_by_device_and_row_and_the_next_rate_spans_them() {
    for tag in [0x02, 0x41, 0x42, 0x43, 0x46] {
        let agent = Agent::with_interfaces(1);
        let name = "1.3.6.1.4.1.99999.3.1.0";
        let put = |content: &[u8]| {
            let value = message::tlv(tag, content);
            agent.change(|state| drop(state.objects.insert(oid(name), value)));
        };
        put(&[0, 0, 100]);
        let mut measured = Measured::new(&agent, &[get(name, "x")]);
        measured.run().await;
        put(&[]);
        let bad = measured.run().await;
        assert_eq!(bad.into_iter().collect::<Vec<_>>(), [("completeness".to_owned(), 0.0)], "{tag:#04x}");
        let exposed = measured.exposed();
        let counted = r#"values_withheld_total{account="1",entity="7",reason="unreadable"} 1"#;
        assert!(exposed.contains(counted), "{exposed}");
        put(&[0, 0, 200]);
        let next = measured.run().await;
        assert!(next["x"] > 0.0 && next["completeness"] == 1.0, "{tag:#04x}: {next:?}");
    }
}

#[tokio::test]
async fn a_get_that_is_answered_in_part_loses_nothing() {
    let agent = Agent::with_interfaces(1);
    let sensors: Vec<_> = (1..=20)
        .map(|number| {
            let name = format!("1.3.6.1.4.1.99999.1.{number}.0");
            agent.change(|state| state.put(&name, &Value::Integer(number)));
            get(&name, &format!("x.{number}"))
        })
        .collect();
    agent.change(|state| {
        state.twist = |_, _, mut found| {
            found.truncate(5);
            Reply::Objects(found)
        };
    });
    let mut measured = Measured::new(&agent, &sensors);
    let values = measured.run().await;
    assert_eq!((values.len(), values["completeness"], values["x.20"]), (21, 1.0, 20.0));
    agent.requests();
    measured.run().await;
    assert_eq!(agent.requests(), 5, "what fits is remembered");
}

#[tokio::test]
async fn an_agent_that_is_silent_to_what_it_lacks_is_measured_and_the_culprit_is_remembered() {
    let agent = Agent::with_interfaces(1);
    let [one, two] = [1, 2].map(|number| format!("1.3.6.1.4.1.99999.1.{number}.0"));
    agent.change(|state| {
        state.objects.clear();
        state.put(&one, &Value::Integer(42));
        state.put(&two, &Value::Integer(43));
        state.twist = |state, asked, found| {
            let is_known =
                asked.pdu != 0xa0 || asked.oids.iter().all(|name| state.objects.contains_key(name));
            if is_known { Reply::Objects(found) } else { Reply::Silence }
        };
    });
    let mut measured = Measured::new(&agent, &[get(&one, "x"), get(&two, "y")]).quick();
    // A loaded machine may lose an answer to time; then the next run has it.
    let mut values = BTreeMap::new();
    while values.len() < 3 {
        values = measured.run().await;
    }
    assert_eq!((values["x"], values["y"], values["completeness"]), (42.0, 43.0, 1.0));
}

#[tokio::test]
async fn an_answer_from_another_address_counts_only_where_the_credential_says_so() {
    let agent = Agent::with_interfaces(1);
    let other = UdpSocket::bind("127.0.0.1:0").unwrap();
    // What is asked at one port is answered by the agent, from its own.
    let front = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = front.local_addr().unwrap();
    let state = Arc::clone(&agent.state);
    let forward = thread::spawn(move || {
        let mut room = vec![0; 65_536];
        while let Ok((length @ 1.., from)) = front.recv_from(&mut room) {
            let asked = message::decode(&room[..length]).filter(|asked| asked.version < 3);
            let answer = asked.and_then(|asked| state.lock().unwrap().answer(&asked));
            if let Some(answer) = answer {
                other.send_to(&answer, from).unwrap();
            }
        }
    });
    let mut measured = Measured::new(&agent, &[get(&format!("{IF}.3.1"), "x")]).quick();
    measured.device = device_at(address, measured.device.sensors);
    measured.set("snmp_timeout", json!("0.25"));
    measured.set("snmp_retries", json!("0"));
    let refused = measured.run().await;
    assert_eq!(refused.into_iter().collect::<Vec<_>>(), [("completeness".to_owned(), 0.0)]);
    assert!(measured.exposed().contains(r#"reason="other_source""#));
    measured.set("snmp_any_source", json!("true"));
    measured.set("snmp_timeout", json!("60"));
    assert_eq!(measured.run().await["x"], 6.0);
    UdpSocket::bind("127.0.0.1:0").unwrap().send_to(&[], address).unwrap();
    forward.join().unwrap();
}

#[tokio::test]
async fn each_cell_of_the_interfaces_costs_itself() {
    let agent = Agent::with_interfaces(4);
    let hollow = |name: &str| {
        let value = message::tlv(0x81, &[]);
        agent.change(|state| drop(state.objects.insert(oid(name), value)));
    };
    hollow(&format!("{IFX}.18.2"));
    let mut measured = Measured::new(&agent, &[octets_of_all()]);
    let (values, children) = measured.run_of(&[60, 300]).await;
    let aliases: Vec<_> = names(children).into_iter().map(|(name, _, alias)| (name, alias)).collect();
    let expected = [json!("alias 1"), json!(null), json!("alias 3"), json!("alias 4")];
    assert_eq!(aliases.iter().map(|(_, alias)| alias.clone()).collect::<Vec<_>>(), expected);
    assert_eq!(values["completeness"], 1.0, "no sensor lacks anything");
    // A cell that the agent cannot send this time stays what it was.
    agent.change(|state| {
        state.twist = |_, asked, found| {
            let bad = oid(&format!("{IFX}.18.3"));
            let is_bad = asked.pdu != 0xa0 && found.iter().any(|(name, _)| *name == bad);
            if is_bad { Reply::TooBig } else { Reply::Objects(found) }
        };
    });
    let (_, children) = measured.run_of(&[60, 300]).await;
    let aliases: Vec<_> = names(children).into_iter().map(|(_, _, alias)| alias).collect();
    assert_eq!(aliases, expected);
    // Which interfaces there are has to be whole.
    hollow(&format!("{IF}.2.2"));
    let (_, children) = measured.run_of(&[60, 300]).await;
    assert!(children.is_none());
}

#[tokio::test]
async fn what_leaves_has_no_control_characters_and_a_speed_of_any_type_is_read() {
    let agent = Agent::with_interfaces(4);
    agent.change(|state| {
        for (index, name, alias) in [
            (1, &b"eth0\0\0\0"[..], &b"up\0link"[..]),
            (2, b"NIC\0", b"\0\0"),
            (3, b"a\0b", b"Gr\xf6\xdfe\r\n"),
        ] {
            state.put(&format!("{IF}.2.{index}"), &text(name));
            state.put(&format!("{IFX}.18.{index}"), &text(alias));
        }
        // 10 Gbit/s modulo 2^32, a speed in 64 bits, one as text, one of no octets.
        state.put(&format!("{IF}.5.1"), &Value::Gauge32(1_410_065_408));
        state.put(&format!("{IFX}.15.1"), &Value::Gauge32(10_000));
        state.put(&format!("{IF}.5.2"), &Value::Counter64(1_000_000_000));
        state.put(&format!("{IF}.5.3"), &text(b"1000000000"));
        state.objects.insert(oid(&format!("{IF}.5.4")), message::tlv(0x42, &[]));
    });
    let mut measured = Measured::new(&agent, &[octets_of_all()]);
    let came = names(measured.run_of(&[60, 300]).await.1);
    let expected = [
        ("eth0", "10000000000", json!("up link")),
        ("NIC", "1000000000", json!(null)),
        ("a b", "1000000000", json!("Größe")),
        ("eth4", "1000000000", json!("alias 4")),
    ];
    assert_eq!(came, expected.map(|(name, speed, alias)| (name.to_owned(), json!(speed), alias)));
}

#[tokio::test]
async fn rows_in_any_order_are_measured_and_their_interfaces_are_brought_in_step() {
    let agent = Agent::with_interfaces(3);
    agent.change(|state| {
        state.twist = |state, asked, found| {
            // The rows of ifDescr come as 3, 1, 2.
            let column = oid(&format!("{IF}.2"));
            let order = |after: &Oid| match after.below(&column) {
                Some([]) => Some(3),
                Some([3]) => Some(1),
                Some([1]) => Some(2),
                _ => None,
            };
            if asked.pdu == 0xa0 {
                return Reply::Objects(found);
            }
            let mut all = Vec::new();
            let mut cursors = asked.oids.clone();
            for _ in 0..if asked.pdu == 0xa5 { asked.repetitions.min(20) } else { 1 } {
                for cursor in &mut cursors {
                    let cell = match order(cursor) {
                        Some(row) => {
                            let name = oid(&format!("{IF}.2.{row}"));
                            (name.clone(), state.value(&name))
                        }
                        None if *cursor == oid(&format!("{IF}.2.2")) => {
                            state.next(&oid(&format!("{IF}.2.3")))
                        }
                        None => state.next(cursor),
                    };
                    *cursor = cell.0.clone();
                    all.push(cell);
                }
            }
            Reply::Objects(all)
        };
    });
    let mut measured = Measured::new(&agent, &[octets_of_all()]);
    let (_, children) = measured.run_of(&[60, 300]).await;
    let came: Vec<_> = names(children).into_iter().map(|(name, ..)| name).collect();
    assert_eq!(came, ["eth1", "eth2", "eth3"]);
    let values = measured.run().await;
    assert_eq!((values.len(), values["completeness"]), (4, 1.0));
    measured.set("snmp_unordered_walk", json!("false"));
    let strict = Measured::new(&agent, &[octets_of_all()]);
    measured.bot = strict.bot;
    assert!(measured.run_of(&[60, 300]).await.1.is_none(), "where the credential wants them in order");
}

#[tokio::test]
async fn a_peak_beyond_the_declared_speed_is_stored() {
    let agent = Agent::with_interfaces(1);
    agent.change(|state| {
        // A port with a `bandwidth` statement.
        state.put(&format!("{IF}.5.1"), &Value::Gauge32(10_000));
        state.put(&format!("{IFX}.15.1"), &Value::Gauge32(0));
    });
    let mut measured = Measured::new(&agent, &[octets_of_all()]);
    measured.run_of(&[60, 300]).await;
    for run in 1..=7 {
        agent.change(|state| state.put(&format!("{IFX}.6.1"), &Value::Counter64(run * 1_000_000_000)));
        let values = measured.run().await;
        assert!(values["in.1.eth1"] > 0.0 && values["completeness"] == 1.0, "{values:?}");
    }
    // And what no port can carry is not, but said.
    agent.change(|state| state.put(&format!("{IFX}.6.1"), &Value::Counter64(1 << 63)));
    let jump = measured.run().await;
    assert_eq!(jump.into_iter().collect::<Vec<_>>(), [("completeness".to_owned(), 0.0)]);
    assert!(measured.exposed().contains(r#"entity="7",reason="implausible"} 1"#), "{}", measured.exposed());
}

#[tokio::test]
async fn addresses_of_hardware_are_part_of_paths_as_they_are_written() {
    let agent = Agent::with_interfaces(3);
    let addresses = [[0x00, 0x1a, 0x2b, 0x3c, 0x4d, 0x5e], *b"ABCDEF", [0x9c, 0x8e, 0xcd, 0x20, 0x30, 0x40]];
    agent.change(|state| {
        for (index, address) in (1..).zip(&addresses) {
            state.put(&format!("{IF}.6.{index}"), &text(address));
        }
    });
    let mut measured = Measured::new(&agent, &[walk(&[&format!("{IF}.6"), &format!("{IF}.5")], "mac.{$1}")]);
    let values = measured.run().await;
    let paths: Vec<_> = values.keys().filter(|path| path.starts_with("mac")).collect();
    assert_eq!(paths, ["mac.00-1a-2b-3c-4d-5e", "mac.41-42-43-44-45-46", "mac.9c-8e-cd-20-30-40"]);
}

#[tokio::test]
async fn a_device_that_comes_back_is_measured_in_its_next_run_and_a_silent_one_costs_one_request() {
    let agent = Agent::with_interfaces(2);
    let mut measured = Measured::new(&agent, &[octets_of_all(), get(&format!("{IF}.3.1"), "x")]).quick();
    while measured.run().await.get("x") != Some(&6.0) {}
    agent.change(|state| state.is_silent = true);
    for number in 1..=8 {
        agent.requests();
        let values = measured.run().await;
        assert_eq!(values.into_iter().collect::<Vec<_>>(), [("completeness".to_owned(), 0.0)]);
        assert!(number <= 2 || agent.requests() == 1, "run {number}");
    }
    assert_eq!(measured.metrics.runs_paused.get(), 6);
    agent.change(|state| state.is_silent = false);
    measured.set("snmp_timeout", json!("60"));
    let back = measured.run().await;
    assert_eq!((back["x"], back["completeness"]), (6.0, 1.0));
}

#[tokio::test]
async fn completeness_does_not_flap_with_the_intervals_of_its_sensors() {
    let agent = Agent::with_interfaces(1);
    let sensors = [get(&format!("{IF}.3.1"), "x"), get("1.3.6.1.4.1.99999.404.0", "gone")];
    let mut measured = Measured::new(&agent, &sensors);
    measured.device.sensors[1].interval = grafolean_collector::model::Interval::from_seconds(120).ok();
    assert_eq!(measured.run_of(&[60]).await.0["completeness"], 1.0, "nothing is known of the other one");
    for _ in 0..3 {
        assert_eq!(measured.run_of(&[60, 120]).await.0["completeness"], 0.5);
        assert_eq!(measured.run_of(&[60]).await.0["completeness"], 0.5);
    }
}

#[test]
fn every_exception_is_spelt_as_this_file_spells_it() {
    for (exception, tag) in [(Exception::NoSuchInstance, 0x81), (Exception::EndOfMibView, 0x82)] {
        let whole = message::varbind(&oid("1.3"), Err(exception));
        assert!(whole.ends_with(&message::tlv(tag, &[])));
    }
}
