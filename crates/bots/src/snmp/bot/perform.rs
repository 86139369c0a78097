//! The bot itself: one run over a device.

use std::{
    collections::{HashMap, HashSet},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use grafolean_collector::{
    bot::{Bot, BotError, Plan, Run},
    keep::{Keep, KeepError},
    model::{AccountId, Device as SetUp, EntityId},
    report::{Report, Values},
    time::Timestamp,
};
use tokio::time::Instant;
use tracing::{debug, info, warn};

use super::{
    Memory, SnmpTask,
    device::{Device, Heard},
    drive::drive,
    plan::{self, DueSensor, Sync},
    results::{self, Circumstances, Outcome, Why},
};
use crate::snmp::{
    AskError, Column, Interfaces, Oid, Value,
    counter::Uptime,
    engine::Engine,
    plan::{Harvest, Poll},
};

/// sysUpTime.0, which every agent has and every rate needs.
const UPTIME: [u32; 9] = [1, 3, 6, 1, 2, 1, 1, 3, 0];

/// The part of a run's time in which the device is asked; the rest is for what comes after.
const ASKING: f64 = 0.85;

/// A run may take its shortest interval, but no longer than this.
const LONGEST_RUN: Duration = Duration::from_secs(300);

/// Troubles that a log line names; the counters have all.
const NAMED: usize = 5;

type Key = (AccountId, EntityId);
type Shared = Arc<tokio::sync::Mutex<Device>>;

/// Measures devices over SNMP. Protocol `snmp`.
pub struct SnmpBot {
    engine: Engine,
    keep: Option<Keep>,
    devices: Mutex<HashMap<Key, Shared>>,
}

impl SnmpBot {
    /// A bot that asks by an engine, and keeps nothing over a restart.
    pub fn new(engine: Engine) -> Self {
        Self { engine, keep: None, devices: Mutex::default() }
    }

    /// A bot that keeps what a restart is to survive in a file, and goes on with what the last process kept there.
    ///
    /// # Errors
    /// If the file cannot be opened.
    pub fn remembering(engine: Engine, file: &Path) -> Result<Self, KeepError> {
        let (keep, known) = Keep::open(file)?;
        let device = |(key, text): (String, String)| {
            let (account, entity) = key.split_once('.')?;
            // What another version wrote and this one does not understand costs a rate, no more.
            let memory: Memory = serde_json::from_str(&text).ok()?;
            let device = Arc::new(tokio::sync::Mutex::new(Device::remembered(memory)));
            Some(((account.parse().ok()?, entity.parse().ok()?), device))
        };
        let devices = known.into_iter().filter_map(device).collect();
        Ok(Self { engine, keep: Some(keep), devices: Mutex::new(devices) })
    }

    /// Gives what is kept of a device; makes room of those that are long gone when a new one comes.
    fn device(&self, key: Key) -> Shared {
        let mut devices = self.devices.lock().unwrap_or_else(PoisonError::into_inner);
        if !devices.contains_key(&key) {
            // One that is just being measured is not gone.
            devices.retain(|_, device| device.try_lock().map_or(true, |device| !device.is_forgotten()));
        }
        Arc::clone(devices.entry(key).or_default())
    }

    async fn harvest(
        &self,
        device: &mut Device,
        task: &SnmpTask,
        look: &Look<'_>,
    ) -> Result<(Harvest, Option<u32>), AskError> {
        let session = device.session(&self.engine, task).await?;
        let Ok(small) = Oid::new(UPTIME) else { return Err(AskError::Local("sysUpTime".to_owned())) };
        let wanted = task.wanted_by(&look.due, look.interfaces);
        let poll = Poll::new(&wanted, small, task.dialect(), device.memory.limits, task.manners);
        let driven = drive(session.clone(), poll, task.manners, look.until);
        let failed = |error: tokio::task::JoinError| AskError::Local(error.to_string());
        let harvest = self.engine.on_its_thread(driven).await.map_err(failed)?;
        if !harvest.heard && harvest.timeouts > 0 {
            let asked = session.clone();
            let why = self.engine.on_its_thread(async move { asked.explain_silence().await }).await;
            return Err(why.map_err(failed)?);
        }
        Ok((harvest, session.boots()))
    }
}

/// What one run is to look at, and until when.
struct Look<'a> {
    due: Vec<&'a DueSensor>,
    interfaces: Sync,
    until: Instant,
}

