//! Every job once: for cron, and for a look at what a bot would do.

use std::{
    io::{self, Write},
    path::Path,
    sync::Arc,
};

use anyhow::Context;
use grafolean_collector::{
    backend::{BackendError, http::HttpBackend},
    bot::{Bot, Plan},
    collector::stop_on_signal,
    deliver::{Delivery, DeliveryMetrics, DeliverySettings},
    refresh::{LastGood, Planned, plan_once},
    run::{DEFAULT_CONCURRENCY, Performer, RunMetrics, Summary, run_once},
    sink::Sink,
    spool::{Spool, SpoolMetrics},
    time::{Clock, SystemClock},
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::dry_run::DryRun;
use crate::{command::folders, config::Config, failure::Outcome};

/// Runs every job and prints what would be sent.
pub(super) async fn print<B: Bot>(bot: Arc<B>, backend: &HttpBackend) -> anyhow::Result<Outcome> {
    let planned = plan_once(backend, &*bot).await?;
    let stop = stop_on_signal()?;
    let sink = Arc::new(DryRun { stop: stop.clone() });
    let summary = perform(bot, named(planned), sink, &stop).await;
    info!(%summary, "done, nothing was sent");
    Ok(outcome(summary))
}

/// Runs every job and delivers what it gave, together with what waited from earlier runs.
pub(super) async fn deliver<B: Bot>(
    bot: Arc<B>,
    backend: HttpBackend,
    config: &Config,
) -> anyhow::Result<Outcome> {
    let stop = stop_on_signal()?;
    let folder = folders::of_bot(&folders::data(config)?, bot.protocol());
    let spool = folder.join("spool.sqlite");
    let spool =
        Spool::open(spool, super::limits(config), Arc::new(SystemClock), SpoolMetrics::default()).await?;
    let plan = plan(&*bot, &backend, &folder).await?;
    let summary = perform(bot, plan, Arc::new(spool.clone()), &stop).await;
    let stop = CancellationToken::new();
    stop.cancel();
    let metrics = DeliveryMetrics::default();
    let delivery = Delivery {
        backend: Arc::new(backend),
        spool: spool.clone(),
        clock: Arc::new(SystemClock),
        settings: DeliverySettings::default(),
        metrics: metrics.clone(),
        stop,
    };
    // Stopped before it began, it makes the last attempt to empty the spool, and no other.
    delivery.run().await;
    let left = spool.statistics();
    spool.close().await?;
    writeln!(io::stdout(), "{summary}, {} values delivered", metrics.delivered())?;
    if left.queue.values > 0 {
        warn!(values = left.queue.values, "not delivered, the next start sends them");
    }
    Ok(outcome(summary))
}

/// What the backend says, else what it last said: measuring goes on while it is away.
async fn plan<B: Bot>(bot: &B, backend: &HttpBackend, folder: &Path) -> anyhow::Result<Plan<B::Task>> {
    let last_good = LastGood::new(folder, backend.url());
    let planned = match plan_once(backend, bot).await {
        Ok(planned) => {
            last_good.save(&planned.inventory, SystemClock.now()).await?;
            planned
        }
        Err(error @ (BackendError::Unreachable { .. } | BackendError::Failed { .. })) => {
            let kept = last_good.load().await;
            let (inventory, read_at) =
                kept.ok_or(error).context("there is no last good configuration either")?;
            warn!(%read_at, "the backend is away: going by the last good configuration");
            Planned::of(inventory, bot)
        }
        Err(error) => return Err(error.into()),
    };
    Ok(named(planned))
}

fn named<T>(planned: Planned<T>) -> Plan<T> {
    for fault in planned.faults() {
        warn!("{fault}");
    }
    planned.plan
}

async fn perform<B: Bot, S: Sink>(
    bot: Arc<B>,
    plan: Plan<B::Task>,
    sink: Arc<S>,
    stop: &CancellationToken,
) -> Summary {
    let performer = Performer::new(bot, sink, Arc::new(SystemClock), RunMetrics::default());
    run_once(performer, plan.jobs, DEFAULT_CONCURRENCY, stop).await
}

fn outcome(summary: Summary) -> Outcome {
    if summary.failed == 0 { Outcome::Good } else { Outcome::Bad }
}
