//! The bot itself: one run over a device.

use std::{
    collections::{HashMap, HashSet},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use grafolean_collector::{
    bot::{BotError, Plan, Prompts, Run, RunId},
    cause::{Cause, Scope},
    interfaces::{InterfaceBoard, ReadingFolder},
    model::{AccountId, Device as SetUp, EntityId, SensorId},
    protocol::{Defaults, DeviceTester, OpenError, Opening, Output, Protocol},
    report::{Report, Values},
    settings::{Resolved, Setting},
    state_store::{StateStore, StateStoreError},
    time::Timestamp,
};
use tokio::time::Instant;
use tracing::{debug, info, warn};

use super::{
    Memory, Reads, RejectedValue, SnmpTask,
    device::Device,
    drive::drive,
    plan::{self, DueSensor, Sync},
    profiled::with_profile,
    results::{self, MissingReason, Outcome, RunContext},
    synced,
    told::{DeviceLine, SensorFaults},
    traps::{self, Traps},
    troubles::{Ended, Subject},
};
use crate::snmp::{
    AskError, Oid, Value,
    counter::Uptime,
    declaration,
    engine::{Engine, SnmpMetrics},
    mib::Names,
    plan::{Missing, Poll, PollResult},
    profile::Library,
    settings::{self, Sensor},
    tester::SnmpTester,
};

/// sysUpTime.0, which every agent has and every rate needs.
pub(super) const UPTIME: [u32; 9] = [1, 3, 6, 1, 2, 1, 1, 3, 0];

/// The part of a run's time in which the device is asked; the rest is for what comes after.
const ASKING: f64 = 0.85;

/// A run may take its shortest interval, but no longer than this.
const LONGEST_RUN: Duration = Duration::from_secs(300);

type Key = (AccountId, EntityId);
type Shared = Arc<tokio::sync::Mutex<Device>>;

/// Measures devices over SNMP. Protocol `snmp`.
pub struct SnmpBot {
    pub(super) engine: Engine,
    names: Arc<Names>,
    library: Arc<Library>,
    /// How many bad MIB files were logged.
    bad_files_told: Mutex<usize>,
    store: Option<StateStore>,
    devices: Mutex<HashMap<Key, Shared>>,
    /// Where the flow bot finds interface counters, in this process and in another.
    pub(super) board: InterfaceBoard,
    pub(super) readings: Option<ReadingFolder>,
    traps: Option<Traps>,
}

impl SnmpBot {
    /// A bot that asks by an engine, and keeps nothing over a restart.
    pub fn new(engine: Engine) -> Self {
        Self {
            engine,
            names: Arc::default(),
            library: Arc::new(Library::builtin().clone()),
            bad_files_told: Mutex::default(),
            store: None,
            devices: Mutex::default(),
            board: InterfaceBoard::default(),
            readings: None,
            traps: None,
        }
    }

    /// A bot that keeps what a restart is to survive in a file, and goes on with what the last process kept there.
    ///
    /// # Errors
    /// If the file cannot be opened.
    pub fn remembering(engine: Engine, file: &Path) -> Result<Self, StateStoreError> {
        let (store, known) = StateStore::open(file)?;
        let device = |(key, text): (String, String)| {
            let (account, entity) = key.split_once('.')?;
            // What another version wrote and this one does not understand costs a rate, no more.
            let memory: Memory = serde_json::from_str(&text).ok()?;
            let device = Arc::new(tokio::sync::Mutex::new(Device::remembered(memory)));
            Some(((account.parse().ok()?, entity.parse().ok()?), device))
        };
        let devices = known.into_iter().filter_map(device).collect();
        Ok(Self { store: Some(store), devices: Mutex::new(devices), ..Self::new(engine) })
    }

    /// Shares interface counters with other bots by a board and, where there is a folder, by files.
    #[must_use]
    pub fn telling(self, board: InterfaceBoard, readings: Option<ReadingFolder>) -> Self {
        Self { board, readings, ..self }
    }

    /// Reads names of objects by these instead of the built-in ones alone.
    #[must_use]
    pub fn naming(self, names: Names) -> Self {
        Self { names: Arc::new(names), ..self }
    }

    /// Receives what devices tell by themselves.
    #[must_use]
    fn hearing(self, traps: Option<Traps>) -> Self {
        Self { traps, ..self }
    }

    /// Tries these profiles instead of the built-in ones alone.
    #[must_use]
    pub fn profiling(self, library: Library) -> Self {
        Self { library: Arc::new(library), ..self }
    }

    /// Returns what is kept of a device; makes room of those that are long gone when a new one comes.
    fn device(&self, key: Key) -> Shared {
        let mut devices = self.devices.lock().unwrap_or_else(PoisonError::into_inner);
        if !devices.contains_key(&key) {
            // One that is just being measured is not gone.
            devices.retain(|_, device| device.try_lock().map_or(true, |device| !device.is_forgotten()));
        }
        Arc::clone(devices.entry(key).or_default())
    }

    /// Asks the device for all that the run is to look at; of one that was silent for some runs at first one thing only.
    ///
    /// # Errors
    /// Why nothing came of it.
    async fn result(
        &self,
        device: &mut Device,
        task: &SnmpTask,
        context: &PollContext<'_>,
    ) -> Result<(PollResult, Option<u32>), AskError> {
        let session = device.session(&self.engine, task).await?;
        let Ok(small) = Oid::new(UPTIME) else { return Err(AskError::Local("sysUpTime".to_owned())) };
        let wanted = task.wanted_by(&context.due, context.interfaces);
        let mut poll = Poll::new(&wanted, small, task.dialect(), device.memory.limits.clone(), task.policy);
        let silent_since = device.silent_since().cloned();
        if silent_since.is_some() {
            self.engine.metrics().runs_paused.inc();
            poll = poll.after_a_probe();
        }
        let driven = drive(session.clone(), poll, task.policy, context.until);
        let failed = |error: tokio::task::JoinError| AskError::Local(error.to_string());
        let result = self.engine.on_its_thread(driven).await.map_err(failed)?;
        if result.heard {
            return Ok((result, session.boots()));
        }
        let told = result.missing().find_map(|(_, missing)| match missing {
            Missing::Failed(error) => Some(error.clone()),
            _ => None,
        });
        match (told, silent_since) {
            (Some(AskError::Timeout) | None, Some(why)) => Err(why),
            (Some(AskError::Timeout) | None, None) => {
                let why = self.engine.on_its_thread(async move { session.explain_silence().await }).await;
                Err(why.map_err(failed)?)
            }
            (Some(why), _) => Err(why),
        }
    }
}

/// What one run is to look at, and until when.
struct PollContext<'a> {
    due: Vec<&'a DueSensor>,
    interfaces: Sync,
    until: Instant,
}

