//! The whole bot against an agent that others wrote: what a new account's sensors give, and what a restart costs.

use std::{
    collections::BTreeSet,
    net::{SocketAddr, UdpSocket},
    sync::Arc,
};

use futures_util::stream::{FuturesUnordered, StreamExt};

use crate::peer::Snmpd;
use grafolean_bots::snmp::{
    SnmpBot, SnmpTask,
    engine::{Engine, SnmpMetrics},
};
use grafolean_collector::{
    bot::{Job, Run},
    model::{AccountId, Device, DeviceSensor, EntityId, Interval},
    protocol::Protocol,
    report::{Children, Report},
    state_store::StateStore,
    time::Timestamp,
};
use serde_json::{Value, json};

pub(crate) fn sensor(id: i64, details: Value) -> DeviceSensor {
    DeviceSensor {
        sensor: serde_json::from_value(
            json!({"id": id, "name": "S", "protocol": "snmp", "details": details}),
        )
        .unwrap(),
        interval: Some(Interval::from_seconds(60).unwrap()),
    }
}

/// A sensor as a new account has it: octets of each interface, named by its description.
fn traffic(id: i64, column: u32, name: &str) -> DeviceSensor {
    let walk = |column| json!({"oid": format!("1.3.6.1.2.1.2.2.1.{column}"), "fetch_method": "walk"});
    let path = format!("if.{name}.{{$index}}.{{$1}}");
    sensor(id, json!({"oids": [walk(2), walk(column)], "expression": "$2", "output_path": path}))
}

fn get(id: i64, oid: &str, expression: &str, path: &str) -> DeviceSensor {
    let oids = json!([{"oid": oid, "fetch_method": "get"}]);
    sensor(id, json!({"oids": oids, "expression": expression, "output_path": path}))
}

fn device(address: SocketAddr, community: &str, sensors: Vec<DeviceSensor>) -> Device {
    let credential = json!({"version": "snmpv2c", "snmpv12_community": community, "snmp_timeout": "0.3", "snmp_retries": "0"});
    let details = json!({"ipv4": address.ip().to_string(), "snmp_port": address.port().to_string()});
    let mut device = device_of(credential, sensors);
    device.entity.details = details.as_object().unwrap().clone();
    device
}

/// A device at an address that is asked patiently.
pub(crate) fn device_at(address: SocketAddr, sensors: Vec<DeviceSensor>) -> Device {
    let mut device = device(address, "public", sensors);
    device.credential.details.insert("snmp_timeout".to_owned(), json!("60"));
    device
}

/// A device that is nowhere yet.
pub(crate) fn device_of(credential: Value, sensors: Vec<DeviceSensor>) -> Device {
    Device {
        account: AccountId::new(1),
        entity: serde_json::from_value(
            json!({"id": 7, "name": "switch", "entity_type": "device", "details": {}}),
        )
        .unwrap(),
        credential: serde_json::from_value(json!({"id": 3, "protocol": "snmp", "details": credential}))
            .unwrap(),
        sensors,
    }
}

pub(crate) fn job(bot: &SnmpBot, device: &Device) -> Job<SnmpTask> {
    let plan = bot.plan(&[device.account], std::slice::from_ref(device));
    assert!(plan.refused.is_empty(), "{:?}", plan.refused);
    plan.jobs.into_iter().next().unwrap()
}

pub(crate) async fn run(
    bot: &SnmpBot,
    job: &Job<SnmpTask>,
    due: i64,
    intervals: &[i64],
) -> (Vec<(String, f64)>, Option<Children>) {
    let intervals = intervals.iter().map(|seconds| Interval::from_seconds(*seconds).unwrap()).collect();
    let run = Run {
        id: job.id.clone(),
        task: Arc::new(job.task.clone()),
        due: Timestamp::from_seconds(due),
        intervals,
        troubles: Default::default(),
    };
    let (mut values, mut children) = (Vec::new(), None);
    for report in bot.perform(run).await.unwrap() {
        match report {
            Report::Values(reported) => {
                assert_eq!(reported.time, Timestamp::from_seconds(due));
                values.extend(reported.values);
            }
            Report::Children(reported) => children = Some(reported),
            Report::Suggestions(_) | Report::Events(_) => panic!("nothing is suggested or told"),
        }
    }
    (values, children)
}

