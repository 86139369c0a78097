//! The runs that go on.

use std::{
    collections::HashMap,
    fmt,
    future::{self, Future},
    mem,
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::Poll,
};

use futures_util::FutureExt;
use tokio::{sync::Notify, time::Instant};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::{failure::words_of, performer::Outcome};
use crate::bot::{JobId, Overlap};

/// How many runs begin in one task. Most of what a run costs us is its task; up to this many share one until it shows
/// which of them have to wait. A run that computes for long before it first waits holds up no more than these.
const BEGUN_TOGETHER: usize = 16;

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The runs that go on, each that has to wait a task of its own, and how many of them belong to one job. Whoever drops it drops them.
#[derive(Debug, Default)]
pub(super) struct InFlight {
    runs: usize,
    runs_of: HashMap<JobId, u16>,
    beginning: Beginning,
    completions: Arc<Completions>,
    /// Room for what has ended, kept from one look to the next.
    room: Vec<Ended>,
    last_start: Option<Instant>,
}

/// Runs that are about to begin.
#[derive(Default)]
struct Beginning(Vec<Work>);

/// What runs and those who wait for their ends share.
#[derive(Debug, Default)]
struct Completions {
    /// Runs that are over, until somebody looks.
    ended: Mutex<Vec<Ended>>,
    arrival: Notify,
    /// Drops the runs that go on.
    drop: CancellationToken,
}

/// A run that is over.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) job: JobId,
    pub(super) end: End,
}

/// How a run came to its end.
#[derive(Debug)]
pub(super) enum End {
    /// By itself.
    Outcome(Outcome),
    /// By a panic that said this.
    Panic(String),
    /// It was dropped.
    Dropped,
}

impl InFlight {
    pub(super) fn len(&self) -> usize {
        self.runs
    }

    /// Returns whether one more run of a job may go on beside those that do.
    pub(super) fn allows(&self, job: &JobId, overlap: Overlap) -> bool {
        let most = match overlap {
            Overlap::Skip => 1,
            Overlap::Allow(runs) => runs.get(),
        };
        self.runs_of.get(job).is_none_or(|runs| *runs < most)
    }

    /// Returns when a run was last put among those that begin.
    pub(super) fn last_start(&self) -> Option<Instant> {
        self.last_start
    }

    /// Returns the jobs whose runs go on.
    pub(super) fn jobs(&self) -> Vec<JobId> {
        let mut jobs: Vec<_> = self.runs_of.keys().cloned().collect();
        jobs.sort_unstable();
        jobs
    }

    /// Puts a run among those that begin at the next [`InFlight::begin`], or sooner if they are many.
    pub(super) fn start(&mut self, job: JobId, run: impl Future<Output = Outcome> + Send + 'static) {
        self.runs += 1;
        self.last_start = Some(Instant::now());
        *self.runs_of.entry(job.clone()).or_default() += 1;
        let completions = self.completions.clone();
        self.beginning.0.push(Box::pin(async move {
            let end = tokio::select! {
                // First, so that a run which need not wait costs no more than itself.
                biased;
                end = AssertUnwindSafe(run).catch_unwind() => {
                    end.map_or_else(|payload| End::Panic(words_of(&*payload)), End::Outcome)
                }
                () = completions.drop.cancelled() => End::Dropped,
            };
            completions.push(Ended { job, end });
        }));
        if self.beginning.0.len() >= BEGUN_TOGETHER {
            self.begin();
        }
    }

    /// Lets the runs begin that were started.
    pub(super) fn begin(&mut self) {
        if !self.beginning.0.is_empty() {
            let runs = mem::replace(&mut self.beginning.0, Vec::with_capacity(BEGUN_TOGETHER));
            // What a run logs names its bot.
            tokio::spawn(begin_together(runs).in_current_span());
        }
    }

    /// Waits until some run is over. Safe to cancel.
    pub(super) async fn some_ended(&mut self) {
        self.completions.arrival.notified().await;
    }

    /// Removes and returns the runs that are over.
    pub(super) fn settle(&mut self, mut each: impl FnMut(Ended)) {
        let mut ended = mem::take(&mut self.room);
        self.completions.exchange(&mut ended);
        self.runs -= ended.len();
        for run in ended.drain(..) {
            if let Some(runs) = self.runs_of.get_mut(&run.job) {
                *runs -= 1;
                if *runs == 0 {
                    self.runs_of.remove(&run.job);
                }
            }
            each(run);
        }
        self.room = ended;
    }

    /// Drops all runs where they stand; their ends still have to be waited for.
    pub(super) fn drop_runs(&self) {
        self.completions.drop.cancel();
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.drop_runs();
    }
}

impl Completions {
    fn push(&self, run: Ended) {
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        ended.push(run);
        let is_first = ended.len() == 1;
        drop(ended);
        if is_first {
            self.arrival.notify_one();
        }
    }

    fn exchange(&self, empty: &mut Vec<Ended>) {
        mem::swap(&mut *self.ended.lock().unwrap_or_else(PoisonError::into_inner), empty);
    }
}

impl fmt::Debug for Beginning {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} runs", self.0.len())
    }
}

/// Polls each run to where it first has to wait; from there it goes on as a task of its own.
async fn begin_together(runs: Vec<Work>) {
    for mut run in runs {
        let reached = future::poll_fn(|context| Poll::Ready(run.as_mut().poll(context))).await;
        if reached.is_pending() {
            tokio::spawn(run.in_current_span());
        }
    }
}
