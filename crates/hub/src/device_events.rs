//! What devices told by themselves, in a file of its own: a storm of it holds up nothing that people set up.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use grafolean_collector::{
    model::{AccountId, Details, EntityId},
    private,
    report::Event,
    time::Timestamp,
};
use rusqlite::{Connection, OpenFlags, params};
use serde::Serialize;
use tracing::warn;

use crate::{
    open_file::OpenFile,
    store::{OpenError, StoreError, Workers, Writer},
};

/// Events that are kept of one account, some 600 bytes each; beyond it the oldest go.
const MOST_EVENTS: i64 = 1_000_000;

/// Events that go at a time, each time that some come: twice what a request brings.
const MOST_GOING: i64 = 2_000;

/// How long a connection waits for the lock of a checkpoint.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS event (
        account INTEGER NOT NULL,
        time INTEGER NOT NULL,
        id TEXT NOT NULL,
        entity INTEGER NOT NULL,
        name TEXT NOT NULL,
        source TEXT NOT NULL,
        count INTEGER NOT NULL,
        details TEXT NOT NULL,
        PRIMARY KEY (account, time, id)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS event_of_entity ON event (account, entity, time);
    CREATE TABLE IF NOT EXISTS kept (account INTEGER PRIMARY KEY, events INTEGER NOT NULL) STRICT;
";

/// What devices told by themselves.
pub(crate) struct DeviceEvents {
    workers: Workers,
    retention: Duration,
}

/// Which events are asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    pub(crate) entity: Option<EntityId>,
    /// Words that their names have.
    pub(crate) name: Option<String>,
    pub(crate) from: Option<Timestamp>,
    /// Those before this time.
    pub(crate) before: Option<Timestamp>,
    pub(crate) limit: u32,
}

/// An event as the API writes it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct KeptEvent {
    id: String,
    /// In seconds since 1970.
    t: f64,
    entity: i64,
    name: String,
    source: String,
    count: u32,
    details: Details,
}

impl DeviceEvents {
    /// Opens the file, and makes it where it is missing. One that is damaged is set aside: what devices told is not worth
    /// that the hub does not begin.
    pub(crate) fn open(path: &Path, retention: Duration, now: Timestamp) -> Result<Self, OpenError> {
        let connection = match opened(path) {
            Ok(connection) => connection,
            Err(error) => {
                let aside = aside(path, now);
                warn!(file = %path.display(), %error, aside = %aside.display(), "the file of events is damaged: it is set aside");
                fs::rename(path, aside).map_err(file_error(path))?;
                for ending in ["-wal", "-shm"] {
                    let mut name = path.as_os_str().to_owned();
                    name.push(ending);
                    // Of a file that is not there any more they are nothing.
                    let _ = fs::remove_file(name);
                }
                opened(path)?
            }
        };
        let file = OpenFile::at(path).map_err(file_error(path))?;
        let reading = || {
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let connection = Connection::open_with_flags(path, flags).map_err(database_error(path))?;
            connection.busy_timeout(BUSY_TIMEOUT).map_err(database_error(path))?;
            Ok(connection)
        };
        Ok(Self { workers: Workers::start(Writer { connection, file }, reading)?, retention })
    }

    /// Stores events of an account; one that is known changes nothing. What is too old, or beyond what is kept, goes.
    pub(crate) async fn put(
        &self,
        account: AccountId,
        events: Vec<Event>,
        now: Timestamp,
    ) -> Result<usize, StoreError> {
        let oldest = now - self.retention;
        self.workers.write(move |connection| put(connection, account, &events, oldest)).await
    }

    /// Returns events of an account, the newest first.
    pub(crate) async fn list(
        &self,
        account: AccountId,
        wanted: Wanted,
    ) -> Result<Vec<KeptEvent>, StoreError> {
        self.workers.read(move |connection| list(connection, account, &wanted)).await
    }
}

fn opened(path: &Path) -> Result<Connection, OpenError> {
    private::create_file(path).map_err(file_error(path))?;
    let connection = Connection::open(path).map_err(database_error(path))?;
    let prepare = || {
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.execute_batch(SCHEMA)?;
        connection.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0))
    };
    match prepare().map_err(database_error(path))? {
        whole if whole == "ok" => Ok(connection),
        found => Err(OpenError::Damaged { path: path.to_owned(), found }),
    }
}

fn file_error(path: &Path) -> impl Fn(std::io::Error) -> OpenError {
    move |source| OpenError::File { path: path.to_owned(), source }
}

fn database_error(path: &Path) -> impl Fn(rusqlite::Error) -> OpenError {
    move |source| OpenError::Database { path: path.to_owned(), source }
}

fn aside(path: &Path, now: Timestamp) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".damaged-{}", now.seconds()));
    name.into()
}

