//! A spool with its delivery.

use std::{path::PathBuf, sync::Arc};

use prometheus_client::registry::Registry;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::Sinks;
use crate::{
    backend::{Backend, Confirmed},
    deliver::{Delivery, DeliveryMetrics, DeliverySettings},
    health::Health,
    spool::{Limits, Spool, SpoolError, SpoolMetrics},
    status::{BotName, Heard, Parts, Reading, RunLog, StatusBoard},
    time::Clock,
};

/// A spool and the tasks that take reports from it to a backend and to sinks: where everything goes that is measured.
pub struct Outbox<K> {
    spool: Spool,
    delivery: Delivery<K>,
    spool_metrics: SpoolMetrics,
    limit_bytes: u64,
    sinks: Sinks,
}

impl<K: Backend> Outbox<K> {
    /// Opens the spool in a file, for the backend and for sinks beside it; nothing is delivered yet.
    ///
    /// # Errors
    /// Fails if the file cannot be used, or another process does.
    pub async fn open(
        file: PathBuf,
        limits: Limits,
        backend: Arc<K>,
        clock: Arc<dyn Clock>,
        settings: DeliverySettings,
        sinks: Sinks,
    ) -> Result<Self, SpoolError> {
        let spool_metrics = SpoolMetrics::default();
        let (beside, metrics) = (sinks.settings(), spool_metrics.clone());
        let spool = Spool::open_with_sinks(file, limits, beside, clock.clone(), metrics).await?;
        let delivery = Delivery {
            backend,
            spool: spool.clone(),
            clock,
            settings,
            inventory: None,
            metrics: DeliveryMetrics::default(),
            stop: CancellationToken::new(),
        };
        Ok(Self { spool, delivery, spool_metrics, limit_bytes: limits.disk_bytes, sinks })
    }

    /// Uses the inventory of a refresh rather than reading it a second time.
    #[must_use]
    pub fn with_inventory(self, inventory: watch::Receiver<Option<Confirmed>>) -> Self {
        Self { delivery: Delivery { inventory: Some(inventory), ..self.delivery }, ..self }
    }

    /// Returns the backend that values go to.
    pub(super) fn backend(&self) -> Arc<K> {
        self.delivery.backend.clone()
    }

    /// Returns a handle to the spool.
    pub fn spool(&self) -> Spool {
        self.spool.clone()
    }

    /// Returns what the delivery counts.
    pub fn metrics(&self) -> DeliveryMetrics {
        self.delivery.metrics.clone()
    }

    /// Returns what the bot of this outbox knows of itself: its runs, what was read of its configuration, what it heard.
    pub fn board(
        &self,
        name: BotName,
        runs: RunLog,
        reading: Reading,
        heard: impl Fn() -> Option<Heard> + Send + Sync + 'static,
    ) -> StatusBoard {
        let clock = self.delivery.clock.clone();
        StatusBoard::new(Parts {
            name,
            started: clock.now(),
            clock,
            spool_limit_bytes: self.limit_bytes,
            runs,
            reading,
            delivery: self.metrics(),
            spool: self.spool(),
            spool_metrics: self.spool_metrics.clone(),
            heard: Box::new(heard),
        })
    }

    /// Returns the token that ends the delivery, after a last attempt to empty the spool.
    pub fn stop(&self) -> CancellationToken {
        self.delivery.stop.clone()
    }

    /// Registers the metrics of both.
    pub fn register(&self, registry: &mut Registry) {
        self.spool_metrics.register(registry);
        self.delivery.metrics.register(registry);
        self.sinks.metrics.register(registry);
    }

    /// Watches that the spool can be written, that the backend takes the token, and that it takes values; notes why values wait.
    pub fn watch(&self, health: &mut Health) {
        let spool = self.spool();
        health.watch(move || match spool.statistics().trouble {
            None => Ok(()),
            Some(trouble) => Err(format!("the queue can't be written: {trouble}")),
        });
        let delivery = self.metrics();
        health.watch(move || delivery.check());
        let delivery = self.metrics();
        health.note(move || delivery.check_waiting());
        let sinks = self.sinks.metrics.clone();
        health.watch(move || sinks.check());
    }

    /// Delivers until it is stopped. The spool stays open: whoever opened the outbox closes it.
    ///
    /// # Errors
    /// Fails if the spool is gone.
    pub async fn run(self) -> Result<(), SpoolError> {
        let stop = self.stop();
        let mut serving = self.sinks.begin(&self.spool, &self.delivery.clock, &stop);
        let delivery = async {
            let delivered = self.delivery.run().await;
            stop.cancel();
            delivered
        };
        tokio::try_join!(delivery, serving.ended()).map(|_| ())
    }
}
