//! What goes to disk in one transaction.

use std::collections::{HashSet, VecDeque};

use rusqlite::{Connection, Result};

use super::{
    codec,
    dead_letters::{self, Content, DeadLetterQueue, RejectedEntry},
    entries::{self, Removed},
    entry::{EntryId, Lane, LaneKey, Row, Settlement},
    kept,
    settings::Limits,
    sinks::{self, Positions, SinkNumber, SinkSettlement, SinkState},
    statistics::Depth,
};
use crate::time::Timestamp;

/// Old entries removed by age in one transaction, so that a long backlog does not hold up those who accept.
const EXPIRED_PER_GROUP: usize = 10_000;

/// Dead letters put back into the queue in one transaction.
pub(super) const RETRIED_PER_GROUP: u32 = 1_000;

/// Changes that are not on disk. While the disk refuses writes it is what the spool holds in memory.
#[derive(Debug, Default)]
pub(super) struct Group {
    /// Ascending by number.
    pub(super) rows: VecDeque<Row>,
    /// Numbers of entries on disk, at most as many as there are.
    pub(super) retired: HashSet<EntryId>,
    pub(super) rejected: Vec<RejectedEntry>,
    /// Up to where the sinks are done.
    pub(super) positions: Positions,
    /// Whether a position is not on disk.
    pub(super) has_moved: bool,
    bytes: u64,
}

/// What a group changed, to be booked once it is committed.
#[derive(Debug, Default)]
pub(super) struct Changes {
    pub(super) added: Vec<(LaneKey, Depth)>,
    pub(super) removed: Vec<Removed>,
    pub(super) dead_letters: DeadLetterQueue,
    pub(super) expired: Depth,
    pub(super) pushed_out: Depth,
    pub(super) lost_letters: u64,
    pub(super) retried_letters: u64,
    pub(super) last_id: i64,
    pub(super) sinks: Vec<SinkChange>,
    /// Whether more is to be given back to the disk.
    pub(super) has_more: bool,
}

/// What a group changed for a sink.
#[derive(Clone, Debug)]
pub(super) struct SinkChange {
    pub(super) position: i64,
    pub(super) waiting: Depth,
    pub(super) oldest: Option<Timestamp>,
    pub(super) dead_letters: DeadLetterQueue,
    pub(super) expired: Depth,
    pub(super) pushed_out: Depth,
}

/// What stands before a group.
#[derive(Clone, Copy, Debug)]
pub(super) struct Before<'a> {
    pub(super) bytes: u64,
    pub(super) dead_letters: DeadLetterQueue,
    pub(super) last_id: i64,
    /// What the wall clock shows, for people.
    pub(super) wall: Timestamp,
    /// The spool's time, by which entries grow old.
    pub(super) now: Timestamp,
    pub(super) limits: Limits,
    pub(super) sinks: &'a [SinkState],
}

