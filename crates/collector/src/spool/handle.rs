//! The handle to the queue.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, oneshot},
    task::spawn_blocking,
    time::sleep,
};

use super::{
    entry::{Batch, Lane, Row, Settlement, TakeRequest},
    error::SpoolError,
    inbox::{Command, Shared},
    metrics::SpoolMetrics,
    settings::Limits,
    sinks::{Consumers, SinkBatch, SinkNumber, SinkSettings, SinkSettlement},
    statistics::Statistics,
    writer::Writer,
};
use crate::{
    report::Report,
    sink::{Sink, SinkError},
    time::Clock,
};

/// How often whoever waits looks whether the disk hangs.
const HANG_LOOK: Duration = Duration::from_millis(250);

/// Looks after which a disk that hangs is not waited for at the end: ten seconds.
const CLOSE_LOOKS: u32 = 40;

/// The durable queue of one bot; clones are handles to the same one.
///
/// All methods that are `async` must be called within a Tokio runtime; see [`crate::spool`] on virtual time.
#[derive(Clone)]
pub struct Spool {
    path: Arc<Path>,
    shared: Arc<Shared>,
    room: Arc<Semaphore>,
    memory_bytes: u32,
}

impl Spool {
    /// Opens the spool at `path` (by convention `DIR/<protocol>/spool.sqlite`), making folder and file if needed.
    ///
    /// A file that is broken is set aside as `spool.sqlite.corrupt-<seconds>`, with an error in the log, and what can
    /// be read of it goes on in a new one. The folder must be writable and no other process may own the spool.
    pub async fn open(
        path: impl Into<PathBuf>,
        limits: Limits,
        clock: Arc<dyn Clock>,
        metrics: SpoolMetrics,
    ) -> Result<Self, SpoolError> {
        Self::open_for(path, limits, Consumers { backend: true, sinks: Vec::new() }, clock, metrics).await
    }

    /// Opens the spool with consumers beside the backend. One that the file knows goes on where it stood; what waits for
    /// one that is not among them is given up.
    pub async fn open_with_sinks(
        path: impl Into<PathBuf>,
        limits: Limits,
        sinks: Vec<SinkSettings>,
        clock: Arc<dyn Clock>,
        metrics: SpoolMetrics,
    ) -> Result<Self, SpoolError> {
        Self::open_for(path, limits, Consumers { backend: true, sinks }, clock, metrics).await
    }

    /// Opens a spool of which values go to sinks and to no backend: there is nothing to be taken from it.
    pub async fn open_for_sinks(
        path: impl Into<PathBuf>,
        limits: Limits,
        sinks: Vec<SinkSettings>,
        clock: Arc<dyn Clock>,
        metrics: SpoolMetrics,
    ) -> Result<Self, SpoolError> {
        Self::open_for(path, limits, Consumers { backend: false, sinks }, clock, metrics).await
    }

    async fn open_for(
        path: impl Into<PathBuf>,
        limits: Limits,
        consumers: Consumers,
        clock: Arc<dyn Clock>,
        metrics: SpoolMetrics,
    ) -> Result<Self, SpoolError> {
        let path: Arc<Path> = path.into().into();
        let shared_metrics = metrics.clone();
        let names = consumers.sinks.iter().map(|sink| sink.name.clone()).collect();
        let opened = {
            let path = Arc::clone(&path);
            spawn_blocking(move || Writer::open(&path, limits, consumers, clock, metrics)).await
        };
        let writer = opened.map_err(|_| SpoolError::Closed { path: path.to_path_buf() })??;
        let room = usize::try_from(limits.memory_bytes).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        Ok(Self {
            shared: Arc::new(Shared::new(Arc::clone(&path), writer, shared_metrics, names)),
            path,
            room: Arc::new(Semaphore::new(room)),
            memory_bytes: limits.memory_bytes,
        })
    }

