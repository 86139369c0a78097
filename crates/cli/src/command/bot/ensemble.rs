//! Bots as services: one or several in a process, until they are stopped.

use std::{net::SocketAddr, path::PathBuf, pin::Pin, sync::Arc};

use anyhow::Context;
use futures_util::{StreamExt, stream::FuturesUnordered};
use grafolean_collector::{
    backend::http::HttpBackend,
    collector::{AnyProtocol, CollectorSettings, Signals, can_begin},
    health::{Endpoint, Health, Heartbeats, Service},
    sandbox::Sandbox,
    schedule::FirstRun,
};

use super::limits;
use crate::config::Config;

/// Bots that share a process, its metrics and its end; each has its own folder, queue and connections.
pub(in crate::command) struct Ensemble {
    /// Where the bots are registered before they are added.
    pub(in crate::command) health: Health,
    heartbeats: Heartbeats,
    signals: Signals,
    sandbox: Option<Sandbox>,
    parts: Vec<Part>,
    /// The bots: one that receives does so until all have ended, as long as another's last run takes.
    bots: Vec<Arc<dyn AnyProtocol>>,
}

/// A bot at work.
type Part = Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send>>;

impl Ensemble {
    /// Begins with none. The signals end all of them, or have them read their configuration again.
    pub(in crate::command) fn new(health: Health, signals: Signals) -> Self {
        let (heartbeats, parts, bots) = (Heartbeats::default(), Vec::new(), Vec::new());
        Self { health, heartbeats, signals, sandbox: None, parts, bots }
    }

    /// Has them give up what they do not need once all is open.
    pub(super) fn within(self, sandbox: Option<Sandbox>) -> Self {
        Self { sandbox, ..self }
    }

    /// Opens what a bot keeps on disk; it does not begin yet.
    pub(in crate::command) async fn add(
        &mut self,
        bot: Arc<dyn AnyProtocol>,
        backend: HttpBackend,
        settings: CollectorSettings,
    ) -> anyhow::Result<()> {
        let (protocol, backend) = (bot.name().to_owned(), Arc::new(backend));
        self.bots.push(Arc::clone(&bot));
        let pipeline = bot.pipeline(Arc::clone(&backend), settings.clone());
        let collector = pipeline.with_reload(self.signals.reload.clone()).open(&mut self.health).await?;
        let (heartbeats, stop) = (self.heartbeats.clone(), self.signals.stop.clone());
        self.parts.push(Box::pin(async move {
            if can_begin(&backend, &settings, &protocol, &stop).await {
                let ran = collector.run_among(&heartbeats, stop).await;
                ran.with_context(|| format!("the {protocol} bot stopped"))?;
            }
            Ok(())
        }));
        Ok(())
    }

    /// Lets all of them work until they are stopped. One that cannot go on stops all, so that whoever restarts the
    /// process restarts it; what waits for delivery is on disk.
    pub(in crate::command) async fn run(self, metrics: Option<SocketAddr>) -> anyhow::Result<Arc<Health>> {
        let Self { health, heartbeats, signals: Signals { stop, .. }, sandbox, parts, bots } = self;
        let (health, endpoint) = (Arc::new(health), listen(metrics).await?);
        sandbox.map(Sandbox::close);
        let serving = endpoint.map(|endpoint| tokio::spawn(endpoint.run(Arc::clone(&health), stop.clone())));
        let service = tokio::spawn(Service { heartbeats, stop: stop.clone() }.run());
        let mut working: FuturesUnordered<_> = parts.into_iter().map(tokio::spawn).collect();
        let mut outcome = Ok(());
        while let Some(ended) = working.next().await {
            stop.cancel();
            outcome = outcome.and(ended.map_err(Into::into).flatten());
        }
        service.await?;
        if let Some(serving) = serving {
            serving.await.context("/metrics stopped")?;
        }
        drop(bots);
        outcome.map(|()| health)
    }
}

/// Returns the settings of a bot that keeps its data below `data`.
pub(in crate::command) fn settings(
    backend: &HttpBackend,
    data: PathBuf,
    config: &Config,
) -> CollectorSettings {
    CollectorSettings {
        state_key: config.state_key.clone(),
        refresh_interval: config.jobs_refresh_interval.duration(),
        spool: limits(config),
        sinks: config.sinks.clone(),
        first_run: FirstRun::AtOnce,
        ..CollectorSettings::new(backend.url(), data)
    }
}

async fn listen(address: Option<SocketAddr>) -> anyhow::Result<Option<Endpoint>> {
    let Some(address) = address else { return Ok(None) };
    let endpoint = Endpoint::bind(address).await;
    Ok(Some(endpoint.with_context(|| format!("cannot listen on {address} for --metrics"))?))
}
