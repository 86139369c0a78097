//! `grafolean flow query`: raw flows added up or listed; `groups` and `flows` show what was found.

mod flows;
mod groups;

use std::{
    io::{self, IsTerminal},
    num::NonZeroUsize,
    path::PathBuf,
    sync::atomic::Ordering::Relaxed,
    thread,
    time::Duration,
};

use grafolean_collector::time::{Clock, SystemClock, Timestamp};
use grafolean_netflow::query::{Order, Progress, Query, QueryError, Scanned, ask, list};
use indicatif::{ProgressBar, ProgressStyle};
use tracing::warn;

use super::named::{ByDns, Names};
use crate::{
    arguments::FlowQuery,
    command::folders,
    config::Config,
    failure::{Hint, Outcome},
};

/// How far back flows are looked for where nothing else is asked.
const USUAL_SPAN: Duration = Duration::from_secs(3_600);
/// How often the progress is drawn; what is answered sooner draws none.
const TICK: Duration = Duration::from_millis(200);

/// How an answer is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Table,
    Json,
    Csv,
}

/// Asks, and prints the answer.
pub(super) fn run(arguments: FlowQuery, config: &Config) -> anyhow::Result<Outcome> {
    let folder = folder(&arguments, config)?;
    // Of an archive that lies elsewhere the bot of this machine knows no names.
    let bot = arguments.archive.is_none().then(|| folder.parent()).flatten();
    let mut names = Names::open(config, bot)?;
    let by_dns = if arguments.resolve { ByDns::Ask } else { ByDns::Leave };
    let format = match (arguments.json, arguments.csv) {
        (true, _) => Format::Json,
        (_, true) => Format::Csv,
        _ => Format::Table,
    };
    if arguments.list {
        let columns = flows::columns(&arguments.columns, format)?;
        let query = query(&arguments, Order::First, false)?;
        let listing = told(watched(|progress| list(&folder, &query, threads(), progress)))?;
        warn_of(&listing.scanned, &query);
        names.look_up(flows::shown(&listing), by_dns)?;
        flows::print(format, &columns, &query, &listing, &names)?;
    } else {
        let columns = groups::columns(&arguments.columns, &arguments.by)?;
        let timed = columns.iter().any(|column| column.is_timed());
        let query = query(&arguments, Order::Bytes, timed)?;
        let answer = told(watched(|progress| ask(&folder, &query, threads(), progress)))?;
        warn_of(&answer.scanned, &query);
        names.look_up(groups::shown(&query, &answer), by_dns)?;
        groups::print(format, &columns, &query, &answer, &names)?;
    }
    Ok(Outcome::Good)
}

fn folder(query: &FlowQuery, config: &Config) -> anyhow::Result<PathBuf> {
    Ok(match &query.archive {
        Some(folder) => folder.clone(),
        None => folders::flow_archive(&folders::of_bot(&folders::data(config)?, "netflow")),
    })
}

fn query(query: &FlowQuery, order: Order, timed: bool) -> anyhow::Result<Query> {
    let now = SystemClock.now();
    let to = query.to.map_or(now, |to| to.resolve(now));
    let from = query.from.map_or_else(|| to - query.last.unwrap_or(USUAL_SPAN), |from| from.resolve(now));
    if from >= to {
        anyhow::bail!("--from has to be before --to, and is {} where that is {}", written(from), written(to));
    }
    Ok(Query {
        filter: query.filter.clone(),
        from,
        to,
        time: query.time.into(),
        by: query.by.clone(),
        top: query.top,
        order: query.order.map_or(order, Into::into),
        unscaled: query.raw,
        timed,
    })
}

fn written(moment: Timestamp) -> String {
    let since = Duration::from_secs(u64::try_from(moment.seconds()).unwrap_or(0));
    humantime::format_rfc3339_seconds(std::time::UNIX_EPOCH + since).to_string()
}

fn threads() -> NonZeroUsize {
    thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

fn told<A>(answer: Result<A, QueryError>) -> anyhow::Result<A> {
    match answer {
        Err(error @ QueryError::NoFolder(_)) => Err(error).hint(
            "run `grafolean bot netflow --flow-archive` to keep flows, or name their folder by --data or --archive",
        ),
        answer => Ok(answer?),
    }
}

/// Warns of what an answer lacks.
fn warn_of(scanned: &Scanned, query: &Query) {
    if scanned.vanished > 0 {
        warn!(
            files = scanned.vanished,
            "files were deleted meanwhile, as they had to go: their flows are missing"
        );
    }
    if scanned.untimed > 0 {
        warn!(
            flows = scanned.untimed,
            time = ?query.time,
            "flows received in this time do not tell the time they were looked for by: they are missing"
        );
    }
}

/// Asks on a thread of its own, and draws how far it is where somebody looks.
fn watched<A: Send>(ask: impl FnOnce(&Progress) -> Result<A, QueryError> + Send) -> Result<A, QueryError> {
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
        asking.join().unwrap_or(Err(QueryError::Panicked))
    })
}
