//! The last good configuration on disk: `state.sqlite` in the bot's data folder.
//!
//! One row with the inventory as JSON and a checksum of it. It holds credentials, so only its owner may read the
//! file. A file that is broken is set aside under another name; the bot then begins without.

use std::{
    fs::{self, OpenOptions, Permissions},
    io,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, ErrorCode, OptionalExtension, params};
use thiserror::Error;
use tracing::{error, warn};

use crate::{
    backend::Inventory,
    time::{Clock, SystemClock, Timestamp},
};

/// The name of the file.
const FILE: &str = "state.sqlite";

/// Owner only.
const MODE: u32 = 0o600;

/// How long another process that looks at the file is waited for.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

const SCHEMA: &str = "CREATE TABLE IF NOT EXISTS last_good (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    backend TEXT NOT NULL,
    read_at_us INTEGER NOT NULL,
    crc32 INTEGER NOT NULL,
    inventory TEXT NOT NULL
) STRICT";

/// Where the last good configuration of one backend is kept. Nothing is held open between two uses, which are
/// minutes apart; each runs on a blocking thread.
#[derive(Clone, Debug)]
pub struct LastGood {
    file: PathBuf,
    backend: String,
}

/// Why the configuration could not be kept or read.
#[derive(Debug, Error)]
pub enum StateError {
    /// The file or its folder can't be opened.
    #[error("could not open {}", file.display())]
    Open {
        /// Which file.
        file: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// SQLite can't read or write it.
    #[error("could not use {}", file.display())]
    Sqlite {
        /// Which file.
        file: PathBuf,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
    /// What it holds is not what was written.
    #[error("{} is broken: {reason}", file.display())]
    Broken {
        /// Which file.
        file: PathBuf,
        /// What does not fit.
        reason: String,
    },
    /// The blocking thread is gone: the process is ending.
    #[error("the process is ending")]
    Ending,
}

impl LastGood {
    /// Names the file in a bot's data folder. What another backend than `backend` said is never used.
    pub fn new(folder: &Path, backend: impl ToString) -> Self {
        Self { file: folder.join(FILE), backend: backend.to_string() }
    }

    /// Reads what was kept and when it was read from the backend; none if there is nothing, or nothing that can be
    /// used, which is then told.
    pub async fn load(&self) -> Option<(Inventory, Timestamp)> {
        let this = self.clone();
        let outcome = tokio::task::spawn_blocking(move || this.read_or_set_aside()).await;
        match outcome.unwrap_or(Err(StateError::Ending)) {
            Ok(kept) => kept,
            Err(error) => {
                let cause = &error as &dyn std::error::Error;
                warn!(error = cause, "starting without the last good configuration");
                None
            }
        }
    }

    /// Keeps an inventory; what was kept before is replaced at once or not at all.
    pub async fn save(&self, inventory: &Inventory, read_at: Timestamp) -> Result<(), StateError> {
        let (this, text) = (self.clone(), serde_json::to_string(inventory));
        let text = text.map_err(|error| self.broken(format!("the inventory can't be written: {error}")))?;
        let outcome = tokio::task::spawn_blocking(move || this.write(&text, read_at)).await;
        outcome.unwrap_or(Err(StateError::Ending))
    }

    fn read_or_set_aside(&self) -> Result<Option<(Inventory, Timestamp)>, StateError> {
        if !self.file.exists() {
            return Ok(None);
        }
        let outcome = self.read();
        if let Err(error) = &outcome
            && error.is_corruption()
        {
            self.set_aside(error)?;
            return Ok(None);
        }
        outcome
    }

    fn read(&self) -> Result<Option<(Inventory, Timestamp)>, StateError> {
        let row = self.open()?.query_row(
            "SELECT read_at_us, crc32, inventory FROM last_good WHERE backend = ?1",
            [&self.backend],
            |row| Ok((row.get(0)?, row.get::<_, u32>(1)?, row.get::<_, String>(2)?)),
        );
        let Some((read_at, crc32, text)) = row.optional().map_err(|error| self.sqlite(error))? else {
            return Ok(None);
        };
        if crc32fast::hash(text.as_bytes()) != crc32 {
            return Err(self.broken("its checksum is wrong".to_owned()));
        }
        match serde_json::from_str(&text) {
            Ok(inventory) => Ok(Some((inventory, Timestamp::from_micros(read_at)))),
            Err(error) => Err(self.broken(error.to_string())),
        }
    }

    fn write(&self, text: &str, read_at: Timestamp) -> Result<(), StateError> {
        let outcome = self.replace(text, read_at);
        match outcome {
            // It broke under us: the next attempt begins with a new file.
            Err(error) if error.is_corruption() => {
                self.set_aside(&error)?;
                self.replace(text, read_at)
            }
            outcome => outcome,
        }
    }

    fn replace(&self, text: &str, read_at: Timestamp) -> Result<(), StateError> {
        let row = params![self.backend, read_at.micros(), crc32fast::hash(text.as_bytes()), text];
        let statement = "INSERT OR REPLACE INTO last_good VALUES (1, ?1, ?2, ?3, ?4)";
        self.open()?.execute(statement, row).map(|_| ()).map_err(|error| self.sqlite(error))
    }

    fn open(&self) -> Result<Connection, StateError> {
        self.make_private().map_err(|source| StateError::Open { file: self.file.clone(), source })?;
        let open = || {
            let connection = Connection::open(&self.file)?;
            connection.busy_timeout(BUSY_TIMEOUT)?;
            connection.execute_batch(SCHEMA)?;
            Ok(connection)
        };
        open().map_err(|error| self.sqlite(error))
    }

    /// Creates the file, and closes it to others before anything is written; SQLite's journal takes over its mode.
    fn make_private(&self) -> io::Result<()> {
        if let Some(folder) = self.file.parent() {
            fs::create_dir_all(folder)?;
        }
        let file = OpenOptions::new().append(true).create(true).mode(MODE).open(&self.file)?;
        file.set_permissions(Permissions::from_mode(MODE))
    }

    fn set_aside(&self, reason: &StateError) -> Result<(), StateError> {
        let suffix = format!("broken-{}", SystemClock.now().micros());
        let kept = self.file.with_extension(format!("sqlite.{suffix}"));
        error!(error = reason as &dyn std::error::Error, kept = %kept.display(), "the kept configuration is broken, it is set aside");
        let renamed = fs::rename(&self.file, &kept);
        // A journal without its file would be played back into the next one.
        let journal = self.file.with_extension("sqlite-journal");
        let _ = fs::rename(&journal, journal.with_extension(format!("sqlite-journal.{suffix}")));
        renamed.map_err(|source| StateError::Open { file: self.file.clone(), source })
    }

    fn sqlite(&self, source: rusqlite::Error) -> StateError {
        StateError::Sqlite { file: self.file.clone(), source }
    }

    fn broken(&self, reason: String) -> StateError {
        StateError::Broken { file: self.file.clone(), reason }
    }
}

impl StateError {
    fn is_corruption(&self) -> bool {
        match self {
            Self::Broken { .. } => true,
            Self::Sqlite { source: rusqlite::Error::SqliteFailure(failure, _), .. } => {
                matches!(failure.code, ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
            }
            // A table of another shape is none of ours.
            Self::Sqlite { .. } => true,
            Self::Open { .. } | Self::Ending => false,
        }
    }
}
