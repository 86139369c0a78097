//! The database file: opening it, its schema and the steps between schemas.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use grafolean_collector::{private, vault::Vault};
use rusqlite::{Connection, ErrorCode, OpenFlags};
use thiserror::Error;

use super::{StoreError, vault, worker::Writer};
use crate::open_file::OpenFile;

/// The last schema known here.
const SCHEMA: u32 = 4;

/// Before it secrets stood in the clear.
const FIRST_SEALED: u32 = 3;

/// The steps from nothing to the last schema: the first makes schema 1. A step that was released never changes.
const MIGRATIONS: [&str; SCHEMA as usize] = [
    include_str!("schema.sql"),
    include_str!("schema_2.sql"),
    include_str!("schema_3.sql"),
    include_str!("schema_4.sql"),
];

/// A checkpoint of the write-ahead log may hold a reader up this long; nothing else waits for a lock.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Statements kept prepared for each connection: more than this crate has, so none is ever dropped.
const PREPARED_STATEMENTS: usize = 128;

/// Why the database cannot be used. Whatever the reason, the file was left as it was.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The file is none of SQLite's, or it is damaged.
    #[error(
        "the hub's database {path} is damaged ({found}); nothing in it was changed: restore a backup; or stop the hub \
         and save what can be read by `sqlite3 {path} .recover | sqlite3 recovered.sqlite`; or move the file and \
         points.sqlite away to begin anew",
        path = path.display()
    )]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What SQLite says.
        found: String,
    },
    /// It is a database of something else.
    #[error(
        "{} is a database, but not a hub's: expected a table `accounts` in it; nothing in it was changed: name another \
         folder, or move it away",
        path.display()
    )]
    Foreign {
        /// Which file.
        path: PathBuf,
    },
    /// A later version of this program wrote it.
    #[error(
        "the hub's database {} has schema {schema}, this version knows up to {known}: use a later version",
        path.display()
    )]
    Newer {
        /// Which file.
        path: PathBuf,
        /// Its schema.
        schema: u32,
        /// The last schema known here.
        known: u32,
    },
    /// The file cannot be made.
    #[error("could not make the hub's database {}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What went wrong.
        #[source]
        source: io::Error,
    },
    /// The key of the secrets cannot be read or made.
    #[error("could not use the key of the hub's secrets {}", path.display())]
    Key {
        /// Which file.
        path: PathBuf,
        /// What went wrong.
        #[source]
        source: io::Error,
    },
    /// There are secrets, and nothing to open them with.
    #[error(
        "the key {} of the secrets in {} is missing: restore it from where you keep it; without it the credentials have to \
         be typed in again",
        path.display(), database.display()
    )]
    KeyMissing {
        /// Which file.
        path: PathBuf,
        /// Whose key it is.
        database: PathBuf,
    },
    /// The secrets were sealed with another key.
    #[error("the key {} does not open the secrets in {}: restore the one that belongs to it", path.display(), database.display())]
    WrongKey {
        /// Which file.
        path: PathBuf,
        /// Whose key it is not.
        database: PathBuf,
    },
    /// What a hub starts with cannot be read or made.
    #[error("could not prepare the hub's database {}", path.display())]
    Store {
        /// Which file.
        path: PathBuf,
        /// What went wrong.
        #[source]
        source: StoreError,
    },
    /// SQLite refused.
    #[error("could not open the hub's database {}", path.display())]
    Database {
        /// Which file.
        path: PathBuf,
        /// What went wrong.
        #[source]
        source: rusqlite::Error,
    },
}

impl OpenError {
    fn at(path: &Path) -> impl Fn(rusqlite::Error) -> Self {
        move |source| match source.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Self::Damaged { path: path.to_owned(), found: source.to_string() }
            }
            _ => Self::Database { path: path.to_owned(), source },
        }
    }
}

/// Opens the connection that writes, makes the file where it is missing and brings its schema up to date.
pub(super) fn open_for_writing(path: &Path) -> Result<(Writer, Vault), OpenError> {
    let unusable = |source| OpenError::File { path: path.to_owned(), source };
    private::create_file(path).map_err(unusable)?;
    let mut connection = Connection::open(path).map_err(OpenError::at(path))?;
    check_whole(&connection, path)?;
    if is_foreign(&connection).map_err(OpenError::at(path))? {
        return Err(OpenError::Foreign { path: path.to_owned() });
    }
    prepare(&connection).map_err(OpenError::at(path))?;
    let key = vault::key_file(path);
    let sealed = vault::is_sealed(&connection).map_err(OpenError::at(path))?;
    let vault = vault::open(&key, path, sealed)?;
    vault::install(&vault, &connection).map_err(OpenError::at(path))?;
    migrate(&mut connection, path)?;
    if !vault::check(&connection).map_err(OpenError::at(path))? {
        return Err(OpenError::WrongKey { path: key, database: path.to_owned() });
    }
    Ok((Writer { connection, file: OpenFile::at(path).map_err(unusable)? }, vault))
}

/// Opens a connection that only reads.
pub(super) fn open_for_reading(path: &Path, vault: &Vault) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(OpenError::at(path))?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(OpenError::at(path))?;
    connection.pragma_update(None, "temp_store", "MEMORY").map_err(OpenError::at(path))?;
    connection.set_prepared_statement_cache_capacity(PREPARED_STATEMENTS);
    vault::install(vault, &connection).map_err(OpenError::at(path))?;
    Ok(connection)
}

/// A damaged page is better met at the start, by whoever starts it, than by whoever asks for what stood on it.
fn check_whole(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let found: String =
        connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(OpenError::at(path))?;
    if found == "ok" { Ok(()) } else { Err(OpenError::Damaged { path: path.to_owned(), found }) }
}

/// Whether there are tables, but none of a hub.
fn is_foreign(connection: &Connection) -> rusqlite::Result<bool> {
    let ask = "SELECT count(*) > 0 AND sum(name = 'accounts') = 0 FROM sqlite_schema WHERE type = 'table'";
    connection.query_row(ask, [], |row| Ok(row.get::<_, Option<bool>>(0)?.unwrap_or(false)))
}

fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // Temporary tables stay in memory: what runs in a container of its own may have no folder for them.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.set_prepared_statement_cache_capacity(PREPARED_STATEMENTS);
    Ok(())
}

fn migrate(connection: &mut Connection, path: &Path) -> Result<(), OpenError> {
    let schema: u32 =
        connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(OpenError::at(path))?;
    if schema > SCHEMA {
        return Err(OpenError::Newer { path: path.to_owned(), schema, known: SCHEMA });
    }
    let transaction = connection.transaction().map_err(OpenError::at(path))?;
    for (_, step) in (1..).zip(MIGRATIONS).filter(|&(made, _)| made > schema) {
        transaction.execute_batch(step).map_err(OpenError::at(path))?;
    }
    transaction.pragma_update(None, "user_version", SCHEMA).map_err(OpenError::at(path))?;
    transaction.commit().map_err(OpenError::at(path))?;
    if (1..FIRST_SEALED).contains(&schema) {
        vault::scrub(connection, path).map_err(OpenError::at(path))?;
    }
    Ok(())
}
