//! Why values could not be stored or read.

use std::{io, path::PathBuf, sync::Arc};

use thiserror::Error;

use super::SeriesId;

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
    /// Bytes on disk are not what was written there.
    #[error("the {what} {place} is damaged: {reason}")]
    Damaged {
        /// `block` or `journal row`.
        what: &'static str,
        /// Which one.
        place: String,
        /// What is wrong with it.
        reason: String,
    },
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

/// Says what was being done when the database refused.
pub(super) trait Doing<T> {
    fn doing(self, doing: &'static str) -> Result<T, PointsError>;
}

impl<T> Doing<T> for Result<T, rusqlite::Error> {
    fn doing(self, doing: &'static str) -> Result<T, PointsError> {
        self.map_err(|source| PointsError::Database { doing, source: Arc::new(source) })
    }
}
