//! What can go wrong with the spool.

use std::{io, path::PathBuf};

use thiserror::Error;

use super::CodecError;

/// Why the spool could not be opened or did not take something.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SpoolError {
    /// The folder can't be made or written to.
    #[error("cannot write the spool {}: the folder must exist and this user must be allowed to write to it", path.display())]
    Folder {
        /// The spool's file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// Another process owns it.
    #[error(
        "the spool {} is in use by {owner}: stop that process, or give this one another data folder",
        path.display()
    )]
    InUse {
        /// The spool's file.
        path: PathBuf,
        /// `process 4711`, as far as it is known.
        owner: String,
    },
    /// There is none.
    #[error("there is no spool at {}: has a bot run with this data folder?", path.display())]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// A later version of this program wrote it.
    #[error("the spool {} has format {found}, this program knows {known}: use the newer program", path.display())]
    Format {
        /// The spool's file.
        path: PathBuf,
        /// What the file says.
        found: i64,
        /// What is known.
        known: i64,
    },
    /// SQLite could not do what it was asked.
    #[error("the spool {}: {doing} failed", path.display())]
    Database {
        /// The spool's file.
        path: PathBuf,
        /// What was being done.
        doing: &'static str,
        /// What SQLite says.
        #[source]
        source: rusqlite::Error,
    },
    /// What was committed is not what stands in the log. SQLite would drop it, and all that followed, in silence.
    #[error(
        "{damaged} of {frames} pages in the log of the spool {} are damaged: the next start of its bot keeps what can \
         be read",
        path.display()
    )]
    DamagedLog {
        /// The spool's file.
        path: PathBuf,
        /// How many pages the log holds.
        frames: usize,
        /// How many of them are damaged.
        damaged: usize,
    },
    /// The file is gone or has no content, but its log has. SQLite would delete that in silence.
    #[error(
        "the spool {} is empty, but its log holds {frames} pages: the next start of its bot keeps what can be read",
        path.display()
    )]
    Emptied {
        /// The spool's file.
        path: PathBuf,
        /// How many pages the log holds.
        frames: usize,
    },
    /// The disk refuses, or hangs: the reports are held in memory and are written as soon as it takes them. They need not
    /// be handed over again, but they are lost if the process ends before.
    #[error("the disk takes no more: {held} reports wait in memory for {}: {reason}", path.display())]
    Held {
        /// The spool's file.
        path: PathBuf,
        /// How many wait in all.
        held: usize,
        /// What the disk said.
        reason: String,
    },
    /// A report that can't be put into bytes.
    #[error("a report can't be written down")]
    Report(#[source] CodecError),
    /// The runtime is going down, or the writer panicked.
    #[error("the spool {} is closed", path.display())]
    Closed {
        /// The spool's file.
        path: PathBuf,
    },
    /// No such dead letter.
    #[error("there is no dead letter {id} in {}", path.display())]
    NoSuchLetter {
        /// The spool's file.
        path: PathBuf,
        /// The number that was given.
        id: i64,
    },
    /// Bytes that can't be read can't be sent either.
    #[error("dead letter {id} in {} can't be read, so it can't be sent again: it can only be dropped", path.display())]
    Unreadable {
        /// The spool's file.
        path: PathBuf,
        /// The number that was given.
        id: i64,
    },
}
