//! `grafolean flow query`: raw flows added up; `print` shows what was found.

mod print;

use std::{
    io::{self, IsTerminal},
    num::NonZeroUsize,
    sync::atomic::Ordering::Relaxed,
    thread,
    time::Duration,
};

use grafolean_collector::time::{Clock, SystemClock};
use grafolean_netflow::query::{Answer, Progress, QueryError, Question, ask};
use indicatif::{ProgressBar, ProgressStyle};
use tracing::warn;

use crate::{
    arguments::FlowQuery,
    command::folders,
    config::Config,
    failure::{Hint, Outcome},
};

/// How far back is looked where nothing else is said.
const USUAL_SPAN: Duration = Duration::from_secs(3_600);
/// How often the progress is drawn; what is answered sooner draws none.
const TICK: Duration = Duration::from_millis(200);

/// Asks, and prints the answer.
pub(super) fn run(query: FlowQuery, config: &Config) -> anyhow::Result<Outcome> {
    let folder = match &query.archive {
        Some(folder) => folder.clone(),
        None => folders::flow_archive(&folders::of_bot(&folders::data(config)?, "netflow")),
    };
    let to = query.to.unwrap_or_else(|| SystemClock.now());
    let from = query.from.unwrap_or_else(|| to - query.last.unwrap_or(USUAL_SPAN));
    if from >= to {
        anyhow::bail!("--from has to be before --to");
    }
    let question = Question {
        filter: query.filter.clone(),
        from,
        to,
        by: query.by.clone(),
        top: query.top,
        order: query.order.into(),
        unscaled: query.raw,
    };
    let answer = watched(|progress| {
        ask(&folder, &question, thread::available_parallelism().unwrap_or(NonZeroUsize::MIN), progress)
    });
    let answer = match answer {
        Err(error @ QueryError::NoFolder(_)) => {
            return Err(error).hint(
                "run `grafolean bot netflow --flow-archive` to keep flows, or name their folder by --data or --archive",
            );
        }
        answer => answer?,
    };
    if answer.vanished > 0 {
        warn!(
            files = answer.vanished,
            "files were deleted meanwhile, as they had to go: their flows are missing"
        );
    }
    print::print(&query, &question, &answer)?;
    Ok(Outcome::Good)
}

/// Asks on a thread of its own, and draws how far it is where somebody looks.
fn watched(ask: impl FnOnce(&Progress) -> Result<Answer, QueryError> + Send) -> Result<Answer, QueryError> {
    let progress = Progress::default();
    if !io::stderr().is_terminal() {
        return ask(&progress);
    }
    thread::scope(|scope| {
        let asking = scope.spawn(|| ask(&progress));
        let bar = ProgressBar::new(0);
        let style = "{bar:40} {percent}% of {total_bytes}, {bytes_per_sec}, {eta} left";
        bar.set_style(ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()));
        loop {
            thread::park_timeout(TICK);
            if asking.is_finished() {
                break;
            }
            bar.set_length(progress.bytes.load(Relaxed));
            bar.set_position(progress.done.load(Relaxed));
        }
        bar.finish_and_clear();
        asking.join().unwrap_or(Err(QueryError::Broken))
    })
}