impl PollContext<'_> {
    fn of(run: &Run<SnmpTask>) -> PollContext<'_> {
        let sensors = run.task.sensors.iter();
        let shortest = sensors.map(|sensor| sensor.interval.duration()).min().unwrap_or(LONGEST_RUN);
        let longest = shortest.mul_f64(ASKING).min(run.task.policy.max_time);
        PollContext {
            due: run.task.due(&run.intervals).collect(),
            interfaces: plan::sync(&run.intervals),
            until: Instant::now() + longest,
        }
    }
}

impl Protocol for SnmpBot {
    const NAME: &'static str = "snmp";
    const ABOUT: &'static str = "Measures devices over SNMP, and keeps their interfaces in step";
    const KEEPS_ENTITIES: bool = true;
    const TESTABLE: bool = true;
    const OUTPUTS: &'static [Output] = declaration::OUTPUTS;
    const SETTINGS: &'static [Setting] = &settings::PROCESS;
    type Credential = settings::Credential;
    type Sensor = settings::SensorFields;
    type Entity = settings::Entity;
    type Task = SnmpTask;

    fn tester() -> Result<Arc<dyn DeviceTester>, OpenError> {
        Ok(Arc::new(SnmpTester::open()?))
    }

    fn defaults() -> Defaults {
        declaration::defaults()
    }

