//! `grafolean check`: would a bot work, and what would it do? Only reads, as the bot itself would.
//!
//! `examine` asks the backend step by step and ends at the first thing without which the next makes no sense;
//! `report` is what came out of it.

mod examine;
mod report;

use std::io::{self, Write};

use grafolean_collector::{backend::http::HttpBackend, collector::Registered};

use crate::{arguments::Check, config::Config, failure::Outcome, protocols};
use examine::Examination;
use report::Report;

/// Checks, prints a report for each bot and says whether all of them would work.
pub(crate) async fn run(check: Check, config: &Config) -> anyhow::Result<Outcome> {
    let mut out = io::stdout().lock();
    let mut all_work = true;
    for (at, protocol) in bots(check.protocol, config).into_iter().enumerate() {
        let report = examine(protocol, config).await?;
        all_work &= report.works;
        if check.json {
            serde_json::to_writer_pretty(&mut out, &report)?;
            writeln!(out)?;
            continue;
        }
        if at > 0 {
            writeln!(out)?;
        }
        report.print(&mut out)?;
    }
    Ok(if all_work { Outcome::Good } else { Outcome::Bad })
}

/// Returns the protocols to look at: the one that is named, else that of the token for all, else, as in `bot all`, each
/// that has a token of its own. None stands for the protocol that the token itself is of.
fn bots(named: Option<String>, config: &Config) -> Vec<Option<String>> {
    if named.is_some() || config.settings.token(None).is_some() {
        return vec![named];
    }
    let has_token = |protocol: &&Registered| config.settings.token(Some(protocol.name())).is_some();
    let own: Vec<_> =
        protocols::ALL.iter().filter(has_token).map(|protocol| Some(protocol.name().to_owned())).collect();
    // No token at all: the error names the settings.
    if own.is_empty() { vec![None] } else { own }
}

async fn examine(protocol: Option<String>, config: &Config) -> anyhow::Result<Report> {
    let backend = HttpBackend::new(config.backend(protocol.as_deref())?)?;
    let report = Report { backend: backend.url().to_string(), ..Report::default() };
    let mut examination = Examination { backend, protocol, config, report };
    examination.run().await;
    let mut report = examination.report;
    report.works = report.problems.is_empty();
    Ok(report)
}
