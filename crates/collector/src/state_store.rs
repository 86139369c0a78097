//! What a bot keeps over restarts beside its jobs: a small text for each key, in one SQLite file, written by a thread of
//! its own. It is for what may be lost without harm (last readings, learnt limits), never for values: they are spooled.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    thread,
};

use rusqlite::{Connection, params};
use thiserror::Error;
use tracing::warn;

use crate::private;

/// Texts that wait to be written. When a disk is so slow that there are more, a key's newest is left out; its next one
/// takes its place.
const MOST_WAITING: usize = 20_000;

/// What is older, in seconds, belongs to something that is gone: it is deleted when the file is opened.
const OLDEST_S: i64 = 7 * 86_400;

/// Texts written in one transaction.
const GROUP: usize = 1_000;

/// Stores texts by their keys. Clones write to the same file.
#[derive(Clone, Debug)]
pub struct StateStore {
    writer: SyncSender<(String, String)>,
}

/// Why nothing can be kept.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StateStoreError {
    /// The file is none of ours, or the disk does not take it.
    #[error("could not open {path}, the store of what survives a restart")]
    File {
        /// Which file.
        path: PathBuf,
        /// What SQLite says.
        #[source]
        source: rusqlite::Error,
    },
    /// No thread.
    #[error("could not start the thread that writes what survives a restart")]
    Thread(#[source] std::io::Error),
}

impl StateStore {
    /// Opens a file, created if there is none; returns what it holds, by key.
    ///
    /// # Errors
    /// Fails when the file cannot be opened or is no database; the error names it.
    pub fn open(path: &Path) -> Result<(Self, HashMap<String, String>), StateStoreError> {
        let failed = |source| StateStoreError::File { path: path.to_owned(), source };
        let connection = prepare(path).map_err(failed)?;
        let known = load(&connection).map_err(failed)?;
        let (writer, waiting) = sync_channel(MOST_WAITING);
        let thread = thread::Builder::new().name("state-store".to_owned());
        thread.spawn(move || write_all(connection, &waiting)).map_err(StateStoreError::Thread)?;
        Ok((Self { writer }, known))
    }

    /// Saves a key's text in place of its last one. Does not wait for the disk.
    pub fn save(&self, key: String, text: String) {
        match self.writer.try_send((key, text)) {
            Ok(()) | Err(TrySendError::Full(_)) => {}
            Err(TrySendError::Disconnected(_)) => {
                warn!("state is not stored: the thread that writes it has ended");
            }
        }
    }
}

fn prepare(path: &Path) -> rusqlite::Result<Connection> {
    private::create_file(path).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    let connection = Connection::open(path)?;
    // Temporary tables stay in memory: what runs in a container of its own may have no folder for them.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // What a power cut takes may be lost: no reason to wait for the disk each time.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.execute(
        "CREATE TABLE IF NOT EXISTS kept (key TEXT PRIMARY KEY, kept_at INTEGER, text TEXT) WITHOUT ROWID",
        [],
    )?;
    connection.execute("DELETE FROM kept WHERE kept_at < unixepoch() - ?1", [OLDEST_S])?;
    Ok(connection)
}

fn load(connection: &Connection) -> rusqlite::Result<HashMap<String, String>> {
    let mut statement = connection.prepare("SELECT key, text FROM kept")?;
    statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

fn write_all(mut connection: Connection, waiting: &Receiver<(String, String)>) {
    while let Ok(first) = waiting.recv() {
        let group = std::iter::once(first).chain(waiting.try_iter().take(GROUP - 1));
        if let Err(error) = write(&mut connection, group) {
            warn!(%error, "state is not stored this time");
        }
    }
}

fn write(connection: &mut Connection, group: impl Iterator<Item = (String, String)>) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    {
        let mut statement =
            transaction.prepare_cached("INSERT OR REPLACE INTO kept VALUES (?1, unixepoch(), ?2)")?;
        for (key, text) in group {
            statement.execute(params![key, text])?;
        }
    }
    transaction.commit()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_there_after_a_restart_and_the_newest_counts() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("kept.sqlite");
        let mut connection = prepare(&file).unwrap();
        let text = |key: &str, text: &str| (key.to_owned(), text.to_owned());
        write(&mut connection, [text("a", "1"), text("b", "2"), text("a", "3")].into_iter()).unwrap();
        connection.execute("UPDATE kept SET kept_at = 0 WHERE key = 'b'", []).unwrap();
        drop(connection);
        let (_, known) = StateStore::open(&file).unwrap();
        assert_eq!(known, HashMap::from([text("a", "3")]), "what is a week old is gone");
    }

    #[test]
    fn a_file_that_is_none_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("kept.sqlite");
        std::fs::write(&file, "no database, but long enough to be looked at as one".repeat(20)).unwrap();
        assert!(StateStore::open(&file).unwrap_err().to_string().contains("kept.sqlite"));
    }
}
