//! The thread that keeps on disk what a restart goes on from.

use std::{
    collections::{HashMap, VecDeque},
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        mpsc::{RecvTimeoutError, Sender, channel},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use grafolean_collector::time::{Clock, SystemClock};
use grafolean_time::Timestamp;
use serde::Serialize;
use tracing::{error, info, warn};

use super::{
    aggregate::Span,
    heartbeat::ThreadHeartbeat,
    keep::{self, KeepError},
    ledger::Ledger,
    standing::{self, Standing},
    station::Station,
};

/// How long between two times that state is written. With the time that writing takes, a crash loses less than 5 s.
const PAUSE: Duration = Duration::from_secs(3);
const MINUTES: &str = "flows-open.bin";
pub(super) const EXPORTERS: &str = "exporters.bin";
const SUGGESTED: &str = "suggested.bin";
const NAMED: &str = "named.bin";
const LEDGER: &str = "sequences.bin";
const COVERAGE: &str = "coverage.bin";

/// Writes the station's state every few seconds, and once more when it is dropped.
#[derive(Debug)]
pub(super) struct Keeper {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
    heartbeat: ThreadHeartbeat,
}

struct Files {
    station: Arc<Station>,
    folder: PathBuf,
    /// Checksums of what stands in the files: what is the same is not written again.
    written: HashMap<PathBuf, u32>,
}

impl Keeper {
    /// Reads what was kept, then keeps it up to date. What is damaged is told and left aside.
    pub(super) fn start(station: Arc<Station>, folder: &Path, now: Timestamp) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let mut files = Files { station, folder: folder.to_owned(), written: HashMap::new() };
        files.restore(now);
        let (stop, stopped) = channel::<()>();
        let heartbeat = ThreadHeartbeat::new("netflow-keeper", now);
        let own = heartbeat.clone();
        let keep = move || {
            let mut save = || {
                if own.round(|| files.save(), || SystemClock.now()).is_none() {
                    error!("the thread that keeps state on disk panicked: it tries again");
                }
            };
            while stopped.recv_timeout(PAUSE) == Err(RecvTimeoutError::Timeout) {
                save();
            }
            save();
        };
        let thread = thread::Builder::new().name(heartbeat.name().to_owned()).spawn(keep)?;
        Ok(Self { stop: Some(stop), thread: Some(thread), heartbeat })
    }

    /// Returns the heartbeat of its thread.
    pub(super) fn heartbeat(&self) -> &ThreadHeartbeat {
        &self.heartbeat
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.stop.take();
        // a thread that panicked has told so
        self.thread.take().map(JoinHandle::join);
    }
}

impl Files {
    fn restore(&mut self, now: Timestamp) {
        let mut cold = self.station.cold();
        let mut floor = 0;
        for span in Span::ALL.into_iter().rev().filter(|span| *span != Span::Minute) {
            if let Some(level) = told(keep::read(&self.level(span))) {
                floor = cold.rollup.restore(span, level);
            }
        }
        cold.suggested = told(keep::read(&self.folder.join(SUGGESTED))).unwrap_or_default();
        cold.coverage = told(keep::read(&self.folder.join(COVERAGE))).unwrap_or_default();
        drop(cold);
        if let Some(ledger) = told(keep::read(&self.folder.join(LEDGER))) {
            self.station.restore_ledger(ledger);
        }
        self.station.restore(told(keep::read(&self.folder.join(MINUTES))).unwrap_or_default(), floor);
        // whose flows count is known before the backend has told it again
        self.station.name(told(keep::read(&self.folder.join(NAMED))).unwrap_or_default());
        if let Some(snapshot) = told(keep::read(&self.folder.join(EXPORTERS))) {
            let mut intake = self.station.intake();
            intake.restore(snapshot, now);
            info!(templates = intake.templates().len(), "templates are known from before");
        }
    }

    fn save(&mut self) {
        if let Err(error) = self.try_save() {
            self.station.metrics.keep_errors.inc();
            warn!(%error, source = ?std::error::Error::source(&error), "state is not kept: a restart would lose open bins");
        }
    }

    /// Longest interval first, minutes last: see [`super::aggregate::Rollup::checkpoint`]. All are of one moment, else a
    /// minute that is added up between two of them would be in none. The ledger comes after the minutes: a crash between the two
    /// has flows counted that it tells as lost, and none lost that it does not tell.
    fn try_save(&mut self) -> Result<(), KeepError> {
        let ledger_path = self.folder.join(LEDGER);
        let (mut levels, coverage, (minutes, ledger)) = {
            let mut cold = self.station.cold();
            let spans = Span::ALL.into_iter().rev().filter(|span| *span != Span::Minute);
            let levels = spans.filter_map(|span| {
                let path = self.level(span);
                let level = cold.rollup.checkpoint(span)?;
                Some((span, keep::encode(&path, &level).map(|bytes| (path, bytes))))
            });
            let levels = VecDeque::from_iter(levels);
            let ledger = |ledger: &Ledger| keep::encode(&ledger_path, ledger);
            (levels, cold.coverage.clone(), self.station.checkpoint(ledger))
        };
        while let Some((span, level)) = levels.pop_front() {
            if let Err(error) = level.and_then(|(path, bytes)| self.put(path, &bytes)) {
                let mut cold = self.station.cold();
                cold.rollup.checkpoint_failed(span);
                levels.iter().for_each(|(span, _)| cold.rollup.checkpoint_failed(*span));
                return Err(error);
            }
        }
        self.write(self.folder.join(MINUTES), &minutes)?;
        drop(minutes);
        self.put(ledger_path, &ledger?)?;
        self.write(self.folder.join(COVERAGE), &coverage)?;
        let suggested = self.station.cold().suggested.clone();
        self.write(self.folder.join(SUGGESTED), &suggested)?;
        self.write(self.folder.join(NAMED), &*self.station.named())?;
        let intake = self.station.intake();
        self.write(self.folder.join(EXPORTERS), &intake.snapshot())?;
        self.write(self.folder.join(standing::FILE), &Standing::of(&intake))
    }

    fn write(&mut self, path: PathBuf, value: &impl Serialize) -> Result<(), KeepError> {
        let bytes = keep::encode(&path, value)?;
        self.put(path, &bytes)
    }

    fn put(&mut self, path: PathBuf, bytes: &[u8]) -> Result<(), KeepError> {
        let checksum = crc32fast::hash(bytes);
        if self.written.get(&path) == Some(&checksum) {
            return Ok(());
        }
        keep::replace(&path, bytes)?;
        self.written.insert(path, checksum);
        Ok(())
    }

    fn level(&self, span: Span) -> PathBuf {
        self.folder.join(format!("flows-{}.bin", span.label()))
    }
}

/// Says why something that was kept can't be read, and goes on without it.
fn told<T>(read: Result<Option<T>, KeepError>) -> Option<T> {
    read.inspect_err(|error| warn!(%error, "starting without it")).ok().flatten()
}