    fn reads(settings: &Resolved) -> Vec<PathBuf> {
        // What is wrong with the setting is told when it is opened.
        settings::folders(settings).unwrap_or_default()
    }

    async fn open(mut opening: Opening<'_>) -> Result<Self, OpenError> {
        let metrics = SnmpMetrics::default();
        metrics.register(opening.health.registry_of(Self::NAME));
        let engine = Engine::start(metrics)?;
        let names = settings::names(opening.settings)?;
        let (library, bad) = settings::profiles(opening.settings, &names)?;
        for bad in bad {
            warn!(file = %bad.path.display(), why = bad.why, "a profile is not used");
        }
        let names = Arc::new(names);
        let traps = traps::open(&mut opening, &names)?;
        let board = opening.health.interfaces().clone();
        let Some(folder) = opening.folder else {
            let bot = Self { names, ..Self::new(engine) };
            return Ok(bot.profiling(library).telling(board, None).hearing(traps));
        };
        let failed = |error| format!("cannot create the folder {}: {error}", folder.display());
        grafolean_collector::private::create_folder(folder).map_err(failed)?;
        let bot = Self { names, ..Self::remembering(engine, &folder.join("readings.sqlite"))? };
        let bot = bot.profiling(library).hearing(traps);
        Ok(bot.telling(board, Some(ReadingFolder::of_bot(folder))))
    }

    fn version(&self) -> &str {
        env!("CARGO_PKG_VERSION")
    }

    fn plan(&self, _: &[AccountId], devices: &[SetUp]) -> Plan<SnmpTask> {
        let mut known = plan::Sensors::named_by(&self.names, &self.library);
        devices.iter().flat_map(|device| plan::plan(device, &mut known)).collect()
    }

    fn prompts(&self) -> Option<Prompts> {
        self.traps.as_ref().map(Traps::prompts)
    }

    fn accepted(&self, run: &RunId) {
        if let Some(traps) = &self.traps {
            traps.accepted(run);
        }
    }

    fn in_force(&self, plan: &Plan<SnmpTask>) {
        if let Some(traps) = &self.traps {
            traps.in_force(plan);
        }
        let mut told = self.bad_files_told.lock().unwrap_or_else(PoisonError::into_inner);
        for bad in self.names.bad_files_so_far().iter().skip(*told) {
            warn!(file = %bad.path.display(), why = bad.why, "a MIB file is not used, or only in part");
            *told += 1;
        }
    }

    async fn perform(&self, run: Run<SnmpTask>) -> Result<Vec<Report>, BotError> {
        let told = match &self.traps {
            Some(traps) if run.task.reads == Reads::Sensors => traps.reports(&run).await?,
            _ => Vec::new(),
        };
        if run.intervals.is_empty() {
            return Ok(told);
        }
        let mut reports = self.poll(run).await?;
        reports.extend(told);
        Ok(reports)
    }
}

