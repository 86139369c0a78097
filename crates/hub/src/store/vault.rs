//! Secrets in the hub's database: what opens devices and what bots call the API with is encrypted by a [`Vault`].
//!
//! SQL does it by three functions of each connection: `seal(text, use)`, `unseal(sealed, use)` and `digest(text)`.

use std::path::{Path, PathBuf};

use grafolean_collector::vault::{MissingKey, Vault};
use rusqlite::{
    Connection, OptionalExtension,
    functions::{Context, FunctionFlags},
};
use sha2::{Digest, Sha256};

use super::OpenError;

/// A text that is sealed when the key is made: a key that does not open it is another one's.
const CHECK: &str = "grafolean";

/// Reads the key of a database, or makes one for a database that has nothing sealed yet.
pub(super) fn open(key_file: &Path, database: &Path, sealed: bool) -> Result<Vault, OpenError> {
    if !key_file.exists() && sealed {
        return Err(OpenError::KeyMissing { path: key_file.to_owned(), database: database.to_owned() });
    }
    let missing = if sealed { MissingKey::Refused } else { MissingKey::Made };
    Vault::open(key_file, missing).map_err(|source| OpenError::Key { path: key_file.to_owned(), source })
}

/// Adds the three functions to a connection.
pub(super) fn install(vault: &Vault, connection: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DIRECTONLY;
    let own = vault.clone();
    connection.create_scalar_function("seal", 2, flags, move |context| {
        let (text, usage) = arguments(context)?;
        own.seal(&text, &usage).ok_or_else(|| failed("a secret could not be encrypted"))
    })?;
    let own = vault.clone();
    connection.create_scalar_function("unseal", 2, flags, move |context| {
        let (bytes, usage) = arguments(context)?;
        let text = own.unseal(&bytes, &usage);
        let text = text.and_then(|text| String::from_utf8(text).ok());
        text.ok_or_else(|| {
            failed("a secret could not be decrypted: it is damaged, or sealed with another key")
        })
    })?;
    connection.create_scalar_function("digest", 1, flags, |context| {
        Ok(Sha256::digest(context.get_raw(0).as_bytes()?).to_vec())
    })
}

/// Whether anything in a database is sealed.
pub(super) fn is_sealed(connection: &Connection) -> rusqlite::Result<bool> {
    let settings = "SELECT 1 FROM sqlite_schema WHERE name = 'settings'";
    if !connection.prepare(settings)?.exists(())? {
        return Ok(false);
    }
    connection.prepare("SELECT 1 FROM settings WHERE name = 'key_check'")?.exists(())
}

/// Seals a text that tells this key from others, or tells whether it is the key.
pub(super) fn check(connection: &Connection) -> rusqlite::Result<bool> {
    let sealed: Option<Vec<u8>> = connection
        .query_row("SELECT value FROM settings WHERE name = 'key_check'", (), |row| row.get(0))
        .optional()?;
    match sealed {
        None => {
            let insert = "INSERT INTO settings (name, value) VALUES ('key_check', seal(?1, 'check'))";
            connection.execute(insert, [CHECK])?;
            Ok(true)
        }
        Some(sealed) => {
            let opened =
                connection.query_row("SELECT unseal(?1, 'check')", [sealed], |row| row.get::<_, String>(0));
            Ok(opened.is_ok_and(|opened| opened == CHECK))
        }
    }
}

/// Where the key stands that belongs to a database.
pub(super) fn key_file(database: &Path) -> PathBuf {
    database.with_extension("key")
}

fn arguments(context: &Context<'_>) -> rusqlite::Result<(Vec<u8>, Vec<u8>)> {
    Ok((context.get_raw(0).as_bytes()?.to_vec(), context.get_raw(1).as_bytes()?.to_vec()))
}

fn failed(reason: &str) -> rusqlite::Error {
    rusqlite::Error::UserFunctionError(reason.into())
}

/// Erases the traces of what stood in a database in the clear from its free pages.
pub(super) fn scrub(connection: &Connection, path: &Path) -> rusqlite::Result<()> {
    connection.execute_batch("VACUUM")?;
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_| Ok(()))?;
    tracing::info!(file = %path.display(), "the secrets in the hub's database are encrypted from now on");
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_key_that_is_gone_is_not_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let (key, database) = (folder.path().join("hub.key"), folder.path().join("hub.sqlite"));
        let error = open(&key, &database, true).unwrap_err();
        assert!(matches!(error, OpenError::KeyMissing { .. }), "{error:?}");
        assert!(!key.exists());
        fs::write(&key, "short").unwrap();
        assert!(matches!(open(&key, &database, true), Err(OpenError::Key { .. })));
    }
}
