//! The one place where the parts of a bot are wired.

use std::{path::PathBuf, sync::Arc};

use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, info_span, warn};

use super::{Collector, CollectorError, CollectorSettings, Outbox, PLANS, Sinks};
use crate::{
    backend::{AccountInventory, Backend, BackendError, Confirmed},
    bot::Plan,
    health::{Health, Progress},
    protocol::Protocol,
    refresh::{LastGood, Planned, Refresh, RefreshError, RefreshMetrics, Reload, plan_once},
    run::{Heartbeat, Performer, RunLoop, RunMetrics, Summary, run_once},
    schedule::FirstRun,
    sink::Sink,
    spool::SpoolError,
    status::{BotName, RunLog, StatusBoard, StatusPush},
    time::{Clock, SystemClock},
};

/// A bot, its backend and its settings, about to be wired: as a service ([`Pipeline::open`]), for one round
/// ([`Pipeline::run_once`]), only to see what it would send ([`Pipeline::dry_run`], [`Pipeline::dry_run_once`]), or by plans
/// that somebody else makes ([`Pipeline::pushed`], [`Pipeline::run_plan_once`]).
pub struct Pipeline<P, K> {
    pub(super) bot: Arc<P>,
    backend: Arc<K>,
    settings: CollectorSettings,
    clock: Arc<dyn Clock>,
    reload: Reload,
}

/// What came of doing every job once.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Once {
    /// How the runs ended.
    pub summary: Summary,
    /// Values that the backend took, those of earlier runs included.
    pub delivered: u64,
    /// Values that wait for the next start.
    pub waiting: u64,
}

impl<P: Protocol, K: Backend> Pipeline<P, K> {
    /// Begins with a bot, where its configuration comes from and its values go, and what a person decides.
    pub fn new(bot: Arc<P>, backend: Arc<K>, settings: CollectorSettings) -> Self {
        Self { bot, backend, settings, clock: Arc::new(SystemClock), reload: Reload::never() }
    }

    /// Goes by another clock than the system's.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// Reads the configuration when it is requested too, not only when it is due.
    #[must_use]
    pub fn with_reload(self, reload: Reload) -> Self {
        Self { reload, ..self }
    }

    /// Opens the bot's folder, wires all parts and makes them visible in `health`; nothing runs yet.
    ///
    /// # Errors
    /// Fails if the spool cannot be opened.
    pub async fn open(self, health: &mut Health) -> Result<Collector, CollectorError> {
        // What the spool's own thread logs names the bot, too.
        let bot = info_span!("bot", protocol = self.bot.name());
        let (confirmed, inventory) = watch::channel(None);
        let outbox = self.outbox(inventory.clone()).instrument(bot).await?;
        let (plans, receiver) = mpsc::channel(PLANS);
        let (stop, last_good) = (CancellationToken::new(), self.last_good());
        if self.settings.first_run == FirstRun::AtOnce && !last_good.exists() {
            // A bot that never worked had no jobs: what it is given is added to none.
            plans.try_send(Plan::default()).unwrap_or_default();
        }
        let refresh = self.refresh(plans, confirmed, Some(last_good), stop.clone());
        let run_metrics = RunMetrics::default();
        let runs = RunLog::default();
        let mut run_loop = self.run_loop(outbox.spool(), receiver, run_metrics.clone(), stop);
        run_loop.performer = run_loop.performer.recording(runs.clone());
        let board = self.board(&outbox, &refresh.metrics, runs);
        health.tell(board.clone());
        let status = StatusPush { backend: self.backend.clone(), board, stop: CancellationToken::new() };
        let registry = health.registry_of(self.bot.name());
        refresh.metrics.register(registry);
        run_metrics.register(registry);
        outbox.register(registry);
        let outbox = outbox.with_inventory(inventory);
        outbox.watch(health);
        let refreshed = refresh.metrics.clone();
        health.watch(move || refreshed.check());
        let refreshed = refresh.metrics.clone();
        health.note(move || refreshed.check_unread());
        let refreshed = refresh.metrics.clone();
        health.note(move || refreshed.check_idle());
        let refreshed = refresh.metrics.clone();
        health.note(move || refreshed.check_rights());
        let collector = Collector {
            protocol: self.bot.name().to_owned(),
            spool: outbox.spool(),
            heartbeat: run_loop.heartbeat.clone(),
            measuring: run_loop.stop.clone(),
            delivering: outbox.stop(),
            delivered: outbox.metrics(),
            progress: Progress::default(),
            refresh: Box::pin(refresh.run()),
            run_loop: Box::pin(run_loop.run()),
            delivery: Box::pin(outbox.run()),
            telling: status.stop.clone(),
            status: Box::pin(status.run()),
        };
        collector.watch(health);
        Ok(collector)
    }