impl SnmpBot {
    /// Asks a device for all that is due, and makes reports of what came.
    async fn poll(&self, run: Run<SnmpTask>) -> Result<Vec<Report>, BotError> {
        let shared = self.device((run.task.account, run.task.entity));
        let mut device = shared.lock().await;
        device.touch();
        if run.task.reads == Reads::InterfaceCounters {
            self.read_counters(&mut device, &run.task).await;
            return Ok(Vec::new());
        }
        let run = with_profile(run, &mut device, &self.engine, &self.library).await;
        let SnmpTask { account, entity, name, host, .. } = &*run.task;
        let context = PollContext::of(&run);
        let metrics = self.engine.metrics();
        let began = Instant::now();
        let outcome = self.result(&mut device, &run.task, &context).await;
        if let (Some(traps), None, Some(address)) = (&self.traps, host.address(), device.address()) {
            traps.learn((*account, *entity), address.ip());
        }
        metrics.poll_seconds.observe(began.elapsed().as_secs_f64());
        let (result, boots) = match outcome {
            Ok(came) => came,
            Err(why) => {
                context.due.iter().for_each(|_| metrics.count_missing(why.label()));
                let scope = Scope { account: *account, entity: *entity, sensor: None };
                run.troubles.note(why.cause(), scope, None, || format!("{host}: {why}"));
                if device.troubles.is_news(Subject::Device, &why.to_string(), Instant::now()) {
                    warn!(%entity, name, %host, %why, "device is not measured");
                }
                device.note_silent(why);
                return Ok(vec![silent(&run.task, run.due, &context)]);
            }
        };
        device.note_answered();
        if device.troubles.end(Subject::Device) != Ended::Nothing {
            info!(%entity, name, %host, "device answers again");
        }
        self.tell_learnt(&device, &run.task, &result);
        device.memory.limits = result.limits.clone();
        let mut reports = vec![self.values(&mut device, &run, &context, &result, boots)];
        if context.interfaces == Sync::Due {
            reports.extend(synced::interfaces(&mut device, &run, &result));
        }
        let is_set_up = |id| run.task.sensors.iter().any(|sensor| sensor.id == id);
        device.memory.keep_only(is_set_up);
        device.troubles.keep_only(is_set_up);
        if let Some(store) = &self.store
            && let Ok(text) = serde_json::to_string(&device.memory)
        {
            store.save(format!("{account}.{entity}"), text);
        }
        debug!(job = %run.id, %host, requests = result.requests, varbinds = result.varbinds, "polled");
        Ok(reports)
    }

    /// The values of all due sensors, each path once, and how complete they are.
    fn values(
        &self,
        device: &mut Device,
        run: &Run<SnmpTask>,
        context: &PollContext<'_>,
        result: &PollResult,
        boots: Option<u32>,
    ) -> Report {
        let uptime = Oid::new(UPTIME).ok().and_then(|oid| match result.value(&oid) {
            Ok((Value::TimeTicks(ticks), at)) => Some(Uptime { ticks: *ticks, boots, at: *at }),
            _ => None,
        });
        let speeds = std::mem::take(&mut device.memory.speeds);
        let circumstances = RunContext { uptime, speeds: &speeds, dialect: run.task.dialect() };
        let mut told = DeviceLine::default();
        let mut values = Vec::new();
        let mut paths = HashSet::new();
        let mut is_well_again = false;
        for DueSensor { id, sensor, .. } in &context.due {
            let scope = Scope { account: run.task.account, entity: run.task.entity, sensor: Some(*id) };
            run.troubles.looked_at(scope);
            let mut outcome = results::measure(sensor, result, device.memory.of(*id, sensor), &circumstances);
            let mut troubles = SensorFaults::default();
            for (path, value) in outcome.values.drain(..) {
                let is_first = paths.insert(path.clone());
                if !is_first {
                    let path = Some(full_path(run.task.entity, &path));
                    run.troubles.note(Cause::DuplicatePath, scope, path, || {
                        "a second value of the path is dropped".to_owned()
                    });
                }
                if is_first {
                    values.push((full_path(run.task.entity, &path), value));
                } else {
                    self.engine.metrics().results_duplicate.inc();
                    troubles.add("a second value of a path is dropped", || {
                        format!("sensor {id}: a second value of {path} is dropped")
                    });
                }
            }
            self.count(&run.task, &outcome);
            note(&mut device.memory, *id, run.due, &outcome, sensor);
            for absent in outcome.absent.iter().filter(|absent| absent.is_trouble()) {
                let path = absent.path.as_ref().map(|path| full_path(run.task.entity, path));
                run.troubles.note(absent.why.cause(), scope, path, || absent.to_string());
                troubles.add(&absent.identity(), || format!("sensor {id}: {absent}"));
            }
            for interface in &outcome.followers {
                warn!(
                    entity = %run.task.entity, name = run.task.name, host = %run.task.host, sensor = %id, interface,
                    "ifCounterDiscontinuityTime moves with sysUpTime and says nothing: it is ignored"
                );
            }
            if troubles.lines.is_empty() {
                is_well_again |= device.troubles.end(Subject::Sensor(*id)) == Ended::Last;
            } else if device.troubles.is_news(Subject::Sensor(*id), &troubles.identity, Instant::now()) {
                told.add(troubles);
            }
        }
        device.memory.speeds = speeds;
        let (entity, name, host) = (run.task.entity, &run.task.name, &run.task.host);
        if is_well_again {
            info!(%entity, name, %host, "device is measured completely again");
        }
        if !told.lines.is_empty() {
            let (missing, more) = (told.lines.join("; "), told.more);
            warn!(%entity, name, %host, missing, more, "device is measured in part");
        }
        let complete = device.memory.completeness(run.task.sensors.iter().map(|sensor| sensor.id));
        values.push(completeness(run.task.entity, complete));
        Report::Values(Values { account: run.task.account, time: run.due, values })
    }

