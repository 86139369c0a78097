//! A look into a spool from outside, whether its bot runs or not.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, Result as SqlResult};

use super::{
    database::{self, database_error},
    dead_letters::{self, Content, DeadLetter, DeadLetterId, DeadLetterQueue, Letters},
    entries,
    entry::EntryId,
    error::SpoolError,
    kept,
    lock::Lock,
    sinks::SinkStatistics,
    statistics::{Depth, Lanes, Statistics},
};

/// A spool's file as `grafolean spool` sees it. It never takes the bot's lock: it reads, and writes only marks.
///
/// All calls block for milliseconds.
#[derive(Debug)]
pub struct SpoolFile {
    path: PathBuf,
    connection: Connection,
}

impl SpoolFile {
    /// Opens a spool that exists.
    ///
    /// # Errors
    /// Among others [`SpoolError::DamagedLog`] while no bot runs: a look by SQLite would lose what can still be read.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, SpoolError> {
        let path = path.into();
        if let Some(damage) = database::damage_of_log(&path).filter(|_| Lock::is_free(&path)) {
            return Err(damage);
        }
        Ok(Self { connection: database::open_existing(&path)?, path })
    }

    /// Returns its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Counts what waits on disk; what a running bot holds in memory is not seen from here.
    pub fn statistics(&self) -> Result<Statistics, SpoolError> {
        self.query("counting what waits", |connection| {
            let mut lanes = Lanes::default();
            for lane in entries::lanes(connection)? {
                lanes.add(lane.key, lane.depth);
            }
            let sinks = self.sinks(connection)?;
            let letters = dead_letters::count(connection)?;
            let of_sinks: u64 = sinks.iter().map(|sink| sink.dead_letters).sum();
            Ok(Statistics {
                queue: lanes.total(),
                held: Depth::default(),
                oldest: entries::oldest(connection)?,
                dead_letters: letters.saturating_sub(of_sinks),
                trouble: None,
                sinks,
            })
        })
    }

    /// Returns a page of dead letters, newest first; the next page is what stands before the last one of this.
    pub fn dead_letters(
        &self,
        of: Letters<'_>,
        before: Option<DeadLetterId>,
        limit: u32,
    ) -> Result<Vec<DeadLetter>, SpoolError> {
        self.query("listing dead letters", |connection| dead_letters::page(connection, of, before, limit))
    }

    /// Returns one dead letter.
    pub fn dead_letter(&self, id: DeadLetterId) -> Result<DeadLetter, SpoolError> {
        self.query("reading a dead letter", |connection| dead_letters::one(connection, id))?
            .ok_or_else(|| self.no_such(id))
    }

    /// Marks a dead letter to be sent again: a running bot takes it up within seconds, another one when it starts.
    pub fn retry(&self, id: DeadLetterId) -> Result<(), SpoolError> {
        if let Content::Unreadable(..) = self.dead_letter(id)?.content {
            return Err(SpoolError::Unreadable { path: self.path.clone(), id: id.number() });
        }
        self.change("marking a dead letter", "UPDATE dead_letter SET again = 1 WHERE id = ?1", id)
    }

    /// Marks all dead letters that can be read to be sent again; returns how many.
    pub fn retry_all(&self, of: Letters<'_>) -> Result<usize, SpoolError> {
        self.query("marking dead letters", |connection| {
            let sink = dead_letters::sink_column(connection)?;
            let mark = "UPDATE dead_letter SET again = 1 WHERE reason_kind <> 'unreadable'";
            connection.execute(&format!("{mark} AND (?1 IS NULL OR {sink} = ?1)"), [of.sink()])
        })
    }

    /// Throws a dead letter away.
    pub fn drop_letter(&self, id: DeadLetterId) -> Result<(), SpoolError> {
        self.change("dropping a dead letter", "DELETE FROM dead_letter WHERE id = ?1", id)
    }

    /// Throws all dead letters away; returns how many.
    pub fn drop_all(&self, of: Letters<'_>) -> Result<usize, SpoolError> {
        self.query("dropping dead letters", |connection| {
            let sink = dead_letters::sink_column(connection)?;
            connection
                .execute(&format!("DELETE FROM dead_letter WHERE ?1 IS NULL OR {sink} = ?1"), [of.sink()])
        })
    }

    /// Counts what waits for each sink, and its dead letters; those of a sink that is no more have nothing that waits.
    fn sinks(&self, connection: &Connection) -> SqlResult<Vec<SinkStatistics>> {
        if !database::has_letters_of_sinks(connection)? {
            return Ok(Vec::new());
        }
        let known = kept::positions(connection)?;
        let mut sinks = Vec::new();
        for (name, position) in known {
            sinks.push(SinkStatistics {
                waiting: kept::depth(connection, &name, position, i64::MAX)?,
                oldest: kept::oldest(connection, &name, position)?.map(|oldest| oldest.accepted),
                dead_letters: DeadLetterQueue::count(connection, &name)?.letters,
                position: EntryId(position),
                lost: Depth::default(),
                name,
            });
        }
        Ok(sinks)
    }

    fn change(&self, doing: &'static str, sql: &str, id: DeadLetterId) -> Result<(), SpoolError> {
        match self.query(doing, |connection| connection.execute(sql, [id.number()]))? {
            0 => Err(self.no_such(id)),
            _ => Ok(()),
        }
    }

    fn query<T>(
        &self,
        doing: &'static str,
        ask: impl FnOnce(&Connection) -> SqlResult<T>,
    ) -> Result<T, SpoolError> {
        ask(&self.connection).map_err(database_error(&self.path, doing))
    }

    fn no_such(&self, id: DeadLetterId) -> SpoolError {
        SpoolError::NoSuchLetter { path: self.path.clone(), id: id.number() }
    }
}