    /// Performs every job once and delivers what that gave, together with what waited from earlier runs. While the
    /// backend is away it goes by the last good configuration.
    ///
    /// # Errors
    /// Fails if the spool cannot be used, or no configuration is known.
    pub async fn run_once(self, stop: &CancellationToken) -> Result<Once, CollectorError> {
        let (confirmed, entities) = watch::channel(None);
        let outbox = self.outbox(entities).await?;
        let planned = self.plan_or_last_good().await?;
        let inventory = planned.inventory.clone();
        confirmed.send_replace(Some(Confirmed { inventory, read_from: Instant::now() }));
        let plan = named(planned);
        let spool = outbox.spool();
        let summary = self.perform_once(plan, spool.clone(), stop).await;
        // Stopped before it begins, it makes the last attempt to empty the spool, and no other.
        outbox.stop().cancel();
        let metrics = outbox.metrics();
        outbox.run().await.map_err(|source| self.spool_error(source))?;
        let waiting = spool.statistics().queue.values;
        spool.close().await.map_err(|source| self.spool_error(source))?;
        Ok(Once { summary, delivered: metrics.delivered(), waiting })
    }

    /// Measures until it is stopped and hands the reports to `sink`. No configuration and no report is kept.
    ///
    /// # Errors
    /// Fails if the backend refuses the token.
    pub async fn dry_run<S: Sink>(self, sink: S, stop: &CancellationToken) -> Result<(), RefreshError> {
        let (plans, receiver) = mpsc::channel(PLANS);
        let stop = stop.child_token();
        let refresh = self.refresh(plans, watch::Sender::new(None), None, stop.clone());
        let run_loop = self.run_loop(sink, receiver, RunMetrics::default(), stop.clone());
        let refreshing = async {
            let ended = refresh.run().await;
            stop.cancel();
            ended
        };
        let (refreshed, ()) = tokio::join!(refreshing, run_loop.run());
        refreshed
    }

    /// Performs every job once and hands the reports to `sink`. No configuration and no report is kept.
    ///
    /// # Errors
    /// Fails if the configuration cannot be read.
    pub async fn dry_run_once<S: Sink>(
        self,
        sink: S,
        stop: &CancellationToken,
    ) -> Result<Summary, BackendError> {
        let planned = plan_once(&*self.backend, &*self.bot).await?;
        Ok(self.perform_once(named(planned), sink, stop).await)
    }

    fn board(&self, outbox: &Outbox<K>, refresh: &RefreshMetrics, runs: RunLog) -> StatusBoard {
        let bot = self.bot.clone();
        let name = BotName {
            protocol: self.bot.name().to_owned(),
            version: self.bot.version().to_owned(),
            backend: self.settings.source.clone(),
            refresh_seconds: self.settings.refresh_interval.as_secs(),
        };
        outbox.board(name, runs, refresh.reading(), move || bot.heard())
    }

    fn folder(&self) -> PathBuf {
        self.settings.folder_of(self.bot.name())
    }

