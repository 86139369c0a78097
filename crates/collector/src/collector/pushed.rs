//! A run loop whose plans come from outside.

use std::sync::Arc;

use thiserror::Error;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::PLANS;
use crate::{
    bot::Plan,
    health::Health,
    protocol::Protocol,
    run::{DEFAULT_CONCURRENCY, Heartbeat, Performer, RunLoop, RunMetrics, Summary, run_once},
    schedule::FirstRun,
    sink::Sink,
    time::Clock,
};

/// Puts plans in force that somebody else made, rather than a refresh.
pub struct Pushed<P: Protocol> {
    bot: Arc<P>,
    plans: mpsc::Sender<Plan<P::Task>>,
    stop: CancellationToken,
}

/// The run loop is over, so that no plan can take effect.
#[derive(Debug, Error)]
#[error("the run loop ended: its log says why")]
pub struct RunLoopEnded;

impl<P: Protocol> Pushed<P> {
    /// Wires a run loop, with its metrics and its heartbeat in `health`; it runs nothing until it gets a plan.
    pub fn new<S: Sink>(
        bot: Arc<P>,
        sink: Arc<S>,
        clock: Arc<dyn Clock>,
        health: &mut Health,
    ) -> (Self, RunLoop<P, S>) {
        let metrics = RunMetrics::default();
        metrics.register(health.registry_of(bot.name()));
        let (plans, receiver) = mpsc::channel(PLANS);
        let (heartbeat, stop) = (Heartbeat::default(), CancellationToken::new());
        let watched = heartbeat.clone();
        health.watch(move || watched.fresh());
        let run_loop = RunLoop {
            performer: Performer::new(bot.clone(), sink, clock, metrics),
            plans: receiver,
            concurrency: DEFAULT_CONCURRENCY,
            first_run: FirstRun::OnCadence,
            heartbeat,
            stop: stop.clone(),
        };
        (Self { bot, plans, stop }, run_loop)
    }

    /// Does every job of a plan once, as if all its intervals were due, without a run loop.
    pub async fn once<S: Sink>(
        bot: Arc<P>,
        sink: Arc<S>,
        clock: Arc<dyn Clock>,
        plan: Plan<P::Task>,
        stop: &CancellationToken,
    ) -> Summary {
        bot.in_force(&plan);
        let performer = Performer::new(bot, sink, clock, RunMetrics::default());
        run_once(performer, plan.jobs, DEFAULT_CONCURRENCY, stop).await
    }

    /// Puts a plan in force, all jobs that there are.
    ///
    /// # Errors
    /// Fails if the run loop has ended.
    pub async fn put_in_force(&self, plan: Plan<P::Task>) -> Result<(), RunLoopEnded> {
        self.plans.send(plan.clone()).await.map_err(|_| RunLoopEnded)?;
        self.bot.in_force(&plan);
        Ok(())
    }

    /// Returns the token that ends the run loop.
    pub fn stop(&self) -> CancellationToken {
        self.stop.clone()
    }
}

impl<P: Protocol> Clone for Pushed<P> {
    fn clone(&self) -> Self {
        Self { bot: self.bot.clone(), plans: self.plans.clone(), stop: self.stop.clone() }
    }
}
