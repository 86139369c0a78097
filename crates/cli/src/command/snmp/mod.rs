//! `grafolean snmp`: the SNMP bot's planner and engine by hand.
//!
//! `agent` makes a session of the flags, `print` shows objects as text or JSON, `test` tells why a device can or cannot
//! be measured, `explain` what the bot asks a device of the backend, `translate` what objects are, `profile` what a device
//! has of all profiles, `traps` what agents tell by themselves.

mod agent;
mod explain;
mod print;
mod profile;
mod test;
mod translate;
mod traps;

use std::io::{self, Write};

use anyhow::bail;
use grafolean_bots::snmp::{
    Oid, Value, Varbind,
    engine::{Engine, SnmpMetrics},
    mib::{NameError, Names},
    plan::{Missing, Wanted},
    profile::Library,
    settings::{self, WalkOrder},
};

use crate::{
    arguments::{Numbers, SnmpCommand},
    config::Config,
    failure::Outcome,
};
use agent::Asked;
use print::Printer;

/// Asks an agent.
pub(crate) async fn run(command: SnmpCommand, config: &Config) -> anyhow::Result<Outcome> {
    let names = settings::names(&config.settings)?;
    let outcome = answer(command, config, &names).await;
    for bad in names.bad_files_so_far() {
        tracing::warn!(file = %bad.path.display(), why = bad.why, "a MIB file is not used, or only in part");
    }
    outcome
}

async fn answer(command: SnmpCommand, config: &Config, names: &Names) -> anyhow::Result<Outcome> {
    let engine = Engine::start(SnmpMetrics::default())?;
    let printer =
        |numbers: Numbers, as_json| Printer { names: (!numbers.are_wanted()).then_some(names), as_json };
    match command {
        SnmpCommand::Explain(arguments) => {
            explain::run(&arguments, config, printer(arguments.numbers, arguments.json)).await
        }
        SnmpCommand::Traps(arguments) => {
            traps::run(&arguments, printer(arguments.numbers, arguments.json)).await
        }
        SnmpCommand::Translate { oids, numbers, json } => {
            translate::run(names, &oids, printer(numbers, json))
        }
        SnmpCommand::Profile(arguments) => {
            let library = library(config, names)?;
            let printer = printer(arguments.numbers, arguments.json);
            profile::run(&engine, &library, &arguments, printer).await
        }
        SnmpCommand::Profiles { json } => profile::list(&library(config, names)?, json),
        SnmpCommand::Test { agent, oids, numbers } => {
            test::run(&engine, &agent, parse(names, &oids)?, printer(numbers, false)).await
        }
        SnmpCommand::Get { agent, oids, numbers, json } => {
            let oids = parse(names, &oids)?;
            let mut wanted = Wanted::default();
            oids.iter().for_each(|oid| wanted.get(oid.clone()));
            let asked = agent::ask(&engine, &agent, &wanted, WalkOrder::Learnt).await?;
            get(&asked, &oids, printer(numbers, json))
        }
        SnmpCommand::Walk { agent, oid, numbers, unordered, check, json } => {
            let oid = names.parse_root(&oid)?;
            let mut wanted = Wanted::default();
            wanted.walk(oid.clone());
            // Below a single object is nothing: then the object itself is meant.
            if oid.arcs().len() > 1 {
                wanted.get(oid.clone());
            }
            let order = if unordered || check.is_some() { WalkOrder::Any } else { WalkOrder::Learnt };
            let asked = agent::ask(&engine, &agent, &wanted, order).await?;
            walk(&asked, &oid, printer(numbers, json))
        }
    }
}

/// Returns the profiles in force; warns of files that are none.
fn library(config: &Config, names: &Names) -> anyhow::Result<Library> {
    let (library, bad) = settings::profiles(&config.settings, names)?;
    for bad in bad {
        tracing::warn!(file = %bad.path.display(), why = bad.why, "a profile is not used");
    }
    Ok(library)
}

fn parse(names: &Names, oids: &[String]) -> Result<Vec<Oid>, NameError> {
    oids.iter().map(|oid| names.parse(oid)).collect()
}

fn get(asked: &Asked, oids: &[Oid], printer: Printer<'_>) -> anyhow::Result<Outcome> {
    let mut out = io::stdout().lock();
    let mut outcome = Outcome::Good;
    let mut missing = Vec::new();
    for oid in oids {
        let value = match asked.result.value(oid) {
            Ok((value, _)) => {
                if matches!(value, Value::Unreadable(_)) {
                    outcome = Outcome::Bad;
                }
                Ok(value.clone())
            }
            Err(Missing::Exception(exception)) => {
                outcome = Outcome::Bad;
                Err(exception)
            }
            // The others are printed all the same.
            Err(why) => {
                missing.push(format!("{}: {why}", printer.name(oid)));
                continue;
            }
        };
        printer.print(&mut out, &Varbind { oid: oid.clone(), value })?;
    }
    if !missing.is_empty() {
        bail!("{}: {}", asked.host, missing.join("; "));
    }
    Ok(outcome)
}

fn walk(asked: &Asked, root: &Oid, printer: Printer<'_>) -> anyhow::Result<Outcome> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let Some(column) = asked.result.column(root) else { bail!("{}: nothing came of the walk", asked.host) };
    for row in &column.rows {
        let oid = Oid::new([root.arcs(), &row.index].concat())?;
        printer.print(&mut out, &Varbind { oid, value: Ok(row.value.clone()) })?;
    }
    if column.rows.is_empty()
        && let Ok((value, _)) = asked.result.value(root)
    {
        printer.print(&mut out, &Varbind { oid: root.clone(), value: Ok(value.clone()) })?;
    }
    out.flush()?;
    if asked.result.limits.is_unordered() {
        tracing::warn!(
            host = asked.host,
            "the agent's objects are not in ascending order: they are sorted here"
        );
    }
    if let (None, Err(missing)) = (&column.cut, &column.end) {
        let name = |index: &[u32]| Oid::new([root.arcs(), index].concat()).map(|oid| printer.name(&oid));
        let rows: Vec<_> = column.holes.iter().flat_map(|(index, _)| name(index)).collect();
        let came = column.rows.len();
        bail!("{}: {came} objects came, but not about {}: {missing}", asked.host, rows.join(", "));
    }
    if let Err(missing) = &column.end {
        let came = column.rows.len();
        bail!(
            "{}: the walk of {} did not reach its end, {came} objects came: {missing}",
            asked.host,
            printer.name(root)
        );
    }
    Ok(Outcome::Good)
}
