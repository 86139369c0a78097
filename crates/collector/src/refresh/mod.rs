//! The task that keeps a bot's jobs in step with the backend.
//!
//! [`Refresh`] reads the inventory every so often, makes a [`Plan`] of it ([`Planned`]) and sends
//! the plan to the run loop when it changed. A device that seems to have vanished is read again alone before its
//! jobs stop (`recheck`). The last good inventory is kept on disk ([`LastGood`]) and used while the backend is
//! away. What changed and what is wrong is said once (`notices`) and counted ([`RefreshMetrics`]).

mod idle;
mod last_good;
mod metrics;
mod notices;
mod planned;
mod recheck;
mod reload;

use std::{sync::Arc, time::Duration};

use thiserror::Error;
use tokio::{
    sync::{mpsc, watch},
    time::{self, Instant},
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    backend::{Backend, BackendError, Confirmed},
    bot::Plan,
    protocol::Protocol,
    throttle::{OutageLog, OutageSpan},
    time::Clock,
};
use idle::{IdleLog, Rights};
use notices::{Changes, Notices};
use recheck::Unlisted;

pub use idle::{Idleness, NO_ACCOUNT, cannot_send, foreign_token, idle_reasons, nothing_polled};
pub use last_good::{LastGood, StateError};
pub use metrics::RefreshMetrics;
pub use planned::{Planned, plan_once};
pub use recheck::KnownInventory;
pub use reload::Reload;

/// How often the configuration is read unless someone says otherwise (`JOBS_REFRESH_INTERVAL`).
pub const DEFAULT_INTERVAL: Duration = Duration::from_secs(120);

/// The shortest pause between two looks, whatever is asked for: no setting may make a bot hammer its backend.
const SHORTEST_INTERVAL: Duration = Duration::from_secs(1);

/// The pause after a first failed refresh; doubled with each further one, up to the interval.
const FIRST_RETRY: Duration = Duration::from_secs(1);

/// Changes that follow each other this closely are read together: somebody saves a device with its sensors.
const SETTLED: Duration = Duration::from_millis(200);

/// However much people change, reading it takes at most a tenth of the time.
const REST_PER_LOOK: u32 = 9;

/// The shortest pause while the backend refuses the token: only a person can mend that, and asking more often looks
/// like an attack.
const REFUSED_RETRY: Duration = Duration::from_secs(300);

/// How often it is looked for a new token while the backend refuses the one in use.
const TOKEN_LOOK: Duration = Duration::from_secs(10);

/// Keeps a bot's jobs in step with the backend.
pub struct Refresh<B, K: Protocol> {
    /// Where the configuration comes from.
    pub backend: Arc<B>,
    /// What makes jobs of it.
    pub bot: Arc<K>,
    /// How often it is read; at least a second.
    pub interval: Duration,
    /// Where the last good configuration is kept; none keeps it nowhere.
    pub last_good: Option<LastGood>,
    /// The clock by which it is read.
    pub clock: Arc<dyn Clock>,
    /// Gets each inventory that was read well, for whoever else needs it.
    pub confirmed: watch::Sender<Option<Confirmed>>,
    /// Gets the whole plan, each time it changed.
    pub plans: mpsc::Sender<Plan<K::Task>>,
    /// Counts.
    pub metrics: RefreshMetrics,
    /// Has it read the configuration before that is due.
    pub reload: Reload,
    /// What it means that there is nothing to measure.
    pub idleness: Idleness,
    /// Ends the task.
    pub stop: CancellationToken,
}

/// Why the task ended by itself.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RefreshError {
    /// The backend refuses the token, and no configuration is known by which the bot could work.
    #[error("the backend refuses this bot's token: copy it again from the bot's settings")]
    TokenRefused(#[source] BackendError),
    /// Nobody takes plans any more.
    #[error("the run loop is gone")]
    NoRunLoop,
}

/// What is in force.
struct InForce<T> {
    planned: Planned<T>,
    notices: Notices,
}

