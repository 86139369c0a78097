//! Devices that PyPI's snmpsim plays: those of snmpsim-data in v2c and by each kind of user, and some of ours that are
//! late, fail, or count at a known rate.

use std::time::{Duration, Instant};

use grafolean_bots::snmp::{
    Oid,
    engine::{Engine, SnmpMetrics},
    plan::{Dialect, Wanted},
    settings::PollPolicy,
};
use grafolean_collector::model::Device;
use serde_json::{Value, json};

use crate::{
    bot::{bot, device_of, job, run, sensor},
    recorded::{ask, hold, walk},
    recording,
    simulator::{Simulator, USERS, packaged},
};

/// A recording of so many octets, packed, is walked within seconds, though each object costs the player a millisecond.
const PACKED: u64 = 1_800;

/// What it could not answer it leaves unanswered.
fn policy() -> PollPolicy {
    PollPolicy { timeout: Duration::from_secs(3), retries: 1, ..PollPolicy::default() }
}

fn file(name: &str, lines: &str) -> (String, Vec<u8>) {
    (format!("{name}.snmprec"), lines.as_bytes().to_vec())
}

#[tokio::test]
async fn packaged_devices_are_what_their_recordings_say_in_every_version() {
    // What is out of order the player cannot walk itself.
    let is_fit = |path: &std::path::PathBuf| {
        path.metadata().unwrap().len() < PACKED && recording::read(path.to_str().unwrap()).is_in_order
    };
    let paths: Vec<_> = packaged().into_iter().filter(is_fit).take(2).collect();
    let named = |(number, path): (usize, &std::path::PathBuf)| {
        (format!("device{number}.snmprec.bz2"), std::fs::read(path).unwrap())
    };
    let files: Vec<_> = paths.iter().enumerate().map(named).collect();
    let Some(agent) = Simulator::start(&files) else { return };
    assert_eq!(paths.len(), 2, "{paths:?}");
    let engine = Engine::start(SnmpMetrics::default()).unwrap();
    for (number, path) in paths.iter().enumerate() {
        let name = format!("device{number}");
        // The player drops blanks at the end of texts.
        let trimmed = |(oid, value)| match value {
            grafolean_bots::snmp::Value::Octets(text) => {
                (oid, grafolean_bots::snmp::Value::Octets(text.trim_ascii_end().into()))
            }
            value => (oid, value),
        };
        let expected: Vec<_> =
            recording::read(path.to_str().unwrap()).objects.into_iter().map(trimmed).collect();
        let ways = USERS.map(|user| Simulator::user(&name, user));
        for way in ways.into_iter().chain([Simulator::community(&name)]) {
            let session = agent.session(&engine, &way, policy()).await;
            // Names that begin with 0 or 2 it does not understand.
            let came = walk(&engine, session, Dialect::Bulk, (&name, &[1])).await;
            hold(&name, &came.into_iter().map(trimmed).collect::<Vec<_>>(), &expected);
        }
    }
}

#[tokio::test]
async fn rows_that_fail_or_are_late_cost_only_themselves() {
    let table = "1.3.6.1.2.1.2.2.1";
    let mut lines = "1.3.6.1.2.1.1.3.0|67:numeric|rate=100\n".to_owned();
    for column in [10, 16] {
        for row in 1..=20 {
            let (tag, value) = match (column, row) {
                (10, 7) => ("65:error", "op=get,status=generror,value=1"),
                (16, 9) => ("65:delay", "wait=400,value=9"),
                _ => ("65", "5"),
            };
            lines.push_str(&format!("{table}.{column}.{row}|{tag}|{value}\n"));
        }
    }
    let Some(agent) = Simulator::start(&[file("odd", &lines)]) else { return };
    let engine = Engine::start(SnmpMetrics::default()).unwrap();
    let session = agent.session(&engine, &Simulator::community("odd"), policy()).await;
    let roots = [10, 16].map(|column| format!("{table}.{column}").parse::<Oid>().unwrap());
    let mut wanted = Wanted::default();
    roots.iter().for_each(|root| wanted.walk(root.clone()));
    let result = ask(&engine, session, Dialect::Bulk, &wanted).await;
    let rows = roots.each_ref().map(|root| result.column(root).unwrap().rows.len());
    assert_eq!(rows, [19, 20], "{:?}", result.missing().collect::<Vec<_>>());
    assert!(result.column(&roots[0]).unwrap().end.is_err());
    assert_eq!(result.column(&roots[1]).unwrap().end, Ok(()));
}

/// A device with a counter of 32 bits that goes round every few seconds and one of 64 bits.
fn counting() -> Device {
    let get = |oid: &str| json!([{"oid": oid, "fetch_method": "get"}]);
    let sensor = |id, oid: &str, path: &str| {
        sensor(id, json!({"oids": get(oid), "expression": "$1", "output_path": path}))
    };
    let sensors =
        vec![sensor(1, "1.3.6.1.2.1.2.2.1.10.1", "narrow"), sensor(2, "1.3.6.1.2.1.31.1.1.1.6.1", "wide")];
    device_of(Simulator::community("counting"), sensors)
}

