//! `grafolean findings`: what is wrong at this moment.

use std::{
    io::{self, Write},
    time::{Duration, UNIX_EPOCH},
};

use anyhow::Context;
use grafolean_collector::{
    backend::BackendError,
    cause::Cause,
    why::{Finding, GroupedFinding, findings},
};

use super::{
    local,
    sources::{Asked, Sources},
};
use crate::{arguments::Findings, config::Config, failure::Outcome};

/// Entities that a line names.
const NAMED: usize = 5;

/// Prints what is wrong and says whether anything is.
pub(crate) async fn run(asked: &Findings, config: &Config) -> anyhow::Result<Outcome> {
    let sources = Sources::find(config, None).await?;
    let found = match sources.ask("findings", Vec::new()).await {
        Asked::Hub(answer) => {
            let list = answer.get("list").cloned().unwrap_or_default();
            serde_json::from_value(list).context("the hub's answer makes no sense")?
        }
        Asked::NoHub => match local::facts(&sources).await {
            Ok(all) => all.iter().flat_map(findings).collect(),
            Err(error) => vec![of_all(&of_error(&error))],
        },
        Asked::Failed(finding) => vec![of_all(&finding)],
    };
    let mut out = io::stdout().lock();
    if asked.json {
        serde_json::to_writer_pretty(&mut out, &found)?;
        writeln!(out)?;
    } else if found.is_empty() {
        writeln!(out, "nothing is wrong")?;
    } else {
        found.iter().try_for_each(|finding| print(&mut out, finding))?;
    }
    Ok(if found.is_empty() { Outcome::Good } else { Outcome::Bad })
}

fn of_error(error: &BackendError) -> Finding {
    let cause = match error {
        BackendError::Forbidden { .. } => Cause::NoReadRight,
        error => error.cause(),
    };
    Finding::of(cause, error.with_causes())
}

/// A finding that is about everything.
fn of_all(finding: &Finding) -> GroupedFinding {
    GroupedFinding {
        account: grafolean_collector::model::AccountId::new(0),
        cause: finding.cause,
        sentence: finding.sentence.clone(),
        remedy: finding.remedy.clone(),
        evidence: finding.evidence.clone(),
        since: finding.since,
        protocol: None,
        devices: 0,
        entities: Vec::new(),
    }
}

fn print(out: &mut impl Write, finding: &GroupedFinding) -> io::Result<()> {
    let names: Vec<_> = finding.entities.iter().take(NAMED).map(|entity| entity.name.as_str()).collect();
    let more = finding.devices.saturating_sub(names.len());
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let since = finding.since.map(|since| format!(", since {}", moment(since))).unwrap_or_default();
    let protocol = finding.protocol.as_deref().map(|protocol| format!(" by {protocol}")).unwrap_or_default();
    let devices = match finding.devices {
        0 => String::new(),
        1 => format!("1 device{protocol} ({})", names.join(", ")),
        many => format!("{many} devices{protocol} ({}{more})", names.join(", ")),
    };
    writeln!(out, "{}{}{devices}{since}", finding.cause.kind(), if devices.is_empty() { "" } else { ": " })?;
    writeln!(out, "  {} ({})", finding.sentence, finding.evidence)?;
    writeln!(out, "  {}", finding.remedy)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a float that is too large for a number of seconds saturates"
)]
fn moment(seconds: f64) -> String {
    let since_epoch = u64::try_from(seconds as i64).unwrap_or_default();
    humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs(since_epoch)).to_string()
}