impl<B: Backend, K: Protocol> Refresh<B, K> {
    /// Works until it is stopped: at once with the last good configuration if there is one, then with what the
    /// backend says. A refresh that fails leaves the jobs as they are and is tried again.
    pub async fn run(self) -> Result<(), RefreshError> {
        let stop = self.stop.clone();
        tokio::select! { biased; () = stop.cancelled() => Ok(()), outcome = self.refresh_for_ever() => outcome }
    }

    async fn refresh_for_ever(self) -> Result<(), RefreshError> {
        let (mut in_force, mut outage) = (None, OutageLog::default());
        let mut unlisted = Unlisted::default();
        let (mut idle, mut rights) = (IdleLog::default(), Rights::default());
        let mut reload = self.reload.clone();
        if let Some(planned) = self.kept().await {
            self.put_in_force(&mut in_force, planned).await?;
        }
        // What was read from disk is on disk.
        let (mut is_saved, mut failures) = (in_force.is_some(), 0);
        loop {
            let began = Instant::now();
            let outcome = self.look(in_force.as_ref(), &mut unlisted).await;
            let took = began.elapsed();
            self.metrics.looked(took, outcome.as_ref().err(), self.clock.now());
            let pause = match outcome {
                Ok(planned) => {
                    failures = 0;
                    if let Some(OutageSpan { lasted, failures }) = outage.ended(Instant::now()) {
                        info!(?lasted, failures, "the configuration can be read again");
                    }
                    is_saved = self.keep(in_force.as_ref(), &planned, is_saved).await;
                    let inventory = planned.inventory.clone();
                    if self.idleness == Idleness::Fault {
                        let reasons = idle_reasons(&inventory, self.bot.name(), planned.devices.len());
                        idle.note("nothing is measured", &reasons, Instant::now());
                        self.metrics.idle(reasons);
                    }
                    self.metrics.rights(rights.missing(&*self.backend, &inventory).await);
                    self.confirmed.send_replace(Some(Confirmed { inventory, read_from: began }));
                    self.put_in_force(&mut in_force, planned).await?;
                    self.interval.max(SHORTEST_INTERVAL)
                }
                Err(error @ BackendError::Unauthorized { .. }) if in_force.is_none() => {
                    return Err(RefreshError::TokenRefused(error));
                }
                Err(error) => {
                    let pause = self.pause_after(&error, failures);
                    failures += 1;
                    if let Some(OutageSpan { lasted, failures }) = outage.failed("unread", Instant::now()) {
                        let (jobs, error) =
                            (in_force.as_ref().map_or(0, InForce::jobs), &error as &dyn std::error::Error);
                        warn!(
                            error,
                            jobs,
                            ?pause,
                            ?lasted,
                            failures,
                            "could not read the configuration, jobs go on as they are"
                        );
                    }
                    pause
                }
            };
            tokio::select! {
                () = reload.requested() => { self.backend.renew_token().await; }
                () = self.told_of_changes(took) => {}
                () = self.rest(pause) => {}
            }
        }
    }

    /// Waits until the backend told of a change, and until changes pause.
    async fn told_of_changes(&self, took: Duration) {
        self.backend.changed().await;
        let pause = SETTLED.max(took.saturating_mul(REST_PER_LOOK)).min(self.interval);
        // Up to half more, so that bots that are told together do not all ask at the same moment.
        time::sleep(pause.mul_f64(rand::random_range(1.0..=1.5))).await;
    }

    /// Waits; while the backend refuses the token, also for a new one.
    async fn rest(&self, pause: Duration) {
        let until = Instant::now() + pause;
        while self.metrics.check().is_err() && Instant::now() + TOKEN_LOOK < until {
            time::sleep(TOKEN_LOOK).await;
            if self.backend.renew_token().await {
                return;
            }
        }
        time::sleep_until(until).await;
    }

