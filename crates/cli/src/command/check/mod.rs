//! `grafolean check`: would a bot work, and what would it do? Only reads, as the bot itself would.
//!
//! `examine` asks the backend step by step and ends at the first thing without which the next makes no sense;
//! `report` is what came out of it.

mod examine;
mod report;

use std::io::{self, Write};

use grafolean_collector::backend::http::HttpBackend;

use crate::{arguments::Check, config::Config, failure::Outcome};
use examine::Examination;
use report::Report;

/// Checks, prints the report and says whether the bot would work.
pub(crate) async fn run(check: Check, config: &Config) -> anyhow::Result<Outcome> {
    let backend = HttpBackend::new(config.backend(check.protocol.as_deref())?)?;
    let report = Report { backend: backend.url().to_string(), ..Report::default() };
    let mut examination = Examination { backend, protocol: check.protocol, config, report };
    examination.run().await;
    let mut report = examination.report;
    report.works = report.problems.is_empty();
    let mut out = io::stdout().lock();
    if check.json {
        serde_json::to_writer_pretty(&mut out, &report)?;
        writeln!(out)?;
    } else {
        report.print(&mut out)?;
    }
    Ok(if report.works { Outcome::Good } else { Outcome::Bad })
}
