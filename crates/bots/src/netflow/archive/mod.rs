//! Raw flows on disk, for a set time and size, as Parquet files that DuckDB, ClickHouse, Spark and pandas read as they are.
//!
//! A [`Feed`] takes flows on the receiving thread and hands them over in batches, without ever waiting: what the disk is too
//! slow for is dropped and counted. The [`Archive`] owns the thread that writes. Every five seconds at most what came is in a
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
mod layout;
mod metrics;
mod record;
mod retain;
mod writer;

use std::{fs, path::PathBuf, thread::JoinHandle, time::Duration};

use grafolean_collector::time::Timestamp;

pub use column::{COLUMNS, Column, Kind};
pub use error::ArchiveError;
pub use feed::{BATCH_RECORDS, BATCHES, Feed};
pub use layout::{Catalog, Stored};
pub use metrics::ArchiveMetrics;
pub use record::{End, NO_ADDRESS, Record, mapped};
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
}

impl Settings {
    /// Keeps flows in a folder within these limits, in row groups of [`GROUP_RECORDS`].
    pub fn new(folder: PathBuf, age: Duration, bytes: u64) -> Self {
        Self { folder, age, bytes, group: GROUP_RECORDS }
    }
}

/// The thread that keeps flows. Dropped, it writes what it has and ends.
#[derive(Debug)]
pub struct Archive {
    feed: Feed,
    metrics: ArchiveMetrics,
    writer: Option<JoinHandle<()>>,
}

impl Archive {
    /// Makes files of what a crash left, drops what is too old, and begins.
    ///
    /// # Errors
    /// Fails when the folder cannot be made or read.
    pub fn open(settings: &Settings, metrics: ArchiveMetrics, now: Timestamp) -> Result<Self, ArchiveError> {
        let open = layout::open_folder(&settings.folder);
        fs::create_dir_all(&open).map_err(ArchiveError::file("make the folder", &open))?;
        writer::recover(&settings.folder)?;
        let (feed, batches) = feed::channel(metrics.clone());
        let writer = writer::Writer::new(settings.clone(), metrics.clone(), now);
        let thread = std::thread::Builder::new().name("netflow-archive".to_owned());
        let writer = thread
            .spawn(move || writer.run(&batches))
            .map_err(ArchiveError::file("start a thread for", &settings.folder))?;
        Ok(Self { feed, metrics, writer: Some(writer) })
    }

    /// Gives a way in for one receiving thread.
    pub fn feed(&self) -> Feed {
        self.feed.clone()
    }

    /// Gives what it counts.
    pub fn metrics(&self) -> &ArchiveMetrics {
        &self.metrics
    }
}

impl Drop for Archive {
    /// Waits until all that was fed is in its file: every other [`Feed`] has to be gone.
    fn drop(&mut self) {
        self.feed.close();
        // a thread that panicked has told so
        self.writer.take().map(JoinHandle::join);
    }
}
