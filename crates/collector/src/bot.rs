//! A bot: one protocol's way of measuring, in its small form.
//!
//! A [`Bot`] has a name, plans its jobs and performs them. Every bot is a `Protocol`, which is also told when its plan
//! took effect and when its reports are safe.

mod prompts;

use std::{
    cmp::Ordering,
    fmt,
    future::Future,
    hash::{Hash, Hasher},
    num::NonZeroU16,
    sync::Arc,
    time::Duration,
};

use serde_json::Value;
use thiserror::Error;

use crate::{
    cause::{Cause, TroubleNotes},
    model::{AccountId, Device, EntityId, Interval, Intervals},
    report::Report,
    time::Timestamp,
};

pub use prompts::{Prompted, Prompts};

/// One protocol's way of measuring: says what is to be done, then does it.
pub trait Bot: Send + Sync + 'static {
    /// All that one job needs to know, as plain data. A refreshed job that is equal keeps its cadence.
    type Task: Clone + PartialEq + Send + Sync + 'static;

    /// The bot's version, shown by `--version` and `/metrics`; usually `env!("CARGO_PKG_VERSION")`.
    const VERSION: &'static str = "unknown";

    /// Returns the protocol's name as the backend knows it, e.g. `ping`.
    fn protocol(&self) -> &str;

    /// Returns what it reads and measures, as the JSON of a `Declaration`, of which only the name is needed: a hub's page
    /// makes its forms of it, and titles and units of its charts.
    fn declaration(&self) -> Option<Value> {
        None
    }

    /// Plans what is to be done. Pure: equal devices give equal jobs.
    fn jobs(&self, devices: &[Device]) -> Plan<Self::Task>;

    /// Measures once. Dropped at the run's deadline, so it must be safe to cancel.
    fn perform(&self, run: Run<Self::Task>) -> impl Future<Output = Result<Vec<Report>, BotError>> + Send;
}

/// The permanent name of a job; where it falls within its interval follows from it.
///
/// Beside it stands what people call the job, if its bot [says so](Job::titled): logs name it, nothing else depends on it.
#[derive(Clone)]
pub struct JobId {
    /// The name, and right behind it the title: a million of them are one allocation each.
    text: Arc<str>,
    name_bytes: usize,
}

impl JobId {
    /// Returns the name.
    pub fn as_str(&self) -> &str {
        self.text.get(..self.name_bytes).unwrap_or_default()
    }

    /// Returns what people call the job, else its name.
    pub fn title(&self) -> &str {
        match self.text.get(self.name_bytes..) {
            Some(title) if !title.is_empty() => title,
            _ => self.as_str(),
        }
    }

    fn titled(&self, title: &str) -> Self {
        Self { text: format!("{}{title}", self.as_str()).into(), name_bytes: self.name_bytes }
    }
}

impl PartialEq for JobId {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for JobId {}

impl PartialOrd for JobId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for JobId {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl Hash for JobId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl<T: Into<Arc<str>>> From<T> for JobId {
    fn from(name: T) -> Self {
        let text = name.into();
        Self { name_bytes: text.len(), text }
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

impl fmt::Debug for JobId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:?}", self.as_str())
    }
}

/// Something to be done again and again.
#[derive(Clone, Debug)]
pub struct Job<T> {
    /// Its permanent name.
    pub id: JobId,
    /// How often; firings that coincide are one run.
    pub intervals: Intervals,
    /// Firings fall on `start + k * interval`. None spreads jobs by a hash of their id over their shortest interval.
    pub start: Option<Timestamp>,
    /// What to do when a firing comes while the last run goes on.
    pub overlap: Overlap,
    /// How long a run may take; None means the shortest interval, at least 1 s and at most 300 s.
    pub deadline: Option<Duration>,
    /// What to do.
    pub task: T,
}

impl<T> Job<T> {
    /// A job with the usual policies: spread by its id, never overlapping itself, the default deadline.
    pub fn new(id: impl Into<JobId>, intervals: impl Into<Intervals>, task: T) -> Self {
        Self {
            id: id.into(),
            intervals: intervals.into(),
            start: None,
            overlap: Overlap::Skip,
            deadline: None,
            task,
        }
    }
}

impl<T> Job<T> {
    /// Sets the title of the job, as people know it: a run that fails is logged by it.
    #[must_use]
    pub fn titled(self, title: &str) -> Self {
        Self { id: self.id.titled(title), ..self }
    }
}

/// A job whose title alone is another is another job, so that a device that was renamed is logged by its new name.
impl<T: PartialEq> PartialEq for Job<T> {
    fn eq(&self, other: &Self) -> bool {
        let Self { id, intervals, start, overlap, deadline, task } = self;
        *id == other.id
            && id.title() == other.id.title()
            && *intervals == other.intervals
            && (start, overlap, deadline) == (&other.start, &other.overlap, &other.deadline)
            && *task == other.task
    }
}

/// What happens to a firing of a job whose last run goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Overlap {
    /// It is skipped and counted.
    Skip,
    /// It runs beside the others, up to this many in all.
    Allow(NonZeroU16),
}