    /// Returns the file's path, for a [`super::SpoolFile`].
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns once all reports are on disk, in one transaction with whatever else waits. Dropping the future
    /// leaves open whether they are. While the disk is full or hangs they are held in memory: [`SpoolError::Held`].
    pub async fn accept(&self, reports: &[Report]) -> Result<(), SpoolError> {
        let rows = reports
            .iter()
            .filter(|report| !matches!(report, Report::Values(values) if values.values.is_empty()))
            .map(|report| Row::of(report).map_err(SpoolError::Report))
            .collect::<Result<Vec<_>, _>>()?;
        if rows.is_empty() {
            return Ok(());
        }
        let bytes = rows.iter().map(Row::bytes).sum::<u64>();
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX).min(self.memory_bytes);
        let room = self.room_for(bytes).await?;
        let (reply, mut answer) = oneshot::channel();
        self.shared.submit(Command::Accept { rows, room, reply });
        loop {
            if let Some(held) = self.shared.hang() {
                return Err(held);
            }
            tokio::select! {
                biased;
                answer = &mut answer => return answer.map_err(|_| self.closed())?,
                () = sleep(HANG_LOOK) => {}
            }
        }
    }

    /// Waits until memory has room; while the disk hangs, the oldest that waits makes some.
    async fn room_for(&self, bytes: u32) -> Result<OwnedSemaphorePermit, SpoolError> {
        loop {
            let room = Arc::clone(&self.room).acquire_many_owned(bytes);
            tokio::select! {
                biased;
                room = room => return room.map_err(|_| self.closed()),
                () = sleep(HANG_LOOK) => self.shared.make_room(bytes.into()),
            }
        }
    }

    /// Returns what is to be delivered next. Nothing leaves the queue by it: until it is settled, the same is given
    /// again, also after a restart.
    pub async fn take(&self, request: TakeRequest) -> Result<Option<Batch>, SpoolError> {
        self.ask(|reply| Command::Take { request, reply }).await
    }

    /// Removes what is dealt with and keeps what could not be delivered, both or neither. It takes effect for every
    /// later `take`, also while the disk refuses writes; a crash before it is on disk has it delivered again.
    pub async fn settle(&self, settlement: Settlement) -> Result<(), SpoolError> {
        self.ask(|reply| Command::Settle { settlement, reply }).await
    }

    /// Returns the sink of a name among those with which the spool was opened.
    pub fn sink(&self, name: &str) -> Option<SinkNumber> {
        self.shared.sink(name)
    }

    /// Returns the values that a sink gets next, about so many, in the order of their acceptance. Until they are settled,
    /// the same are given again, also after a restart.
    pub async fn feed(&self, sink: SinkNumber, values: usize) -> Result<Option<SinkBatch>, SpoolError> {
        self.ask(|reply| Command::Feed { sink, values, reply }).await
    }

    /// Advances a sink and keeps what could not be delivered to it, both or neither; otherwise like
    /// [`Spool::settle`].
    pub async fn advance(&self, sink: SinkNumber, settlement: SinkSettlement) -> Result<(), SpoolError> {
        self.ask(|reply| Command::Advance { sink, settlement, reply }).await
    }

    /// Waits until values were accepted since the last wait. Each sink is waited for by one task.
    pub async fn arrival_for(&self, sink: SinkNumber) {
        self.shared.arrival_for(sink).await;
    }

    /// Lets the writer look after itself: limits of age, marks that a tool set, a disk that may have recovered.
    /// Any other call does this too, so it matters only while nothing else happens.
    pub async fn look(&self) -> Result<(), SpoolError> {
        self.ask(|reply| Command::Look { reply }).await
    }

    /// Waits until something was accepted into a lane since the last wait. Each lane is waited for by one task.
    pub async fn arrival(&self, lane: Lane) {
        self.shared.arrival(lane).notified().await;
    }

    /// Returns what is in the queue, as of the last group.
    pub fn statistics(&self) -> Statistics {
        self.shared.statistics()
    }

    /// Writes what waits, closes the file and gives the lock back. Other handles get [`SpoolError::Closed`].
    ///
    /// # Errors
    /// The disk hangs: what is held is lost if the process ends.
    pub async fn close(self) -> Result<(), SpoolError> {
        let (reply, mut answer) = oneshot::channel();
        self.shared.submit(Command::Close { reply });
        for _ in 0..CLOSE_LOOKS {
            tokio::select! {
                biased;
                answer = &mut answer => return answer.map_err(|_| self.closed()),
                () = sleep(HANG_LOOK) => {}
            }
        }
        match self.shared.hang() {
            Some(held) => Err(held),
            None => answer.await.map_err(|_| self.closed()),
        }
    }

    fn closed(&self) -> SpoolError {
        SpoolError::Closed { path: self.path.to_path_buf() }
    }

    #[cfg(test)]
    pub(super) fn shared(&self) -> &Shared {
        &self.shared
    }

    async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Result<T, SpoolError> {
        let (reply, answer) = oneshot::channel();
        self.shared.submit(command(reply));
        answer.await.map_err(|_| self.closed())
    }
}

impl Sink for Spool {
    async fn accept(&self, reports: Vec<Report>) -> Result<(), SinkError> {
        let count = reports.len();
        Self::accept(self, &reports).await.map_err(|error| SinkError { reports: count, source: error.into() })
    }
}
