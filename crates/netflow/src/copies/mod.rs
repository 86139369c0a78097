//! Copies of raw flows in object storage: S3 and what speaks like it, or a folder.
//!
//! ```text
//!  DIR/archive/date=2026-11-26/hour=17/flows-20261126T170500Z.parquet
//!        │ whole, synced                                     copied.txt: what is there, a line each, synced
//!        ▼
//!  s3://bucket/prefix/date=2026-11-26/hour=17/flows-20261126T170500Z.parquet
//! ```
//! A file is copied once it is whole. A copy that fails is tried again until it succeeds, also after a restart; until then
//! the file is kept here, whatever its age, up to twice the size that the archive may have. `copied` remembers what is there,
//! `target` is where copies go.

mod copied;
mod target;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::{Arc, mpsc::RecvTimeoutError, mpsc::Sender, mpsc::channel},
    thread::{self, JoinHandle},
    time::Duration,
};

use prometheus_client::{metrics::counter::Counter, metrics::gauge::Gauge, registry::Registry};
use thiserror::Error;
use tokio::time::Instant;
use tracing::{info, warn};

use super::archive::{ArchiveError, Catalog, Stored};

pub use copied::Copied;
pub use target::{Target, TargetError, check, folder};

/// How often it is looked for files that are whole: they come every five minutes.
const LOOK: Duration = Duration::from_secs(5);

/// The longest pause after a failure; it doubles from [`LOOK`].
const LONGEST_PAUSE: Duration = Duration::from_mins(5);

/// What the copying counts; clones count together.
#[derive(Clone, Debug, Default)]
pub struct CopyMetrics {
    /// Files copied.
    pub files: Counter,
    /// Octets copied.
    pub bytes: Counter,
    /// Failures to copy.
    pub errors: Counter,
    /// Whole files that are not copied yet.
    pub waiting: Gauge,
}

impl CopyMetrics {
    /// Registers them.
    pub fn register(&self, registry: &mut Registry) {
        for (name, help, counter) in [
            ("copied_files", "Files of raw flows copied to object storage", &self.files),
            ("copied_bytes", "Octets of raw flows copied to object storage", &self.bytes),
            ("copy_errors", "Failures to copy files of raw flows to object storage", &self.errors),
        ] {
            registry.register(format!("grafolean_netflow_archive_{name}"), help, counter.clone());
        }
        registry.register(
            "grafolean_netflow_archive_uncopied_files",
            "Files of raw flows that are not in object storage yet",
            self.waiting.clone(),
        );
    }
}

/// Why a file could not be copied.
#[derive(Debug, Error)]
enum CopyError {
    /// The archive cannot be read.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// It could not be sent, or not be remembered.
    #[error(transparent)]
    Target(#[from] TargetError),
}

/// The thread that copies. Dropped, it ends with the file that is under way.
#[derive(Debug)]
pub struct Copier {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Copier {
    /// Begins to copy the files of an archive's folder.
    ///
    /// # Errors
    /// Fails if no thread can be started.
    pub fn start(
        folder: &Path,
        target: Target,
        copied: Arc<Copied>,
        metrics: CopyMetrics,
    ) -> Result<Self, ArchiveError> {
        let fault = || ArchiveError::file("start a thread for", folder);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(fault())?;
        let (stop, stopped) = channel::<()>();
        let owned = folder.to_owned();
        let mut work = Work { folder: owned, target, copied, metrics, pause: LOOK, failing: None };
        let run = move || {
            loop {
                // A file on which something panics is tried again, as one that cannot be sent.
                let look = || runtime.block_on(work.look());
                let pause = catch_unwind(AssertUnwindSafe(look)).unwrap_or(LONGEST_PAUSE);
                if stopped.recv_timeout(pause) != Err(RecvTimeoutError::Timeout) {
                    return;
                }
            }
        };
        let thread = thread::Builder::new().name("netflow-copies".to_owned()).spawn(run).map_err(fault())?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Copier {
    fn drop(&mut self) {
        self.stop.take();
        // one that panicked has told so
        self.thread.take().map(JoinHandle::join);
    }
}

struct Work {
    folder: std::path::PathBuf,
    target: Target,
    copied: Arc<Copied>,
    metrics: CopyMetrics,
    pause: Duration,
    /// Since when nothing can be copied.
    failing: Option<Instant>,
}

impl Work {
    /// Copies what is whole, the oldest first, and returns how long to wait for the next look.
    async fn look(&mut self) -> Duration {
        match self.copy().await {
            Ok(()) => {
                if let Some(since) = self.failing.take() {
                    info!(target = %self.target, seconds = since.elapsed().as_secs(), "raw flows are copied again");
                }
                self.pause = LOOK;
                LOOK
            }
            Err(error) => {
                self.metrics.errors.inc();
                if self.failing.is_none() {
                    let error = &error as &dyn std::error::Error;
                    warn!(target = %self.target, error, "raw flows are not copied: they are kept here and tried again");
                    self.failing = Some(Instant::now());
                }
                let pause = self.pause;
                self.pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
                pause
            }
        }
    }

    async fn copy(&self) -> Result<(), CopyError> {
        let files = Catalog::read(&self.folder)?.files;
        self.copied.forget_others(&files);
        let wanted: Vec<Stored> =
            files.into_iter().filter(|file| !self.copied.contains(&file.path)).collect();
        let mut waiting = i64::try_from(wanted.len()).unwrap_or(i64::MAX);
        self.metrics.waiting.set(waiting);
        for file in wanted {
            let Some(name) = self.copied.name(&file.path) else { continue };
            let bytes = match self.target.put(&name, &file.path).await {
                Ok(bytes) => bytes,
                // the archive's limits took it meanwhile
                Err(_) if !file.path.exists() => continue,
                Err(error) => return Err(error.into()),
            };
            self.copied.add(&file.path)?;
            self.metrics.files.inc();
            self.metrics.bytes.inc_by(bytes);
            waiting -= 1;
            self.metrics.waiting.set(waiting);
        }
        Ok(())
    }
}
