//! The threads that touch the database: one that writes, in groups, and a few that read.

use std::{
    iter,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};
use tracing::{error, info, warn};

use super::StoreError;
use crate::open_file::OpenFile;

/// Requests that wait for a thread. A full queue makes handlers wait in line, and their deadline answers them.
const QUEUE: usize = 256;

/// Changes that share one commit, and so one sync of the disk; the next group begins when this one is safe.
const GROUP: usize = 256;

/// Threads that read: lists are cached, so two are enough to let a short question pass a long one.
const READERS: usize = 2;

type Reading = Box<dyn FnOnce(&Connection) + Send>;
/// Does a change within the group's transaction, if there is one; what it gives back is told whether it was committed.
type Change = Box<dyn FnOnce(Result<&mut Connection, StoreError>) -> Committed + Send>;
type Committed = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// The connection that writes, and the file it writes.
pub(crate) struct Writer {
    pub(crate) connection: Connection,
    pub(crate) file: OpenFile,
}

/// The way to the threads; the last one dropped ends and joins them.
pub(crate) struct Workers {
    changes: Option<mpsc::Sender<Change>>,
    readings: Option<mpsc::Sender<Reading>>,
    /// Rises with each commit, before anyone hears of it: what was read at a lower one may be out of date.
    generation: Arc<AtomicU64>,
    readers: Vec<JoinHandle<()>>,
    writer: Option<JoinHandle<()>>,
}

impl Workers {
    pub(crate) fn start(
        writer: Writer,
        open: impl Fn() -> Result<Connection, super::OpenError>,
    ) -> Result<Self, super::OpenError> {
        let generation = Arc::new(AtomicU64::new(0));
        let (changes, changes_in) = mpsc::channel(QUEUE);
        let (readings, readings_in) = mpsc::channel(QUEUE);
        let readings_in = Arc::new(Mutex::new(readings_in));
        let mut readers = Vec::new();
        for _ in 0..READERS {
            let (connection, readings_in) = (open()?, Arc::clone(&readings_in));
            readers.push(thread::spawn(move || read_all(&connection, &readings_in)));
        }
        let counted = Arc::clone(&generation);
        let writer = Some(thread::spawn(move || write_all(writer, changes_in, &counted)));
        Ok(Self { changes: Some(changes), readings: Some(readings), generation, readers, writer })
    }

    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Reads in one thread of its own; sees all that was answered before.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        reading: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let reading: Reading = Box::new(move |connection| {
            // Who asked may have gone; then nobody wants the answer.
            let _ = reply.send(in_one_view(connection, reading));
        });
        let readings = self.readings.as_ref().ok_or(StoreError::Stopped)?;
        readings.send(reading).await.map_err(|_| StoreError::Stopped)?;
        answer.await.map_err(|_| StoreError::Stopped)?
    }

    /// Changes all or nothing; returns when it is on the disk.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        change: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let change: Change = Box::new(move |connection| {
            let outcome = connection.and_then(|connection| all_or_nothing(connection, change));
            Box::new(move |committed| {
                let _ = reply.send(committed.and(outcome));
            })
        });
        let changes = self.changes.as_ref().ok_or(StoreError::Stopped)?;
        changes.send(change).await.map_err(|_| StoreError::Stopped)?;
        answer.await.map_err(|_| StoreError::Stopped)?
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        // The writer ends last: it closes the file, and then nobody else may be at it.
        self.readings = None;
        for reader in self.readers.drain(..) {
            ended(reader);
        }
        self.changes = None;
        if let Some(writer) = self.writer.take() {
            ended(writer);
        }
    }
}

fn ended(thread: JoinHandle<()>) {
    if thread.join().is_err() {
        error!("a thread of the hub's database panicked");
    }
}

/// Several statements see the same state, whatever is committed meanwhile.
fn in_one_view<T>(
    connection: &Connection,
    reading: impl FnOnce(&Connection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let view = connection.unchecked_transaction()?;
    reading(&view)
}

fn all_or_nothing<T>(
    connection: &mut Connection,
    change: impl FnOnce(&Connection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let savepoint = connection.savepoint()?;
    let outcome = change(&savepoint)?;
    savepoint.commit()?;
    Ok(outcome)
}

fn read_all(connection: &Connection, readings: &Mutex<mpsc::Receiver<Reading>>) {
    loop {
        let next = readings.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv();
        let Some(reading) = next else { return };
        survive(|| reading(connection));
    }
}

fn write_all(mut writer: Writer, mut changes: mpsc::Receiver<Change>, generation: &AtomicU64) {
    while let Some(first) = changes.blocking_recv() {
        let mut committed = Vec::new();
        let outcome = write_group(&mut writer, first, &mut changes, &mut committed);
        generation.fetch_add(1, Ordering::Release);
        for report in committed {
            report(outcome.clone());
        }
    }
    close(writer);
}

/// Leaves nothing in the write-ahead log: whoever copies the file alone has all of it.
fn close(Writer { connection, file }: Writer) {
    let emptied = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0));
    let file = file.path().display();
    match emptied {
        Ok(0) => info!(%file, "the hub's database is closed"),
        Ok(_) => warn!(%file, "another process reads the file: keep its -wal beside it"),
        Err(error) => warn!(%file, %error, "the -wal could not be emptied: keep it beside the file"),
    }
}

fn write_group(
    Writer { connection, file }: &mut Writer,
    first: Change,
    changes: &mut mpsc::Receiver<Change>,
    committed: &mut Vec<Committed>,
) -> Result<(), StoreError> {
    // What is written into a file that was removed or replaced is lost when the process ends.
    let begun = match file.is_there() {
        true => connection.execute_batch("BEGIN IMMEDIATE").map_err(StoreError::from),
        false => Err(StoreError::Gone(file.path().to_owned())),
    };
    if let Err(error) = begun {
        committed.extend(survive(|| first(Err(error))));
        return Ok(());
    }
    let group = iter::once(first).chain(iter::from_fn(|| changes.try_recv().ok())).take(GROUP);
    for change in group {
        committed.extend(survive(|| change(Ok(connection))));
    }
    connection.execute_batch("COMMIT").or_else(|error| {
        // A commit that failed for want of space may have ended the transaction already.
        if !connection.is_autocommit() {
            connection.execute_batch("ROLLBACK")?;
        }
        Err(error)
    })?;
    Ok(())
}

/// A fault in one question must not end the thread that answers all others; who asked hears that it stopped.
fn survive<T>(work: impl FnOnce() -> T) -> Option<T> {
    let outcome = catch_unwind(AssertUnwindSafe(work));
    if outcome.is_err() {
        error!("a question to the hub's database panicked");
    }
    outcome.ok()
}
