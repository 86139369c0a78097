//! `grafolean snmp explain`: what the bot would ask a device of the backend, and in which packets.

use std::{
    io::{self, Write},
    time::{Duration, UNIX_EPOCH},
};

use anyhow::{Context, anyhow, bail};
use grafolean_bots::snmp::{
    Memory, Oid, RejectedValue, Request, SnmpBot, SnmpTask,
    engine::{Engine, SnmpMetrics},
    plan::{Limits, dry_run},
    settings,
};
use grafolean_collector::{
    backend::http::HttpBackend,
    model::{Device, Interval},
    refresh::{Planned, plan_once},
    state_store::StateStore,
};
use serde::Serialize;

use super::{agent::UPTIME, print::Printer};
use crate::{arguments::Explain, command::folders, config::Config, failure::Outcome};

/// Rows of a table of which nothing is known: a switch of 48 ports.
const USUAL_ROWS: u32 = 48;

/// What a device is asked.
#[derive(Serialize)]
struct Explanation<'a> {
    account: i64,
    entity: i64,
    name: &'a str,
    host: String,
    version: &'static str,
    /// Rows that each table is taken to have.
    rows: u32,
    rows_from: &'static str,
    /// Which profiles are tried on it beside its sensors.
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<String>,
    /// Whether what the bot has learnt of the device is heeded.
    limits_learnt: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    learnt: Option<LearntLimits>,
    runs: Vec<Run<'a>>,
}

/// What the bot has learnt of the device.
#[derive(Serialize)]
struct LearntLimits {
    /// Objects that one GET asks for at most, and one GETBULK.
    get_objects: usize,
    bulk_objects: u32,
    /// Whether its walks come in another order than ascending.
    walks_unordered: bool,
    /// Objects to which it is silent.
    not_answered: Vec<Oid>,
    /// What each sensor lacked in its last run, and why.
    missing: Vec<MissingObjects>,
    /// The last values that came but were not stored, since they can be none that are true.
    withheld: Vec<RejectedValue>,
}

#[derive(Serialize)]
struct MissingObjects {
    sensor: i64,
    what: String,
}

/// What is asked in a run, and when.
#[derive(Serialize)]
struct Run<'a> {
    every_s: u32,
    sensors: Vec<PlannedSensor<'a>>,
    packets: usize,
    /// How many it would take to ask for each object alone.
    packets_alone: usize,
    requests: Vec<PlannedRequest>,
}

#[derive(Serialize)]
struct PlannedSensor<'a> {
    sensor: i64,
    name: &'a str,
}

#[derive(Clone, PartialEq, Serialize)]
struct PlannedRequest {
    pdu: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    repetitions: Option<u32>,
    oids: Vec<Oid>,
}

/// Prints what the bot would ask.
pub(super) async fn run(
    arguments: &Explain,
    config: &Config,
    printer: Printer<'_>,
) -> anyhow::Result<Outcome> {
    let backend = HttpBackend::new(config.backend(Some("snmp"))?)?;
    let bot = SnmpBot::new(Engine::start(SnmpMetrics::default())?).naming(settings::names(&config.settings)?);
    let planned = plan_once(&backend, &bot).await.context("cannot read what is to be measured")?;
    let device = find(&planned, &arguments.entity)?;
    let task = planned.plan.jobs.iter().map(|job| &job.task);
    let mut task = task.filter(|task| (task.account, task.entity) == (device.account, device.entity.id));
    for refusal in planned.plan.refused.iter().filter(|it| it.entity == device.entity.id) {
        tracing::warn!("{refusal}");
    }
    let task = task.next().ok_or_else(|| anyhow!("nothing of {:?} can be measured", device.entity.name))?;
    let memory = learnt(task, config);
    let explanation = explain(device, task, memory.as_ref(), arguments.rows)?;
    let mut out = io::stdout().lock();
    if arguments.json {
        serde_json::to_writer_pretty(&mut out, &explanation)?;
        writeln!(out)?;
    } else {
        print(&mut out, &explanation, printer)?;
    }
    Ok(Outcome::Good)
}

/// The device of an id or a name.
fn find<'a, T>(planned: &'a Planned<T>, wanted: &str) -> anyhow::Result<&'a Device> {
    let is_wanted = |id: i64, name: &str| name == wanted || wanted.parse() == Ok(id);
    let mut found = planned.devices.iter().filter(|it| is_wanted(it.entity.id.number(), &it.entity.name));
    match (found.next(), found.next()) {
        (Some(device), None) => Ok(device),
        (Some(_), Some(_)) => bail!("more than one entity is called {wanted:?}: give its id"),
        (None, _) => {
            let left = &planned.skipped;
            let left = left.iter().find(|it| is_wanted(it.entity.number(), &it.name));
            let refused = planned.plan.refused.iter().find(|it| is_wanted(it.entity.number(), &it.name));
            match (left, refused) {
                (Some(left), _) => {
                    bail!("entity {wanted:?} is not measured over SNMP by this bot: {}", left.reason)
                }
                (None, Some(refused)) => bail!("{refused}"),
                (None, None) => bail!(
                    "the token sees no entity {wanted:?}: `grafolean check snmp` lists what would be measured"
                ),
            }
        }
    }
}

/// What a bot with its data here has learnt of the device.
fn learnt(task: &SnmpTask, config: &Config) -> Option<Memory> {
    let file = folders::of_bot(&folders::data(config).ok()?, "snmp").join("readings.sqlite");
    let (_, known) = file.exists().then(|| StateStore::open(&file).ok())??;
    serde_json::from_str(known.get(&format!("{}.{}", task.account, task.entity))?).ok()
}

