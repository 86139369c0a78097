//! What a new set of jobs changed.

use std::fmt;

use crate::bot::JobId;

/// What a new set of jobs changed, for one line in the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Jobs that are new.
    pub added: usize,
    /// Jobs whose intervals, start, policies or task are others than before.
    pub changed: usize,
    /// Jobs that are gone.
    pub removed: usize,
    /// Jobs that go on as they were.
    pub unchanged: usize,
    /// Ids that were wanted more than once; the first of each is in force.
    pub duplicates: Vec<JobId>,
    /// New or changed jobs whose start lies in the future; it was taken as the present.
    pub future_starts: Vec<JobId>,
}

impl Changes {
    /// Returns whether anything is other than before.
    pub fn any(&self) -> bool {
        self.added + self.changed + self.removed > 0
    }
}

impl fmt::Display for Changes {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { added, changed, removed, unchanged, .. } = self;
        write!(out, "{added} added, {changed} changed, {removed} removed, {unchanged} unchanged")
    }
}