impl Group {
    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.retired.is_empty() && self.rejected.is_empty() && !self.has_moved
    }

    pub(super) fn add(&mut self, row: Row) {
        self.bytes = self.bytes.saturating_add(row.bytes());
        self.rows.push_back(row);
    }

    /// Begins an empty one where the sinks stand on disk.
    pub(super) fn begin(positions: Positions) -> Self {
        Self { positions, ..Self::default() }
    }

    /// Advances a sink.
    pub(super) fn advance(&mut self, sink: SinkNumber, settlement: SinkSettlement) {
        self.has_moved |= self.positions.advance(sink, settlement.up_to.0);
        self.rejected.extend(settlement.rejected);
        let (positions, bytes) = (&self.positions, &mut self.bytes);
        self.rows.retain(|row| {
            let stays = !row.is_kept || positions.need(row.id);
            if !stays {
                *bytes = bytes.saturating_sub(row.bytes());
            }
            stays
        });
    }

    pub(super) fn settle(&mut self, settlement: Settlement) {
        self.retired.extend(settlement.retired);
        self.rejected.extend(settlement.rejected);
        // Rows of this group are there to be retired only if an earlier try to write them failed.
        let (retired, positions, bytes) = (&mut self.retired, &self.positions, &mut self.bytes);
        self.rows.retain_mut(|row| {
            let is_done = retired.remove(&row.id);
            row.is_kept |= is_done;
            let stays = !is_done || (row.key.lane == Lane::Values && positions.need(row.id));
            if !stays {
                *bytes = bytes.saturating_sub(row.bytes());
            }
            stays
        });
    }

    /// Returns what is held for the backend, to be shown.
    pub(super) fn depth(&self) -> Depth {
        self.rows.iter().filter(|row| !row.is_kept).map(Row::depth).sum()
    }

    /// Returns what is held for a sink, to be shown.
    pub(super) fn depth_of(&self, sink: SinkNumber) -> Depth {
        let position = self.positions.get(sink);
        self.rows.iter().filter(|row| row.is_behind(position)).map(Row::depth).sum()
    }

    /// Drops the oldest until the rest fits, and returns it.
    pub(super) fn shrink(&mut self, limit: u64) -> Vec<Row> {
        let mut dropped = Vec::new();
        while self.bytes > limit {
            let Some(row) = self.rows.pop_front() else { break };
            self.bytes = self.bytes.saturating_sub(row.bytes());
            dropped.push(row);
        }
        dropped
    }

    /// Writes all of it into an open transaction.
    pub(super) fn write(&self, connection: &Connection, before: Before<'_>) -> Result<Changes> {
        let mut changes =
            Changes { dead_letters: before.dead_letters, last_id: before.last_id, ..Changes::default() };
        let positions = self.positions.clone();
        changes.sinks = sinks::forward(connection, &positions, before.sinks)?;
        let mut taking = Taking { connection, positions, changes };
        for id in &self.retired {
            taking.remove(*id)?;
        }
        for rejected_entry in &self.rejected {
            taking.reject(rejected_entry, before)?;
        }
        for row in &self.rows {
            taking.insert(row)?;
        }
        taking.retry_marked(before)?;
        taking.expire(before)?;
        taking.keep_within(before)?;
        taking.finish_sinks(before)?;
        Ok(taking.changes)
    }
}

/// A group that is being written.
struct Taking<'a> {
    connection: &'a Connection,
    positions: Positions,
    changes: Changes,
}