pub(crate) fn bot(metrics: &SnmpMetrics) -> SnmpBot {
    SnmpBot::new(Engine::start(metrics.clone()).unwrap())
}

fn completeness(values: &[(String, f64)]) -> f64 {
    values.iter().find(|(path, _)| path == "entity.7.snmp.completeness").unwrap().1
}

#[tokio::test]
async fn sensors_of_a_new_account_give_rates_at_the_paths_of_the_contract_and_interfaces() {
    let Some(agent) = Snmpd::start() else { return };
    let metrics = SnmpMetrics::default();
    let bot = bot(&metrics);
    let temperatures = json!({
        "oids": [
            {"oid": "1.3.6.1.4.1.2021.13.16.2.1.2", "fetch_method": "walk"},
            {"oid": "1.3.6.1.4.1.2021.13.16.2.1.3", "fetch_method": "walk"},
        ],
        "expression": "$2 / 1000.0", "output_path": "lmsensors.temp.{$index}.{$1}",
    });
    let sensors = vec![traffic(1, 10, "in-octets"), traffic(2, 16, "out-octets"), sensor(3, temperatures)];
    let job = job(&bot, &device(agent.address, "public", sensors));
    let (first, children) = run(&bot, &job, 60, &[60, 300]).await;
    assert_eq!(first, [("entity.7.snmp.completeness".to_owned(), 1.0)], "a first reading is no rate");

    let described = agent.snmpbulkwalk("1.3.6.1.2.1.2.2.1.2");
    let index = |oid: &str| oid.rsplit('.').next().unwrap().to_owned();
    let (second, none) = run(&bot, &job, 120, &[60]).await;
    assert!(none.is_none(), "interfaces are brought in step each 300 s");
    let mut expected: BTreeSet<String> = BTreeSet::from(["entity.7.snmp.completeness".to_owned()]);
    for (oid, name) in &described {
        let name =
            name.replace(|letter: char| !(letter.is_ascii_alphanumeric() || "-_".contains(letter)), "-");
        for direction in ["in", "out"] {
            expected.insert(format!("entity.7.snmp.if.{direction}-octets.{}.{name}", index(oid)));
        }
    }
    assert_eq!(second.iter().map(|(path, _)| path.clone()).collect::<BTreeSet<_>>(), expected);
    assert!(second.iter().all(|(_, value)| value.is_finite() && *value >= 0.0));

    let children = children.unwrap();
    assert_eq!((children.entity_type.as_str(), children.key.as_str()), ("interface", "snmp_index"));
    let ours: Vec<_> = children
        .children
        .iter()
        .map(|child| (child.details["snmp_index"].clone(), child.name.clone()))
        .collect();
    let theirs: Vec<_> =
        described.iter().map(|(oid, name)| (Value::from(index(oid)), name.clone())).collect();
    assert_eq!(ours, theirs);
    assert!(children.children.iter().all(|child| child.details["speed_bps"].is_string()));
}