    fn count(&self, task: &SnmpTask, outcome: &Outcome) {
        let metrics = self.engine.metrics();
        metrics.names_empty.inc_by(outcome.empty_names as u64);
        for absent in &outcome.absent {
            match &absent.why {
                MissingReason::NoRate(why) => metrics.count_no_rate(why.label()),
                why => metrics.count_missing(why.label()),
            }
            if absent.is_withheld() {
                metrics.count_withheld(task.account, task.entity, absent.why.label());
            }
        }
    }

    /// Logs what was learnt of the device in a run and changes what it means.
    fn tell_learnt(&self, device: &Device, task: &SnmpTask, result: &PollResult) {
        let (entity, name, host) = (task.entity, &task.name, &task.host);
        if result.limits.is_unordered() && !device.memory.limits.is_unordered() {
            warn!(
                %entity, name, %host,
                "its walks are not in ascending order: rows are taken as they come while they are new \
                 (snmp_unordered_walk of the credential: false would end such a walk)"
            );
        }
        let known: HashSet<&Oid> = device.memory.limits.unanswered().collect();
        for oid in result.limits.unanswered().filter(|oid| !known.contains(oid)) {
            let object = self.names.name_of(oid);
            warn!(%entity, name, %host, %oid, object, "the device does not answer when it is asked for this object");
        }
    }
}

fn full_path(entity: EntityId, path: &str) -> String {
    format!("entity.{entity}.snmp.{path}")
}

/// Keeps what a sensor came to, for completeness and for whoever asks what it lacks.
fn note(memory: &mut Memory, id: SensorId, due: Timestamp, outcome: &Outcome, sensor: &Sensor) {
    for absent in outcome.absent.iter().filter(|absent| absent.is_withheld()) {
        let what = absent.to_string();
        memory.note_withheld(RejectedValue { due: due.seconds(), sensor: id.number(), what });
    }
    let missing = outcome.absent.iter().filter(|absent| !absent.is_expected()).map(ToString::to_string);
    memory.of(id, sensor).note_run((outcome.complete, outcome.wanted), missing);
}

fn completeness(entity: EntityId, (complete, wanted): (usize, usize)) -> (String, f64) {
    let share = if wanted == 0 { 1.0 } else { complete as f64 / wanted as f64 };
    (format!("entity.{entity}.snmp.completeness"), share)
}

/// What is reported of a device that does not answer.
fn silent(task: &SnmpTask, due: Timestamp, context: &PollContext<'_>) -> Report {
    let values = if context.due.is_empty() { vec![] } else { vec![completeness(task.entity, (0, 1))] };
    Report::Values(Values { account: task.account, time: due, values })
}