impl Taking<'_> {
    /// Removes an entry from the backend's queue; what a sink still needs waits for that one alone.
    fn remove(&mut self, id: EntryId) -> Result<Option<Removed>> {
        if self.positions.need(id) {
            kept::keep(self.connection, id)?;
        }
        let removed = entries::delete(self.connection, id)?;
        self.changes.removed.extend(removed);
        Ok(removed)
    }

    fn reject(&mut self, rejected: &RejectedEntry, before: Before<'_>) -> Result<()> {
        let place = before.sinks.iter().position(|sink| sink.settings.name == rejected.sink);
        let queue = match place.and_then(|place| self.changes.sinks.get_mut(place)) {
            Some(sink) => &mut sink.dead_letters,
            None => &mut self.changes.dead_letters,
        };
        self.changes.lost_letters += queue.push(self.connection, rejected, before.wall)?;
        Ok(())
    }

    fn insert(&mut self, row: &Row) -> Result<()> {
        for ((_, position), sink) in self.positions.iter().zip(&mut self.changes.sinks) {
            if row.is_behind(position) {
                sink.waiting += row.depth();
            }
        }
        if row.is_kept {
            return kept::insert(self.connection, row);
        }
        self.changes.removed.extend(entries::insert(self.connection, row)?);
        self.changes.added.push((row.key, row.depth()));
        Ok(())
    }

    /// Puts back the dead letters that a person marked, each for the one who did not take it.
    fn retry_marked(&mut self, before: Before<'_>) -> Result<()> {
        let names = before.sinks.iter().map(|sink| Some(sink.settings.name.as_str()));
        for (place, name) in names.chain([None]).enumerate() {
            let marked =
                dead_letters::take_marked(self.connection, name.unwrap_or_default(), RETRIED_PER_GROUP)?;
            if marked.is_empty() {
                continue;
            }
            for letter in marked {
                let Content::Report(report) = letter.content else { continue };
                let Ok(mut row) = Row::of(&report) else { continue };
                row.accepted = before.now;
                self.changes.last_id += 1;
                row.id = EntryId(self.changes.last_id);
                self.put_back(&row, name, place)?;
                self.changes.retried_letters += 1;
            }
            let count = DeadLetterQueue::count(self.connection, name.unwrap_or_default())?;
            match self.changes.sinks.get_mut(place) {
                Some(sink) => sink.dead_letters = count,
                None => self.changes.dead_letters = count,
            }
        }
        Ok(())
    }

    fn put_back(&mut self, row: &Row, name: Option<&str>, place: usize) -> Result<()> {
        if let (Some(name), Some(sink)) = (name, self.changes.sinks.get_mut(place)) {
            sink.waiting += row.depth();
            kept::only_for(self.connection, row.id, name)?;
            return kept::insert(self.connection, row);
        }
        if self.positions.lowest().is_some() {
            kept::only_for_backend(self.connection, row.id)?;
        }
        self.changes.removed.extend(entries::insert(self.connection, row)?);
        self.changes.added.push((row.key, row.depth()));
        Ok(())
    }

    fn expire(&mut self, before: Before<'_>) -> Result<()> {
        for _ in 0..EXPIRED_PER_GROUP {
            match entries::oldest(self.connection)? {
                Some(accepted) if before.now.since(accepted) > before.limits.age => {
                    let Some(gone) = self.remove_oldest()? else { break };
                    self.changes.expired += gone.depth;
                }
                _ => break,
            }
        }
        Ok(())
    }

    fn keep_within(&mut self, before: Before<'_>) -> Result<()> {
        let added: u64 = self.changes.added.iter().map(|(_, depth)| depth.bytes).sum();
        let removed: u64 = self.changes.removed.iter().map(|gone| gone.depth.bytes).sum();
        let mut bytes = before.bytes.saturating_add(added).saturating_sub(removed);
        while bytes > before.limits.disk_bytes {
            let Some(gone) = self.remove_oldest()? else { break };
            bytes = bytes.saturating_sub(gone.depth.bytes);
            self.changes.pushed_out += gone.depth;
        }
        Ok(())
    }

    fn remove_oldest(&mut self) -> Result<Option<Removed>> {
        match entries::oldest_id(self.connection)? {
            Some(id) => self.remove(id),
            None => Ok(None),
        }
    }

    /// Holds the sinks to their limits, writes where they stand, and frees what all of them are done with.
    fn finish_sinks(&mut self, before: Before<'_>) -> Result<()> {
        for (sink, change) in before.sinks.iter().zip(&mut self.changes.sinks) {
            sinks::keep_within(self.connection, sink, change, before.now)?;
        }
        let lowest = self.changes.sinks.iter().map(|sink| sink.position).min();
        if let Some(lowest) = lowest {
            self.changes.has_more = kept::free(self.connection, lowest)?;
        }
        Ok(())
    }
}

impl Row {
    pub(super) fn depth(&self) -> Depth {
        Depth { reports: 1, values: u64::from(self.values), bytes: self.bytes() }
    }

    /// Returns a dead letter of bytes that can't be read.
    pub(super) fn unreadable(self, why: &codec::CodecError) -> RejectedEntry {
        RejectedEntry {
            account: self.key.account,
            kind: dead_letters::ReasonKind::Unreadable,
            reason: format!("entry {} can't be read: {why}", self.id),
            checksum: self.checksum,
            payload: self.payload,
            sink: String::new(),
        }
    }

    /// Whether a sink that stands there waits for it.
    pub(super) fn is_behind(&self, position: i64) -> bool {
        self.key.lane == Lane::Values && self.id.0 > position
    }
}