impl Look<'_> {
    fn of(run: &Run<SnmpTask>) -> Look<'_> {
        let sensors = run.task.sensors.iter();
        let shortest = sensors.map(|sensor| sensor.interval.duration()).min().unwrap_or(LONGEST_RUN);
        let longest = shortest.mul_f64(ASKING).min(run.task.manners.max_time);
        Look {
            due: run.task.due(&run.intervals).collect(),
            interfaces: plan::sync(&run.intervals),
            until: Instant::now() + longest,
        }
    }
}

impl Bot for SnmpBot {
    type Task = SnmpTask;

    fn protocol(&self) -> &str {
        "snmp"
    }

    fn jobs(&self, devices: &[SetUp]) -> Plan<SnmpTask> {
        let mut known = plan::Sensors::default();
        devices.iter().flat_map(|device| plan::plan(device, &mut known)).collect()
    }

    async fn perform(&self, run: Run<SnmpTask>) -> Result<Vec<Report>, BotError> {
        let SnmpTask { account, entity, host, .. } = &*run.task;
        let shared = self.device((*account, *entity));
        let mut device = shared.lock().await;
        device.touch();
        let look = Look::of(&run);
        let metrics = self.engine.metrics();
        let shortest = run.task.sensors.iter().map(|sensor| sensor.interval.duration()).min();
        if device.is_paused(shortest.unwrap_or(LONGEST_RUN)) {
            metrics.runs_paused.inc();
            return Ok(vec![silent(&run.task, run.due, &look)]);
        }
        let began = Instant::now();
        let outcome = self.harvest(&mut device, &run.task, &look).await;
        metrics.poll_seconds.observe(began.elapsed().as_secs_f64());
        let (harvest, boots) = match outcome {
            Ok((harvest, boots)) if harvest.heard => (harvest, boots),
            outcome => {
                let why = outcome.err().unwrap_or_else(|| AskError::Malformed("nothing of use".to_owned()));
                device.note_answered(Heard::Nothing);
                look.due.iter().for_each(|_| metrics.count_missing(why.label()));
                if device.is_news(&why.to_string()) {
                    warn!(entity = %entity, %host, %why, "device is not measured");
                }
                return Ok(vec![silent(&run.task, run.due, &look)]);
            }
        };
        device.note_answered(Heard::Something);
        device.memory.limits = harvest.limits;
        let mut reports = vec![self.values(&mut device, &run, &look, &harvest, boots)];
        if look.interfaces == Sync::Due {
            reports.extend(interfaces(&mut device, &run, &harvest));
        }
        device.memory.keep_only(|id| run.task.sensors.iter().any(|sensor| sensor.id == id));
        if let Some(keep) = &self.keep
            && let Ok(text) = serde_json::to_string(&device.memory)
        {
            keep.keep(format!("{account}.{entity}"), text);
        }
        debug!(job = %run.id, %host, requests = harvest.requests, varbinds = harvest.varbinds, "polled");
        Ok(reports)
    }
}

