//! All parts of a bot, wired: from settings to a bot that runs.
//!
//! ```text
//!  backend ─▶ Refresh ─▶ RunLoop ─▶ Spool ─▶ Delivery ─▶ backend
//! ```
//! [`Pipeline`] wires the parts, as a service, for one round, for a dry run or for plans that come from elsewhere
//! ([`Pushed`]); nobody else does. [`Collector`] is a service that is wired: it runs the three tasks and ends them in the
//! order in which data runs. [`Outbox`] is a spool with its delivery, [`Sending`] one at work. [`serve`] is all that
//! the author of a bot calls: [`settings`](crate::settings) are read, [`Signals`] end it or have it read its
//! configuration again.

mod outbox;
mod pipeline;
mod pushed;
mod registered;
mod sending;
mod serve;
mod settings;
mod signals;
mod sinks;

use std::{
    future::Future,
    path::{Path, PathBuf},
    pin::Pin,
};

use thiserror::Error;
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use tracing::{Instrument, info_span};

use crate::{
    backend::BackendError,
    deliver::DeliveryMetrics,
    health::{Health, Heartbeats, Progress, Service},
    refresh::RefreshError,
    remote_write::RemoteWriteError,
    run::Heartbeat,
    spool::{Spool, SpoolError},
};

pub use outbox::Outbox;
pub use pipeline::{Once, Pipeline};
pub use pushed::{Pushed, RunLoopEnded};
pub use registered::{AnyPipeline, AnyProtocol, Registered};
pub use sending::Sending;
pub use serve::{can_begin, serve};
pub use settings::{CollectorSettings, sinks};
pub use signals::{Signals, stop_on_signal};
pub use sinks::Sinks;

/// Plans on their way to the run loop. One is enough: the next one replaces all of it.
const PLANS: usize = 1;

/// A bot with all that makes it run, wired by a [`Pipeline`].
pub struct Collector {
    protocol: String,
    refresh: Boxed<'static, Result<(), RefreshError>>,
    run_loop: Boxed<'static, ()>,
    delivery: Boxed<'static, Result<(), SpoolError>>,
    status: Boxed<'static, ()>,
    /// Ends the telling.
    telling: CancellationToken,
    spool: Spool,
    heartbeat: Heartbeat,
    /// Ends refresh and run loop.
    measuring: CancellationToken,
    /// Ends the delivery.
    delivering: CancellationToken,
    delivered: DeliveryMetrics,
    progress: Progress,
}

/// Work under way, whatever its type.
pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Why a collector could not begin, or ended by itself.
#[derive(Debug, Error)]
#[non_exhaustive]
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
    /// A sink can't be served.
    #[error("the sink {name} can't be served")]
    Sink {
        /// Its name.
        name: String,
        /// Why.
        #[source]
        source: RemoteWriteError,
    },
    /// The configuration can't be read, and never will.
    #[error("the configuration can't be read")]
    Refresh(#[source] RefreshError),
    /// The backend is away, and there is no configuration from an earlier time.
    #[error("there is no last good configuration either")]
    NoConfiguration(#[source] BackendError),
    /// The backend refuses the configuration.
    #[error("the configuration can't be read")]
    Backend(#[source] BackendError),
    /// A task of ours panicked.
    #[error("the {0} task panicked: please report this as a bug")]
    Panicked(&'static str),
}

impl Collector {
    /// Returns a handle to the queue, e.g. to show how much waits.
    pub fn spool(&self) -> Spool {
        self.spool.clone()
    }

    /// Works until it is stopped: then no run begins, those that go on end within their grace, what can be delivered
    /// at once is, and the rest waits on disk.
    pub async fn run(self, stop: CancellationToken) -> Result<(), CollectorError> {
        let (heartbeats, stop) = (Heartbeats::default(), stop.child_token());
        let service = begin(Service { heartbeats: heartbeats.clone(), stop: stop.clone() }.run(), &stop);
        let ran = self.run_among(&heartbeats, stop.clone()).await;
        stop.cancel();
        service.await.map_err(|_| CollectorError::Panicked("service"))?;
        ran
    }

    /// Works as one of several bots of a process until it is stopped: its heart beats among theirs, and whoever runs
    /// them all has the [`Service`].
    pub async fn run_among(
        self,
        heartbeats: &Heartbeats,
        stop: CancellationToken,
    ) -> Result<(), CollectorError> {
        // Whatever is logged below names the bot, since several may share a process.
        let bot = info_span!("bot", protocol = self.protocol);
        self.run_parts(heartbeats, stop).instrument(bot).await
    }

    async fn run_parts(self, heartbeats: &Heartbeats, stop: CancellationToken) -> Result<(), CollectorError> {
        let Self { spool, heartbeat, measuring, delivering, delivered, progress, .. } = self;
        let stop = stop.child_token();
        heartbeat.beat();
        heartbeats.add(heartbeat);

        let delivery = begin(self.delivery, &stop);
        let run_loop = begin(self.run_loop, &stop);
        let refresh = begin(self.refresh, &stop);
        let telling = begin(self.status, &stop);
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            () = progress.follow(&spool, &delivered) => {}
        }

        measuring.cancel();
        let refreshed = refresh.await;
        let ran = run_loop.await;
        delivering.cancel();
        let delivered = delivery.await;
        self.telling.cancel();
        let told = telling.await;
        let folder = spool.path().parent().map(Path::to_path_buf).unwrap_or_default();
        let closed = spool.close().await;

        // A panic comes first: what the other tasks say of it would only be its consequence.
        ran.map_err(|_| CollectorError::Panicked("run"))?;
        told.map_err(|_| CollectorError::Panicked("status"))?;
        let delivered = delivered.map_err(|_| CollectorError::Panicked("delivery"))?;
        refreshed.map_err(|_| CollectorError::Panicked("refresh"))?.map_err(CollectorError::Refresh)?;
        delivered.and(closed).map_err(|source| CollectorError::Spool { folder, source })
    }

    fn watch(&self, health: &mut Health) {
        let heartbeat = self.heartbeat.clone();
        health.watch(move || heartbeat.fresh());
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
    let task = async move {
        let _stops_all = stops_all;
        task.await
    };
    AbortOnDropHandle::new(tokio::spawn(task.in_current_span()))
}
