//! Raw flows on disk, for a set time and size, as Parquet files that DuckDB, ClickHouse, Spark and pandas read as they are.
//!
//! A [`Feed`] takes flows on the receiving thread and hands them over in batches, without ever waiting: what the disk is too
//! slow for is dropped and counted. The [`Archive`] owns the threads that write. Every five seconds at most what came is in a
//! *piece*; every five minutes the pieces become one file in its hour's folder:
//!
//! ```text
//! DIR/date=2026-11-26/hour=17/flows-20261126T170500Z.parquet      whole files, each five minutes
//! DIR/open/flows-20261126T171000Z.0003.parquet                    131,072 flows of the file under way
//! DIR/open/flows-20261126T171000Z.0004.0001.parquet               the latest seconds of it
//! ```
//! Every file is written under another name, synced and renamed: it is whole, or not there. A crash loses what is in no piece
//! yet, less than five seconds; what its pieces hold is made a file by the next start.
//!
//! [`COLUMNS`] is the table of what is kept; `docs/flow-archive.md` tells it to people.

mod assemble;
mod column;
mod encode;
mod error;
mod feed;
mod file;
mod finish;
mod layout;
mod metrics;
mod names;
mod record;
mod retain;
mod writer;

use std::{
    fs::DirBuilder,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::mpsc::sync_channel,
    thread::JoinHandle,
    time::Duration,
};

use grafolean_time::Timestamp;

pub use column::{COLUMNS, Column, Kind};
pub use error::ArchiveError;
pub use feed::{BATCH_RECORDS, BATCHES, Feed};
pub use layout::{Catalog, Stored};
pub use metrics::ArchiveMetrics;
pub use names::{intern, kept, name_of};
pub use record::{End, NO_ADDRESS, Record, halves, mapped};
pub use retain::Held;
pub use writer::{FILE_GROUPS, FLUSH, GROUP_RECORDS, WINDOW};

/// Where raw flows are kept, and how many.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The folder; nobody else writes into it.
    pub folder: PathBuf,
    /// How long files are kept, counted from their end.
    pub age: Duration,
    /// How many octets all files may have; the oldest go first.
    pub bytes: u64,
    /// Flows of a row group.
    pub group: usize,
    /// Where whole files are copied to.
    pub copy_to: Option<String>,
    /// Files that are to stay for now.
    pub held: Option<Held>,
}

impl Settings {
    /// Keeps flows in a folder within these limits, in row groups of [`GROUP_RECORDS`].
    pub fn new(folder: PathBuf, age: Duration, bytes: u64) -> Self {
        Self { folder, age, bytes, group: GROUP_RECORDS, copy_to: None, held: None }
    }
}

/// The two threads that keep flows, one writes pieces, the other makes files of them. Dropped, they write what they have and
/// end.
#[derive(Debug)]
pub struct Archive {
    feed: Feed,
    metrics: ArchiveMetrics,
    threads: Vec<JoinHandle<()>>,
}

impl Archive {
    /// Writes files of what a crash left, drops what is too old, and begins.
    ///
    /// # Errors
    /// Fails when the folder cannot be made or read.
    pub fn open(settings: &Settings, metrics: ArchiveMetrics, now: Timestamp) -> Result<Self, ArchiveError> {
        let open = layout::open_folder(&settings.folder);
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&open)
            .map_err(ArchiveError::file("make the folder", &open))?;
        finish::recover(&settings.folder)?;
        finish::told(&metrics, retain::retain(settings, &metrics, now));
        let (feed, batches) = feed::channel(metrics.clone());
        let (closed, windows) = sync_channel(finish::CLOSED_MAX);
        let writer = writer::Writer::new(settings.clone(), metrics.clone(), closed, now);
        let finisher = (settings.clone(), metrics.clone());
        let threads = vec![
            thread(&settings.folder, "netflow-archive", move || writer.run(&batches))?,
            thread(&settings.folder, "netflow-files", move || {
                finish::run(&finisher.0, &finisher.1, &windows);
            })?,
        ];
        Ok(Self { feed, metrics, threads })
    }

    /// Returns the feed of one receiving thread.
    pub fn feed(&self) -> Feed {
        self.feed.clone()
    }

    /// Returns what it counts.
    pub fn metrics(&self) -> &ArchiveMetrics {
        &self.metrics
    }
}

impl Drop for Archive {
    /// Waits until all that was fed is in its file: every other [`Feed`] has to be gone.
    fn drop(&mut self) {
        self.feed.close();
        for thread in self.threads.drain(..) {
            // one that panicked has told so
            let _ = thread.join();
        }
    }
}

fn thread(
    folder: &Path,
    name: &str,
    work: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>, ArchiveError> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(work)
        .map_err(ArchiveError::file("start a thread for", folder))
}
