//! The file: opened, its tables made, set aside when it is broken.

use std::{
    ffi::OsString,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, Error, ErrorCode};

use super::{error::SpoolError, wal::Log};
use crate::time::Timestamp;

/// The format of the tables below, as `PRAGMA user_version`. What sinks need was added to it: a program that knows nothing
/// of sinks uses such a file as ever.
const FORMAT: i64 = 1;

/// How long the writer waits for a tool that marks a dead letter, and the other way round: both hold the file for
/// milliseconds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Pages of 4 KiB in the log before they are moved into the file: at 16 MiB the two fsyncs of it are rare.
const CHECKPOINT_PAGES: i64 = 4_096;

/// `entry.id` is given by the writer, so that an entry has its number before it is on disk. The index holds the id
/// as its last column, so the newest of a lane is one step away. What the columns may hold is checked, so that a
/// row which damage made impossible is not taken over from a broken file. `kept` holds what only sinks wait for, `only`
/// what is for one consumer (the backend is the empty name), `sink` the number up to which each is done.
const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS entry (
        id INTEGER PRIMARY KEY,
        lane INTEGER NOT NULL CHECK (lane BETWEEN 0 AND 2),
        account INTEGER NOT NULL,
        subject TEXT,
        accepted INTEGER NOT NULL,
        value_count INTEGER NOT NULL CHECK (value_count BETWEEN 0 AND 4294967295),
        checksum INTEGER NOT NULL CHECK (checksum BETWEEN 0 AND 4294967295),
        payload BLOB NOT NULL
    ) STRICT;
    CREATE INDEX IF NOT EXISTS entry_by_lane ON entry (lane, account);
    CREATE UNIQUE INDEX IF NOT EXISTS entry_by_subject ON entry (account, subject) WHERE subject IS NOT NULL;
    CREATE TABLE IF NOT EXISTS dead_letter (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        account INTEGER NOT NULL,
        buried INTEGER NOT NULL,
        reason_kind TEXT NOT NULL,
        reason TEXT NOT NULL,
        checksum INTEGER NOT NULL CHECK (checksum BETWEEN 0 AND 4294967295),
        payload BLOB NOT NULL,
        again INTEGER NOT NULL DEFAULT 0,
        sink TEXT NOT NULL DEFAULT ''
    ) STRICT;
    CREATE INDEX IF NOT EXISTS dead_letter_again ON dead_letter (id) WHERE again <> 0;
    CREATE TABLE IF NOT EXISTS kept (
        id INTEGER PRIMARY KEY,
        account INTEGER NOT NULL,
        accepted INTEGER NOT NULL,
        value_count INTEGER NOT NULL CHECK (value_count BETWEEN 0 AND 4294967295),
        checksum INTEGER NOT NULL CHECK (checksum BETWEEN 0 AND 4294967295),
        payload BLOB NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS only (id INTEGER PRIMARY KEY, consumer TEXT NOT NULL) STRICT;
    CREATE TABLE IF NOT EXISTS sink (position INTEGER NOT NULL, name TEXT NOT NULL UNIQUE) STRICT;
";

/// A file of a time without events holds its rows to two lanes. What a constraint says is a text of the schema, and may be
/// another (SQLite, ALTER TABLE, section 7): no row of a spool of a gigabyte is written anew.
const THREE_LANES: &str = "
    UPDATE sqlite_schema SET sql = replace(sql, 'lane BETWEEN 0 AND 1', 'lane BETWEEN 0 AND 2')
    WHERE type = 'table' AND name = 'entry'";

/// A file of a time without sinks has dead letters of the backend alone.
const LETTERS_OF_SINKS: &str = "ALTER TABLE dead_letter ADD COLUMN sink TEXT NOT NULL DEFAULT ''";

/// Returns an error if SQLite would pass over something in the log that was committed. It is to be asked before SQLite
/// opens the file: that may make the loss final.
pub(super) fn damage_of_log(path: &Path) -> Option<SpoolError> {
    // What cannot be read is for SQLite to say.
    let log = Log::read(&with_suffix(path, "-wal")).ok().flatten()?;
    // SQLite takes the log of a file without any content for a leftover, and deletes it.
    if !log.frames.is_empty() && fs::metadata(path).map_or(0, |file| file.len()) == 0 {
        return Some(SpoolError::Emptied { path: path.to_owned(), frames: log.frames.len() });
    }
    log.is_damaged().then(|| SpoolError::DamagedLog {
        path: path.to_owned(),
        frames: log.frames.len(),
        damaged: log.damaged_frames(),
    })
}

/// Opens the file for the writer; the caller holds the lock.
pub(super) fn open(path: &Path) -> Result<Connection, SpoolError> {
    let connection = connect(path)?;
    prepare(&connection).map_err(database_error(path, "setting up the tables"))?;
    Ok(connection)
}

/// Opens a file that exists for a look from outside.
pub(super) fn open_existing(path: &Path) -> Result<Connection, SpoolError> {
    if !path.is_file() {
        return Err(SpoolError::Missing { path: path.to_owned() });
    }
    connect(path)
}

fn connect(path: &Path) -> Result<Connection, SpoolError> {
    let open = || {
        let connection = Connection::open(path)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        // Temporary tables stay in memory: what runs in a container of its own may have no folder for them.
        connection.pragma_update(None, "temp_store", "MEMORY")?;
        let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        Ok((connection, found))
    };
    let (connection, found) = open().map_err(database_error(path, "opening it"))?;
    if found > FORMAT {
        return Err(SpoolError::Format { path: path.to_owned(), found, known: FORMAT });
    }
    Ok(connection)
}

fn has_two_lanes(connection: &Connection) -> rusqlite::Result<bool> {
    const ASK: &str = "SELECT instr(sql, 'lane BETWEEN 0 AND 1') FROM sqlite_schema WHERE type = 'table' AND name = 'entry'";
    connection.query_row(ASK, [], |row| row.get(0))
}

fn add_lane(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch("BEGIN IMMEDIATE")?;
    let changed = || {
        let version: i64 = connection.pragma_query_value(None, "schema_version", |row| row.get(0))?;
        connection.pragma_update(None, "writable_schema", true)?;
        connection.execute(THREE_LANES, [])?;
        // Every connection reads the schema anew.
        connection.pragma_update(None, "schema_version", version + 1)?;
        connection.pragma_update(None, "writable_schema", false)?;
        connection.execute_batch("COMMIT")
    };
    changed().inspect_err(|_| {
        // The file is as it was, and the error says why.
        let _ = connection.execute_batch("ROLLBACK; PRAGMA writable_schema = OFF");
    })
}

fn prepare(connection: &Connection) -> Result<(), rusqlite::Error> {
    // Only a new file takes this one: pages that a drained backlog leaves can be given back to the disk.
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    connection.execute_batch(SCHEMA)?;
    if has_two_lanes(connection)? {
        add_lane(connection)?;
    }
    if !has_letters_of_sinks(connection)? {
        connection.execute_batch(LETTERS_OF_SINKS)?;
    }
    connection.pragma_update(None, "user_version", FORMAT)
}

/// Whether dead letters name the sink that they are of.
pub(super) fn has_letters_of_sinks(connection: &Connection) -> Result<bool, rusqlite::Error> {
    let ask = "SELECT count(*) FROM pragma_table_info('dead_letter') WHERE name = 'sink'";
    connection.query_row(ask, [], |row| row.get::<_, bool>(0))
}

pub(super) fn database_error(
    path: &Path,
    doing: &'static str,
) -> impl FnOnce(rusqlite::Error) -> SpoolError + use<> {
    let path = path.to_owned();
    move |source| SpoolError::Database { path, doing, source }
}

/// Whether the file itself is broken, as against a disk that has no room.
pub(super) fn is_corrupt(error: &rusqlite::Error) -> bool {
    match error {
        // Nobody wrote such a row.
        Error::InvalidColumnType(..)
        | Error::IntegralValueOutOfRange(..)
        | Error::FromSqlConversionFailure(..) => true,
        _ => matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)),
    }
}

/// Renames a broken file with its log to `spool.sqlite.corrupt-<seconds>` and gives that name.
///
/// It is never deleted: a person may get values out of it with SQLite's own `.recover`.
pub(super) fn set_aside(path: &Path, now: Timestamp) -> io::Result<PathBuf> {
    let aside = (0_u32..)
        .map(|more| match more {
            0 => with_suffix(path, &format!(".corrupt-{}", now.seconds())),
            more => with_suffix(path, &format!(".corrupt-{}-{more}", now.seconds())),
        })
        .find(|name| !name.exists())
        .unwrap_or_else(|| with_suffix(path, ".corrupt"));
    for part in ["-wal", "-shm"] {
        match fs::rename(with_suffix(path, part), with_suffix(&aside, part)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    match fs::rename(path, &aside) {
        // Its log was all that was left of it.
        Err(error) if error.kind() == io::ErrorKind::NotFound => File::create(&aside).map(drop)?,
        renamed => renamed?,
    }
    Ok(aside)
}

pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}
