//! What the writer does between requests, in steps that never keep one waiting for long.

use std::time::Duration;

use grafolean_collector::time::Timestamp;
use rusqlite::Connection;

use super::{
    PointsMetrics, SeriesId, Span, database,
    error::{Context, PointsError},
    expire::{self, Pass},
    journal,
    recent::SharedRecent,
    retention::Policies,
    seal::Blocks,
    series,
};

/// A step stops beyond this many points, some milliseconds of compression. It seals at least one series, and that
/// whole: at worst all that memory holds, some tenths of a second.
const STEP_POINTS: usize = 16 * 1024;

/// A step stops at this many series, however few points they have: each may rewrite a block.
const STEP_SERIES: usize = 64;

/// Rows of the journal a step deletes; a row holds at most one group of requests.
const STEP_ROWS: usize = 8;

/// Blocks a step deletes.
const STEP_BLOCKS: usize = 256;

/// Pages a step gives back to the disk, each of which may have to change places with one that is used.
const STEP_PAGES: i64 = 64;

/// Time between two looks for values that are older than they are kept. It is looked when values arrive.
const RETENTION_LOOK: Duration = Duration::from_secs(3600);

/// The steps that are to be done.
#[derive(Debug, Default)]
pub(super) struct Maintenance {
    sealing: Option<Sealing>,
    trim_through: Option<i64>,
    deleting: bool,
    shrinking: bool,
    expiring: Option<Pass>,
    looked_for_old: Option<Timestamp>,
}

/// What a step did that others have to know.
#[derive(Debug)]
pub(super) struct Stepped {
    /// Series that were deleted, as none of their values was left.
    pub(super) forgotten: u64,
}

/// The layer that is being sealed: which series are left, and how far the journal is obsolete afterwards.
#[derive(Debug)]
struct Sealing {
    left: Vec<SeriesId>,
    journal_through: i64,
}

impl Maintenance {
    /// Returns the maintenance of a store that was just opened: deletions that were not finished.
    pub(super) fn left_over() -> Self {
        Self { deleting: true, shrinking: true, ..Self::default() }
    }

    /// Whether anything is to be done.
    pub(super) fn pending(&self) -> bool {
        self.sealing.is_some()
            || self.trim_through.is_some()
            || self.expiring.is_some()
            || self.deleting
            || self.shrinking
    }

    /// Whether a layer is being sealed.
    pub(super) fn sealing(&self) -> bool {
        self.sealing.is_some()
    }

    /// Begins to seal the active layer; all of it stands in the journal up to `journal_through`.
    pub(super) fn begin_sealing(&mut self, recent: &SharedRecent, journal_through: i64) {
        let mut recent = recent.write();
        recent.freeze();
        // Taken from the end, so the order is turned round: ascending ids write neighbouring pages.
        let mut left = recent.sealing.series();
        left.reverse();
        self.sealing = Some(Sealing { left, journal_through });
    }

    /// Notes that a series was deleted.
    pub(super) fn begin_deleting(&mut self) {
        self.deleting = true;
    }

    /// Begins a pass for old values if the last one is long enough ago.
    pub(super) fn look_for_old(&mut self, policies: &Policies, now: Timestamp) {
        if policies.keep_all() {
            return;
        }
        let looked = self.looked_for_old.is_some_and(|at| at <= now && now.since(at) < RETENTION_LOOK);
        if !looked && self.expiring.is_none() {
            self.looked_for_old = Some(now);
            self.expiring = Some(Pass::begin(now));
        }
    }

    /// Notes that what is kept has changed: the next look is due, and a pass that is under way begins anew.
    pub(super) fn look_again(&mut self) {
        (self.looked_for_old, self.expiring) = (None, None);
    }

