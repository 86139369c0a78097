//! Every job once: for cron, and for a look at what a bot would do.

use std::io::{self, Write};

use grafolean_collector::{
    collector::{AnyPipeline, stop_on_signal},
    run::Summary,
    sink::JsonLines,
};
use tracing::{info, warn};

use crate::failure::Outcome;

/// Runs every job and prints what would be sent.
pub(super) async fn print(pipeline: Box<dyn AnyPipeline>) -> anyhow::Result<Outcome> {
    let stop = stop_on_signal()?;
    let summary = pipeline.dry_run_once(JsonLines { stop: stop.clone() }, &stop).await?;
    info!(%summary, "done, nothing was sent");
    Ok(outcome(summary))
}

/// Runs every job and delivers what it gave, together with what waited from earlier runs.
pub(super) async fn deliver(pipeline: Box<dyn AnyPipeline>) -> anyhow::Result<Outcome> {
    let once = pipeline.run_once(&stop_on_signal()?).await?;
    writeln!(io::stdout(), "{}, {} values delivered", once.summary, once.delivered)?;
    if once.waiting > 0 {
        warn!(values = once.waiting, "not delivered, the next start sends them");
    }
    Ok(outcome(once.summary))
}

fn outcome(summary: Summary) -> Outcome {
    if summary.failed == 0 { Outcome::Good } else { Outcome::Bad }
}
