//! The runs that go on.

use std::{collections::HashMap, future::Future};

use tokio::task::{Id, JoinError, JoinSet};

use super::performer::Outcome;
use crate::bot::{JobId, Overlap};

/// The runs that go on, each a task, and how many of them belong to one job.
#[derive(Debug, Default)]
pub(super) struct InFlight {
    tasks: JoinSet<Outcome>,
    job_of: HashMap<Id, JobId>,
    runs_of: HashMap<JobId, u16>,
}

/// A run that is over.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) job: JobId,
    /// An error if it panicked.
    pub(super) outcome: Result<Outcome, JoinError>,
}

impl InFlight {
    pub(super) fn len(&self) -> usize {
        self.tasks.len()
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
        let task = self.tasks.spawn(run);
        *self.runs_of.entry(job.clone()).or_default() += 1;
        self.job_of.insert(task.id(), job);
    }

    /// Waits for a run to end; None if none goes on. Safe to cancel.
    pub(super) async fn ended(&mut self) -> Option<Ended> {
        let joined = self.tasks.join_next_with_id().await?;
        self.settle(joined)
    }

    /// Gives a run that is over, without waiting.
    pub(super) fn already_ended(&mut self) -> Option<Ended> {
        let joined = self.tasks.try_join_next_with_id()?;
        self.settle(joined)
    }

    /// Drops all runs where they stand; they still have to be waited for.
    pub(super) fn abort(&mut self) {
        self.tasks.abort_all();
    }

    fn settle(&mut self, joined: Result<(Id, Outcome), JoinError>) -> Option<Ended> {
        let (task, outcome) = match joined {
            Ok((task, outcome)) => (task, Ok(outcome)),
            Err(error) => (error.id(), Err(error)),
        };
        let job = self.job_of.remove(&task)?;
        if let Some(runs) = self.runs_of.get_mut(&job) {
            *runs -= 1;
            if *runs == 0 {
                self.runs_of.remove(&job);
            }
        }
        Some(Ended { job, outcome })
    }
}
