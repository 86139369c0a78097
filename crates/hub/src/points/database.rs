//! The file: its schema, and how the writer and the readers open it.

use std::{path::Path, sync::Arc, time::Duration};

use grafolean_collector::private;
use rusqlite::{Connection, OpenFlags};

use super::{error::PointsError, journal, latest};

/// The format of the file, kept as SQLite's `user_version`. Format 1 had no checksums in the journal, and no newest
/// value with each series; format 2 no hours, no sizes and no rules of accounts.
const FORMAT: i64 = 3;

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
        first INTEGER,
        last INTEGER,
        latest BLOB,
        bytes INTEGER NOT NULL DEFAULT 0,
        UNIQUE (account, path)
    ) STRICT;
    CREATE INDEX series_by_last ON series (account, last);
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

/// From format 1: the columns of `series` that are filled from the blocks.
const FORMAT_2: &str = "
    ALTER TABLE series ADD COLUMN first INTEGER;
    ALTER TABLE series ADD COLUMN last INTEGER;
    ALTER TABLE series ADD COLUMN latest BLOB;
    CREATE INDEX series_by_last ON series (account, last);
";

/// From format 2: what is left of hours, what each series takes on disk, what accounts keep. A new file has it from the
/// start.
const FORMAT_3: &str = "
    CREATE TABLE hours (
        id INTEGER PRIMARY KEY,
        series INTEGER NOT NULL,
        first INTEGER NOT NULL,
        last INTEGER NOT NULL,
        count INTEGER NOT NULL,
        summaries BLOB NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX hours_by_time ON hours (series, first);
    CREATE TABLE retention (
        account INTEGER PRIMARY KEY,
        rules TEXT NOT NULL
    ) STRICT;
    CREATE TRIGGER blocks_grow AFTER INSERT ON blocks BEGIN
        UPDATE series SET bytes = bytes + length(new.points) WHERE id = new.series;
    END;
    CREATE TRIGGER blocks_shrink AFTER DELETE ON blocks BEGIN
        UPDATE series SET bytes = bytes - length(old.points) WHERE id = old.series;
    END;
    CREATE TRIGGER hours_grow AFTER INSERT ON hours BEGIN
        UPDATE series SET bytes = bytes + length(new.summaries) WHERE id = new.series;
    END;
    CREATE TRIGGER hours_shrink AFTER DELETE ON hours BEGIN
        UPDATE series SET bytes = bytes - length(old.summaries) WHERE id = old.series;
    END;
";

/// From format 2: counts what is there.
const SIZES: &str = "
    ALTER TABLE series ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;
    UPDATE series SET bytes = coalesce((SELECT sum(length(points)) FROM blocks WHERE series = series.id), 0);
";

/// Opens the file for writing, creates it if there is none, and brings an older format up to date.
pub(super) fn open(path: &Path) -> Result<Connection, PointsError> {
    let failed = PointsError::opening(path);
    private::create_file(path)
        .map_err(|source| PointsError::File { path: path.to_owned(), source: Arc::new(source) })?;
    let mut connection = Connection::open(path).map_err(&failed)?;
    configure(&connection).map_err(&failed)?;
    let found: i64 =
        connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(&failed)?;
    match found {
        FORMAT => {}
        0 => create(&mut connection).map_err(&failed)?,
        1 | 2 => upgrade(&mut connection, found).map_err(&failed)?,
        _ => return Err(PointsError::Version { path: path.to_owned(), found, known: FORMAT }),
    }
    Ok(connection)
}

fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY)?;
    // Temporary tables stay in memory: what runs in a container of its own may have no folder for them.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "page_size", PAGE_BYTES)?;
    // What the journal leaves free is given back to the disk in steps, see the maintenance.
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
    transaction.execute_batch(FORMAT_3)?;
    transaction.pragma_update(None, "user_version", FORMAT)?;
    transaction.commit()
}

fn upgrade(connection: &mut Connection, found: i64) -> rusqlite::Result<()> {
    tracing::info!("the file of points is brought from format {found} to {FORMAT}");
    let transaction = connection.transaction()?;
    if found < 2 {
        transaction.execute_batch(FORMAT_2)?;
        latest::fill(&transaction)?;
        journal::add_checksums(&transaction)?;
    }
    transaction.execute_batch(SIZES)?;
    transaction.execute_batch(FORMAT_3)?;
    transaction.pragma_update(None, "user_version", FORMAT)?;
    transaction.commit()
}

/// Whether a file holds any series, without changing it. One that cannot be read holds something.
pub(super) fn is_filled(path: &Path) -> bool {
    if std::fs::metadata(path).map_or(0, |metadata| metadata.len()) == 0 {
        return false;
    }
    let any = |connection: Connection| connection.prepare("SELECT 1 FROM series LIMIT 1")?.exists(());
    open_to_read(path).ok().and_then(|connection| any(connection).ok()).unwrap_or(true)
}

/// Moves all that stands in the write-ahead log into the file; returns whether nothing is left there.
pub(super) fn empty_log(connection: &Connection) -> rusqlite::Result<bool> {
    let busy: i64 = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |row| row.get(0))?;
    Ok(busy == 0)
}

/// Whether more of the file is free than the journal will soon need again: an eighth of it.
pub(super) fn mostly_free(connection: &Connection) -> rusqlite::Result<bool> {
    let free: i64 = connection.pragma_query_value(None, "freelist_count", |row| row.get(0))?;
    let all: i64 = connection.pragma_query_value(None, "page_count", |row| row.get(0))?;
    Ok(free > all / 8)
}

