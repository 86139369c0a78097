//! A bot whose jobs a test runs by hand.

use std::{collections::BTreeMap, sync::Arc};

use grafolean_bots::netflow::{
    aggregate::{GRACE_SECONDS, Span},
    bot::{NetflowBot, NetflowTask},
};
use grafolean_collector::{
    bot::{Bot, Run},
    model::{AccountId, Device},
    report::Report,
    time::Timestamp,
};
use serde_json::{Value, json};

pub(crate) const ACCOUNT: AccountId = AccountId::new(1);

pub(crate) fn device(entity: i64, details: Value) -> Device {
    let row = json!({"id": entity, "name": "router", "entity_type": "device", "details": details});
    let credential = json!({"id": 1, "protocol": "netflow"});
    Device {
        account: ACCOUNT,
        entity: serde_json::from_value(row).unwrap(),
        credential: serde_json::from_value(credential).unwrap(),
        sensors: Vec::new(),
    }
}

/// What the job of an interval tells when it runs after the bins of a moment have ended.
pub(crate) async fn told(
    bot: &NetflowBot,
    devices: &[Device],
    span: Span,
    moment: i64,
) -> Vec<(Timestamp, BTreeMap<String, f64>)> {
    let ends = Span::ALL.map(|it| it.bin_of(moment) + it.seconds());
    let end = if span == Span::Minute { ends[0] } else { ends[4] };
    run(bot, devices, &format!("netflow.1.{}", span.label()), end + GRACE_SECONDS)
        .await
        .into_iter()
        .map(|report| {
            let Report::Values(values) = report else { panic!("{report:?}") };
            assert_eq!(values.account, ACCOUNT);
            (values.time, values.values.into_iter().collect())
        })
        .collect()
}

pub(crate) async fn run(bot: &NetflowBot, devices: &[Device], id: &str, due: i64) -> Vec<Report> {
    let plan = bot.jobs_of(&[ACCOUNT], devices);
    let job = plan.jobs.into_iter().find(|job| job.id.as_str() == id).unwrap();
    let task: Arc<NetflowTask> = Arc::new(job.task);
    let due = Timestamp::from_seconds(due);
    bot.perform(Run { id: job.id, task, due, intervals: job.intervals.as_slice().to_vec() }).await.unwrap()
}

pub(crate) fn total(bins: &[(Timestamp, BTreeMap<String, f64>)], path: &str) -> f64 {
    bins.iter().filter_map(|(_, values)| values.get(path)).sum()
}
