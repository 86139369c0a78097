//! A whole collector in virtual time: what it tells, and how it ends.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

#[path = "client/logs.rs"]
mod logs;

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use grafolean_collector::{
    backend::{AccountInventory, Inventory},
    bot::{Bot, BotError, Job, Plan, Run},
    collector::{Collector, CollectorError, CollectorSettings, Pipeline},
    health::Health,
    model::{
        Account, AccountId, Attachment, Credential, CredentialId, Details, Device, Entity, EntityId, Sensor,
        SensorId, SensorUse, UserId,
    },
    report::Report,
    sim::{Fault, FaultPlan, SimBackend, SimClock},
    time::Timestamp,
};
use logs::Logs;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

const NOON: Timestamp = Timestamp::from_seconds(1_700_000_000);
const HOUR: Duration = Duration::from_hours(1);

/// Measures one value of each device every ten seconds, if it can plan at all.
struct Counter {
    plans: bool,
}

impl Bot for Counter {
    type Task = AccountId;

    fn protocol(&self) -> &str {
        "count"
    }

    fn jobs(&self, devices: &[Device]) -> Plan<AccountId> {
        assert!(self.plans, "this bot can't plan");
        let job = |device: &Device| Job::new("count", device.sensors[0].interval.unwrap(), device.account);
        devices.iter().map(|device| Ok(job(device))).collect()
    }

    async fn perform(&self, run: Run<AccountId>) -> Result<Vec<Report>, BotError> {
        Ok(vec![Report::values(*run.task, run.due, [("count", 1.0)])])
    }
}

/// One account with one device.
fn one_device() -> Inventory {
    let (credential, sensor, protocol) = (CredentialId::new(1), SensorId::new(1), "count".to_owned());
    let sensors = vec![SensorUse { sensor, interval: Some(10) }];
    let attachment = Attachment { credential: Some(credential), bot: None, sensors };
    let details = Details::new;
    let account = AccountInventory {
        account: Account { id: AccountId::new(1), name: String::new() },
        entities: vec![
            Entity {
                id: EntityId::new(1),
                name: String::new(),
                entity_type: "device".to_owned(),
                parent: None,
                details: details(),
                protocols: Some(BTreeMap::from([(protocol.clone(), attachment)])),
            }
            .into(),
        ],
        credentials: vec![
            Credential {
                id: credential,
                name: String::new(),
                protocol: protocol.clone(),
                details: details(),
            }
            .into(),
        ],
        sensors: vec![
            Sensor { id: sensor, name: String::new(), protocol, default_interval: None, details: details() }
                .into(),
        ],
        broken: Vec::new(),
    };
    Inventory { user: Some(UserId::new(7)), protocol: None, accounts: vec![account] }
}

async fn open(folder: &Path, bot: Counter, backend: &Arc<SimBackend>) -> (Collector, Health) {
    let mut health = Health::new("test", NOON);
    let (clock, settings) = (Arc::new(SimClock::at(NOON)), CollectorSettings::new("sim://backend", folder));
    let pipeline = Pipeline::new(Arc::new(bot), backend.clone(), settings).with_clock(clock);
    (pipeline.open(&mut health).await.unwrap(), health)
}

#[tokio::test(start_paused = true)]
async fn a_stop_delivers_what_was_measured_last() {
    let folder = tempfile::tempdir().unwrap();
    let backend = Arc::new(SimBackend::new(1, one_device(), FaultPlan::none()));
    let (collector, health) = open(folder.path(), Counter { plans: true }, &backend).await;
    let (spool, stop) = (collector.spool(), CancellationToken::new());
    let task = tokio::spawn(collector.run(stop.clone()));
    sleep(Duration::from_secs(100)).await;
    stop.cancel();
    task.await.unwrap().unwrap();
    let started = health.render().lines().find_map(|line| {
        line.strip_prefix("grafolean_runs_started_total{protocol=\"count\"} ").map(str::to_owned)
    });
    assert_eq!(started.unwrap(), backend.values().len().to_string());
    assert_eq!(spool.statistics().queue.values, 0);
}

#[tokio::test(start_paused = true)]
async fn a_backend_that_is_away_is_told_and_forgotten_when_it_is_back() {
    let folder = tempfile::tempdir().unwrap();
    let fault_plan = FaultPlan::none().with(HOUR..2 * HOUR, Fault::Away);
    let backend = Arc::new(SimBackend::new(1, one_device(), fault_plan));
    let (collector, health) = open(folder.path(), Counter { plans: true }, &backend).await;
    let stop = CancellationToken::new();
    let task = tokio::spawn(collector.run(stop.clone()));
    let mut told = Vec::new();
    for _ in 0..5 {
        sleep(HOUR / 2).await;
        told.push(health.healthy());
    }
    assert_eq!([&told[0], &told[1], &told[4]], [&Ok(()); 3], "{told:?}");
    assert!(told[2].as_ref().unwrap_err()[0].contains("values wait and none was delivered for"), "{told:?}");
    stop.cancel();
    task.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_bot_that_cannot_plan_ends_the_collector_instead_of_leaving_half_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let backend = Arc::new(SimBackend::new(1, one_device(), FaultPlan::none()));
    let (collector, _) = open(folder.path(), Counter { plans: false }, &backend).await;
    let ended = collector.run(CancellationToken::new()).await;
    assert!(matches!(ended, Err(CollectorError::Panicked("refresh"))), "{ended:?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_logged_names_the_bot() {
    let logs = Logs::capture();
    let folder = tempfile::tempdir().unwrap();
    let backend =
        Arc::new(SimBackend::new(1, one_device(), FaultPlan::none().with(HOUR..2 * HOUR, Fault::Away)));
    let (collector, _) = open(folder.path(), Counter { plans: true }, &backend).await;
    let stop = CancellationToken::new();
    let task = tokio::spawn(collector.run(stop.clone()));
    sleep(3 * HOUR).await;
    stop.cancel();
    task.await.unwrap().unwrap();
    let text = logs.text();
    let ours = || text.lines().filter(|line| line.contains("grafolean_collector::"));
    assert!(ours().count() >= 4, "{text}");
    assert!(ours().all(|line| line.contains(r#"bot{protocol="count"}"#)), "{text}");
    // An hour without a backend: a line at its start, one a minute, one at its end, of refresh and of delivery.
    let warnings = logs.count("WARN");
    assert!((60..=130).contains(&warnings), "{warnings}");
}
