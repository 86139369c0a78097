//! Secrets at rest: what opens devices and what bots call the API with is encrypted under a key that stands in a file of
//! its own, so that who gets hold of the database alone, as a backup, has none of them.
//!
//! ```text
//!  0         1            25
//!  | version | nonce (24) | XChaCha20-Poly1305 of the text, bound to what it is used for |
//!  |   = 1   |            |                                                              |
//! ```
//!
//! SQL does it by three functions of each connection: `seal(text, use)`, `unseal(sealed, use)` and `digest(text)`.

use std::{
    fs::File,
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use chacha20poly1305::{
    XChaCha20Poly1305,
    aead::{Aead, KeyInit, Payload},
};
use rusqlite::{
    Connection, OptionalExtension,
    functions::{Context, FunctionFlags},
};
use sha2::{Digest, Sha256};

use super::OpenError;
use crate::open_file::create_private;

const VERSION: u8 = 1;
const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 24;

/// A text that is sealed when the key is made: a key that does not open it is another one's.
const CHECK: &str = "grafolean";

/// Encrypts and decrypts.
#[derive(Clone)]
pub(super) struct Vault(XChaCha20Poly1305);

impl Vault {
    /// Reads the key of a database, or makes one for a database that has nothing sealed yet.
    pub(super) fn open(key_file: &Path, database: &Path, sealed: bool) -> Result<Self, OpenError> {
        let unusable = |source| OpenError::Key { path: key_file.to_owned(), source };
        if !key_file.exists() && sealed {
            return Err(OpenError::KeyMissing { path: key_file.to_owned(), database: database.to_owned() });
        }
        create_private(key_file).map_err(unusable)?;
        let mut key = Vec::new();
        File::open(key_file).and_then(|mut file| file.read_to_end(&mut key)).map_err(unusable)?;
        if key.is_empty() && !sealed {
            key = rand::random::<[u8; KEY_BYTES]>().to_vec();
            write_synced(key_file, &key).map_err(unusable)?;
        }
        let key: [u8; KEY_BYTES] = key.try_into().map_err(|_| {
            unusable(io::Error::new(io::ErrorKind::InvalidData, format!("expected {KEY_BYTES} bytes")))
        })?;
        Ok(Self(XChaCha20Poly1305::new(&key.into())))
    }

    fn seal(&self, text: &[u8], usage: &[u8]) -> Option<Vec<u8>> {
        let nonce: [u8; NONCE_BYTES] = rand::random();
        let sealed = self.0.encrypt(&nonce.into(), Payload { msg: text, aad: usage }).ok()?;
        let mut bytes = Vec::with_capacity(1 + NONCE_BYTES + sealed.len());
        bytes.push(VERSION);
        bytes.extend_from_slice(&nonce);
        bytes.extend_from_slice(&sealed);
        Some(bytes)
    }

    fn unseal(&self, bytes: &[u8], usage: &[u8]) -> Option<Vec<u8>> {
        let (&version, rest) = bytes.split_first()?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_BYTES>()?;
        if version != VERSION {
            return None;
        }
        self.0.decrypt(&(*nonce).into(), Payload { msg: sealed, aad: usage }).ok()
    }

    /// Adds the three functions to a connection.
    pub(super) fn install(&self, connection: &Connection) -> rusqlite::Result<()> {
        let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DIRECTONLY;
        let vault = self.clone();
        connection.create_scalar_function("seal", 2, flags, move |context| {
            let (text, usage) = arguments(context)?;
            vault.seal(&text, &usage).ok_or_else(|| failed("a secret could not be encrypted"))
        })?;
        let vault = self.clone();
        connection.create_scalar_function("unseal", 2, flags, move |context| {
            let (bytes, usage) = arguments(context)?;
            let text = vault.unseal(&bytes, &usage);
            let text = text.and_then(|text| String::from_utf8(text).ok());
            text.ok_or_else(|| {
                failed("a secret could not be decrypted: it is damaged, or sealed with another key")
            })
        })?;
        connection.create_scalar_function("digest", 1, flags, |context| {
            Ok(Sha256::digest(context.get_raw(0).as_bytes()?).to_vec())
        })
    }
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Vault(..)")
    }
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

/// The key is on the disk before anything that needs it.
fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::options().write(true).truncate(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    match path.parent() {
        Some(folder) => File::open(folder).and_then(|folder| folder.sync_all()).or_else(ignore_unsupported),
        None => Ok(()),
    }
}

/// Not every file system can sync a folder.
fn ignore_unsupported(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::InvalidInput { Ok(()) } else { Err(error) }
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

    fn vault(folder: &Path) -> Vault {
        Vault::open(&folder.join("hub.key"), &folder.join("hub.sqlite"), false).unwrap()
    }

    #[test]
    fn a_sealed_text_opens_with_its_key_for_its_use_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (mine, other) = (vault(folder.path()), vault(tempfile::tempdir().unwrap().path()));
        let sealed = mine.seal(b"public", b"credential").unwrap();
        assert!(!sealed.windows(6).any(|window| window == b"public"));
        assert_eq!(vault(folder.path()).unseal(&sealed, b"credential").unwrap(), b"public");
        assert!(mine.unseal(&sealed, b"token").is_none());
        assert!(other.unseal(&sealed, b"credential").is_none());
        for at in 0..sealed.len() {
            let mut harmed = sealed.clone();
            harmed[at] ^= 1;
            assert!(mine.unseal(&harmed, b"credential").is_none(), "{at}");
            assert!(mine.unseal(&sealed[..at], b"credential").is_none(), "{at}");
        }
        assert_ne!(mine.seal(b"public", b"credential"), Some(sealed), "never twice the same");
    }

    #[test]
    fn a_key_that_is_gone_is_not_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let (key, database) = (folder.path().join("hub.key"), folder.path().join("hub.sqlite"));
        let error = Vault::open(&key, &database, true).unwrap_err();
        assert!(matches!(error, OpenError::KeyMissing { .. }), "{error:?}");
        assert!(!key.exists());
        fs::write(&key, "short").unwrap();
        assert!(matches!(Vault::open(&key, &database, true), Err(OpenError::Key { .. })));
    }
}
