//! Copies of a hub's folder, and whether all in it is as it was written.
//!
//! [`backup`] and [`check`] work while a hub runs on the folder; [`restore`] and [`repair`] want it for themselves.

mod archive;
mod check;

use std::{
    io,
    path::{Path, PathBuf},
};

use thiserror::Error;

pub use archive::{backup, restore};
pub use check::{check, repair};

pub use crate::points::Findings;
use crate::{HubError, points::PointsError};

/// Why a folder could not be copied, put back or looked through.
#[derive(Debug, Error)]
pub enum BackupError {
    /// There is no hub in the folder.
    #[error("{} holds no hub: {} is missing", folder.display(), crate::hub::HUB)]
    NoHub {
        /// Which.
        folder: PathBuf,
    },
    /// There is something already where it was to be written.
    #[error("{} is there already: choose another name", path.display())]
    Exists {
        /// What.
        path: PathBuf,
    },
    /// The folder holds a hub, which would be overwritten.
    #[error("{} holds a hub already: restore into an empty folder", folder.display())]
    NotEmpty {
        /// Which.
        folder: PathBuf,
    },
    /// The file is no backup, or cut.
    #[error("{} is no whole backup of a hub: {reason}", path.display())]
    NotABackup {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A file could not be read or written.
    #[error("could not {doing} {}", path.display())]
    File {
        /// `write`, `read`, ...
        doing: &'static str,
        /// Which.
        path: PathBuf,
        /// What went wrong.
        #[source]
        source: io::Error,
    },
    /// A database could not be read.
    #[error("could not {doing} {}", path.display())]
    Database {
        /// `copy`, `look through`.
        doing: &'static str,
        /// Which.
        path: PathBuf,
        /// What SQLite says.
        #[source]
        source: rusqlite::Error,
    },
    /// The values could not be read.
    #[error(transparent)]
    Points(#[from] PointsError),
    /// The hub could not be opened.
    #[error(transparent)]
    Hub(#[from] HubError),
}

fn in_file(doing: &'static str, path: &Path) -> impl Fn(io::Error) -> BackupError {
    let path = path.to_owned();
    move |source| BackupError::File { doing, path: path.clone(), source }
}

fn in_database(doing: &'static str, path: &Path) -> impl Fn(rusqlite::Error) -> BackupError {
    let path = path.to_owned();
    move |source| BackupError::Database { doing, path: path.clone(), source }
}
