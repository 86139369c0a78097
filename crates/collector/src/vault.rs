//! Secrets at rest: encrypted under a key that stands in a file of its own, so that who gets hold of a database alone, as a
//! backup, has none of them.
//!
//! ```text
//!  0         1            25
//!  | version | nonce (24) | XChaCha20-Poly1305 of the text, bound to what it is used for |
//!  |   = 1   |            |                                                              |
//! ```

use std::{
    fmt,
    fs::File,
    io::{self, Read, Write},
    path::Path,
};

use chacha20poly1305::{
    XChaCha20Poly1305,
    aead::{Aead, KeyInit, Payload},
};

use crate::private;

const VERSION: u8 = 1;
const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 24;

/// Encrypts and decrypts.
#[derive(Clone)]
pub struct Vault(XChaCha20Poly1305);

/// Whether a key that is missing is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MissingKey {
    /// It is made: nothing was sealed with it.
    Made,
    /// It is an error: something was.
    Refused,
}

impl Vault {
    /// Reads the key, or makes one.
    ///
    /// # Errors
    /// Fails if the file cannot be read or made, or holds something else.
    pub fn open(key_file: &Path, missing: MissingKey) -> io::Result<Self> {
        if missing == MissingKey::Refused && !key_file.exists() {
            return Err(io::ErrorKind::NotFound.into());
        }
        private::create_file(key_file)?;
        let mut key = Vec::new();
        File::open(key_file).and_then(|mut file| file.read_to_end(&mut key))?;
        if key.is_empty() && missing == MissingKey::Made {
            key = rand::random::<[u8; KEY_BYTES]>().to_vec();
            write_synced(key_file, &key)?;
        }
        let found = key.len();
        let key: [u8; KEY_BYTES] = key.try_into().map_err(|_| {
            let reason = format!("expected a key of {KEY_BYTES} bytes, found {found}");
            io::Error::new(io::ErrorKind::InvalidData, reason)
        })?;
        Ok(Self(XChaCha20Poly1305::new(&key.into())))
    }

    /// Encrypts a text for a use; `None` if it is too long to be encrypted.
    pub fn seal(&self, text: &[u8], usage: &[u8]) -> Option<Vec<u8>> {
        let nonce: [u8; NONCE_BYTES] = rand::random();
        let sealed = self.0.encrypt(&nonce.into(), Payload { msg: text, aad: usage }).ok()?;
        let mut bytes = Vec::with_capacity(1 + NONCE_BYTES + sealed.len());
        bytes.push(VERSION);
        bytes.extend_from_slice(&nonce);
        bytes.extend_from_slice(&sealed);
        Some(bytes)
    }

    /// Decrypts a text; `None` if it is damaged, or was sealed with another key or for another use.
    pub fn unseal(&self, bytes: &[u8], usage: &[u8]) -> Option<Vec<u8>> {
        let (&version, rest) = bytes.split_first()?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_BYTES>()?;
        if version != VERSION {
            return None;
        }
        self.0.decrypt(&(*nonce).into(), Payload { msg: sealed, aad: usage }).ok()
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Vault(..)")
    }
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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn vault(folder: &Path) -> Vault {
        Vault::open(&folder.join("key"), MissingKey::Made).unwrap()
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
    fn a_key_that_is_gone_is_not_made_anew_and_one_that_is_none_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("key");
        assert_eq!(Vault::open(&key, MissingKey::Refused).unwrap_err().kind(), io::ErrorKind::NotFound);
        assert!(!key.exists());
        fs::write(&key, "short").unwrap();
        let error = Vault::open(&key, MissingKey::Made).unwrap_err().to_string();
        assert_eq!(error, "expected a key of 32 bytes, found 5");
    }
}