fn explain<'a>(
    device: &'a Device,
    task: &SnmpTask,
    memory: Option<&Memory>,
    said: Option<u32>,
) -> anyhow::Result<Explanation<'a>> {
    let met = memory.and_then(Memory::rows).and_then(|rows| u32::try_from(rows).ok());
    let (rows, rows_from) = match (said, met) {
        (Some(rows), _) => (rows, "as --rows says"),
        (None, Some(rows)) => (rows, "as the bot met them"),
        (None, None) => (USUAL_ROWS, "assumed, --rows says otherwise"),
    };
    let limits = memory.map_or_else(Limits::default, |memory| memory.limits.clone());
    let mut runs = Vec::new();
    for interval in task.intervals() {
        // Those that divide it fall due with it.
        let due: Vec<Interval> =
            task.intervals().filter(|other| interval.seconds().is_multiple_of(other.seconds())).collect();
        let wanted = task.wanted(&due);
        let requests = dry_run(&wanted, Oid::new(UPTIME)?, task.dialect(), limits.clone(), task.policy, rows);
        let name = |id| device.sensors.iter().find(|it| it.sensor.id == id).map_or("", |it| &it.sensor.name);
        let sensor =
            |id: grafolean_collector::model::SensorId| PlannedSensor { sensor: id.number(), name: name(id) };
        runs.push(Run {
            every_s: interval.seconds(),
            sensors: task.due(&due).map(|due| sensor(due.id)).collect(),
            packets: requests.len(),
            packets_alone: wanted.requests_alone(usize::try_from(rows)?),
            requests: requests.into_iter().map(planned_request).collect(),
        });
    }
    Ok(Explanation {
        account: task.account.number(),
        entity: task.entity.number(),
        name: &device.entity.name,
        host: task.host.to_string(),
        version: task.access.version(),
        rows,
        rows_from,
        profile: task.profile.as_ref().map(|choice| choice.name().unwrap_or("auto").to_owned()),
        limits_learnt: memory.is_some(),
        learnt: memory.map(|memory| of_memory(memory, task)),
        runs,
    })
}

fn of_memory(memory: &Memory, task: &SnmpTask) -> LearntLimits {
    let lacking = |(sensor, what): (i64, &str)| MissingObjects { sensor, what: what.to_owned() };
    LearntLimits {
        get_objects: memory.limits.oids(&task.policy),
        bulk_objects: memory.limits.repetitions(1, &task.policy),
        walks_unordered: memory.limits.is_unordered(),
        not_answered: memory.limits.unanswered().cloned().collect(),
        missing: memory.missing().map(lacking).collect(),
        withheld: memory.withheld().cloned().collect(),
    }
}

fn planned_request(request: Request) -> PlannedRequest {
    match request {
        Request::Get(oids) => PlannedRequest { pdu: "GET", repetitions: None, oids },
        Request::Next(oids) => PlannedRequest { pdu: "GETNEXT", repetitions: None, oids },
        Request::Bulk { oids, repetitions } => {
            PlannedRequest { pdu: "GETBULK", repetitions: Some(repetitions), oids }
        }
    }
}

fn print(out: &mut impl Write, it: &Explanation<'_>, printer: Printer<'_>) -> io::Result<()> {
    writeln!(
        out,
        "entity {} {:?} of account {}, {} over {}",
        it.entity, it.name, it.account, it.host, it.version
    )?;
    writeln!(out, "tables of {} rows, {}", it.rows, it.rows_from)?;
    if let Some(profile) = &it.profile {
        writeln!(
            out,
            "and what it answers of profile {profile}: `grafolean snmp profile {}` says what",
            it.host
        )?;
    }
    if it.limits_learnt {
        writeln!(out, "packets as big as the bot has learnt that the device takes them")?;
    }
    if let Some(learnt) = &it.learnt {
        print_learnt(out, learnt, printer)?;
    }
    for run in &it.runs {
        let names: Vec<_> = run.sensors.iter().map(|it| format!("{} {:?}", it.sensor, it.name)).collect();
        let sensors = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        writeln!(out, "\nevery {} s, sensors: {sensors}", run.every_s)?;
        writeln!(
            out,
            "  {} packets; {} if each object were asked for alone",
            run.packets, run.packets_alone
        )?;
        let alike = |a: &PlannedRequest, b: &PlannedRequest| {
            a.pdu == b.pdu && a.pdu != "GET" && a.oids.len() == b.oids.len()
        };
        for requests in run.requests.chunk_by(alike) {
            let Some(first) = requests.first() else { continue };
            let rows = first.repetitions.map(|rows| format!(" of {rows} rows")).unwrap_or_default();
            let after = if first.pdu == "GET" { "" } else { " after" };
            writeln!(
                out,
                "  {:3} x {}{rows}, {} objects{after}",
                requests.len(),
                first.pdu,
                first.oids.len()
            )?;
            first.oids.iter().try_for_each(|oid| writeln!(out, "        {}", printer.name(oid)))?;
        }
    }
    Ok(())
}

fn print_learnt(out: &mut impl Write, it: &LearntLimits, printer: Printer<'_>) -> io::Result<()> {
    writeln!(out, "  a GET of {} objects at most, a GETBULK of {}", it.get_objects, it.bulk_objects)?;
    if it.walks_unordered {
        writeln!(out, "  its walks are not in ascending order")?;
    }
    for oid in &it.not_answered {
        writeln!(out, "  it does not answer when it is asked for {}", printer.name(oid))?;
    }
    for MissingObjects { sensor, what } in &it.missing {
        writeln!(out, "  missing in the last run: sensor {sensor}: {what}")?;
    }
    for RejectedValue { due, sensor, what } in &it.withheld {
        let due = humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs(due.unsigned_abs()));
        writeln!(out, "  withheld at {due}: sensor {sensor}: {what}")?;
    }
    Ok(())
}
