//! A bot whose jobs are Python functions.

use std::sync::Arc;

use grafolean_collector::{
    bot::{Bot, BotError, Plan, Run},
    model::Device,
    report::Report,
};
use pyo3::prelude::*;
use tokio::sync::oneshot;

use crate::{
    queue::{DueRun, RunQueue},
    report,
};

/// What health and metrics call bots in Python, whatever they measure.
pub(crate) const PROTOCOL: &str = "python";

/// What is called when a job is due.
#[derive(Clone)]
pub(crate) struct Call {
    /// Grows when the function or its data changed, as Python's `==` sees it.
    pub(crate) version: u64,
    /// The function and its data, for the workers.
    pub(crate) what: Arc<Py<PyAny>>,
    /// Who runs it.
    pub(crate) workers: Workers,
}

/// Who runs a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Workers {
    /// A process of its own at a time.
    Processes,
    /// A thread of the bot's own process.
    Threads,
}

impl PartialEq for Call {
    fn eq(&self, other: &Self) -> bool {
        self.version == other.version && self.workers == other.workers
    }
}

/// Hands runs to Python's workers. Its plans come from Python too.
pub(crate) struct PythonBot {
    pub(crate) processes: Arc<Py<RunQueue>>,
    pub(crate) threads: Arc<Py<RunQueue>>,
}

impl Bot for PythonBot {
    type Task = Call;

    fn protocol(&self) -> &str {
        PROTOCOL
    }

    /// Plans come from Python, which reads the configuration itself.
    fn jobs(&self, _: &[Device]) -> Plan<Call> {
        Plan::default()
    }

    async fn perform(&self, run: Run<Call>) -> Result<Vec<Report>, BotError> {
        let Run { id, task, due, intervals, .. } = run;
        let (ended, end) = oneshot::channel();
        let queue = match task.workers {
            Workers::Processes => &self.processes,
            Workers::Threads => &self.threads,
        };
        let call = Arc::clone(&task.what);
        queue.get().push(DueRun { call, intervals, due: due.seconds(), ended });
        match end.await {
            Ok(Ok(sent)) => Ok(report::of(sent, due)),
            Ok(Err((kind, failure))) => Err(BotError::new(kind.word(), failure)),
            Err(_) => Err(BotError::new("python", format!("job {id} was given up: all stopped"))),
        }
    }
}
