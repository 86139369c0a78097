//! What came of a run.

use std::collections::HashMap;

use thiserror::Error;

use super::{Limits, Row};
use crate::snmp::{AskError, Exception, Moment, Oid, Value};

/// Why a value, or the rest of a table, is not there.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Missing {
    /// The agent has no such object.
    #[error(transparent)]
    Exception(#[from] Exception),
    /// The request failed.
    #[error(transparent)]
    Failed(#[from] AskError),
    /// The answer speaks of other objects.
    #[error("the answer leaves it out")]
    LeftOut,
    /// The device did not answer so often when it was asked for it that it is rarely asked any more.
    #[error("the device does not answer when it is asked for it")]
    Unanswered,
    /// The agent gave an object that does not come after the one before: a walk would never end.
    #[error("walk loop: the agent's objects are not increasing")]
    NotIncreasing,
    /// A table with more rows than are wanted.
    #[error("walk cut at {0} rows, its limit")]
    TooManyRows(u32),
    /// More than a run's values may take in memory.
    #[error("walk cut at {0} bytes, the limit of a run")]
    TooManyBytes(u32),
    /// The run's time was over.
    #[error("the run's time was over")]
    OutOfTime,
}

impl Missing {
    /// A short word from a small fixed set, under which it is counted.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Exception(Exception::NoSuchObject) => "no_such_object",
            Self::Exception(Exception::NoSuchInstance) => "no_such_instance",
            Self::Exception(Exception::EndOfMibView) => "end_of_mib_view",
            Self::Failed(error) => error.label(),
            Self::LeftOut => "left_out",
            Self::Unanswered => "unanswered",
            Self::NotIncreasing => "walk_loop",
            Self::TooManyRows(_) => "walk_limit",
            Self::TooManyBytes(_) => "size_limit",
            Self::OutOfTime => "out_of_time",
        }
    }
}

/// A walk: the rows that came, in their order, and whether they are all.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// What came, by index.
    pub rows: Vec<Row>,
    /// Rows that are there but did not come, and why.
    pub holes: Vec<(Box<[u32]>, Missing)>,
    /// Why the walk did not see its true end.
    pub cut: Option<Missing>,
    /// Ok if the walk saw its true end, and nothing before it was left out.
    pub end: Result<(), Missing>,
}

impl Column {
    /// Returns why a row did not come that is there.
    pub fn hole(&self, index: &[u32]) -> Option<&Missing> {
        self.holes.iter().find(|(hole, _)| **hole == *index).map(|(_, why)| why)
    }

    /// Returns the row of an index.
    pub fn row(&self, index: &[u32]) -> Option<&Row> {
        let place = self.rows.binary_search_by(|row| (*row.index).cmp(index)).ok()?;
        self.rows.get(place)
    }
}

/// What came of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PollResult {
    pub(super) values: HashMap<Oid, Result<(Value, Moment), Missing>>,
    pub(super) columns: HashMap<Oid, Column>,
    /// What the values take in memory, about.
    pub(super) bytes: usize,
    /// Requests that were made, repetitions not counted.
    pub requests: u32,
    /// Those that were not answered.
    pub timeouts: u32,
    /// Objects that came.
    pub varbinds: u64,
    /// Whether the device answered at all.
    pub heard: bool,
    /// What the device can take, as is known after the run.
    pub limits: Limits,
}

impl PollResult {
    /// Returns the value of an object that was wanted, with the time of the answer.
    ///
    /// # Errors
    /// Why there is none.
    pub fn value(&self, oid: &Oid) -> Result<&(Value, Moment), Missing> {
        match self.values.get(oid) {
            Some(Ok(value)) => Ok(value),
            Some(Err(missing)) => Err(missing.clone()),
            None => Err(Missing::LeftOut),
        }
    }

    /// Returns a walk that was wanted.
    pub fn column(&self, root: &Oid) -> Option<&Column> {
        self.columns.get(root)
    }

    /// Returns all that is missing: which object or walk, and why.
    pub fn missing(&self) -> impl Iterator<Item = (&Oid, &Missing)> {
        let values = self.values.iter().filter_map(|(oid, value)| Some((oid, value.as_ref().err()?)));
        let columns =
            self.columns.iter().filter_map(|(root, column)| Some((root, column.end.as_ref().err()?)));
        values.chain(columns)
    }
}
