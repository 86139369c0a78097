//! The store's handle: it passes writing to the one thread that writes and reading to blocking threads.

use std::{
    panic,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
    time::Duration,
};

use grafolean_collector::{
    model::{AccountId, Sample, SeriesPath},
    time::Clock,
};
use tokio::{
    sync::{Semaphore, mpsc, oneshot},
    task,
};

use super::{
    AccountRetention, Keep, PointsError, PointsMetrics, Reader, Room, SeriesId, Stored, database,
    recent::SharedRecent,
    writer::{Command, Done, Put, Writer},
};

/// Requests that wait for the writer; what comes beyond waits in its own task.
const WAITING_REQUESTS: usize = 64;

/// Readers at work at the same time. More would only share the same cores; what comes beyond waits.
const READERS: usize = 4;

/// What may be set.
#[derive(Clone, Copy, Debug, Default)]
pub struct Settings {
    /// How long values are kept, where no rule of an account says otherwise.
    pub keep: Keep,
    /// Bytes of the disk that are left free: with less, nothing is stored, and with less than twice as much it is said.
    pub disk_reserve: u64,
    /// How much stands where.
    pub limits: Limits,
}

/// How much stands where.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Memory for values that are not yet in blocks. At it they are sealed; while they are, new ones have the same
    /// again; when that too is full, new ones wait. The journal on disk is at most about three times as large.
    pub recent_bytes: usize,
    /// Points in a block. More compress no better than 1 %, and a block is the least that is read or rewritten.
    pub block_points: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { recent_bytes: 32 << 20, block_points: 1024 }
    }
}

/// The store of values. Cloning is cheap; all clones are the same store. The last one dropped waits until what was
/// asked is done, at most for one step of maintenance.
#[derive(Clone, Debug)]
pub struct Points(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    settings: Settings,
    recent: Arc<SharedRecent>,
    metrics: PointsMetrics,
    /// None only while it is dropped.
    commands: Option<mpsc::Sender<Command>>,
    writer: Option<JoinHandle<()>>,
    idle_readers: Mutex<Vec<Reader>>,
    permits: Arc<Semaphore>,
}

impl Points {
    /// Returns how long values are kept; `None` is for ever.
    pub fn retention(&self) -> Option<Duration> {
        self.0.settings.keep.values
    }

    /// Opens the store in a file, which is made if there is none. Blocks while the journal is read (at most a second
    /// or so with the default limits).
    pub fn open(path: &Path, settings: Settings, clock: Arc<dyn Clock>) -> Result<Self, PointsError> {
        let recent = Arc::<SharedRecent>::default();
        let metrics = PointsMetrics::default();
        let writer = Writer::open(path, Arc::clone(&recent), settings, metrics.clone(), clock)?;
        let (commands, received) = mpsc::channel(WAITING_REQUESTS);
        let thread = thread::Builder::new()
            .name("points-writer".to_owned())
            .spawn(move || writer.run(received))
            .map_err(|error| PointsError::Thread(error.to_string()))?;
        Ok(Self(Arc::new(Inner {
            path: path.to_owned(),
            settings,
            recent,
            metrics,
            commands: Some(commands),
            writer: Some(thread),
            idle_readers: Mutex::default(),
            permits: Arc::new(Semaphore::new(READERS)),
        })))
    }

    /// Whether a file holds any series. Nothing of it is changed.
    pub fn is_filled(path: &Path) -> bool {
        database::is_filled(path)
    }

    /// Returns what was set when it was opened.
    pub fn settings(&self) -> Settings {
        self.0.settings
    }

    /// Returns the room on its disk; `None` where the system does not say.
    pub fn room(&self) -> Option<Room> {
        Room::beside(&self.0.path)
    }

    /// Returns its counters, with the gauges as they are at this moment.
    pub fn metrics(&self) -> &PointsMetrics {
        let bytes = self.0.recent.read().bytes();
        self.0.metrics.recent_bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
        &self.0.metrics
    }

    /// Stores values, all or none; series are made as they appear. When it returns they are on disk.
    ///
    /// Of two values at one time of one series the one stands that was put later, in one call the one that comes
    /// later in the list.
    pub async fn put(&self, account: AccountId, samples: Vec<Sample>) -> Result<Stored, PointsError> {
        if samples.is_empty() {
            return Ok(Stored::default());
        }
        self.ask(|done| Command::Put(Put { account, samples, done })).await
    }

    /// Renames a series. `None`: there is no such series; `false`: the path is another's.
    pub async fn rename(
        &self,
        account: AccountId,
        series: SeriesId,
        path: SeriesPath,
    ) -> Result<Option<bool>, PointsError> {
        self.ask(|done| Command::Rename { account, series, path, done }).await
    }

    /// Deletes a series with all its values; returns whether there was one.
    pub async fn delete(&self, account: AccountId, series: SeriesId) -> Result<bool, PointsError> {
        self.ask(|done| Command::Delete { account, series, done }).await
    }

    /// Sets what an account keeps, which has been checked. What is to go goes soon after.
    pub async fn set_retention(
        &self,
        account: AccountId,
        retention: AccountRetention,
    ) -> Result<(), PointsError> {
        self.ask(|done| Command::Retain { account, retention, done }).await
    }

    /// Seals all that is stored into blocks and finishes what else is to be tidied; the file is smallest then.
    pub async fn seal(&self) -> Result<(), PointsError> {
        self.ask(|done| Command::Seal { done }).await
    }

    /// Reads on a blocking thread.
    pub async fn read<T, F>(&self, read: F) -> Result<T, PointsError>
    where
        T: Send + 'static,
        F: FnOnce(&Reader) -> Result<T, PointsError> + Send + 'static,
    {
        let permit = Arc::clone(&self.0.permits).acquire_owned().await.map_err(|_| PointsError::Closed)?;
        let inner = Arc::clone(&self.0);
        let reading = task::spawn_blocking(move || {
            let reader = inner.reader()?;
            let result = read(&reader).map_err(|error| error.in_file(&inner.path));
            inner.idle_readers.lock().unwrap_or_else(PoisonError::into_inner).push(reader);
            drop(permit);
            result
        });
        match reading.await {
            Ok(result) => result,
            Err(error) if error.is_panic() => panic::resume_unwind(error.into_panic()),
            Err(_) => Err(PointsError::Closed),
        }
    }

    async fn ask<T>(&self, command: impl FnOnce(Done<T>) -> Command) -> Result<T, PointsError> {
        let (done, answer) = oneshot::channel();
        let commands = self.0.commands.as_ref().ok_or(PointsError::Closed)?;
        commands.send(command(done)).await.map_err(|_| PointsError::Closed)?;
        answer.await.map_err(|_| PointsError::Closed)?
    }
}

impl Inner {
    fn reader(&self) -> Result<Reader, PointsError> {
        let idle = self.idle_readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        match idle {
            Some(reader) => Ok(reader),
            None => {
                let commands = self.commands.as_ref().ok_or(PointsError::Closed)?;
                Reader::open(&self.path, Arc::clone(&self.recent), commands.downgrade())
            }
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Readers go first: the writer, which closes the file, then finds nobody else at it and leaves no log beside it.
        self.idle_readers.get_mut().unwrap_or_else(PoisonError::into_inner).clear();
        self.commands = None;
        if self.writer.take().is_some_and(|writer| writer.join().is_err()) {
            tracing::error!("the thread that writes points panicked");
        }
    }
}
