//! Consumers of the spool beside the backend: each has its own durable position, limits and counts.
//!
//! ```text
//!   entry table:  . . 17 18 . 20 21 22    what the backend has not taken
//!   kept table:   15 16 . . 19 . . .      what it has taken, and some sink has not
//!   sink "a": position 14 ▲   sink "b": position 21 ─────▲
//! ```
//! A sink is given values in the order of their acceptance; all up to its position is dealt with. An entry that the
//! backend is done with moves to the `kept` table as long as a sink is behind it, so that the backend's own queue is what
//! it is without sinks. What a sink is too slow for is dropped at its own limits, and counted for it alone.

use std::time::Duration;

use rusqlite::{Connection, Result};

use super::{
    dead_letters::{DeadLetterQueue, RejectedEntry},
    entry::{Entry, EntryId},
    group::SinkChange,
    kept,
    settings::Limits,
    statistics::Depth,
};
use crate::time::Timestamp;

/// How many numbers of entries a batch of a sink spans at most. So after a restart at most these may have been sent
/// before without the answer being known.
pub const SINK_WINDOW: i64 = 4_096;

/// Entries that a sink loses to its limits in one transaction, so that a long backlog does not hold up those who accept.
const DROPPED_PER_GROUP: usize = 10_000;

/// A consumer of values beside the backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SinkSettings {
    /// Its name; its position is kept under it.
    pub name: String,
    /// How many bytes may wait for it, counted as [`Limits::disk_bytes`] are.
    pub disk_bytes: u64,
    /// How long a report may wait for it.
    pub age: Duration,
    /// Where it begins when it is new.
    pub start: SinkStart,
}

impl SinkSettings {
    /// Creates the settings of a sink that may have as much wait as the backend, and begins with what is measured next.
    pub fn new(name: impl Into<String>) -> Self {
        let Limits { disk_bytes, age, .. } = Limits::default();
        Self { name: name.into(), disk_bytes, age, start: SinkStart::Now }
    }
}

/// Where a sink begins that the spool does not know yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SinkStart {
    /// With what is accepted from then on.
    Now,
    /// With what still waits in the spool.
    Waiting,
}

/// Who gets what is accepted.
#[derive(Clone, Debug)]
pub(super) struct Consumers {
    pub(super) backend: bool,
    pub(super) sinks: Vec<SinkSettings>,
}

/// The place of a sink in the list with which the spool was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SinkNumber(pub(super) usize);

/// What a sink gets next.
#[derive(Clone, Debug, PartialEq)]
pub struct SinkBatch {
    /// Values of any accounts, in the order of their acceptance.
    pub entries: Vec<Entry>,
    /// What of it cannot be read, to be settled with the rest.
    pub unreadable: Vec<RejectedEntry>,
    /// The last number that was looked at: to be settled once all entries are dealt with.
    pub up_to: EntryId,
    /// Entries up to this one may have been sent by a process that ended before it could settle them.
    pub doubtful_to: EntryId,
}

/// What a sink is done with.
#[derive(Clone, Debug, PartialEq)]
pub struct SinkSettlement {
    /// All up to this entry.
    pub up_to: EntryId,
    /// What of it could not be delivered.
    pub rejected: Vec<RejectedEntry>,
}

/// The state of one sink after the spool's last group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SinkStatistics {
    /// Its name.
    pub name: String,
    /// All up to here is dealt with.
    pub position: EntryId,
    /// What waits for it.
    pub waiting: Depth,
    /// When the oldest of that was accepted.
    pub oldest: Option<Timestamp>,
    /// How many dead letters it has.
    pub dead_letters: u64,
    /// What its limits made it lose since the process began.
    pub lost: Depth,
}

