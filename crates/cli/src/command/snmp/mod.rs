//! `grafolean snmp`: the SNMP bot's planner and engine by hand.
//!
//! `agent` makes a session of the flags, `print` shows objects as text or JSON, `test` tells why a device can or cannot
//! be measured, `explain` what the bot asks a device of the backend.

mod agent;
mod explain;
mod print;
mod test;

use std::io::{self, Write};

use anyhow::bail;
use grafolean_bots::snmp::{
    Oid, Value, Varbind,
    engine::{Engine, SnmpMetrics},
    plan::{Missing, Wanted},
    settings::WalkOrder,
};

use crate::{arguments::SnmpCommand, config::Config, failure::Outcome};
use agent::Asked;

/// Asks an agent.
pub(crate) async fn run(command: SnmpCommand, config: &Config) -> anyhow::Result<Outcome> {
    let engine = Engine::start(SnmpMetrics::default())?;
    match command {
        SnmpCommand::Explain(arguments) => explain::run(&arguments, config).await,
        SnmpCommand::Test { agent, oids } => test::run(&engine, &agent, oids).await,
        SnmpCommand::Get { agent, oids, json } => {
            let mut wanted = Wanted::default();
            oids.iter().for_each(|oid| wanted.get(oid.clone()));
            let asked = agent::ask(&engine, &agent, &wanted, WalkOrder::Learnt).await?;
            get(&asked, &oids, print::Printer { as_json: json })
        }
        SnmpCommand::Walk { agent, oid, unordered, check, json } => {
            let mut wanted = Wanted::default();
            wanted.walk(oid.clone());
            // Below a single object is nothing: then the object itself is meant.
            if oid.arcs().len() > 1 {
                wanted.get(oid.clone());
            }
            let order = if unordered || check.is_some() { WalkOrder::Any } else { WalkOrder::Learnt };
            let asked = agent::ask(&engine, &agent, &wanted, order).await?;
            walk(&asked, &oid, print::Printer { as_json: json })
        }
    }
}

fn get(asked: &Asked, oids: &[Oid], printer: print::Printer) -> anyhow::Result<Outcome> {
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
                missing.push(format!("{oid}: {why}"));
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

fn walk(asked: &Asked, root: &Oid, printer: print::Printer) -> anyhow::Result<Outcome> {
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
        let rows: Vec<_> = column.holes.iter().map(|(index, _)| format!("{root}{}", suffix(index))).collect();
        let came = column.rows.len();
        bail!("{}: {came} objects came, but not about {}: {missing}", asked.host, rows.join(", "));
    }
    if let Err(missing) = &column.end {
        let came = column.rows.len();
        bail!("{}: the walk of {root} did not reach its end, {came} objects came: {missing}", asked.host);
    }
    Ok(Outcome::Good)
}

fn suffix(index: &[u32]) -> String {
    index.iter().map(|arc| format!(".{arc}")).collect()
}
