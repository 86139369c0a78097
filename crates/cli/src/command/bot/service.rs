//! A bot as a service: all parts, until it is stopped.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use anyhow::Context;
use grafolean_collector::{
    backend::http::HttpBackend,
    bot::Bot,
    collector::{Collector, CollectorSettings, can_begin, stop_on_signal},
    health::Health,
    time::SystemClock,
};
use tokio::net::TcpListener;
use tracing::info;

use super::{limits, web};
use crate::{command::folders, config::Config, failure::Outcome};

/// Runs until it is stopped.
pub(super) async fn run<B: Bot>(
    bot: B,
    backend: HttpBackend,
    mut health: Health,
    config: &Config,
) -> anyhow::Result<Outcome> {
    let stop = stop_on_signal()?;
    let metrics = match config.metrics {
        Some(address) => Some(listen(address).await?),
        None => None,
    };
    let settings = settings(&backend, folders::data(config)?, config);
    let (bot, backend) = (Arc::new(bot), Arc::new(backend));
    let collector = Collector::open(
        Arc::clone(&bot),
        Arc::clone(&backend),
        Arc::new(SystemClock),
        &settings,
        &mut health,
    )
    .await?;
    let health = Arc::new(health);
    let serving =
        metrics.map(|listener| tokio::spawn(web::serve(listener, Arc::clone(&health), stop.clone())));
    if can_begin(&backend, &settings, bot.protocol(), &stop).await {
        collector.run(stop.clone()).await?;
    }
    stop.cancel();
    if let Some(serving) = serving {
        serving.await.context("/metrics stopped")??;
    }
    Ok(Outcome::Good)
}

/// Gives the settings of a bot that keeps its data below `data`.
pub(in crate::command) fn settings(
    backend: &HttpBackend,
    data: PathBuf,
    config: &Config,
) -> CollectorSettings {
    CollectorSettings {
        refresh_interval: config.jobs_refresh_interval.duration(),
        spool: limits(config),
        ..CollectorSettings::new(backend.url(), data)
    }
}

async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(address).await;
    let listener = listener.with_context(|| format!("cannot listen on {address} for --metrics"))?;
    info!(address = %listener.local_addr()?, "/metrics and /healthz are served");
    Ok(listener)
}
