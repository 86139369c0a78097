//! What goes to disk in one transaction.

use std::collections::{HashSet, VecDeque};

use rusqlite::{Connection, Result};

use super::{
    codec,
    dead_letters::{self, Content, DeadLetterQueue, RejectedEntry},
    entries::{self, Removed},
    entry::{EntryId, LaneKey, Row, Settlement},
    settings::Limits,
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
}

/// What stands before a group.
#[derive(Clone, Copy, Debug)]
pub(super) struct Before {
    pub(super) bytes: u64,
    pub(super) dead_letters: DeadLetterQueue,
    pub(super) last_id: i64,
    /// What the wall clock shows, for people.
    pub(super) wall: Timestamp,
    /// The spool's time, by which entries grow old.
    pub(super) now: Timestamp,
    pub(super) limits: Limits,
}

impl Group {
    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.retired.is_empty() && self.rejected.is_empty()
    }

    pub(super) fn add(&mut self, row: Row) {
        self.bytes = self.bytes.saturating_add(row.bytes());
        self.rows.push_back(row);
    }

    pub(super) fn settle(&mut self, settlement: Settlement) {
        self.retired.extend(settlement.retired);
        self.rejected.extend(settlement.rejected);
        // Rows of this group are there to be retired only if an earlier try to write them failed.
        let (retired, bytes) = (&mut self.retired, &mut self.bytes);
        self.rows.retain(|row| {
            let stays = !retired.remove(&row.id);
            if !stays {
                *bytes = bytes.saturating_sub(row.bytes());
            }
            stays
        });
    }

    /// Returns what is held, to be shown.
    pub(super) fn depth(&self) -> Depth {
        let mut depth = Depth::default();
        for row in &self.rows {
            depth += row.depth();
        }
        depth
    }

    /// Drops the oldest until the rest fits, and tells what went.
    pub(super) fn shrink(&mut self, limit: u64) -> Depth {
        let mut dropped = Depth::default();
        while self.bytes > limit {
            let Some(row) = self.rows.pop_front() else { break };
            self.bytes = self.bytes.saturating_sub(row.bytes());
            dropped += row.depth();
        }
        dropped
    }

    /// Writes all of it into an open transaction.
    pub(super) fn write(&self, connection: &Connection, before: Before) -> Result<Changes> {
        let mut changes =
            Changes { dead_letters: before.dead_letters, last_id: before.last_id, ..Changes::default() };
        for id in &self.retired {
            changes.removed.extend(entries::delete(connection, *id)?);
        }
        for rejected_entry in &self.rejected {
            changes.lost_letters += changes.dead_letters.push(connection, rejected_entry, before.wall)?;
        }
        for row in &self.rows {
            changes.insert(connection, row)?;
        }
        changes.retry_marked(connection, before.now)?;
        changes.expire(connection, before)?;
        changes.keep_within(connection, before)?;
        Ok(changes)
    }
}

impl Changes {
    fn insert(&mut self, connection: &Connection, row: &Row) -> Result<()> {
        self.removed.extend(entries::insert(connection, row)?);
        self.added.push((row.key, row.depth()));
        Ok(())
    }

    /// Puts back the dead letters that a person marked.
    fn retry_marked(&mut self, connection: &Connection, now: Timestamp) -> Result<()> {
        let marked = dead_letters::take_marked(connection, RETRIED_PER_GROUP)?;
        if marked.is_empty() {
            return Ok(());
        }
        for letter in marked {
            let Content::Report(report) = letter.content else { continue };
            let Ok(mut row) = Row::of(&report) else { continue };
            row.accepted = now;
            self.last_id += 1;
            row.id = EntryId(self.last_id);
            self.insert(connection, &row)?;
            self.retried_letters += 1;
        }
        self.dead_letters = DeadLetterQueue::count(connection)?;
        Ok(())
    }

    fn expire(&mut self, connection: &Connection, before: Before) -> Result<()> {
        for _ in 0..EXPIRED_PER_GROUP {
            match entries::oldest(connection)? {
                Some(accepted) if before.now.since(accepted) > before.limits.age => {
                    let Some(gone) = entries::delete_oldest(connection)? else { break };
                    self.expired += gone.depth;
                    self.removed.push(gone);
                }
                _ => break,
            }
        }
        Ok(())
    }

    fn keep_within(&mut self, connection: &Connection, before: Before) -> Result<()> {
        let added: u64 = self.added.iter().map(|(_, depth)| depth.bytes).sum();
        let removed: u64 = self.removed.iter().map(|gone| gone.depth.bytes).sum();
        let mut bytes = before.bytes.saturating_add(added).saturating_sub(removed);
        while bytes > before.limits.disk_bytes {
            let Some(gone) = entries::delete_oldest(connection)? else { break };
            bytes = bytes.saturating_sub(gone.depth.bytes);
            self.pushed_out += gone.depth;
            self.removed.push(gone);
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
        }
    }
}
