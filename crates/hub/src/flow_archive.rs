//! Raw flows that are kept beside the hub: what may be asked of them. Whoever runs the hub says where they are.

use std::{
    net::IpAddr,
    sync::atomic::{AtomicBool, AtomicU64},
};

use grafolean_collector::time::Timestamp;
use serde::Serialize;
use thiserror::Error;

/// Kept flows that the page may ask; the binary implements it on the archive of its NetFlow bot.
pub trait FlowArchive: Send + Sync {
    /// Returns what is kept; `None` where nothing is.
    ///
    /// # Errors
    /// Fails where the folder cannot be read.
    fn kept(&self) -> Result<Option<KeptFlows>, FlowArchiveError>;

    /// Adds up flows; blocks until that is done, or the progress says that nobody wants it any more.
    ///
    /// # Errors
    /// Fails where the question makes no sense, or a file cannot be read.
    fn ask(&self, question: &FlowQuestion, progress: &FlowProgress) -> Result<FlowAnswer, FlowArchiveError>;
}

/// What is kept.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct KeptFlows {
    /// Of this time on, in seconds.
    pub from: f64,
    /// How many octets it has on disk.
    pub bytes: u64,
    /// In how many files.
    pub files: usize,
}

/// What is asked.
#[derive(Clone, Debug)]
pub struct FlowQuestion {
    /// Which flows, in the language of `grafolean flow query`.
    pub filter: String,
    /// Of these exporters alone.
    pub exporters: Vec<IpAddr>,
    /// By what they are added up.
    pub by: Vec<String>,
    /// Of this time on.
    pub from: Timestamp,
    /// Of before this time.
    pub to: Timestamp,
    /// How many groups are wanted.
    pub top: usize,
}

/// How far an answer is.
#[derive(Debug, Default)]
pub struct FlowProgress {
    /// Octets to be looked at.
    pub bytes: AtomicU64,
    /// Octets looked at.
    pub done: AtomicU64,
    /// Set by whoever does not want the answer any more.
    pub stop: AtomicBool,
}

/// What was found: the largest groups first.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct FlowAnswer {
    /// The largest groups.
    pub groups: Vec<FlowGroup>,
    /// How many there are in all.
    pub groups_in_all: usize,
    /// All flows that are meant.
    pub total: FlowSums,
    /// Flows that were looked at.
    pub scanned: u64,
}

/// Flows that have their key in common.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct FlowGroup {
    /// The values of what was asked by; null where a flow does not tell one.
    pub key: Vec<Option<String>>,
    /// What they add up to.
    #[serde(flatten)]
    pub sums: FlowSums,
}

/// What flows add up to, scaled by their sampling.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FlowSums {
    /// Bytes.
    pub bytes: u64,
    /// Packets.
    pub packets: u64,
    /// Flows, as they came.
    pub flows: u64,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FlowArchiveError {
    /// The question makes no sense; says what would.
    #[error("{0}")]
    Question(String),
    /// The files cannot be read, or hold too much for one answer.
    #[error("{0}")]
    Failed(String),
}