/// What the writer knows of a sink.
#[derive(Clone, Debug)]
pub(super) struct SinkState {
    pub(super) settings: SinkSettings,
    /// As it stands on disk.
    pub(super) position: i64,
    /// On disk.
    pub(super) waiting: Depth,
    pub(super) oldest: Option<Timestamp>,
    pub(super) dead_letters: DeadLetterQueue,
    /// The highest number when the spool was opened: what is beyond it was sent by no earlier process.
    pub(super) last_at_start: Option<i64>,
    /// Known once something was taken.
    pub(super) doubtful_to: Option<i64>,
    pub(super) lost: Depth,
}

impl SinkState {
    pub(super) fn new(settings: SinkSettings) -> Self {
        Self {
            settings,
            position: 0,
            waiting: Depth::default(),
            oldest: None,
            dead_letters: DeadLetterQueue::default(),
            last_at_start: None,
            doubtful_to: None,
            lost: Depth::default(),
        }
    }
}

/// Where the sinks stand with what is not yet on disk: of each the highest number that it is done with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Positions(Vec<i64>);

impl Positions {
    pub(super) fn of(sinks: &[SinkState]) -> Self {
        Self(sinks.iter().map(|sink| sink.position).collect())
    }

    pub(super) fn get(&self, SinkNumber(sink): SinkNumber) -> i64 {
        self.0.get(sink).copied().unwrap_or(i64::MAX)
    }

    /// Returns where a sink stands, if that is known at all.
    pub(super) fn known(&self, SinkNumber(sink): SinkNumber) -> Option<i64> {
        self.0.get(sink).copied()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Moves a sink forward; false if it stood there already.
    pub(super) fn advance(&mut self, SinkNumber(sink): SinkNumber, to: i64) -> bool {
        match self.0.get_mut(sink) {
            Some(position) if *position < to => {
                *position = to;
                true
            }
            _ => false,
        }
    }

    /// Whether some sink is not yet done with an entry.
    pub(super) fn need(&self, EntryId(entry): EntryId) -> bool {
        self.lowest().is_some_and(|lowest| lowest < entry)
    }

    /// Returns up to where all are done; None if there are no sinks.
    pub(super) fn lowest(&self) -> Option<i64> {
        self.0.iter().copied().min()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (SinkNumber, i64)> + '_ {
        self.0.iter().enumerate().map(|(sink, position)| (SinkNumber(sink), *position))
    }
}

/// Advances the sinks on disk to where they are done.
pub(super) fn forward(
    connection: &Connection,
    positions: &Positions,
    sinks: &[SinkState],
) -> Result<Vec<SinkChange>> {
    let mut changes = Vec::with_capacity(sinks.len());
    for ((_, position), sink) in positions.iter().zip(sinks) {
        let name = &sink.settings.name;
        let mut waiting = sink.waiting;
        if position > sink.position {
            waiting = waiting.less(kept::depth(connection, name, sink.position, position)?);
            kept::set_position(connection, name, position)?;
        }
        changes.push(SinkChange {
            position,
            waiting,
            oldest: None,
            dead_letters: sink.dead_letters,
            expired: Depth::default(),
            pushed_out: Depth::default(),
        });
    }
    Ok(changes)
}

/// Drops the oldest that waits for a sink until the rest is within its limits.
pub(super) fn keep_within(
    connection: &Connection,
    sink: &SinkState,
    change: &mut SinkChange,
    now: Timestamp,
) -> Result<()> {
    let (name, before) = (&sink.settings.name, change.position);
    for _ in 0..DROPPED_PER_GROUP {
        let Some(oldest) = kept::oldest(connection, name, change.position)? else {
            change.oldest = None;
            break;
        };
        change.oldest = Some(oldest.accepted);
        let lost = if now.since(oldest.accepted) > sink.settings.age {
            &mut change.expired
        } else if change.waiting.bytes > sink.settings.disk_bytes {
            &mut change.pushed_out
        } else {
            break;
        };
        *lost += oldest.depth;
        change.waiting = change.waiting.less(oldest.depth);
        change.position = oldest.id;
    }
    if change.position > before {
        kept::set_position(connection, name, change.position)?;
    }
    Ok(())
}
