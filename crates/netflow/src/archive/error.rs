//! Why flows could not be kept, or not be read again.

use std::{
    io,
    path::{Path, PathBuf},
};

use parquet::errors::ParquetError;
use thiserror::Error;

/// Why a file of flows could not be written or read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// The disk refuses.
    #[error("could not {what} {}", path.display())]
    File {
        /// What was being done.
        what: &'static str,
        /// To which file or folder.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// The file is not one of ours, or damaged.
    #[error("could not {what} {} as Parquet", path.display())]
    Parquet {
        /// What was being done.
        what: &'static str,
        /// To which file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: ParquetError,
    },
}

impl ArchiveError {
    /// Wraps an error of the system.
    pub(crate) fn file(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { what, path, source }
    }

    /// Wraps an error of the format.
    pub(crate) fn parquet(what: &'static str, path: &Path) -> impl FnOnce(ParquetError) -> Self {
        let path = path.to_owned();
        move |source| Self::Parquet { what, path, source }
    }
}