fn put(
    connection: &Connection,
    account: AccountId,
    events: &[Event],
    oldest: Timestamp,
) -> Result<usize, StoreError> {
    const INSERT: &str = "INSERT OR IGNORE INTO event VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    const KEPT: &str =
        "INSERT INTO kept VALUES (?1, ?2) ON CONFLICT DO UPDATE SET events = max(0, events + ?2)
        RETURNING events";
    const GO: &str = "DELETE FROM event WHERE account = ?1 AND (time, id) IN
        (SELECT time, id FROM event WHERE account = ?1 AND time < ?2 ORDER BY time, id LIMIT ?3)";
    let account = account.number();
    let mut insert = connection.prepare_cached(INSERT)?;
    let mut stored = 0;
    for event in events.iter().filter(|event| event.time >= oldest) {
        let Event { id, time, entity, name, source, count, details } = event;
        let details = serde_json::to_string(details)?;
        stored += insert.execute(params![
            account,
            time.micros(),
            id,
            entity.number(),
            name,
            source,
            count,
            details
        ])?;
    }
    let change = i64::try_from(stored).unwrap_or(i64::MAX);
    let kept: i64 = connection.prepare_cached(KEPT)?.query_row(params![account, change], |row| row.get(0))?;
    let mut go = connection.prepare_cached(GO)?;
    let mut gone = go.execute(params![account, oldest.micros(), MOST_GOING])?;
    let beyond = (kept - MOST_EVENTS).min(MOST_GOING);
    if beyond > 0 {
        gone += go.execute(params![account, i64::MAX, beyond])?;
    }
    if gone > 0 {
        let change = -i64::try_from(gone).unwrap_or(i64::MAX);
        connection.prepare_cached(KEPT)?.query_row(params![account, change], |_| Ok(()))?;
    }
    Ok(stored)
}

fn list(connection: &Connection, account: AccountId, wanted: &Wanted) -> Result<Vec<KeptEvent>, StoreError> {
    const LIST: &str = "SELECT id, time, entity, name, source, count, details FROM event
        WHERE account = ?1 AND (?2 IS NULL OR entity = ?2) AND (?3 IS NULL OR instr(lower(name), lower(?3)))
        AND time >= ?4 AND time < ?5 ORDER BY time DESC, id DESC LIMIT ?6";
    let Wanted { entity, name, from, before, limit } = wanted;
    let mut statement = connection.prepare_cached(LIST)?;
    let asked = params![
        account.number(),
        entity.map(|entity| entity.number()),
        name,
        from.map_or(i64::MIN, Timestamp::micros),
        before.map_or(i64::MAX, Timestamp::micros),
        limit
    ];
    let rows = statement.query_map(asked, |row| {
        let (time, details): (i64, String) = (row.get(1)?, row.get(6)?);
        Ok(KeptEvent {
            id: row.get(0)?,
            t: Timestamp::from_micros(time).as_seconds_f64(),
            entity: row.get(2)?,
            name: row.get(3)?,
            source: row.get(4)?,
            count: row.get(5)?,
            details: serde_json::from_str(&details).unwrap_or_default(),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn event(id: &str, second: u64, entity: i64, name: &str) -> Event {
        Event {
            id: id.to_owned(),
            time: NOW - Duration::from_secs(second),
            entity: EntityId::new(entity),
            name: name.to_owned(),
            source: "192.0.2.1".to_owned(),
            count: 1,
            details: Details::new(),
        }
    }

    async fn names(events: &DeviceEvents, wanted: Wanted) -> Vec<String> {
        let wanted = Wanted { limit: 10, ..wanted };
        let found = events.list(AccountId::new(1), wanted).await.unwrap();
        found.into_iter().map(|event| event.name).collect()
    }

    #[tokio::test]
    async fn an_event_is_kept_once_and_until_it_is_too_old() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.sqlite");
        let events = DeviceEvents::open(&path, Duration::from_secs(3_600), NOW).unwrap();
        let account = AccountId::new(1);
        let told = vec![
            event("a", 10, 7, "IF-MIB::linkDown"),
            event("b", 5, 8, "IF-MIB::linkUp"),
            event("c", 7_200, 7, "long ago"),
        ];
        assert_eq!(events.put(account, told.clone(), NOW).await.unwrap(), 2);
        assert_eq!(events.put(account, told, NOW).await.unwrap(), 0, "a request that is sent twice");
        assert_eq!(names(&events, Wanted::default()).await, ["IF-MIB::linkUp", "IF-MIB::linkDown"]);
        let seven = Wanted { entity: Some(EntityId::new(7)), ..Wanted::default() };
        assert_eq!(names(&events, seven).await, ["IF-MIB::linkDown"]);
        let up = Wanted { name: Some("LINKUP".to_owned()), ..Wanted::default() };
        assert_eq!(names(&events, up).await, ["IF-MIB::linkUp"]);
        let older = Wanted { before: Some(NOW - Duration::from_secs(5)), ..Wanted::default() };
        assert_eq!(names(&events, older).await, ["IF-MIB::linkDown"]);
        let later = NOW + Duration::from_secs(3_600);
        assert_eq!(events.put(account, Vec::new(), later).await.unwrap(), 0);
        assert_eq!(names(&events, Wanted::default()).await, [""; 0]);
    }

    #[tokio::test]
    async fn a_damaged_file_is_set_aside_and_another_begun() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.sqlite");
        fs::write(
            &path,
            "this is no database, whatever its name says; it is long enough to be read as one".repeat(99),
        )
        .unwrap();
        let events = DeviceEvents::open(&path, Duration::from_secs(3_600), NOW).unwrap();
        events.put(AccountId::new(1), vec![event("a", 1, 7, "linkUp")], NOW).await.unwrap();
        assert_eq!(names(&events, Wanted::default()).await, ["linkUp"]);
        let damaged = folder.path().join("events.sqlite.damaged-1800000000");
        assert!(damaged.exists());
    }
}
