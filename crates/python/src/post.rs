//! The way of values: a spool of this process, those that processes before it left, and their delivery.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use grafolean_collector::{
    backend::http::HttpBackend,
    deliver::{Delivery, DeliveryMetrics, DeliverySettings},
    health::Health,
    spool::{Limits, Spool, SpoolError, SpoolMetrics},
    time::SystemClock,
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// Processes of one bot on one machine at a time, each with a spool of its own. More than anyone forks.
const PLACES: u32 = 256;

/// An open spool and what delivers it.
pub(crate) struct Post {
    pub(crate) spool: Spool,
    deliveries: Vec<(Spool, JoinHandle<()>)>,
    stop: CancellationToken,
}

impl Post {
    /// Takes the first place below `folder` that no other process has, and looks after what waits in those that nobody
    /// has any more.
    pub(crate) async fn open(
        folder: &Path,
        backend: &Arc<HttpBackend>,
        health: &mut Health,
    ) -> Result<Self, SpoolError> {
        let (spool_metrics, metrics) = (SpoolMetrics::default(), DeliveryMetrics::default());
        let registry = health.registry_of("python");
        spool_metrics.register(registry);
        metrics.register(registry);
        let (place, spool) = own(folder, &spool_metrics).await?;
        let looked_at = spool.clone();
        health.watch(move || match looked_at.statistics().trouble {
            None => Ok(()),
            Some(trouble) => Err(format!("the queue can't be written: {trouble}")),
        });
        let stop = CancellationToken::new();
        let mut post = Self { spool: spool.clone(), deliveries: Vec::new(), stop };
        post.deliver(spool, backend, metrics);
        for left in (1..=PLACES).filter(|other| *other != place).map(|other| file(folder, other)) {
            if left.exists() {
                post.adopt(left, backend).await;
            }
        }
        Ok(post)
    }

    /// Delivers what can be delivered at once; the rest waits on disk for the next process.
    pub(crate) async fn close(self) {
        self.stop.cancel();
        for (spool, delivery) in self.deliveries {
            // A delivery that panicked has told so; what it did not deliver is on disk.
            let _ = delivery.await;
            if let Err(error) = spool.close().await {
                warn!(%error, "the queue could not be closed in good order");
            }
        }
    }

    async fn adopt(&mut self, path: PathBuf, backend: &Arc<HttpBackend>) {
        // In use is the usual answer: another process of the bot looks after it.
        let Ok(spool) = open(path, &SpoolMetrics::default()).await else { return };
        let values = spool.statistics().queue.values;
        if values == 0 {
            let _ = spool.close().await;
        } else {
            info!(values, "values of an earlier process wait and are delivered");
            self.deliver(spool, backend, DeliveryMetrics::default());
        }
    }

    fn deliver(&mut self, spool: Spool, backend: &Arc<HttpBackend>, metrics: DeliveryMetrics) {
        let delivery = Delivery {
            backend: Arc::clone(backend),
            spool: spool.clone(),
            clock: Arc::new(SystemClock),
            settings: DeliverySettings::default(),
            metrics,
            stop: self.stop.clone(),
        };
        self.deliveries.push((spool, tokio::spawn(delivery.run())));
    }
}

async fn own(folder: &Path, metrics: &SpoolMetrics) -> Result<(u32, Spool), SpoolError> {
    let mut place = 1;
    loop {
        match open(file(folder, place), metrics).await {
            Ok(spool) => return Ok((place, spool)),
            Err(SpoolError::InUse { .. }) if place < PLACES => place += 1,
            Err(error) => return Err(error),
        }
    }
}

async fn open(path: PathBuf, metrics: &SpoolMetrics) -> Result<Spool, SpoolError> {
    Spool::open(path, Limits::default(), Arc::new(SystemClock), metrics.clone()).await
}

fn file(folder: &Path, place: u32) -> PathBuf {
    folder.join(place.to_string()).join("spool.sqlite")
}