/// Returns some free pages to the disk, and how many.
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
    let failed = PointsError::opening(path);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(&failed)?;
    connection.busy_timeout(BUSY).map_err(&failed)?;
    connection.pragma_update(None, "temp_store", "MEMORY").map_err(&failed)?;
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
        assert!(error.to_string().ends_with("format 99, this program knows 3: run the newer one"), "{error}");
    }

    #[test]
    fn a_file_that_is_no_database_is_an_error_with_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("points.sqlite");
        std::fs::write(&path, "not a database, but long enough to look at".repeat(100)).unwrap();
        let error = open(&path).unwrap_err();
        assert!(matches!(error, PointsError::DamagedFile { .. }), "{error:?}");
        let text = error.to_string();
        assert!(text.contains("points.sqlite") && text.contains("restore a backup"), "{text}");
    }

    /// Made by hand as format 2 wrote it: no sizes, no hours, no rules.
    #[test]
    fn a_file_of_format_2_is_read_and_what_it_takes_is_counted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("points.sqlite");
        let old = Connection::open(&path).unwrap();
        old.execute_batch(
            "CREATE TABLE series (id INTEGER PRIMARY KEY AUTOINCREMENT, account INTEGER NOT NULL, path TEXT NOT NULL,
                 first INTEGER, last INTEGER, latest BLOB, UNIQUE (account, path)) STRICT;
             CREATE INDEX series_by_last ON series (account, last);
             CREATE TABLE journal (seq INTEGER PRIMARY KEY, points BLOB NOT NULL) STRICT;
             CREATE TABLE blocks (id INTEGER PRIMARY KEY, series INTEGER NOT NULL, first INTEGER NOT NULL,
                 last INTEGER NOT NULL, last_value REAL NOT NULL, count INTEGER NOT NULL, points BLOB NOT NULL) STRICT;
             CREATE UNIQUE INDEX blocks_by_time ON blocks (series, first);
             CREATE TABLE damaged (series INTEGER NOT NULL, first INTEGER NOT NULL, reason TEXT NOT NULL,
                 points BLOB NOT NULL) STRICT;
             CREATE TABLE removed (id INTEGER PRIMARY KEY) STRICT;
             INSERT INTO series VALUES (1, 7, 'a', 5, 9, x'00'), (2, 7, 'b', NULL, NULL, NULL);
             INSERT INTO blocks VALUES (1, 1, 5, 6, 2.5, 2, x'0000'), (2, 1, 7, 9, 2.5, 2, x'000000');
             PRAGMA user_version = 2;",
        )
        .unwrap();
        drop(old);
        let connection = open(&path).unwrap();
        let bytes = || -> Vec<i64> {
            let mut select = connection.prepare("SELECT bytes FROM series ORDER BY id").unwrap();
            select.query_map((), |row| row.get(0)).unwrap().map(Result::unwrap).collect()
        };
        assert_eq!(bytes(), [5, 0]);
        connection.execute("DELETE FROM blocks WHERE id = 2", ()).unwrap();
        connection.execute("INSERT INTO hours VALUES (1, 2, 0, 0, 1, x'00')", ()).unwrap();
        assert_eq!(bytes(), [2, 1]);
        drop(connection);
        open(&path).unwrap();
    }

    /// Made by hand as format 1 wrote it: a sealed series, and a journal with one value of another.
    #[test]
    fn a_file_of_format_1_is_read_with_all_its_values() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("points.sqlite");
        let old = Connection::open(&path).unwrap();
        old.execute_batch(
            "CREATE TABLE series (id INTEGER PRIMARY KEY AUTOINCREMENT, account INTEGER NOT NULL, path TEXT NOT NULL,
                 UNIQUE (account, path)) STRICT;
             CREATE TABLE journal (seq INTEGER PRIMARY KEY, points BLOB NOT NULL) STRICT;
             CREATE TABLE blocks (id INTEGER PRIMARY KEY, series INTEGER NOT NULL, first INTEGER NOT NULL,
                 last INTEGER NOT NULL, last_value REAL NOT NULL, count INTEGER NOT NULL, points BLOB NOT NULL) STRICT;
             CREATE UNIQUE INDEX blocks_by_time ON blocks (series, first);
             CREATE TABLE damaged (series INTEGER NOT NULL, first INTEGER NOT NULL, reason TEXT NOT NULL,
                 points BLOB NOT NULL) STRICT;
             CREATE TABLE removed (id INTEGER PRIMARY KEY) STRICT;
             INSERT INTO series VALUES (1, 7, 'a'), (2, 7, 'b');
             INSERT INTO blocks VALUES (1, 1, 5, 9, 2.5, 2, x'00');
             INSERT INTO journal VALUES (3, x'02000000000000000B00000000000000000000000000F83FFF');
             PRAGMA user_version = 1;",
        )
        .unwrap();
        drop(old);
        let mut connection = open(&path).unwrap();
        let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get::<_, Vec<u8>>(2)?));
        let (first, last, bytes): (i64, i64, _) =
            connection.query_row("SELECT first, last, latest FROM series WHERE id = 1", (), row).unwrap();
        let newest = latest::decode(super::super::SeriesId::new(1), &bytes).unwrap();
        assert_eq!((first, last, newest.time.micros(), newest.value), (5, 9, 9, 2.5));
        let mut entries = Vec::new();
        let replayed = journal::replay(&mut connection, |some| entries.extend_from_slice(some)).unwrap();
        assert_eq!((replayed.last, replayed.damaged), (3, 0));
        let read: Vec<_> = entries.iter().map(|(id, p)| (id.number(), p.time.micros(), p.value)).collect();
        assert_eq!(read, [(2, 11, 1.5)]);
        let damaged: i64 =
            connection.query_row("SELECT count(*) FROM damaged", (), |row| row.get(0)).unwrap();
        assert_eq!(damaged, 1, "the row ended within a record");
    }
}