#[tokio::test]
async fn one_dead_object_costs_only_its_own_result() {
    let Some(agent) = Snmpd::start() else { return };
    let metrics = SnmpMetrics::default();
    let bot = bot(&metrics);
    let sensors = vec![
        get(1, "1.3.6.1.2.1.1.7.0", "$1 * 2", "services"),
        get(2, "1.3.6.1.2.1.1.77.0", "$1", "nothing"),
        get(3, "1.3.6.1.2.1.1.5.0", "$1", "text"),
        get(4, "1.3.6.1.2.1.1.7.0", "$1", "services"),
    ];
    let job = job(&bot, &device(agent.address, "public", sensors));
    let (values, _) = run(&bot, &job, 60, &[60]).await;
    let expected = [("entity.7.snmp.services", 144.0), ("entity.7.snmp.completeness", 0.5)];
    assert_eq!(values, expected.map(|(path, value)| (path.to_owned(), value)));
    assert_eq!(metrics.results_duplicate.get(), 1);
    let mut registry = prometheus_client::registry::Registry::default();
    metrics.register(&mut registry);
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
    assert!(text.contains(r#"grafolean_snmp_requests_total{kind="get"} 1"#), "{text}");
    assert!(
        text.contains(r#"reason="no_such_instance"} 1"#) || text.contains(r#"reason="no_such_object"} 1"#),
        "{text}"
    );
    assert!(text.contains(r#"reason="wrong_type"} 1"#), "{text}");
}

#[tokio::test]
async fn a_restart_of_the_bot_costs_no_rate_and_one_of_the_agent_is_a_gap() {
    let Some(mut agent) = Snmpd::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("snmp.sqlite");
    // snmpInPkts: a counter of the agent itself.
    let device = device(agent.address, "public", vec![get(1, "1.3.6.1.2.1.11.1.0", "$1", "packets")]);
    let metrics = SnmpMetrics::default();
    let fresh =
        |path: &std::path::Path| SnmpBot::remembering(Engine::start(metrics.clone()).unwrap(), path).unwrap();
    let first = fresh(&file);
    let (values, _) = run(&first, &job(&first, &device), 60, &[60]).await;
    assert_eq!(values.len(), 1, "{values:?}");
    drop(first);

    // The thread of the first one writes when it gets to it.
    while StateStore::open(&file).unwrap().1.is_empty() {
        std::thread::yield_now();
    }
    let second = fresh(&file);
    let task = job(&second, &device);
    let (values, _) = run(&second, &task, 120, &[60]).await;
    assert!(values[0].0.ends_with("packets") && values[0].1 > 0.0, "{values:?}");

    agent.restart();
    let (values, _) = run(&second, &task, 180, &[60]).await;
    assert_eq!(values, [("entity.7.snmp.completeness".to_owned(), 1.0)], "a restart is a gap");
    let (values, _) = run(&second, &task, 240, &[60]).await;
    assert!(values[0].0.ends_with("packets"), "{values:?}");
}

#[tokio::test]
async fn a_device_that_does_not_answer_is_told_incomplete_and_asked_for_less() {
    let Some(agent) = Snmpd::start() else { return };
    let metrics = SnmpMetrics::default();
    let bot = bot(&metrics);
    let job = job(&bot, &device(agent.address, "wrong", vec![get(1, "1.3.6.1.2.1.1.7.0", "$1", "services")]));
    for number in 1..=4 {
        let (values, children) = run(&bot, &job, 60 * number, &[60, 300]).await;
        assert_eq!(completeness(&values), 0.0);
        assert!(children.is_none(), "silence says nothing about interfaces");
    }
    // From the third on the device gets one small request before all else.
    assert_eq!(metrics.runs_paused.get(), 2);
}

#[tokio::test]
async fn devices_that_do_not_answer_keep_no_other_waiting() {
    let Some(agent) = Snmpd::start() else { return };
    let metrics = SnmpMetrics::default();
    let bot = bot(&metrics);
    // They take what comes and say nothing.
    let dead: Vec<_> = (0..30).map(|_| UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
    let addresses = dead.iter().map(|socket| socket.local_addr().unwrap());
    let addresses: Vec<_> = addresses.chain(std::iter::repeat_n(agent.address, 70)).collect();
    let mut runs = FuturesUnordered::new();
    for (number, address) in addresses.into_iter().enumerate() {
        let mut device = device(address, "public", vec![get(1, "1.3.6.1.2.1.1.7.0", "$1", "services")]);
        device.entity.id = EntityId::new(i64::try_from(number).unwrap());
        device.credential.details.insert("snmp_timeout".to_owned(), json!(5));
        let job = job(&bot, &device);
        let bot = &bot;
        runs.push(async move { (number, run(bot, &job, 60, &[60]).await.0) });
    }
    for _ in 0..70 {
        let (number, values) = runs.next().await.unwrap();
        assert!(number >= 30, "device {number}, which is dead, was done before one that answers");
        assert_eq!(values.len(), 2, "{values:?}");
    }
}
