//! The runs that go on.

use std::{
    any::Any,
    collections::HashMap,
    future::Future,
    mem,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, PoisonError},
};

use futures_util::FutureExt;
use tokio::sync::Notify;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::performer::Outcome;
use crate::bot::{JobId, Overlap};

/// The runs that go on, each a task of its own, and how many of them belong to one job. Whoever drops it drops them.
#[derive(Debug)]
pub(super) struct InFlight {
    runs: usize,
    runs_of: HashMap<JobId, u16>,
    endings: Arc<Endings>,
    drops_runs: DropGuard,
}

/// Runs that are over, until somebody looks.
#[derive(Debug, Default)]
struct Endings {
    ended: Mutex<Vec<Ended>>,
    arrival: Notify,
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
    /// By a panic, with what it said.
    Panic(Box<dyn Any + Send>),
    /// It was dropped.
    Dropped,
}

impl Default for InFlight {
    fn default() -> Self {
        let drops_runs = CancellationToken::new().drop_guard();
        Self { runs: 0, runs_of: HashMap::new(), endings: Arc::default(), drops_runs }
    }
}

impl InFlight {
    pub(super) fn len(&self) -> usize {
        self.runs
    }

    /// Tells whether one more run of a job may go on beside those that do.
    pub(super) fn allows(&self, job: &JobId, overlap: Overlap) -> bool {
        let most = match overlap {
            Overlap::Skip => 1,
            Overlap::Allow(runs) => runs.max(1),
        };
        self.runs_of.get(job).is_none_or(|runs| *runs < most)
    }

    pub(super) fn start(&mut self, job: JobId, run: impl Future<Output = Outcome> + Send + 'static) {
        self.runs += 1;
        *self.runs_of.entry(job.clone()).or_default() += 1;
        let endings = self.endings.clone();
        let dropped = self.drops_runs.token().clone();
        tokio::spawn(async move {
            let end = tokio::select! {
                // First, so that a run which need not wait costs no more than itself.
                biased;
                end = AssertUnwindSafe(run).catch_unwind() => end.map_or_else(End::Panic, End::Outcome),
                () = dropped.cancelled() => End::Dropped,
            };
            endings.push(Ended { job, end });
        });
    }

    /// Waits until some run is over. Safe to cancel.
    pub(super) async fn some_ended(&self) {
        self.endings.arrival.notified().await;
    }

    /// Gives the runs that are over.
    pub(super) fn ended(&mut self) -> Vec<Ended> {
        let ended = self.endings.take();
        self.runs -= ended.len();
        for run in &ended {
            if let Some(runs) = self.runs_of.get_mut(&run.job) {
                *runs -= 1;
                if *runs == 0 {
                    self.runs_of.remove(&run.job);
                }
            }
        }
        ended
    }

    /// Drops all runs where they stand; their ends still have to be waited for.
    pub(super) fn drop_runs(&self) {
        self.drops_runs.token().cancel();
    }
}

impl Endings {
    fn push(&self, run: Ended) {
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        ended.push(run);
        let is_first = ended.len() == 1;
        drop(ended);
        if is_first {
            self.arrival.notify_one();
        }
    }

    fn take(&self) -> Vec<Ended> {
        mem::take(&mut *self.ended.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
