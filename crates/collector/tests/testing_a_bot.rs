//! The tests of a bot, as docs/testing-a-bot.md has them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::{sync::Arc, time::Duration};

use grafolean_collector::{
    AccountId, Bot, BotError, Device, DeviceSensor, Job, Plan, Refusal, Report, Run, Timestamp,
    collector::{CollectorSettings, Pipeline},
    foreign::CancellationToken,
    health::Health,
    sim::{Fault, FaultPlan, SimBackend, SimClock, SimDevice, inventory_of},
};
use serde_json::json;
use tokio::time::sleep;

/// The bot under test: how long the name of a device is.
struct NameLength;

impl Bot for NameLength {
    type Task = (AccountId, String, f64);

    fn protocol(&self) -> &str {
        "name"
    }

    fn jobs(&self, devices: &[Device]) -> Plan<Self::Task> {
        let job = |device: &Device, sensor: &DeviceSensor| {
            let interval = sensor.interval.ok_or_else(|| Refusal::of(device, "a sensor has no interval"))?;
            let name = device.detail("dns").ok_or_else(|| Refusal::of(device, "it has no `dns`"))?;
            let path = format!("entity.{}.name.length", device.entity.id);
            Ok(Job::new(path.clone(), interval, (device.account, path, name.len() as f64)))
        };
        devices
            .iter()
            .flat_map(|device| device.sensors.iter().map(move |sensor| job(device, sensor)))
            .collect()
    }

    async fn perform(&self, run: Run<Self::Task>) -> Result<Vec<Report>, BotError> {
        let (account, path, length) = &*run.task;
        Ok(vec![Report::values(*account, run.due, [(path.clone(), *length)])])
    }
}

const START: Timestamp = Timestamp::from_seconds(1_700_000_000);

/// A bot wired to a backend that people set up so, and that fails so; nothing runs yet.
fn pipeline(
    devices: Vec<SimDevice>,
    faults: FaultPlan,
) -> (Pipeline<NameLength, SimBackend>, Arc<SimBackend>) {
    let folder = tempfile::tempdir().unwrap().keep();
    let backend = Arc::new(SimBackend::new(1, inventory_of("name", devices), faults));
    let settings = CollectorSettings::new("sim://backend", folder);
    let pipeline = Pipeline::new(Arc::new(NameLength), backend.clone(), settings);
    (pipeline.with_clock(Arc::new(SimClock::at(START))), backend)
}

fn named(dns: &str) -> SimDevice {
    SimDevice { interval: 60, details: json!({"dns": dns}), ..SimDevice::default() }
}

#[tokio::test(start_paused = true)]
async fn each_device_with_a_name_is_measured() {
    let nameless = SimDevice { interval: 60, ..SimDevice::default() };
    let (pipeline, backend) = pipeline(vec![named("example.org"), nameless], FaultPlan::none());
    let once = pipeline.run_once(&CancellationToken::new()).await.unwrap();
    assert_eq!((once.summary.runs, once.summary.failed, once.delivered), (1, 0, 1));
    let values = backend.values();
    assert_eq!(values[&(AccountId::new(1), "entity.1.name.length".to_owned(), START)], 11.0);
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_half_an_hour_loses_nothing() {
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    let faults = FaultPlan::none().with(minutes(10)..minutes(40), Fault::Away);
    let (pipeline, backend) = pipeline(vec![named("example.org")], faults);
    let collector = pipeline.open(&mut Health::new("1.0", START)).await.unwrap();
    let stop = CancellationToken::new();
    let running = tokio::spawn(collector.run(stop.clone()));
    sleep(minutes(120)).await;
    stop.cancel();
    running.await.unwrap().unwrap();
    let times: Vec<_> = backend.values().into_keys().map(|(_, _, time)| time.seconds()).collect();
    assert!(times.len() >= 110, "{} values", times.len());
    assert!(times.windows(2).all(|two| two[1] - two[0] == 60), "a gap: {times:?}");
}
