//! Agents of others' writing that behave as public bug reports tell, played where they lie; said to be skipped without them.

use std::{
    collections::BTreeMap,
    net::{SocketAddr, UdpSocket},
    path::Path,
    process::{Child, Command, Stdio},
};

use grafolean_bots::snmp::{
    SnmpBot,
    engine::{Engine, SnmpMetrics},
};
use grafolean_collector::{model::DeviceSensor, report::Children};
use serde_json::{Value, json};

use crate::bot::{device_of, job, run, sensor};

const CASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/cases/snmp");

struct Agent {
    process: Child,
    address: SocketAddr,
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

impl Agent {
    #[allow(clippy::print_stderr, reason = "a test that cannot run says so")]
    fn start(case: &str) -> Option<Self> {
        let script = Path::new(CASES).join(case).join("agent.py");
        if !script.exists() {
            eprintln!("skipped: no {}", script.display());
            return None;
        }
        let address = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut python = Command::new("python3");
        python.arg("-B").arg(script).arg(address.port().to_string()).stdout(Stdio::null());
        Some(Self { process: python.spawn().unwrap(), address })
    }

    /// The values and interfaces of the first run that came to anything: the agent takes a while to start.
    async fn measured(
        &self,
        version: &Value,
        sensors: Vec<DeviceSensor>,
    ) -> (BTreeMap<String, f64>, Option<Children>, SnmpMetrics) {
        let metrics = SnmpMetrics::default();
        let bot = SnmpBot::new(Engine::start(metrics.clone()).unwrap());
        let mut device = device_of(version.clone(), sensors);
        let details = json!({"ipv4": "127.0.0.1", "snmp_port": self.address.port().to_string()});
        device.entity.details = details.as_object().unwrap().clone();
        let job = job(&bot, &device);
        for due in 1.. {
            let (values, children) = run(&bot, &job, due * 300, &[60, 300]).await;
            if children.is_some() || values.len() > 1 || values.iter().any(|(_, value)| *value > 0.0) {
                let values =
                    values.into_iter().map(|(path, value)| (path.replace("entity.7.snmp.", ""), value));
                return (values.collect(), children, metrics);
            }
        }
        unreachable!("a run that came to nothing is repeated")
    }
}

fn public() -> Value {
    json!({"version": "snmpv2c", "snmpv12_community": "public", "snmp_timeout": "1", "snmp_retries": "1"})
}

fn get(id: i64, oid: &str, path: &str) -> DeviceSensor {
    let oids = json!([{"oid": oid, "fetch_method": "get"}]);
    sensor(id, json!({"oids": oids, "expression": "$1", "output_path": path}))
}

fn walk(id: i64, oids: &[&str], path: &str) -> DeviceSensor {
    let expression = format!("${}", oids.len());
    let oids: Vec<_> = oids.iter().map(|oid| json!({"oid": oid, "fetch_method": "walk"})).collect();
    sensor(id, json!({"oids": oids, "expression": expression, "output_path": path}))
}

fn told(children: Option<Children>) -> Vec<(String, Value)> {
    let one = |child: grafolean_collector::report::Child| {
        (child.name, child.details.get("snmp_alias").cloned().unwrap_or_default())
    };
    children.unwrap().children.into_iter().map(one).collect()
}

#[tokio::test]
async fn a_v3_integer_that_does_not_fit_is_missing() {
    let Some(agent) = Agent::start("01-v3-integer-5-octets") else { return };
    let user = json!({
        "version": "snmpv3", "snmpv3_securityName": "x", "snmpv3_securityLevel": "noAuthNoPriv",
        "snmp_timeout": "1", "snmp_retries": "1",
    });
    let sensors = vec![get(1, "1.3.6.1.2.1.25.2.3.1.5.1", "size"), get(2, "1.3.6.1.2.1.1.3.0", "up")];
    let (values, _, metrics) = agent.measured(&user, sensors).await;
    assert!(!values.contains_key("size") && values["up"] > 0.0, "{values:?}");
    assert_eq!(values["completeness"], 0.5);
    drop(metrics);
}

#[tokio::test]
async fn a_get_cut_short_loses_nothing() {
    let Some(agent) = Agent::start("08-get-cut-short") else { return };
    let one = |number: i64| get(number, &format!("1.3.6.1.4.1.99999.1.{number}.0"), &format!("x.{number}"));
    let (values, ..) = agent.measured(&public(), (1..=20).map(one).collect()).await;
    assert_eq!((values.len(), values["completeness"], values["x.20"]), (21, 1.0, 20.0));
}

#[tokio::test]
async fn an_agent_silent_to_unknown_objects_is_measured() {
    let Some(agent) = Agent::start("09-silent-to-unknown-objects") else { return };
    let sensors = vec![get(1, "1.3.6.1.4.1.99999.1.1.0", "x"), get(2, "1.3.6.1.4.1.99999.1.2.0", "y")];
    let (values, ..) = agent.measured(&public(), sensors).await;
    assert_eq!((values["x"], values["y"], values["completeness"]), (42.0, 43.0, 1.0));
}

#[tokio::test]
async fn interfaces_of_an_unordered_walk_are_brought_in_step() {
    let Some(agent) = Agent::start("12-unordered-walk") else { return };
    let sensors = vec![walk(1, &["1.3.6.1.2.1.2.2.1.2", "1.3.6.1.2.1.2.2.1.5"], "speed.{$index}.{$1}")];
    let (values, children, _) = agent.measured(&public(), sensors).await;
    assert_eq!((values.len(), values["completeness"]), (4, 1.0), "{values:?}");
    assert_eq!(told(children).len(), 3);
}

#[tokio::test]
async fn a_hole_in_the_aliases_stops_no_sync() {
    let Some(agent) = Agent::start("13-alias-hole-stops-sync") else { return };
    let (_, children, _) = agent.measured(&public(), vec![get(1, "1.3.6.1.2.1.1.3.0", "up")]).await;
    let aliases: Vec<_> = told(children).into_iter().map(|(_, alias)| alias).collect();
    assert_eq!(aliases, [json!("alias 1"), json!(null), json!("alias 3"), json!("alias 4")]);
}

#[tokio::test]
async fn names_leave_without_nul() {
    let Some(agent) = Agent::start("18-nul-in-names") else { return };
    let (_, children, _) = agent.measured(&public(), vec![get(1, "1.3.6.1.2.1.1.3.0", "up")]).await;
    let expected = [("eth0", json!("up link")), ("NIC", json!(null)), ("a b", json!("ok"))];
    assert_eq!(told(children), expected.map(|(name, alias)| (name.to_owned(), alias)));
}

#[tokio::test]
async fn addresses_are_hexadecimal_in_paths() {
    let Some(agent) = Agent::start("19-mac-in-path") else { return };
    let sensors = vec![walk(1, &["1.3.6.1.2.1.2.2.1.6", "1.3.6.1.2.1.2.2.1.5"], "mac.{$1}")];
    let (values, ..) = agent.measured(&public(), sensors).await;
    assert!(values.contains_key("mac.00-1a-2b-3c-4d-5e") && values.len() == 4, "{values:?}");
}

#[tokio::test]
async fn a_row_that_is_too_big_costs_itself() {
    let Some(agent) = Agent::start("21-toobig-on-one-row") else { return };
    let (values, ..) =
        agent.measured(&public(), vec![walk(1, &["1.3.6.1.4.1.99999.5.1"], "x.{$index}")]).await;
    let paths: Vec<_> = values.keys().map(String::as_str).collect();
    assert_eq!(paths, ["completeness", "x.1", "x.2", "x.4", "x.5"]);
    assert_eq!(values["completeness"], 0.8);
}
