//! All parts of a bot, wired: from settings to a bot that runs.
//!
//! ```text
//!  backend ─▶ Refresh ─▶ RunLoop ─▶ Spool ─▶ Delivery ─▶ backend
//! ```
//! [`Collector`] opens what is kept on disk, registers what is measured about the parts, runs the three tasks and ends
//! them in the order in which data runs. [`serve`] is all that the author of a bot calls: [`Environment`] gives the
//! settings, [`stop_on_signal`] the end.

mod environment;
mod serve;
mod settings;
mod signals;

use std::{
    future::Future,
    path::{Path, PathBuf},
    sync::Arc,
};

use thiserror::Error;
use tokio::sync::mpsc;
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use crate::{
    backend::Backend,
    bot::Bot,
    deliver::{Delivery, DeliveryMetrics},
    health::{Health, Hearts, Progress, Service},
    refresh::{LastGood, Refresh, RefreshError, RefreshMetrics},
    run::{Heartbeat, Performer, RunLoop, RunMetrics},
    spool::{Spool, SpoolError, SpoolMetrics},
    time::Clock,
};

pub use environment::{Environment, EnvironmentError};
pub use serve::{can_begin, serve};
pub use settings::CollectorSettings;
pub use signals::stop_on_signal;

/// Plans on their way to the run loop. One is enough: the next one replaces all of it.
const PLANS: usize = 1;

/// A bot with all that makes it run.
pub struct Collector<B: Bot, K> {
    refresh: Refresh<K, B>,
    run_loop: RunLoop<B, Spool>,
    delivery: Delivery<K>,
    spool: Spool,
    progress: Progress,
}

/// Why a collector could not begin, or ended by itself.
#[derive(Debug, Error)]
pub enum CollectorError {
    /// The queue can't be opened, or not be closed.
    #[error("the queue in {} can't be used", folder.display())]
    Spool {
        /// The bot's folder.
        folder: PathBuf,
        /// Why.
        #[source]
        source: SpoolError,
    },
    /// The configuration can't be read, and never will.
    #[error("the configuration can't be read")]
    Refresh(#[source] RefreshError),
    /// A task of ours panicked.
    #[error("the {0} task panicked: please report this as a bug")]
    Panicked(&'static str),
}

impl<B: Bot, K: Backend> Collector<B, K> {
    /// Opens the bot's folder, puts the parts together and makes them visible in `health`; nothing runs yet.
    pub async fn open(
        bot: Arc<B>,
        backend: Arc<K>,
        clock: Arc<dyn Clock>,
        settings: &CollectorSettings,
        health: &mut Health,
    ) -> Result<Self, CollectorError> {
        let folder = settings.folder_of(bot.protocol());
        let spool_metrics = SpoolMetrics::default();
        let opened =
            Spool::open(folder.join("spool.sqlite"), settings.spool, clock.clone(), spool_metrics.clone());
        let spool =
            opened.await.map_err(|source| CollectorError::Spool { folder: folder.clone(), source })?;
        let (plans, receiver) = mpsc::channel(PLANS);
        let stop = CancellationToken::new();
        let refresh = Refresh {
            backend: backend.clone(),
            bot: bot.clone(),
            interval: settings.refresh_interval,
            last_good: Some(LastGood::new(&folder, &settings.source)),
            clock: clock.clone(),
            plans,
            metrics: RefreshMetrics::default(),
            stop: stop.clone(),
        };
        let run_metrics = RunMetrics::default();
        let run_loop = RunLoop {
            performer: Performer::new(
                bot.clone(),
                Arc::new(spool.clone()),
                clock.clone(),
                run_metrics.clone(),
            ),
            plans: receiver,
            concurrency: settings.concurrency,
            heartbeat: Heartbeat::default(),
            stop,
        };
        let delivery = Delivery {
            backend,
            spool: spool.clone(),
            clock,
            settings: settings.delivery,
            metrics: DeliveryMetrics::default(),
            stop: CancellationToken::new(),
        };
        let registry = health.registry_of(bot.protocol());
        refresh.metrics.register(registry);
        run_metrics.register(registry);
        spool_metrics.register(registry);
        delivery.metrics.register(registry);
        let collector = Self { refresh, run_loop, delivery, spool, progress: Progress::default() };
        collector.watch(health);
        Ok(collector)
    }

    /// Gives a handle to the queue, e.g. to show how much waits.
    pub fn spool(&self) -> Spool {
        self.spool.clone()
    }

    /// Works until it is stopped: then no run begins, those that go on end within their grace, what can be delivered
    /// at once is, and the rest waits on disk.
    pub async fn run(self, stop: CancellationToken) -> Result<(), CollectorError> {
        let (hearts, stop) = (Hearts::default(), stop.child_token());
        let service = begin(Service { hearts: hearts.clone(), stop: stop.clone() }.run(), &stop);
        let ran = self.run_among(&hearts, stop.clone()).await;
        stop.cancel();
        service.await.map_err(|_| CollectorError::Panicked("service"))?;
        ran
    }

    /// Works as one of several bots of a process until it is stopped: its heart beats among theirs, and whoever runs
    /// them all has the [`Service`].
    pub async fn run_among(self, hearts: &Hearts, stop: CancellationToken) -> Result<(), CollectorError> {
        let Self { refresh, run_loop, delivery, spool, progress } = self;
        let stop = stop.child_token();
        let (measuring, delivering) = (run_loop.stop.clone(), delivery.stop.clone());
        let delivered = delivery.metrics.clone();
        run_loop.heartbeat.beat();
        hearts.add(run_loop.heartbeat.clone());

        let delivery = begin(delivery.run(), &stop);
        let run_loop = begin(run_loop.run(), &stop);
        let refresh = begin(refresh.run(), &stop);
        tokio::select! { biased; () = stop.cancelled() => {} () = progress.follow(&spool, &delivered) => {} }

        measuring.cancel();
        let refreshed = refresh.await;
        let ran = run_loop.await;
        delivering.cancel();
        let delivered = delivery.await;
        let folder = spool.path().parent().map(Path::to_path_buf).unwrap_or_default();
        let closed = spool.close().await;

        // A panic comes first: what the other tasks say of it would only be its consequence.
        ran.map_err(|_| CollectorError::Panicked("run"))?;
        delivered.map_err(|_| CollectorError::Panicked("delivery"))?;
        refreshed.map_err(|_| CollectorError::Panicked("refresh"))?.map_err(CollectorError::Refresh)?;
        closed.map_err(|source| CollectorError::Spool { folder, source })
    }

    fn watch(&self, health: &mut Health) {
        let heartbeat = self.run_loop.heartbeat.clone();
        health.watch(move || heartbeat.fresh());
        let spool = self.spool.clone();
        health.watch(move || match spool.statistics().trouble {
            None => Ok(()),
            Some(trouble) => Err(format!("the queue can't be written: {trouble}")),
        });
        let progress = self.progress.clone();
        health.watch(move || progress.check());
    }
}

/// Starts a task that stops all when it ends, by itself or by a panic, and goes when nobody waits for it any more.
fn begin<T: Send + 'static>(
    task: impl Future<Output = T> + Send + 'static,
    stop: &CancellationToken,
) -> AbortOnDropHandle<T> {
    let stops_all = stop.clone().drop_guard();
    AbortOnDropHandle::new(tokio::spawn(async move {
        let _stops_all = stops_all;
        task.await
    }))
}
