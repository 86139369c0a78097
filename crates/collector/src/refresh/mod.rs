//! The task that keeps a bot's jobs in step with the backend.
//!
//! [`Refresh`] reads the inventory every so often, makes a [`Plan`] of it ([`Planned`]) and sends
//! the plan to the run loop when it changed. A device that seems to have vanished is read again alone before its
//! jobs stop (`second_look`). The last good inventory is kept on disk ([`LastGood`]) and used while the backend is
//! away. What changed and what is wrong is said once (`notices`) and counted ([`RefreshMetrics`]).

mod last_good;
mod metrics;
mod notices;
mod planned;
mod second_look;

use std::{sync::Arc, time::Duration};

use thiserror::Error;
use tokio::{sync::mpsc, time};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    backend::{Backend, BackendError},
    bot::Plan,
    protocol::Protocol,
    time::Clock,
};
use notices::{Changes, Notices};

pub use last_good::{LastGood, StateError};
pub use metrics::RefreshMetrics;
pub use planned::{Planned, plan_once};
pub use second_look::steady_inventory;

/// How often the configuration is read unless someone says otherwise (`JOBS_REFRESH_INTERVAL`).
pub const DEFAULT_INTERVAL: Duration = Duration::from_secs(120);

/// The shortest pause between two looks, whatever is asked for: no setting may make a bot hammer its backend.
const SHORTEST_INTERVAL: Duration = Duration::from_secs(1);

/// The pause after a first failed refresh; doubled with each further one, up to the interval.
const FIRST_RETRY: Duration = Duration::from_secs(1);

/// The shortest pause while the backend refuses the token: only a person can mend that, and asking more often looks
/// like an attack.
const REFUSED_RETRY: Duration = Duration::from_secs(300);

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
    /// Tells when it was read.
    pub clock: Arc<dyn Clock>,
    /// Takes the whole plan, each time it changed.
    pub plans: mpsc::Sender<Plan<K::Task>>,
    /// Counts.
    pub metrics: RefreshMetrics,
    /// Ends the task.
    pub stop: CancellationToken,
}

/// Why the task ended by itself.
#[derive(Debug, Error)]
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
        let mut in_force = None;
        if let Some(planned) = self.kept().await {
            self.put_in_force(&mut in_force, planned).await?;
        }
        let mut failures = 0;
        loop {
            let began = time::Instant::now();
            let outcome = self.look(in_force.as_ref()).await;
            self.metrics.looked(began.elapsed(), outcome.as_ref().err());
            let pause = match outcome {
                Ok(planned) => {
                    failures = 0;
                    self.keep(in_force.as_ref(), &planned).await;
                    self.put_in_force(&mut in_force, planned).await?;
                    self.interval.max(SHORTEST_INTERVAL)
                }
                Err(error @ BackendError::Unauthorized { .. }) if in_force.is_none() => {
                    return Err(RefreshError::TokenRefused(error));
                }
                Err(error) => {
                    let pause = self.pause_after(&error, failures);
                    failures += 1;
                    let (jobs, cause) =
                        (in_force.as_ref().map_or(0, InForce::jobs), &error as &dyn std::error::Error);
                    warn!(
                        error = cause,
                        jobs,
                        ?pause,
                        "could not read the configuration, jobs go on as they are"
                    );
                    pause
                }
            };
            time::sleep(pause).await;
        }
    }

    /// Reads the configuration, and a second time alone what seems to have vanished from it.
    async fn look(&self, in_force: Option<&InForce<K::Task>>) -> Result<Planned<K::Task>, BackendError> {
        let mut inventory = self.backend.inventory().await?;
        let planned = Planned::of(inventory, &*self.bot);
        let Some(InForce { planned: known, .. }) = in_force else { return Ok(planned) };
        let suspects = second_look::suspects(&known.devices, &planned.devices);
        if suspects.is_empty() {
            return Ok(planned);
        }
        self.metrics.second_looks.inc_by(suspects.len() as u64);
        inventory = planned.inventory;
        second_look::look_again(&*self.backend, &mut inventory, suspects).await?;
        Ok(Planned::of(inventory, &*self.bot))
    }

    async fn put_in_force(
        &self,
        in_force: &mut Option<InForce<K::Task>>,
        planned: Planned<K::Task>,
    ) -> Result<(), RefreshError> {
        self.metrics.in_force(&planned);
        let (known, mut notices) = match in_force.take() {
            Some(InForce { planned, notices }) => (Some(planned.plan), notices),
            None => (None, Notices::default()),
        };
        notices.warn_of_new(planned.faults());
        if known.as_ref() != Some(&planned.plan) {
            let Changes { added, changed, removed } = Changes::between(known.as_ref(), &planned.plan);
            let (devices, jobs) = (planned.devices.len(), planned.plan.jobs.len());
            info!(added, changed, removed, devices, jobs, "configuration");
            self.plans.send(planned.plan.clone()).await.map_err(|_| RefreshError::NoRunLoop)?;
            self.bot.in_force(&planned.plan);
        }
        *in_force = Some(InForce { planned, notices });
        Ok(())
    }

    async fn kept(&self) -> Option<Planned<K::Task>> {
        let (inventory, read_at) = self.last_good.as_ref()?.load().await?;
        info!(%read_at, "starting with the last good configuration");
        self.metrics.read_at(read_at);
        Some(Planned::of(inventory, &*self.bot))
    }

    async fn keep(&self, in_force: Option<&InForce<K::Task>>, planned: &Planned<K::Task>) {
        let now = self.clock.now();
        self.metrics.read_at(now);
        let Some(last_good) = &self.last_good else { return };
        if in_force.is_some_and(|known| known.planned.inventory == planned.inventory) {
            return;
        }
        if let Err(error) = last_good.save(&planned.inventory, now).await {
            self.metrics.not_kept.inc();
            let cause = &error as &dyn std::error::Error;
            warn!(
                error = cause,
                "the configuration is in force, but a restart without the backend would not know it"
            );
        }
    }

    fn pause_after(&self, error: &BackendError, failures: u32) -> Duration {
        match error {
            BackendError::Unauthorized { .. } | BackendError::Forbidden { .. } => {
                self.interval.max(REFUSED_RETRY)
            }
            _ => {
                let doubled = FIRST_RETRY.saturating_mul(2_u32.saturating_pow(failures));
                // Up to half less, so that bots which lost one backend together do not return together.
                doubled.min(self.interval.max(SHORTEST_INTERVAL)).mul_f64(rand::random_range(0.5..=1.0))
            }
        }
    }
}

impl<T> InForce<T> {
    fn jobs(&self) -> usize {
        self.planned.plan.jobs.len()
    }
}