/// One run of a job.
#[derive(Clone, Debug)]
pub struct Run<T> {
    /// Which job.
    pub id: JobId,
    /// What to do.
    pub task: Arc<T>,
    /// When it was due, a whole second: the time of the values it measures.
    pub due: Timestamp,
    /// Those of the job's intervals that fell due, ascending.
    pub intervals: Vec<Interval>,
    /// Where it notes what keeps values from being there, for whoever asks why.
    pub troubles: TroubleNotes,
}

/// The permanent name of a run: a job at one due time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId {
    /// Which job.
    pub job: JobId,
    /// When it was due.
    pub due: Timestamp,
}

impl<T> Run<T> {
    /// Returns the name of this run.
    pub fn run_id(&self) -> RunId {
        RunId { job: self.id.clone(), due: self.due }
    }
}

/// What a bot wants to do, and what it cannot do and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan<T> {
    /// What to do.
    pub jobs: Vec<Job<T>>,
    /// What cannot be done; each is named in a warning, nothing else suffers.
    pub refused: Vec<Refusal>,
}

impl<T> Default for Plan<T> {
    fn default() -> Self {
        Self { jobs: Vec::new(), refused: Vec::new() }
    }
}

/// A bot's loop over its devices ends in `collect()`.
///
/// ```
/// use grafolean_collector::{
///     bot::{Job, Plan, Refusal},
///     model::Device,
/// };
///
/// fn jobs(devices: &[Device]) -> Plan<String> {
///     let job = |device: &Device| {
///         let interval = device.sensors.iter().find_map(|sensor| sensor.interval);
///         let interval = interval.ok_or_else(|| Refusal::of(device, "none of its sensors has an interval"))?;
///         Ok(Job::new(format!("uptime.{}", device.entity.id), interval, device.entity.name.clone()))
///     };
///     devices.iter().map(job).collect()
/// }
/// assert_eq!(jobs(&[]), Plan::default());
/// ```
impl<T> FromIterator<Result<Job<T>, Refusal>> for Plan<T> {
    fn from_iter<I: IntoIterator<Item = Result<Job<T>, Refusal>>>(outcomes: I) -> Self {
        let mut plan = Self::default();
        for outcome in outcomes {
            match outcome {
                Ok(job) => plan.jobs.push(job),
                Err(refusal) => plan.refused.push(refusal),
            }
        }
        plan
    }
}

/// Something that was set up in a way that cannot be measured.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("entity {entity} of account {account} ({name}): {reason}")]
pub struct Refusal {
    /// Whose entity.
    pub account: AccountId,
    /// The entity.
    pub entity: EntityId,
    /// What people call it.
    pub name: String,
    /// What is wrong, and what would be right.
    pub reason: String,
    /// What kind of fault it is.
    pub cause: Cause,
}

impl Refusal {
    /// Names the device and what is wrong with it.
    pub fn of(device: &Device, reason: impl fmt::Display) -> Self {
        Self {
            account: device.account,
            entity: device.entity.id,
            name: device.entity.name.clone(),
            reason: reason.to_string(),
            cause: Cause::Refused,
        }
    }

    /// Sets what kind of fault it is.
    #[must_use]
    pub fn because(self, cause: Cause) -> Self {
        Self { cause, ..self }
    }
}

/// Why a run failed. A device that does not answer is a measurement, no failure.
#[derive(Debug, Error)]
#[error("{kind}: {message}")]
pub struct BotError {
    /// A short word under which it is counted, from a small fixed set, e.g. `socket`.
    pub kind: &'static str,
    /// What was being done, to whom, with which numbers.
    pub message: String,
    /// What caused it.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl BotError {
    /// An error without a cause below it.
    pub fn new(kind: &'static str, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    /// An error with its cause.
    pub fn caused_by(
        kind: &'static str,
        message: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self { kind, message: message.into(), source: Some(source.into()) }
    }
}
