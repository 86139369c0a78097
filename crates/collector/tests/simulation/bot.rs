//! A bot that writes down what it did.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use grafolean_collector::{
    bot::{Bot, BotError, Job, Plan, Refusal, Run},
    model::{AccountId, Device, EntityId, Intervals},
    report::Report,
    time::Timestamp,
};
use tokio::time::{Instant, sleep};

/// How long a device that hangs is waited for.
const DEADLINE: Duration = Duration::from_secs(20);

pub type Key = (AccountId, String, Timestamp);

/// By job and due time, for each run the intervals that fell due.
type Attempts = BTreeMap<(String, i64), Vec<Vec<u32>>>;

/// A bot that writes down what it did, over the lives of its collector.
#[derive(Default)]
pub struct SimBot {
    /// What was measured, and when it was handed over.
    pub measured: Mutex<BTreeMap<Key, (f64, Instant)>>,
    /// When which job was asked to run, for which intervals; more than once if the clock went back.
    pub attempts: Mutex<Attempts>,
    running: AtomicUsize,
    pub most_at_once: AtomicUsize,
}

impl Bot for SimBot {
    type Task = (AccountId, EntityId);

    fn protocol(&self) -> &str {
        "sim"
    }

    fn jobs(&self, devices: &[Device]) -> Plan<Self::Task> {
        devices.iter().map(job).collect()
    }

    /// Runs for up to 4 s; seldom fails, panics, or hangs until its deadline.
    async fn perform(&self, run: Run<Self::Task>) -> Result<Vec<Report>, BotError> {
        let _running = Running::begin(self);
        let seconds = run.intervals.iter().map(|interval| interval.seconds()).collect();
        let attempt = (run.id.to_string(), run.due.seconds());
        self.attempts.lock().unwrap().entry(attempt).or_default().push(seconds);
        let dice = dice(&run.id, run.due);
        sleep(Duration::from_millis(dice % 4_000)).await;
        match dice % 200 {
            0 => return Err(BotError::new("socket", "could not open a socket")),
            1 => panic!("a bot lost its head"),
            2 => sleep(Duration::from_secs(100_000)).await,
            _ => {}
        }
        let (account, entity) = *run.task;
        let mut values: Vec<_> = run
            .intervals
            .iter()
            .map(|interval| (format!("entity.{entity}.sim.{}", interval.seconds()), number(dice)))
            .collect();
        match dice % 400 {
            50 => values.push((format!("entity.{entity}.sim.poison"), 1.0)),
            51 => values.push((format!("entity.{entity}.sim.venom"), 1.0)),
            52 => values.push((format!("entity.{entity}.sim.no path"), 1.0)),
            53 => values.push((format!("entity.{entity}.sim.nan"), f64::NAN)),
            _ => {}
        }
        let mut measured = self.measured.lock().unwrap();
        for (path, value) in &values {
            measured.insert((account, path.clone(), run.due), (*value, Instant::now()));
        }
        Ok(vec![Report::values(account, run.due, values)])
    }
}

fn job(device: &Device) -> Result<Job<(AccountId, EntityId)>, Refusal> {
    let intervals = device.sensors.iter().filter_map(|sensor| sensor.interval);
    let intervals = Intervals::new(intervals).map_err(|error| Refusal::of(device, error))?;
    let job = Job::new(format!("sim.{}", device.entity.id), intervals, (device.account, device.entity.id));
    Ok(Job { deadline: Some(DEADLINE), ..job })
}

/// The same for the same job and time, so that a run that is done again measures the same.
fn dice(id: &impl ToString, due: Timestamp) -> u64 {
    let mut hasher = DefaultHasher::new();
    (id.to_string(), due).hash(&mut hasher);
    hasher.finish()
}

fn number(dice: u64) -> f64 {
    f64::from(u16::try_from(dice % 10_000).unwrap())
}

struct Running<'a>(&'a SimBot);

impl<'a> Running<'a> {
    fn begin(bot: &'a SimBot) -> Self {
        let running = bot.running.fetch_add(1, Ordering::Relaxed) + 1;
        bot.most_at_once.fetch_max(running, Ordering::Relaxed);
        Self(bot)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::Relaxed);
    }
}
