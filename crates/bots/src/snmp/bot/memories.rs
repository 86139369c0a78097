//! The file in which memories are kept: `snmp.sqlite`, one row a device, written by a thread of its own.

use std::{
    collections::HashMap,
    path::Path,
    sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    thread,
};

use grafolean_collector::model::{AccountId, EntityId};
use rusqlite::{Connection, params};
use thiserror::Error;
use tracing::warn;

use super::Memory;

/// Memories that wait to be written. When a disk is so slow that there are more, a device's newest is left out; its
/// next run brings a newer one, so that a restart costs at most that device a rate.
const MOST_WAITING: usize = 20_000;

/// Memories written in one transaction.
const GROUP: usize = 1_000;

/// Where memories are kept. Clones write to the same file.
#[derive(Clone, Debug)]
pub struct Memories {
    writer: SyncSender<Written>,
}

type Written = (AccountId, EntityId, Memory);

/// What was known of devices when a file was opened.
pub type Remembered = HashMap<(AccountId, EntityId), Memory>;

/// Why memories cannot be kept.
#[derive(Debug, Error)]
pub enum MemoriesError {
    /// The file is none of ours, or the disk does not take it.
    #[error("keeping the last readings in {path}")]
    File {
        /// Which file.
        path: String,
        /// What SQLite says.
        #[source]
        source: rusqlite::Error,
    },
    /// No thread.
    #[error("starting the thread that keeps the last readings")]
    Thread(#[source] std::io::Error),
}

impl Memories {
    /// Opens a file, made if there is none; gives what it holds.
    ///
    /// # Errors
    /// Says which file, and why.
    pub fn open(path: &Path) -> Result<(Self, Remembered), MemoriesError> {
        let failed = |source| MemoriesError::File { path: path.display().to_string(), source };
        let connection = prepare(path).map_err(failed)?;
        let known = load(&connection).map_err(failed)?;
        let (writer, waiting) = sync_channel(MOST_WAITING);
        let thread = thread::Builder::new().name("snmp memory".to_owned());
        thread.spawn(move || write_all(connection, &waiting)).map_err(MemoriesError::Thread)?;
        Ok((Self { writer }, known))
    }

    /// Keeps what is known of a device.
    pub(super) fn keep(&self, account: AccountId, entity: EntityId, memory: Memory) {
        match self.writer.try_send((account, entity, memory)) {
            Ok(()) | Err(TrySendError::Full(_)) => {}
            Err(TrySendError::Disconnected(_)) => {
                warn!("the last readings are not kept: the thread has ended");
            }
        }
    }
}

fn prepare(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // A reading that a power cut takes costs one rate: no reason to wait for the disk each time.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.execute(
        "CREATE TABLE IF NOT EXISTS memory (account INTEGER, entity INTEGER, memory TEXT, PRIMARY KEY (account, entity))",
        [],
    )?;
    Ok(connection)
}

fn load(connection: &Connection) -> rusqlite::Result<Remembered> {
    let mut statement = connection.prepare("SELECT account, entity, memory FROM memory")?;
    let rows = statement.query_map([], |row| {
        Ok((AccountId::new(row.get(0)?), EntityId::new(row.get(1)?), row.get::<_, String>(2)?))
    })?;
    let mut known = HashMap::new();
    for row in rows {
        let (account, entity, text) = row?;
        // What another version wrote and this one does not understand costs a rate, no more.
        if let Ok(memory) = serde_json::from_str(&text) {
            known.insert((account, entity), memory);
        }
    }
    Ok(known)
}

fn write_all(mut connection: Connection, waiting: &Receiver<Written>) {
    while let Ok(first) = waiting.recv() {
        let group = std::iter::once(first).chain(waiting.try_iter().take(GROUP - 1));
        if let Err(error) = write(&mut connection, group) {
            warn!(%error, "the last readings are not kept this time");
        }
    }
}

fn write(connection: &mut Connection, group: impl Iterator<Item = Written>) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    {
        let mut statement =
            transaction.prepare_cached("INSERT OR REPLACE INTO memory VALUES (?1, ?2, ?3)")?;
        for (account, entity, memory) in group {
            if let Ok(text) = serde_json::to_string(&memory) {
                statement.execute(params![account.number(), entity.number(), text])?;
            }
        }
    }
    transaction.commit()
}
