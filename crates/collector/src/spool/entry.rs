//! What waits in the queue, and how delivery asks for it.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::Arc,
    time::Duration,
};

use super::{
    codec::{self, CodecError},
    dead_letters::RejectedEntry,
    settings::Limits,
};
use crate::{model::AccountId, report::Report, time::Timestamp};

/// The number of an entry: ascending in the order of acceptance, never given twice while a process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId(pub(super) i64);

#[cfg(test)]
impl EntryId {
    /// Returns one by its number.
    pub(crate) fn numbered(number: i64) -> Self {
        Self(number)
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.0)
    }
}

/// What is delivered in different ways, so that one never waits for the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lane {
    /// Values.
    Values,
    /// Children and suggestions.
    Entities,
    /// What devices told by themselves.
    Events,
}

impl Lane {
    pub(super) const ALL: [Self; 3] = [Self::Values, Self::Entities, Self::Events];

    pub(super) fn number(self) -> u8 {
        match self {
            Self::Values => 0,
            Self::Entities => 1,
            Self::Events => 2,
        }
    }

    /// Returns the lane of a number; one that is not known is looked through with the entities.
    pub(super) fn of_number(number: u8) -> Self {
        Self::ALL.into_iter().find(|lane| lane.number() == number).unwrap_or(Self::Entities)
    }
}

/// A report that waits to be delivered.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its number.
    pub id: EntryId,
    /// When it was accepted.
    pub accepted: Timestamp,
    /// What it says.
    pub report: Report,
}

/// What delivery would like to have next.
#[derive(Clone, Debug)]
pub struct TakeRequest {
    /// Which kind of reports.
    pub lane: Lane,
    /// Entries accepted within this time are fresh: they come first.
    pub fresh_within: Duration,
    /// How many values of fresh entries (an entry without values counts as one); at least one entry is given.
    pub fresh_values: usize,
    /// How many values of older entries, if nothing fresh is there; 0 if the replay has to pause.
    pub old_values: usize,
    /// Accounts take turns: the first one after this comes next.
    pub after: Option<AccountId>,
    /// Accounts that are not to be served as usual.
    pub access: HashMap<AccountId, Access>,
}

/// How an account may be served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// Nothing of it.
    Closed,
    /// Only fresh entries, and none of these.
    FreshExcept(Arc<HashSet<EntryId>>),
}

/// Entries of one account.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// Whose.
    pub account: AccountId,
    /// Whether they are fresh or replayed.
    pub age: Age,
    /// In the order of their acceptance; the newest that wait.
    pub entries: Vec<Entry>,
}

/// Whether an entry was accepted lately.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Age {
    /// Lately.
    Fresh,
    /// Before that: it is replayed.
    Old,
}

/// What became of entries; all of it happens, or nothing.
#[derive(Clone, Debug, Default)]
pub struct Settlement {
    /// Entries that are dealt with: they leave the queue.
    pub retired: Vec<EntryId>,
    /// What of them could not be delivered.
    pub rejected: Vec<RejectedEntry>,
}

/// An entry as it is kept.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) id: EntryId,
    pub(super) key: LaneKey,
    /// Only the newest entry of a subject counts; older ones are superseded.
    pub(super) subject: Option<String>,
    pub(super) accepted: Timestamp,
    pub(super) values: u32,
    pub(super) checksum: u32,
    pub(super) payload: Vec<u8>,
    /// Whether the backend is done with it, and only sinks wait for it.
    pub(super) is_kept: bool,
}

/// A lane of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct LaneKey {
    pub(super) lane: Lane,
    pub(super) account: AccountId,
}

impl Row {
    /// Encodes a report; its number and time come when the writer takes it.
    pub(super) fn of(report: &Report) -> Result<Self, CodecError> {
        let payload = codec::encode(report)?;
        let (lane, account, values, subject) = match report {
            Report::Values(values) => (Lane::Values, values.account, values.values.len(), None),
            Report::Children(children) => {
                let subject = format!("children {} {}", children.parent, children.entity_type);
                (Lane::Entities, children.account, 0, Some(subject))
            }
            Report::Suggestions(suggestions) => {
                // The same proposals again, as a bot repeats them, replace those that wait.
                let subject = format!("suggestions {:08x}", codec::checksum(&payload));
                (Lane::Entities, suggestions.account, 0, Some(subject))
            }
            Report::Events(events) => (Lane::Events, events.account, 0, None),
        };
        Ok(Self {
            id: EntryId(0),
            key: LaneKey { lane, account },
            subject,
            accepted: Timestamp::default(),
            values: u32::try_from(values).unwrap_or(u32::MAX),
            checksum: codec::checksum(&payload),
            payload,
            is_kept: false,
        })
    }

    pub(super) fn bytes(&self) -> u64 {
        stored_bytes(self.payload.len())
    }

    pub(super) fn decode(self) -> Result<Entry, (Self, CodecError)> {
        match codec::decode(&self.payload, self.checksum) {
            // The checksum does not cover the column by which it would be sent.
            Ok(report) if report.account() != self.key.account => {
                let (written, found) = (report.account(), self.key.account);
                Err((self, CodecError::Account { written, found }))
            }
            Ok(report) if lane_of(&report) != self.key.lane => Err((self, CodecError::Lane)),
            Ok(report) => Ok(Entry { id: self.id, accepted: self.accepted, report }),
            Err(error) => Err((self, error)),
        }
    }

    /// How much of a request it fills.
    pub(super) fn weight(&self) -> usize {
        usize::try_from(self.values.max(1)).unwrap_or(usize::MAX)
    }
}

fn lane_of(report: &Report) -> Lane {
    match report {
        Report::Values(_) => Lane::Values,
        Report::Children(_) | Report::Suggestions(_) => Lane::Entities,
        Report::Events(_) => Lane::Events,
    }
}

/// What a payload takes of the limit.
pub(super) fn stored_bytes(payload: usize) -> u64 {
    u64::try_from(payload).unwrap_or(u64::MAX).saturating_add(Limits::ENTRY_OVERHEAD)
}
