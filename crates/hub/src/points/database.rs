//! The file: its schema, and how the writer and the readers open it.

use std::{path::Path, sync::Arc, time::Duration};

use rusqlite::{Connection, OpenFlags};

use super::error::PointsError;
use crate::private_file;

/// The format of the file, kept as SQLite's `user_version`.
const FORMAT: i64 = 1;

/// Blocks of about 3 kB leave a tenth of such a page empty, a quarter of one of 4 kB. Rows are only ever appended, so
/// that pages fill up, and not kept in the order of their series, which would leave pages half empty by splitting.
const PAGE_BYTES: i64 = 16 * 1024;

/// How long a connection waits for a lock that another process (a backup, a shell) holds on the file.
const BUSY: Duration = Duration::from_secs(10);

const SCHEMA: &str = "
    CREATE TABLE series (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        account INTEGER NOT NULL,
        path TEXT NOT NULL,
        UNIQUE (account, path)
    ) STRICT;
    CREATE TABLE journal (
        seq INTEGER PRIMARY KEY,
        points BLOB NOT NULL
    ) STRICT;
    CREATE TABLE blocks (
        id INTEGER PRIMARY KEY,
        series INTEGER NOT NULL,
        first INTEGER NOT NULL,
        last INTEGER NOT NULL,
        last_value REAL NOT NULL,
        count INTEGER NOT NULL,
        points BLOB NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX blocks_by_time ON blocks (series, first);
    CREATE TABLE damaged (
        series INTEGER NOT NULL,
        first INTEGER NOT NULL,
        reason TEXT NOT NULL,
        points BLOB NOT NULL
    ) STRICT;
    CREATE TABLE removed (
        id INTEGER PRIMARY KEY
    ) STRICT;
";

/// Opens the file for writing and makes it if there is none.
pub(super) fn open(path: &Path) -> Result<Connection, PointsError> {
    let failed = |source| PointsError::Open { path: path.to_owned(), source: Arc::new(source) };
    private_file::create(path)
        .map_err(|source| PointsError::File { path: path.to_owned(), source: Arc::new(source) })?;
    let mut connection = Connection::open(path).map_err(failed)?;
    configure(&connection).map_err(failed)?;
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(failed)?;
    match found {
        FORMAT => {}
        0 => create(&mut connection).map_err(failed)?,
        _ => return Err(PointsError::Version { path: path.to_owned(), found, known: FORMAT }),
    }
    Ok(connection)
}

fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "page_size", PAGE_BYTES)?;
    // What the journal leaves free is given back to the disk in steps, see the chores.
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // FULL: each commit is synced to disk, so what was accepted survives a power cut too.
    connection.pragma_update(None, "synchronous", "FULL")?;
    // A burst may let the write-ahead log grow; afterwards it is cut to 64 MiB.
    connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
    // Negative: kibibytes. The tables' inner pages and the blocks that are being filled.
    connection.pragma_update(None, "cache_size", -32 * 1024)
}

fn create(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    transaction.execute_batch(SCHEMA)?;
    transaction.pragma_update(None, "user_version", FORMAT)?;
    transaction.commit()
}

/// Tells whether more of the file is free than the journal will soon need again: an eighth of it.
pub(super) fn mostly_free(connection: &Connection) -> rusqlite::Result<bool> {
    let free: i64 = connection.pragma_query_value(None, "freelist_count", |row| row.get(0))?;
    let all: i64 = connection.pragma_query_value(None, "page_count", |row| row.get(0))?;
    Ok(free > all / 8)
}

/// Gives some free pages back to the disk; tells how many.
pub(super) fn shrink(connection: &Connection, pages: i64) -> rusqlite::Result<usize> {
    // The statement frees one page with each row it gives.
    let mut vacuum = connection.prepare(&format!("PRAGMA incremental_vacuum({pages})"))?;
    let mut rows = vacuum.query(())?;
    let mut given = 0;
    while rows.next()?.is_some() {
        given += 1;
    }
    Ok(given)
}

/// Opens the file, which is there, for reading.
pub(super) fn open_to_read(path: &Path) -> Result<Connection, PointsError> {
    let failed = |source| PointsError::Open { path: path.to_owned(), source: Arc::new(source) };
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    connection.busy_timeout(BUSY).map_err(failed)?;
    Ok(connection)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_a_later_version_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("points.sqlite");
        open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
        let error = open(&path).unwrap_err();
        assert!(error.to_string().ends_with("format 99, this program knows 1: run the newer one"), "{error}");
    }

    #[test]
    fn a_file_that_is_no_database_is_an_error_with_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("points.sqlite");
        std::fs::write(&path, "not a database, but long enough to look at".repeat(100)).unwrap();
        let error = open(&path).unwrap_err();
        assert!(error.to_string().ends_with("points.sqlite"), "{error}");
    }
}