    /// Does one step in one transaction.
    pub(super) fn step(
        &mut self,
        connection: &mut Connection,
        recent: &SharedRecent,
        block_points: usize,
        policies: &Policies,
        metrics: &PointsMetrics,
    ) -> Result<Stepped, PointsError> {
        let transaction = connection.transaction().doing("beginning a step of maintenance")?;
        // What a step changes of `self` counts only once its transaction is committed.
        let after = if let Some(sealing) = &self.sealing {
            let blocks = |series| Blocks { connection: &transaction, series, full: block_points, metrics };
            seal_some(&transaction, recent, &sealing.left, blocks)?
        } else if let Some(through) = self.trim_through {
            After::Trimmed { done: journal::trim(&transaction, through, STEP_ROWS)? < STEP_ROWS }
        } else if let Some(pass) = &self.expiring {
            After::Expired(pass.step(&transaction, recent, policies)?)
        } else if self.deleting {
            After::Deleted { done: delete_some(&transaction)? }
        } else {
            After::Shrunk { done: shrink_some(&transaction)? }
        };
        transaction.commit().doing("finishing a step of maintenance")?;
        let forgotten = match &after {
            After::Sealed { values, .. } => {
                metrics.sealed_values.inc_by(*values);
                0
            }
            After::Expired(step) => step.forgotten,
            _ => 0,
        };
        self.note(after, recent, policies, metrics);
        Ok(Stepped { forgotten })
    }

    fn note(&mut self, after: After, recent: &SharedRecent, policies: &Policies, metrics: &PointsMetrics) {
        match after {
            After::Sealed { left: 0, .. } => {
                self.trim_through = self.sealing.take().map(|sealing| sealing.journal_through);
                let sealed = std::mem::take(&mut recent.write().sealing);
                // Freed here, when no reader waits for the lock.
                drop(sealed);
            }
            After::Sealed { left, .. } => {
                if let Some(sealing) = &mut self.sealing {
                    sealing.left.truncate(left);
                }
            }
            After::Trimmed { done } => {
                self.trim_through = self.trim_through.filter(|_| !done);
                self.shrinking = true;
            }
            After::Expired(step) => {
                let ended = self.expiring.as_mut().is_none_or(|pass| pass.note(&step, policies, metrics));
                if ended {
                    self.expiring = None;
                    self.shrinking = true;
                }
            }
            After::Deleted { done } => self.deleting = !done,
            After::Shrunk { done } => self.shrinking = !done,
        }
    }
}

enum After {
    Sealed { left: usize, values: u64 },
    Trimmed { done: bool },
    Expired(expire::Step),
    Deleted { done: bool },
    Shrunk { done: bool },
}

/// Seals series from the end of a list.
fn seal_some<'a>(
    connection: &'a Connection,
    recent: &SharedRecent,
    left: &[SeriesId],
    blocks: impl Fn(SeriesId) -> Blocks<'a>,
) -> Result<After, PointsError> {
    let (mut done, mut sealed) = (0, 0);
    let mut tails = Vec::new();
    for &id in left.iter().rev().take(STEP_SERIES) {
        let points = recent.read().sealing.within(id, Span::ALL);
        sealed += points.len();
        done += 1;
        if series::exists(connection, id)? {
            tails.extend(blocks(id).seal(&points)?);
        }
        if sealed >= STEP_POINTS {
            break;
        }
    }
    tails.iter().try_for_each(|tail| tail.write(connection))?;
    Ok(After::Sealed { left: left.len() - done, values: sealed as u64 })
}

/// Returns some pages to the disk; returns whether there is nothing more to give.
fn shrink_some(connection: &Connection) -> Result<bool, PointsError> {
    const DOING: &str = "giving free pages back to the disk";
    if !database::mostly_free(connection).doing(DOING)? {
        return Ok(true);
    }
    let given = database::shrink(connection, STEP_PAGES).doing(DOING)?;
    Ok(given == 0)
}

/// Deletes blocks of a series that is gone; returns whether nothing is left to delete.
fn delete_some(connection: &Connection) -> Result<bool, PointsError> {
    const DOING: &str = "deleting the values of a deleted series";
    let most = i64::try_from(STEP_BLOCKS).unwrap_or(i64::MAX);
    let deleted = connection
        .execute(
            "DELETE FROM blocks WHERE id IN
                 (SELECT id FROM blocks WHERE series = (SELECT min(id) FROM removed) LIMIT ?1)",
            [most],
        )
        .doing(DOING)?;
    if deleted < STEP_BLOCKS {
        connection
            .execute("DELETE FROM hours WHERE series = (SELECT min(id) FROM removed)", ())
            .doing(DOING)?;
        connection
            .execute("DELETE FROM removed WHERE id = (SELECT min(id) FROM removed)", ())
            .doing(DOING)?;
    }
    let left: i64 =
        connection.query_row("SELECT count(*) FROM removed", (), |row| row.get(0)).doing(DOING)?;
    Ok(left == 0)
}