const NARROW: f64 = 1.5e9;
const WIDE: f64 = 7e8;

#[tokio::test]
async fn wrapping_counters_of_a_known_rate_come_out_within_a_hundredth() {
    let lines = format!(
        "1.3.6.1.2.1.1.3.0|67:numeric|rate=100\n\
         1.3.6.1.2.1.2.2.1.10.1|65:numeric|rate={NARROW},wrap=1\n\
         1.3.6.1.2.1.31.1.1.1.6.1|70:numeric|rate={WIDE}\n"
    );
    let Some(agent) = Simulator::start(&[file("counting", &lines)]) else { return };
    let bot = bot(&SnmpMetrics::default());
    let engine = Engine::start(SnmpMetrics::default()).unwrap();
    let session = agent.session(&engine, &Simulator::community("counting"), policy()).await;
    let narrow = || {
        let oid: Oid = "1.3.6.1.2.1.2.2.1.10.1".parse().unwrap();
        let asking = session.clone();
        async move {
            let answer = asking.ask(&grafolean_bots::snmp::Request::Get(vec![oid])).await.unwrap();
            answer.0[0].value.as_ref().unwrap().number().unwrap()
        }
    };
    let mut device = counting();
    device.entity.details =
        json!({"ipv4": "127.0.0.1", "snmp_port": agent.address.port()}).as_object().unwrap().clone();
    let job = job(&bot, &device);
    let (mut wrapped, mut went_on, mut minute) = (0, 0, 0);
    let begin = Instant::now();
    let mut before: Option<(Instant, Instant, f64)> = None;
    while wrapped < 2 || went_on < 2 {
        assert!(begin.elapsed() < Duration::from_secs(300), "no look was exact enough to judge by");
        minute += 1;
        let asked = Instant::now();
        let (values, _) = run(&bot, &job, minute * 60, &[60]).await;
        let answered = Instant::now();
        let count = narrow().await;
        // How long the agent counted between two looks is known only as well as the exchanges were short.
        let between = before.map(|(asked_before, answered_before, count)| {
            (asked - answered_before, answered - asked_before, count)
        });
        before = Some((asked, answered, count));
        if let Some((shortest, longest, count_before)) = between
            && longest.as_secs_f64() < shortest.as_secs_f64() * 1.008
            && longest.as_secs_f64() * NARROW < f64::from(u32::MAX)
        {
            for (path, rate) in [("narrow", NARROW), ("wide", WIDE)] {
                let (_, came) =
                    values.iter().find(|(it, _)| it.ends_with(path)).unwrap_or_else(|| panic!("{values:?}"));
                assert!((came / rate - 1.0).abs() < 0.01, "{path}: {came} is not {rate}");
            }
            *(if count < count_before { &mut wrapped } else { &mut went_on }) += 1;
        }
        tokio::time::sleep(Duration::from_millis(1_400)).await;
    }
}

#[tokio::test]
async fn a_device_replaced_by_another_is_told_by_its_uptime() {
    let lines = |uptime: u32, count: u64| {
        let text = format!(
            "1.3.6.1.2.1.1.3.0|67:numeric|rate=100,initial={uptime}\n1.3.6.1.2.1.31.1.1.1.6.1|70|{count}\n"
        );
        [file("counting", &text)]
    };
    let Some(first) = Simulator::start(&lines(500_000_000, 1_000)) else { return };
    let bot = bot(&SnmpMetrics::default());
    let engine = Engine::start(SnmpMetrics::default()).unwrap();
    let sensor = json!({
        "oids": [{"oid": "1.3.6.1.2.1.31.1.1.1.6.1", "fetch_method": "get"}], "expression": "$1", "output_path": "wide",
    });
    let mut device = device_of(Simulator::community("counting"), vec![crate::bot::sensor(1, sensor)]);
    let at = |address: std::net::SocketAddr| -> Value {
        json!({"ipv4": "127.0.0.1", "snmp_port": address.port()})
    };
    let mut values = Vec::new();
    let second = Simulator::start(&lines(100, 9_000_000)).unwrap();
    for (minute, agent) in [(1, &first), (2, &first), (3, &second), (4, &second)] {
        drop(agent.session(&engine, &Simulator::community("counting"), policy()).await);
        device.entity.details = at(agent.address).as_object().unwrap().clone();
        let (came, _) = run(&bot, &job(&bot, &device), minute * 60, &[60]).await;
        values.push(came.iter().find(|(path, _)| path.ends_with("wide")).map(|(_, rate)| *rate));
    }
    assert_eq!(values, [None, Some(0.0), None, Some(0.0)]);
}
