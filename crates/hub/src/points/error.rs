//! Why values could not be stored or read.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use rusqlite::ErrorCode;
use thiserror::Error;

use super::SeriesId;
use crate::answer::ApiError;

/// Why values could not be stored or read. Nothing of a request that failed is stored.
#[derive(Clone, Debug, Error)]
pub enum PointsError {
    /// The file cannot be made.
    #[error("making the file of points {}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: Arc<io::Error>,
    },
    /// The file cannot be opened, or is not ours.
    #[error("opening the points in {}", path.display())]
    Open {
        /// Which file.
        path: PathBuf,
        /// What the database says.
        #[source]
        source: Arc<rusqlite::Error>,
    },
    /// The file is none of SQLite's, or its pages are damaged.
    #[error("{}", damaged_file(path, reason))]
    DamagedFile {
        /// Which file.
        path: PathBuf,
        /// What the database says.
        reason: String,
    },
    /// The file was removed or replaced while it was open: what is written now would be lost.
    #[error(
        "{} was removed or replaced while the hub used it: put it back, or stop the hub and start it again",
        path.display()
    )]
    Gone {
        /// Which file.
        path: PathBuf,
    },
    /// The file was written by a later version of this program.
    #[error("{} holds points in format {found}, this program knows {known}: run the newer one", path.display())]
    Version {
        /// Which file.
        path: PathBuf,
        /// The format it has.
        found: i64,
        /// The newest format known here.
        known: i64,
    },
    /// The database refused: a full disk, a file that went away.
    #[error("{doing}")]
    Database {
        /// What was being done.
        doing: &'static str,
        /// What the database says.
        #[source]
        source: Arc<rusqlite::Error>,
    },
    /// The disk has hardly any room left: what came would be the next to fill it.
    #[error(
        "the disk of {} has {free} bytes left, and the hub leaves {reserve} free: make room, or keep less (retention)",
        path.display()
    )]
    Reserve {
        /// Which file.
        path: PathBuf,
        /// How much is free.
        free: u64,
        /// How much is to stay free.
        reserve: u64,
    },
    /// What an account keeps could not be read.
    #[error("reading how long values are kept: {0}")]
    Retention(String),
    /// Points could not be compressed.
    #[error("compressing {count} points of series {series}: {reason}")]
    Compress {
        /// Whose points.
        series: SeriesId,
        /// How many.
        count: usize,
        /// What the codec says.
        reason: String,
    },
    /// What was read could not be written as an answer.
    #[error("writing what was read as JSON: {0}")]
    Answer(String),
    /// A thread of the store could not be started.
    #[error("starting the thread that writes points: {0}")]
    Thread(String),
    /// The store is closed, or its writing thread has ended.
    #[error("the points store is closed")]
    Closed,
}

/// What to do about a file that SQLite cannot read. The way that keeps most comes first.
fn damaged_file(path: &Path, reason: &str) -> String {
    let path = path.display();
    format!(
        "the points in {path} are damaged ({reason}), nothing was changed: restore a backup; or stop the hub and save \
         what can be read by `sqlite3 {path} .recover | sqlite3 recovered.sqlite`; or move the file away to begin \
         without values"
    )
}

impl PointsError {
    /// Names the file that could not be opened, and the remedy if it is damaged.
    pub(super) fn opening(path: &Path) -> impl Fn(rusqlite::Error) -> Self {
        move |source| match source.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Self::DamagedFile { path: path.to_owned(), reason: source.to_string() }
            }
            _ => Self::Open { path: path.to_owned(), source: Arc::new(source) },
        }
    }

    /// Names the file in an error that means that its pages are damaged.
    pub(super) fn in_file(self, path: &Path) -> Self {
        match &self {
            Self::Database { source, .. }
                if source.sqlite_error_code() == Some(ErrorCode::DatabaseCorrupt) =>
            {
                Self::DamagedFile { path: path.to_owned(), reason: source.to_string() }
            }
            _ => self,
        }
    }
}

impl From<PointsError> for ApiError {
    fn from(error: PointsError) -> Self {
        Self::Failed(format!("the store of values failed: {}", grafolean_collector::error_chain(&error)))
    }
}

/// Adds what was being done when the database refused.
pub(super) trait Context<T> {
    fn doing(self, doing: &'static str) -> Result<T, PointsError>;
}

impl<T> Context<T> for Result<T, rusqlite::Error> {
    fn doing(self, doing: &'static str) -> Result<T, PointsError> {
        self.map_err(|source| PointsError::Database { doing, source: Arc::new(source) })
    }
}
