//! Every job once, by hand: what is logged of runs that fail, and accounts that can't be read.

use std::sync::Arc;

use grafolean_collector::{
    Bot, BotError, Device, Job, Plan, Report, Run,
    backend::BrokenRow,
    collector::{CollectorSettings, Once, Pipeline},
};
use tokio_util::sync::CancellationToken;

use crate::{
    logs::Logs,
    simulated::{PingLike, Simulated, entity, every, inventory},
};

/// Fails at each device.
struct Failing;

impl Bot for Failing {
    type Task = ();

    fn protocol(&self) -> &str {
        "ping"
    }

    fn jobs(&self, devices: &[Device]) -> Plan<()> {
        let job = |device: &Device| Job::new(format!("ping.{}", device.entity.id), every(60), ());
        devices.iter().map(|device| Ok(job(device).titled(&device.title()))).collect()
    }

    async fn perform(&self, _: Run<()>) -> Result<Vec<Report>, BotError> {
        Err(BotError::new("socket", "the network is down"))
    }
}

async fn once<B: Bot>(bot: B, backend: &Simulated, folder: &std::path::Path) -> Once {
    let settings = CollectorSettings::new("test", folder);
    let pipeline = Pipeline::new(Arc::new(bot), Arc::new(backend.clone()), settings);
    pipeline.run_once(&CancellationToken::new()).await.unwrap()
}

#[tokio::test]
async fn a_run_that_fails_is_logged_by_the_name_of_its_device() {
    let logs = Logs::capture();
    let folder = tempfile::tempdir().unwrap();
    let mut core = entity(1, &[2]);
    core.name = "core-sw1".to_owned();
    let once = once(Failing, &Simulated::with(inventory(vec![core])), folder.path()).await;
    assert_eq!(once.summary.failed, 1);
    let line = r#"a run failed job="core-sw1" (entity 1) id=ping.1 kind="socket""#;
    assert_eq!(logs.count(line), 1, "{}", logs.text());
}

#[tokio::test]
async fn an_account_that_can_not_be_read_is_measured_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let devices = || inventory(vec![entity(1, &[2]), entity(2, &[2])]);
    let backend = Simulated::with(devices());
    assert_eq!(once(PingLike, &backend, folder.path()).await.summary.runs, 2);
    let mut unread = devices();
    let account = &mut unread.accounts[0];
    (account.entities, account.credentials, account.sensors) = Default::default();
    account.broken = vec![BrokenRow { list: "accounts", row: 1.into(), reason: "404 of a proxy".to_owned() }];
    backend.script().truth = unread;
    for _ in 0..2 {
        assert_eq!(once(PingLike, &backend, folder.path()).await.summary.runs, 2, "also the next time");
    }
}