impl SnmpBot {
    /// The values of all due sensors, each path once, and how complete they are.
    fn values(
        &self,
        device: &mut Device,
        run: &Run<SnmpTask>,
        look: &Look<'_>,
        harvest: &Harvest,
        boots: Option<u32>,
    ) -> Report {
        let uptime = Oid::new(UPTIME).ok().and_then(|oid| match harvest.value(&oid) {
            Ok((Value::TimeTicks(ticks), at)) => Some(Uptime { ticks: *ticks, boots, at: *at }),
            _ => None,
        });
        let speeds = std::mem::take(&mut device.memory.speeds);
        let circumstances = Circumstances { uptime, speeds: &speeds };
        let mut told = Told::default();
        let mut values = Vec::new();
        let mut paths = HashSet::new();
        let (mut wanted, mut complete) = (0, 0);
        for DueSensor { id, sensor, .. } in &look.due {
            let mut outcome =
                results::measure(sensor, harvest, device.memory.of(*id, sensor), &circumstances);
            wanted += outcome.wanted;
            complete += outcome.complete;
            for (path, value) in outcome.values.drain(..) {
                if paths.insert(path.clone()) {
                    values.push((format!("entity.{}.snmp.{path}", run.task.entity), value));
                } else {
                    self.engine.metrics().results_duplicate.inc();
                    told.add(|| format!("sensor {id}: a second value of {path} is dropped"));
                }
            }
            self.count(&outcome);
            for absent in outcome.absent.iter().filter(|absent| !matches!(absent.why, Why::NoRate(_))) {
                told.add(|| format!("sensor {id}: ${}: {}", absent.number, absent.why));
            }
        }
        device.memory.speeds = speeds;
        if told.lines.is_empty() {
            if device.is_well_again() {
                info!(entity = %run.task.entity, host = %run.task.host, "device is measured completely again");
            }
        } else if device.is_news(&told.lines.join("; ")) {
            let Told { lines, more } = told;
            let missing = lines.join("; ");
            warn!(entity = %run.task.entity, host = %run.task.host, missing, more, "device is measured in part");
        }
        values.push(completeness(run.task.entity, complete, wanted));
        Report::Values(Values { account: run.task.account, time: run.due, values })
    }

    fn count(&self, outcome: &Outcome) {
        let metrics = self.engine.metrics();
        metrics.names_empty.inc_by(outcome.empty_names as u64);
        for absent in &outcome.absent {
            match &absent.why {
                Why::Missing(missing) => metrics.count_missing(missing.label()),
                Why::NoNumber(_) => metrics.count_missing("wrong_type"),
                Why::NoRow(_) => metrics.count_missing("no_row"),
                Why::NotFinite => metrics.count_missing("not_finite"),
                Why::NoRate(why) => metrics.count_no_rate(why.label()),
            }
        }
    }
}

/// A few troubles, and how many more there are.
#[derive(Default)]
struct Told {
    lines: Vec<String>,
    more: usize,
}

impl Told {
    fn add(&mut self, line: impl FnOnce() -> String) {
        if self.lines.len() < NAMED {
            self.lines.push(line());
        } else {
            self.more += 1;
        }
    }
}

fn completeness(entity: EntityId, complete: usize, wanted: usize) -> (String, f64) {
    let share = if wanted == 0 { 1.0 } else { complete as f64 / wanted as f64 };
    (format!("entity.{entity}.snmp.completeness"), share)
}

/// What is reported of a device that does not answer.
fn silent(task: &SnmpTask, due: Timestamp, look: &Look<'_>) -> Report {
    let values = if look.due.is_empty() { vec![] } else { vec![completeness(task.entity, 0, 1)] };
    Report::Values(Values { account: task.account, time: due, values })
}

/// The device's interfaces, if its tables came whole. An agent that tells of none has not said that there is none: it
/// answered through one.
fn interfaces(device: &mut Device, run: &Run<SnmpTask>, harvest: &Harvest) -> Option<Report> {
    let mut interfaces = Interfaces::default();
    for column in Column::ALL {
        let walked = harvest.column(&Oid::new(column.arcs()).ok()?)?;
        if let Err(cut) = &walked.end {
            debug!(entity = %run.task.entity, %cut, ?column, "interfaces are not brought in step this time");
            return None;
        }
        for row in &walked.rows {
            interfaces.put(column, &row.index, &row.value);
        }
    }
    device.memory.speeds = interfaces.ceilings_bps().collect();
    let SnmpTask { account, entity, .. } = *run.task;
    (!interfaces.is_empty()).then(|| Report::Children(interfaces.children(account, entity, run.due)))
}
