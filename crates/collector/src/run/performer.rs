//! Performs one run.

use std::{error::Error, sync::Arc};

use tokio::time::{self, Instant};
use tracing::{field::display, warn};

use super::{
    GRACE, RunMetrics,
    failure::Failure,
    in_flight::{End, Ended},
};
use crate::{
    bot::{Job, JobId, Prompts, Run, RunId},
    protocol::Protocol,
    report::Report,
    schedule::{Cadence, Firing},
    sink::Sink,
    status::{About, RunEnd, RunLog},
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
    /// Where runs are kept for whoever asks; none keeps none.
    log: Option<RunLog>,
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
        Self { bot, sink, clock, metrics, log: None, throttle: LogThrottle::default() }
    }

    /// Returns where the bot asks for runs ahead of their time, if it does.
    pub(super) fn prompts(&self) -> Option<Prompts> {
        self.bot.prompts()
    }

    /// Keeps the newest runs of each job in a log.
    #[must_use]
    pub fn recording(self, log: RunLog) -> Self {
        Self { log: Some(log), ..self }
    }

    /// Performs a run to its end. The reports are handed over after the deadline's reach, since a sink that is slow is
    /// no fault of the device: it holds the run's place, and so keeps more runs from starting.
    pub(super) async fn perform(self: Arc<Self>, firing: Firing<B::Task>) -> Outcome {
        let Firing { mut run, cadence, .. } = firing;
        let id = run.run_id();
        let late = self.clock.now().since(run.due);
        self.metrics.begun(late);
        // A run that measures nothing says nothing of how measuring goes.
        let log = self.log.as_ref().filter(|_| !run.intervals.is_empty());
        let troubles = log.map(RunLog::notes).unwrap_or_default();
        run.troubles = troubles.clone();
        let began = Instant::now();
        let measured = self.measure(run, began, &cadence).await;
        let took = began.elapsed();
        self.metrics.measured(took);
        let (values, about) = match (log, &measured) {
            (Some(_), Ok(reports)) => About::of(reports),
            _ => (0, None),
        };
        let kept = match measured {
            Ok(reports) => self.hand_over(reports).await,
            Err(failure) => Err(failure),
        };
        if let Some(log) = log {
            let failure = kept.as_ref().err().map(|failure| (failure.kind(), chain(failure)));
            let failure = failure.as_ref().map(|(kind, text)| (*kind, text.as_str()));
            log.ended(&RunEnd { run: &id, late, took, failure }, values, about, &troubles);
        }
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
            End::Panic(words) => self.broke_off(&job, &Failure::Panic(words)),
            End::Dropped => self.broke_off(&job, &Failure::Stopped(GRACE)),
        }
    }

    /// Notes that a run was left out.
    pub(super) fn skipped(&self, run: &RunId) {
        self.metrics.skipped.inc();
        if let Some(log) = &self.log {
            log.skipped(run);
        }
    }

    /// Notes which jobs there are.
    pub(super) fn planned(&self, jobs: &[Job<B::Task>]) {
        if let Some(log) = &self.log {
            log.planned(jobs);
        }
    }

    fn broke_off(&self, job: &JobId, failure: &Failure) -> Outcome {
        if let Some(log) = &self.log {
            log.broke_off(job, self.clock.now(), failure.kind(), &chain(failure));
        }
        self.failed(job, failure)
    }

    /// Counts a failure, and logs it unless the like of it was logged a moment ago.
    fn failed(&self, job: &JobId, failure: &Failure) -> Outcome {
        self.metrics.count_failure(failure.kind());
        if let Some(suppressed) = self.throttle.admit(failure.kind()) {
            let (kind, error) = (failure.kind(), failure as &dyn Error);
            let id = (job.title() != job.as_str()).then(|| display(job));
            warn!(job = %job.title(), id, kind, error, suppressed, "a run failed");
        }
        Outcome::Failed
    }
}

/// An error and its causes, in a line.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        cause = error.source();
    }
    text
}
