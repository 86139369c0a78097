//! The last good configuration on disk: `state.sqlite` in the bot's data folder.
//!
//! One row with the inventory as JSON, encrypted: it holds credentials. The key stands in a file of its own, beside it or
//! where a person put it; only their owner may read the files. A file that is broken is set aside under another name; the
//! bot then begins without.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, ErrorCode, OptionalExtension, params};
use thiserror::Error;
use tracing::{error, warn};

use crate::{
    backend::Inventory,
    private,
    time::{Clock, SystemClock, Timestamp},
    vault::{MissingKey, Vault},
};

/// The name of the file.
const FILE: &str = "state.sqlite";

/// The name of its key, where a person does not say otherwise.
const KEY: &str = "state.key";

/// The format of the file, as SQLite's `user_version`. Format 1, which said 0, had the inventory in the clear.
const FORMAT: i64 = 2;

/// What the inventory is sealed for.
const USE: &[u8] = b"last good configuration";

/// How long another process that looks at the file is waited for.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

const SCHEMA: &str = "CREATE TABLE IF NOT EXISTS configuration (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    backend TEXT NOT NULL,
    read_at_us INTEGER NOT NULL,
    sealed BLOB NOT NULL
) STRICT";

/// Where the last good configuration of one backend is kept. Nothing is held open between two uses, which are
/// minutes apart; each runs on a blocking thread.
#[derive(Clone, Debug)]
pub struct LastGood {
    file: PathBuf,
    key: PathBuf,
    backend: String,
}

/// Why the configuration could not be kept or read.
#[derive(Debug, Error)]
#[non_exhaustive]
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
    /// The key cannot be read or made.
    #[error("could not use the key {}", file.display())]
    Key {
        /// Which file.
        file: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A later version of this program wrote it.
    #[error(
        "{} has format {found}, this program knows {FORMAT}: run the newer one, or move the file away",
        file.display()
    )]
    Newer {
        /// Which file.
        file: PathBuf,
        /// The format it has.
        found: i64,
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
        Self { file: folder.join(FILE), key: folder.join(KEY), backend: backend.to_string() }
    }

    /// Has it encrypted by the key of another file, where one is named.
    #[must_use]
    pub fn with_key(self, key: Option<&Path>) -> Self {
        let key = key.map_or(self.key, Path::to_owned);
        Self { key, ..self }
    }

    /// Whether a configuration was ever kept here, whichever backend gave it.
    pub fn exists(&self) -> bool {
        self.file.exists()
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
        let (connection, format) = self.open()?;
        let kept =
            if format < FORMAT { self.read_clear(&connection) } else { self.read_sealed(&connection) }?;
        let Some((read_at, text)) = kept else { return Ok(None) };
        match serde_json::from_slice(&text) {
            Ok(inventory) => Ok(Some((inventory, Timestamp::from_micros(read_at)))),
            Err(error) => Err(self.broken(error.to_string())),
        }
    }

    fn read_sealed(&self, connection: &Connection) -> Result<Option<(i64, Vec<u8>)>, StateError> {
        let row = connection.query_row(
            "SELECT read_at_us, sealed FROM configuration WHERE backend = ?1",
            [&self.backend],
            |row| Ok((row.get(0)?, row.get::<_, Vec<u8>>(1)?)),
        );
        let Some((read_at, sealed)) = row.optional().map_err(|error| self.sqlite(error))? else {
            return Ok(None);
        };
        let vault = match Vault::open(&self.key, MissingKey::Refused) {
            Ok(vault) => vault,
            Err(error)
                if self.is_key_beside_it()
                    && matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidData) =>
            {
                return Err(self.broken(format!("its key {} is invalid: {error}", self.key.display())));
            }
            Err(source) => return Err(StateError::Key { file: self.key.clone(), source }),
        };
        let text = vault.unseal(&sealed, USE);
        let text =
            text.ok_or_else(|| self.broken("it is damaged, or was encrypted with another key".to_owned()))?;
        Ok(Some((read_at, text)))
    }

    /// Reads format 1.
    fn read_clear(&self, connection: &Connection) -> Result<Option<(i64, Vec<u8>)>, StateError> {
        let tables = "SELECT 1 FROM sqlite_schema WHERE name = 'last_good'";
        let any = connection.prepare(tables).and_then(|mut select| select.exists(()));
        if !any.map_err(|error| self.sqlite(error))? {
            return Ok(None);
        }
        let row = connection.query_row(
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
        Ok(Some((read_at, text.into_bytes())))
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
        let (mut connection, format) = self.open()?;
        let vault = match Vault::open(&self.key, MissingKey::Made) {
            // Whatever it was, what it sealed cannot be read any more. A key that a person named is theirs.
            Err(error) if error.kind() == io::ErrorKind::InvalidData && self.is_key_beside_it() => {
                self.set_key_aside(&error).and_then(|()| Vault::open(&self.key, MissingKey::Made))
            }
            opened => opened,
        };
        let vault = vault.map_err(|source| StateError::Key { file: self.key.clone(), source })?;
        let sealed = vault.seal(text.as_bytes(), USE);
        let sealed = sealed.ok_or_else(|| self.broken("the inventory can't be encrypted".to_owned()))?;
        let mut write = || {
            let transaction = connection.transaction()?;
            transaction.execute_batch(SCHEMA)?;
            let row = params![self.backend, read_at.micros(), sealed];
            transaction.execute("INSERT OR REPLACE INTO configuration VALUES (1, ?1, ?2, ?3)", row)?;
            transaction.execute("DROP TABLE IF EXISTS last_good", ())?;
            transaction.pragma_update(None, "user_version", FORMAT)?;
            transaction.commit()?;
            // What stood in it in the clear is not to stay in its free pages.
            if format < FORMAT { connection.execute_batch("VACUUM") } else { Ok(()) }
        };
        write().map_err(|error| self.sqlite(error))
    }

    /// Opens the file; returns also which format it has.
    fn open(&self) -> Result<(Connection, i64), StateError> {
        self.make_private().map_err(|source| StateError::Open { file: self.file.clone(), source })?;
        let open = || {
            let connection = Connection::open(&self.file)?;
            connection.busy_timeout(BUSY_TIMEOUT)?;
            // Temporary tables stay in memory: what runs in a container of its own may have no folder for them.
            connection.pragma_update(None, "temp_store", "MEMORY")?;
            let format = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
            Ok((connection, format))
        };
        let (connection, found) = open().map_err(|error| self.sqlite(error))?;
        if found > FORMAT {
            return Err(StateError::Newer { file: self.file.clone(), found });
        }
        Ok((connection, found))
    }

    /// Creates the file, and closes it to others before anything is written; SQLite's journal takes over its mode.
    fn make_private(&self) -> io::Result<()> {
        if let Some(folder) = self.file.parent() {
            private::create_folder(folder)?;
        }
        private::create_file(&self.file)
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

    fn is_key_beside_it(&self) -> bool {
        self.key == self.file.with_file_name(KEY)
    }

    fn set_key_aside(&self, reason: &io::Error) -> io::Result<()> {
        let kept = self.key.with_extension(format!("key.broken-{}", SystemClock.now().micros()));
        error!(%reason, kept = %kept.display(), "the key of the kept configuration is broken, it is set aside");
        fs::rename(&self.key, kept)
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
            Self::Open { .. } | Self::Key { .. } | Self::Newer { .. } | Self::Ending => false,
        }
    }
}
