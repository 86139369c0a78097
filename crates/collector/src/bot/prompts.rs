//! Runs that a protocol asks for ahead of their time.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::sync::Notify;

use super::JobId;

/// Runs that a protocol asks for ahead of their time: it listens, and heard that a value has changed.
///
/// Cheap to clone. What is asked for again before its run began is one run.
#[derive(Clone, Debug, Default)]
pub struct Prompts(Arc<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    prompts: Mutex<HashMap<(JobId, Prompted), Duration>>,
    arrival: Notify,
}

/// What a run measures that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Prompted {
    /// Nothing: none of its intervals is due. It hands over what the protocol has heard, beside a run that goes on.
    Nothing,
    /// All of the job, as if all its intervals were due. It waits for a run of the job that goes on.
    All,
}

impl Prompts {
    /// Asks for a run of a job; of a job that is in no plan nothing is run. The first begins at once, the next one not before
    /// `gap` has passed since then.
    pub fn ask(&self, job: JobId, what: Prompted, gap: Duration) {
        let mut waiting = self.0.prompts.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.insert((job, what), gap);
        drop(waiting);
        self.0.arrival.notify_one();
    }

    /// Waits until something was asked for. Safe to cancel.
    pub(crate) async fn arrived(&self) {
        self.0.arrival.notified().await;
    }

    /// Removes and returns what was asked for, with the gap to the next of its like.
    pub(crate) fn take(&self) -> HashMap<(JobId, Prompted), Duration> {
        std::mem::take(&mut *self.0.prompts.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
