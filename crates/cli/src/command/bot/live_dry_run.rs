//! A bot that measures as it would, for as long as it is let, and prints what it would send.

use std::sync::Arc;

use grafolean_collector::{
    backend::http::HttpBackend,
    bot::Bot,
    collector::stop_on_signal,
    refresh::{Refresh, RefreshMetrics},
    run::{DEFAULT_CONCURRENCY, Heartbeat, Performer, RunLoop, RunMetrics},
    time::SystemClock,
};
use tokio::sync::mpsc;

use super::dry_run::DryRun;
use crate::{config::Config, failure::Outcome};

/// Runs until it is stopped. No configuration and no report is kept.
pub(super) async fn run<B: Bot>(
    bot: Arc<B>,
    backend: HttpBackend,
    config: &Config,
) -> anyhow::Result<Outcome> {
    let stop = stop_on_signal()?;
    let (plans, receiver) = mpsc::channel(1);
    let refresh = Refresh {
        backend: Arc::new(backend),
        bot: Arc::clone(&bot),
        interval: config.jobs_refresh_interval.duration(),
        last_good: None,
        clock: Arc::new(SystemClock),
        plans,
        metrics: RefreshMetrics::default(),
        stop: stop.clone(),
    };
    let sink = Arc::new(DryRun { stop: stop.clone() });
    let run_loop = RunLoop {
        performer: Performer::new(bot, sink, Arc::new(SystemClock), RunMetrics::default()),
        plans: receiver,
        concurrency: DEFAULT_CONCURRENCY,
        heartbeat: Heartbeat::default(),
        stop: stop.clone(),
    };
    let refreshing = async {
        let ended = refresh.run().await;
        stop.cancel();
        ended
    };
    let (refreshed, ()) = tokio::join!(refreshing, run_loop.run());
    refreshed?;
    Ok(Outcome::Good)
}
