//! A bot whose jobs are Python functions.

use std::sync::{Arc, Mutex, PoisonError};

use grafolean_collector::{
    bot::{Bot, BotError, Plan, Run},
    model::Device,
    report::Report,
    sink::Sink,
    spool::Spool,
    time::Timestamp,
};
use pyo3::prelude::*;
use tokio::sync::oneshot;

use crate::{report, report::Sent, workers::Workers};

/// What is called when a job is due.
#[derive(Clone)]
pub(crate) struct Call {
    /// Grows when the function or its data changed, as Python's `==` sees it.
    pub(crate) version: u64,
    /// The function and its data, for the runner.
    pub(crate) what: Arc<Py<PyAny>>,
}

impl PartialEq for Call {
    fn eq(&self, other: &Self) -> bool {
        self.version == other.version
    }
}

/// Hands runs to Python. Its plans come from there too.
pub(crate) struct PythonBot {
    /// Called as `runner(what, intervals, due, done)`.
    pub(crate) runner: Arc<Py<PyAny>>,
    pub(crate) workers: Arc<Workers>,
    /// Where values go that were sent before a run failed.
    pub(crate) spool: Spool,
}

/// What a run came to: what it sent, and what went wrong.
type Ended = (Vec<Sent>, Option<String>);

/// How a run ends that goes on after its function has returned; called once, as `done(sent, failure)`.
#[pyclass(frozen)]
pub(crate) struct Done(Mutex<Option<oneshot::Sender<Ended>>>);

#[pymethods]
impl Done {
    fn __call__(&self, sent: Vec<Sent>, failure: Option<String>) {
        self.tell((sent, failure));
    }
}

impl Done {
    fn tell(&self, ended: Ended) {
        let waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(waiting) = waiting {
            // Nobody waits for a run that was dropped when all stopped.
            let _ = waiting.send(ended);
        }
    }
}

impl Bot for PythonBot {
    type Task = Call;

    fn protocol(&self) -> &str {
        "python"
    }

    /// Plans come from Python, which reads the configuration itself.
    fn jobs(&self, _: &[Device]) -> Plan<Call> {
        Plan::default()
    }

    async fn perform(&self, run: Run<Call>) -> Result<Vec<Report>, BotError> {
        let (due, job) = (run.due, run.id.clone());
        let (done, ended) = oneshot::channel();
        let runner = Arc::clone(&self.runner);
        self.workers.submit(Box::new(move |py| begin(py, &runner, run, Done(Mutex::new(Some(done))))));
        let ended = ended.await;
        let (sent, failure) =
            ended.map_err(|_| BotError::new("python", format!("job {job} was given up: all stopped")))?;
        let reports = report::of(sent, due);
        match failure {
            None => Ok(reports),
            Some(failure) => {
                self.keep(reports).await?;
                Err(BotError::new("python", failure))
            }
        }
    }
}

impl PythonBot {
    /// What was sent before something went wrong is as good as any value.
    async fn keep(&self, reports: Vec<Report>) -> Result<(), BotError> {
        if reports.is_empty() {
            return Ok(());
        }
        let kept = Sink::accept(&self.spool, reports).await;
        kept.map_err(|error| BotError::caused_by("python", "keeping what was sent before a failure", error))
    }
}

/// Calls the runner. It gives None where all is done and nothing was sent, what came of it where all is done, and True
/// where `done` will be called.
fn begin(py: Python<'_>, runner: &Py<PyAny>, run: Run<Call>, done: Done) {
    let Run { task, due, intervals, .. } = run;
    let outcome = Bound::new(py, done).and_then(|done| {
        let intervals: Vec<u64> = intervals.iter().map(|interval| interval.duration().as_secs()).collect();
        let given = runner.bind(py).call1((task.what.bind(py), intervals, seconds(due), &done))?;
        let ended: Ended = if given.is_none() {
            (Vec::new(), None)
        } else if given.is_exact_instance_of::<pyo3::types::PyBool>() {
            return Ok(());
        } else {
            given.extract()?
        };
        done.get().tell(ended);
        Ok(())
    });
    // Our own part of the package failed; the run is told as given up, with this.
    if let Err(error) = outcome {
        tracing::error!(%error, "the runner failed: please report this as a bug");
    }
}

fn seconds(due: Timestamp) -> i64 {
    due.seconds()
}