    /// Reads the configuration, and a second time alone what seems to have vanished from it. What can't be read for
    /// want of a right stays as it is.
    async fn look(
        &self,
        in_force: Option<&InForce<K::Task>>,
        unlisted: &mut Unlisted,
    ) -> Result<Planned<K::Task>, BackendError> {
        let mut inventory = self.backend.inventory().await?;
        let Some(InForce { planned: known, .. }) = in_force else {
            return Ok(Planned::of(inventory, &*self.bot));
        };
        let (backend, devices) = (&*self.backend, &known.devices);
        recheck::restore(backend, &mut inventory, &known.inventory, devices, unlisted).await?;
        let planned = Planned::of(inventory, &*self.bot);
        let suspects = recheck::suspects(&known.devices, &planned.devices);
        if suspects.is_empty() {
            return Ok(planned);
        }
        self.metrics.second_looks.inc_by(suspects.len() as u64);
        let mut inventory = Arc::unwrap_or_clone(planned.inventory);
        recheck::recheck(&*self.backend, &mut inventory, suspects).await?;
        Ok(Planned::of(inventory, &*self.bot))
    }

    async fn put_in_force(
        &self,
        in_force: &mut Option<InForce<K::Task>>,
        planned: Planned<K::Task>,
    ) -> Result<(), RefreshError> {
        self.metrics.in_force(&planned);
        let (known, mut notices) = match in_force.take() {
            Some(InForce { planned, notices }) => (Some(planned), notices),
            None => (None, Notices::default()),
        };
        notices.warn_of_new(planned.faults());
        for account in &planned.inventory.accounts {
            self.bot.entities_read(account.account.id, &account.entities);
        }
        if known.as_ref().map(|known| &known.plan) != Some(&planned.plan) {
            log_changes(known.as_ref(), &planned);
            self.plans.send(planned.plan.clone()).await.map_err(|_| RefreshError::NoRunLoop)?;
            self.bot.in_force(&planned.plan);
        }
        // Only a person who checks by hand asks for what is left alone.
        *in_force = Some(InForce { planned: Planned { skipped: Vec::new(), ..planned }, notices });
        Ok(())
    }

    async fn kept(&self) -> Option<Planned<K::Task>> {
        let (inventory, read_at) = self.last_good.as_ref()?.load().await?;
        info!(%read_at, "starting with the last good configuration");
        self.metrics.read_at(read_at);
        Some(Planned::of(inventory, &*self.bot))
    }

    /// Keeps a configuration on disk unless it is there; returns whether it is.
    async fn keep(
        &self,
        in_force: Option<&InForce<K::Task>>,
        planned: &Planned<K::Task>,
        is_saved: bool,
    ) -> bool {
        let now = self.clock.now();
        self.metrics.read_at(now);
        let Some(last_good) = &self.last_good else { return true };
        if is_saved && in_force.is_some_and(|known| known.planned.inventory == planned.inventory) {
            return true;
        }
        let Err(error) = last_good.save(&planned.inventory, now).await else { return true };
        self.metrics.not_kept.inc();
        let error = &error as &dyn std::error::Error;
        warn!(error, "the configuration is in force, but a restart without the backend would not know it");
        false
    }

    fn pause_after(&self, error: &BackendError, failures: u32) -> Duration {
        match error {
            BackendError::Unauthorized { .. } | BackendError::Forbidden { .. } => {
                self.interval.max(REFUSED_RETRY)
            }
            _ => {
                let doubled = FIRST_RETRY.saturating_mul(2_u32.saturating_pow(failures));
                // Up to half less, so that bots which lost one backend together do not return together.
                let pause = doubled.min(self.interval.max(SHORTEST_INTERVAL));
                pause.mul_f64(rand::random_range(0.5..=1.0)).max(error.retry_after().unwrap_or_default())
            }
        }
    }
}

impl<T> InForce<T> {
    fn jobs(&self) -> usize {
        self.planned.plan.jobs.len()
    }
}

/// Logs what a new plan changes; what stops is named, as people name it.
fn log_changes<T: PartialEq>(known: Option<&Planned<T>>, planned: &Planned<T>) {
    let Changes { added, changed, removed } = Changes::between(known.map(|known| &known.plan), &planned.plan);
    let (devices, jobs) = (planned.devices.len(), planned.plan.jobs.len());
    match known.map(|known| notices::stopped(known, planned)) {
        Some(stopped) if !removed.is_empty() => {
            let removed = removed.len();
            info!(added, changed, removed, devices, jobs, %stopped, "configuration");
        }
        _ => info!(added, changed, removed = removed.len(), devices, jobs, "configuration"),
    }
}
