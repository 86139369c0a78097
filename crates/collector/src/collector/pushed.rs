//! A run loop whose plans come from outside.

use std::sync::Arc;

use thiserror::Error;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{Boxed, PLANS, Pipeline};
use crate::{
    backend::Backend,
    bot::Plan,
    health::Health,
    protocol::Protocol,
    run::{RunMetrics, Summary},
    sink::Sink,
    status::RunLog,
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

impl<P: Protocol, K: Backend> Pipeline<P, K> {
    /// Wires a run loop whose plans come from outside and whose reports go to `sink`, with its metrics and its heartbeat in
    /// `health`, its runs in `runs`. It runs nothing until it gets a plan, and ends by [`Pushed::stop`].
    pub fn pushed<S: Sink>(
        self,
        sink: S,
        runs: RunLog,
        health: &mut Health,
    ) -> (Pushed<P>, Boxed<'static, ()>) {
        let metrics = RunMetrics::default();
        metrics.register(health.registry_of(self.bot.name()));
        let (plans, receiver) = mpsc::channel(PLANS);
        let stop = CancellationToken::new();
        let mut run_loop = self.run_loop(sink, receiver, metrics, stop.clone());
        run_loop.performer = run_loop.performer.recording(runs);
        let heartbeat = run_loop.heartbeat.clone();
        health.watch(move || heartbeat.fresh());
        (Pushed { bot: self.bot, plans, stop }, Box::pin(run_loop.run()))
    }

    /// Performs every job of a plan from outside once, as if all its intervals were due, and hands the reports to `sink`.
    pub async fn run_plan_once<S: Sink>(
        self,
        plan: Plan<P::Task>,
        sink: S,
        stop: &CancellationToken,
    ) -> Summary {
        self.perform_once(plan, sink, stop).await
    }
}

impl<P: Protocol> Pushed<P> {
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
