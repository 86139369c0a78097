//! Performs one run.

use std::{error::Error, sync::Arc};

use tokio::time::{self, Instant};
use tracing::warn;

use super::{
    GRACE, RunMetrics,
    failure::Failure,
    in_flight::{End, Ended},
};
use crate::{
    bot::{JobId, Run},
    protocol::Protocol,
    report::Report,
    schedule::{Cadence, Firing},
    sink::Sink,
    throttle::LogThrottle,
    time::Clock,
};

/// Performs runs: measures, hands the reports over, counts and logs what goes wrong.
pub struct Performer<B, S> {
    /// What measures.
    bot: Arc<B>,
    /// What takes the reports.
    sink: Arc<S>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) metrics: RunMetrics,
    throttle: LogThrottle,
}

/// How a run ended; why, if it ended badly, is counted and logged already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Succeeded,
    Failed,
}

impl<B: Protocol, S: Sink> Performer<B, S> {
    /// Puts together what a run needs.
    pub fn new(bot: Arc<B>, sink: Arc<S>, clock: Arc<dyn Clock>, metrics: RunMetrics) -> Self {
        Self { bot, sink, clock, metrics, throttle: LogThrottle::default() }
    }

    /// Performs a run to its end. The reports are handed over after the deadline's reach, since a sink that is slow is
    /// no fault of the device: it holds the run's place, and so keeps more runs from starting.
    pub(super) async fn perform(self: Arc<Self>, firing: Firing<B::Task>) -> Outcome {
        let Firing { run, cadence, .. } = firing;
        let id = run.run_id();
        self.metrics.begun(self.clock.now().since(run.due));
        let began = Instant::now();
        let measured = self.measure(run, began, &cadence).await;
        self.metrics.measured(began.elapsed());
        let kept = match measured {
            Ok(reports) => self.hand_over(reports).await,
            Err(failure) => Err(failure),
        };
        match kept {
            Ok(()) => {
                self.bot.accepted(&id);
                self.metrics.succeeded.inc();
                Outcome::Succeeded
            }
            Err(failure) => self.failed(&id.job, &failure),
        }
    }

    async fn measure(
        &self,
        run: Run<B::Task>,
        began: Instant,
        cadence: &Cadence,
    ) -> Result<Vec<Report>, Failure> {
        let deadline = cadence.deadline();
        match time::timeout_at(began + deadline, self.bot.perform(run)).await {
            Ok(measured) => Ok(measured?),
            Err(_) => Err(Failure::Deadline(deadline)),
        }
    }

    async fn hand_over(&self, reports: Vec<Report>) -> Result<(), Failure> {
        if reports.is_empty() {
            return Ok(());
        }
        let number = reports.len() as u64;
        match self.sink.accept(reports).await {
            Ok(()) => {
                self.metrics.reports.inc_by(number);
                Ok(())
            }
            Err(error) => {
                self.metrics.reports_not_kept.inc_by(number);
                Err(error.into())
            }
        }
    }

    /// Returns how a run ended, also one that could not say so itself.
    pub(super) fn conclude(&self, Ended { job, end }: Ended) -> Outcome {
        match end {
            End::Outcome(outcome) => outcome,
            End::Panic(words) => self.failed(&job, &Failure::Panic(words)),
            End::Dropped => self.failed(&job, &Failure::Stopped(GRACE)),
        }
    }

    /// Counts a failure, and logs it unless the like of it was logged a moment ago.
    fn failed(&self, job: &JobId, failure: &Failure) -> Outcome {
        self.metrics.count_failure(failure.kind());
        if let Some(suppressed) = self.throttle.admit(failure.kind()) {
            let (kind, error) = (failure.kind(), failure as &dyn Error);
            warn!(%job, kind, error, suppressed, "a run failed");
        }
        Outcome::Failed
    }
}
