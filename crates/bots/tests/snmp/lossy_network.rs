//! Real datagrams to and from an agent of ours: how many it takes, and what a lossy network does to them.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use grafolean_bots::snmp::{
    AskError, Oid, Request, Value, drive,
    engine::{Engine, Session, SnmpMetrics},
    plan::{Dialect, Limits, Missing, Poll, PollResult, Wanted},
    settings::{Access, PollPolicy},
};
use serde_json::json;
use tokio::time::Instant;

use crate::{
    bot::{device_at, job, run, sensor},
    responder::{NetworkPath, Responder},
};

const TABLE: &str = "1.3.6.1.2.1.2.2.1";
const UPTIME: &str = "1.3.6.1.2.1.1.3.0";

fn oid(text: &str) -> Oid {
    text.parse().unwrap()
}

/// An agent's table: so many columns and rows, and what lies before and behind.
fn objects(columns: u32, rows: u32) -> Vec<(Oid, Value)> {
    let cell = |column: u32, row: u32| {
        (oid(&format!("{TABLE}.{column}.{row}")), Value::Counter32(1_000_000 * column + row))
    };
    let cells = (1..=columns).flat_map(|column| (1..=rows).map(move |row| cell(column, row)));
    let before = (oid(UPTIME), Value::TimeTicks(100_000));
    std::iter::once(before).chain(cells).chain([(oid("1.3.6.1.2.1.4.1.0"), Value::Integer(1))]).collect()
}

fn columns(number: u32) -> Wanted {
    let mut wanted = Wanted::default();
    (1..=number).for_each(|column| wanted.walk(oid(&format!("{TABLE}.{column}"))));
    wanted
}

async fn session(engine: &Engine, agent: &Responder, policy: PollPolicy) -> Session {
    let access = json!({"version": "snmpv2c", "snmpv12_community": "public"});
    let access = Access::read(access.as_object().unwrap()).unwrap();
    engine.session(agent.address, &access, policy).await.unwrap()
}

async fn walk(engine: &Engine, agent: &Responder, number: u32, policy: PollPolicy) -> PollResult {
    let session = session(engine, agent, policy).await;
    let poll = Poll::new(&columns(number), oid(UPTIME), Dialect::Bulk, Limits::default(), policy);
    let driven = drive(session, poll, policy, Instant::now() + Duration::from_secs(600));
    engine.on_its_thread(driven).await.unwrap()
}

/// Whether each column is a prefix of the truth, and all of it if it says so.
fn hold(result: &PollResult, number: u32, rows: u32) {
    for column in 1..=number {
        let walked = result.column(&oid(&format!("{TABLE}.{column}"))).unwrap();
        for (place, row) in (1..).zip(&walked.rows) {
            assert_eq!(
                (&*row.index, &row.value),
                (&[place][..], &Value::Counter32(1_000_000 * column + place))
            );
        }
        assert!(walked.end.is_err() || walked.rows.len() == rows as usize);
    }
}

fn patient(timeout_ms: u64, retries: u32) -> PollPolicy {
    PollPolicy { timeout: Duration::from_millis(timeout_ms), retries, ..PollPolicy::default() }
}

#[tokio::test]
async fn a_table_of_48_ports_and_10_columns_takes_a_tenth_of_the_datagrams() {
    let engine = Engine::start(SnmpMetrics::default()).unwrap();
    let agent = Responder::start(&objects(10, 48), 1_400);
    let result = walk(&engine, &agent, 10, patient(60_000, 0)).await;
    hold(&result, 10, 48);
    assert_eq!(result.missing().count(), 0);
    let together = agent.received();
    let session = session(&engine, &agent, patient(60_000, 0)).await;
    for column in 1..=10 {
        for row in 1..=48 {
            let alone = Request::Get(vec![oid(&format!("{TABLE}.{column}.{row}"))]);
            assert_eq!(session.ask(&alone).await.unwrap().0.len(), 1);
        }
    }
    let alone = agent.received() - together;
    assert_eq!(alone, 480);
    assert!(together * 10 <= alone, "{together} datagrams together, {alone} alone");
}

#[tokio::test]
async fn a_lossy_path_loses_time_and_no_value() {
    let engine = Engine::start(SnmpMetrics::default()).unwrap();
    let runs = stream::iter(1..=12_u64).map(|seed| {
        let engine = &engine;
        async move {
            let agent = Responder::on(NetworkPath::Lossy(seed), &objects(4, 100), 1_400);
            let result = walk(engine, &agent, 4, patient(150, 10)).await;
            hold(&result, 4, 100);
            assert_eq!(
                result.missing().count(),
                0,
                "seed {seed}: {:?}",
                result.missing().collect::<Vec<_>>()
            );
            assert!(agent.received() < 400, "seed {seed}: {} datagrams", agent.received());
        }
    });
    runs.buffer_unordered(12).collect::<Vec<_>>().await;
    let metrics = engine.metrics();
    assert!(
        metrics.datagrams_discarded.get() + metrics.datagrams_malformed.get() > 0,
        "what is rejected is counted"
    );
}

#[tokio::test]
async fn a_path_that_breaks_cuts_a_walk_and_never_ends_it() {
    let engine = Engine::start(SnmpMetrics::default()).unwrap();
    let cuts = stream::iter(1..=8).map(|answers| {
        let engine = &engine;
        async move {
            let agent = Responder::on(NetworkPath::Ends(answers), &objects(2, 2_000), 1_400);
            let policy = PollPolicy { max_timeouts: 2, ..patient(200, 0) };
            let result = walk(engine, &agent, 2, policy).await;
            hold(&result, 2, 2_000);
            let end = &result.column(&oid(&format!("{TABLE}.1"))).unwrap().end;
            assert_eq!(*end, Err(Missing::Failed(AskError::Timeout)), "{answers} answers");
            assert!(agent.received() <= answers + 4);
        }
    });
    cuts.buffer_unordered(8).collect::<Vec<_>>().await;
}

#[tokio::test]
async fn what_a_device_can_take_is_known_after_a_restart_of_the_bot() {
    use grafolean_bots::snmp::SnmpBot;
    use grafolean_collector::state_store::StateStore;

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("snmp.sqlite");
    let agent = Responder::start(&objects(3, 40), 150);
    let oids: Vec<_> =
        (1..=20).map(|row| json!({"oid": format!("{TABLE}.3.{row}"), "fetch_method": "get"})).collect();
    let details = json!({"oids": oids, "expression": "$20", "output_path": "last"});
    let device = device_at(agent.address, vec![sensor(1, details)]);
    let mut datagrams = Vec::new();
    for minute in 1..=2 {
        let bot = SnmpBot::remembering(Engine::start(SnmpMetrics::default()).unwrap(), &file).unwrap();
        let before = agent.received();
        run(&bot, &job(&bot, &device), minute * 60, &[60]).await;
        datagrams.push(agent.received() - before);
        drop(bot);
        while StateStore::open(&file).unwrap().1.is_empty() {
            std::thread::yield_now();
        }
    }
    assert!(datagrams[1] < datagrams[0], "what was too big is not tried again: {datagrams:?}");
}