    fn last_good(&self) -> LastGood {
        self.settings.last_good(self.bot.name())
    }

    fn spool_error(&self, source: SpoolError) -> CollectorError {
        CollectorError::Spool { folder: self.folder(), source }
    }

    async fn outbox(
        &self,
        entities: watch::Receiver<Option<Confirmed>>,
    ) -> Result<Outbox<K>, CollectorError> {
        let sinks = Sinks::of(&self.settings.sinks, self.bot.name(), P::OUTPUTS);
        let sinks = sinks.map_err(|error| *error)?.with_entities(entities);
        let (file, limits) = (self.folder().join("spool.sqlite"), self.settings.spool);
        let (backend, clock) = (self.backend.clone(), self.clock.clone());
        let opened = Outbox::open(file, limits, backend, clock, self.settings.delivery, sinks).await;
        opened.map_err(|source| self.spool_error(source))
    }

    fn refresh(
        &self,
        plans: mpsc::Sender<Plan<P::Task>>,
        confirmed: watch::Sender<Option<Confirmed>>,
        last_good: Option<LastGood>,
        stop: CancellationToken,
    ) -> Refresh<K, P> {
        Refresh {
            backend: self.backend.clone(),
            bot: self.bot.clone(),
            interval: self.settings.refresh_interval,
            last_good,
            clock: self.clock.clone(),
            confirmed,
            plans,
            metrics: RefreshMetrics::default(),
            reload: self.reload.clone(),
            idleness: self.settings.idleness,
            stop,
        }
    }

    pub(super) fn run_loop<S: Sink>(
        &self,
        sink: S,
        plans: mpsc::Receiver<Plan<P::Task>>,
        metrics: RunMetrics,
        stop: CancellationToken,
    ) -> RunLoop<P, S> {
        RunLoop {
            performer: self.performer(sink, metrics),
            plans,
            concurrency: self.settings.concurrency,
            first_run: self.settings.first_run,
            heartbeat: Heartbeat::default(),
            stop,
        }
    }

    fn performer<S: Sink>(&self, sink: S, metrics: RunMetrics) -> Performer<P, S> {
        Performer::new(self.bot.clone(), Arc::new(sink), self.clock.clone(), metrics)
    }

    async fn plan_or_last_good(&self) -> Result<Planned<P::Task>, CollectorError> {
        let last_good = self.last_good();
        let planned = match plan_once(&*self.backend, &*self.bot).await {
            Ok(mut planned) => {
                if planned.inventory.accounts.iter().any(AccountInventory::is_unread)
                    && let Some((known, _)) = last_good.load().await
                {
                    planned = planned.with_unread_as_in(&known, &*self.bot);
                }
                if let Err(error) = last_good.save(&planned.inventory, self.clock.now()).await {
                    let error = &error as &dyn std::error::Error;
                    warn!(
                        error,
                        "the configuration is used, but a start without the backend would not know it"
                    );
                }
                planned
            }
            Err(error @ (BackendError::Unreachable { .. } | BackendError::Failed { .. })) => {
                let Some((inventory, read_at)) = last_good.load().await else {
                    return Err(CollectorError::NoConfiguration(error));
                };
                warn!(%read_at, "the backend is away: going by the last good configuration");
                Planned::of(inventory, &*self.bot)
            }
            Err(error) => return Err(CollectorError::Backend(error)),
        };
        Ok(planned)
    }

    pub(super) async fn perform_once<S: Sink>(
        &self,
        plan: Plan<P::Task>,
        sink: S,
        stop: &CancellationToken,
    ) -> Summary {
        self.bot.in_force(&plan);
        let performer = self.performer(sink, RunMetrics::default());
        run_once(performer, plan.jobs, self.settings.concurrency, stop).await
    }
}

fn named<T>(planned: Planned<T>) -> Plan<T> {
    for fault in planned.faults() {
        warn!("{fault}");
    }
    planned.plan
}
