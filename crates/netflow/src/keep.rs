//! What is kept over a restart: small files that are whole or not there.
//!
//! ```text
//!  0        4        8
//! | "GFK1" | crc32  | the value as postcard          the checksum is little-endian, of all that follows it
//! ```
//! A file is written beside its place, synced and renamed, so that a crash leaves the old one or the new one.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use serde::{Serialize, de::DeserializeOwned};
use thiserror::Error;

const MAGIC: &[u8; 4] = b"GFK1";

/// Why something could not be kept, or not be read again.
#[derive(Debug, Error)]
pub enum KeepError {
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
    /// The file is not what was written.
    #[error("{} is damaged or of another version ({length} bytes): it is left aside", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// How long it is.
        length: usize,
    },
    /// The value has no such form; ours all have.
    #[error("could not write down what belongs into {}", path.display())]
    Encoding {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: postcard::Error,
    },
}

/// Gives the bytes of a file that keeps a value.
pub(super) fn encode(path: &Path, value: &impl Serialize) -> Result<Vec<u8>, KeepError> {
    let head = [MAGIC.as_slice(), &[0; 4]].concat();
    let mut bytes = postcard::to_extend(value, head)
        .map_err(|source| KeepError::Encoding { path: path.to_owned(), source })?;
    let checksum = crc32fast::hash(bytes.get(8..).unwrap_or_default());
    if let Some(place) = bytes.get_mut(4..8) {
        place.copy_from_slice(&checksum.to_le_bytes());
    }
    Ok(bytes)
}

/// Puts bytes into a file's place, whole or not at all.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> Result<(), KeepError> {
    let beside = path.with_extension("new");
    let fault = |what| {
        let path = path.to_owned();
        move |source| KeepError::File { what, path, source }
    };
    let mut file = File::create(&beside).map_err(fault("create"))?;
    file.write_all(bytes).map_err(fault("write"))?;
    file.sync_all().map_err(fault("sync"))?;
    fs::rename(&beside, path).map_err(fault("replace"))?;
    let folder = path.parent().map(File::open).transpose().map_err(fault("open the folder of"))?;
    folder.map_or(Ok(()), |folder| folder.sync_all()).map_err(fault("sync the folder of"))
}

/// Reads a value again, if there is one.
pub(super) fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, KeepError> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(KeepError::File { what: "read", path: path.to_owned(), source }),
    };
    let damaged = || KeepError::Damaged { path: path.to_owned(), length: bytes.len() };
    let (head, body) = bytes.split_at_checked(8).ok_or_else(damaged)?;
    let expected = [MAGIC.as_slice(), &crc32fast::hash(body).to_le_bytes()].concat();
    if head != expected {
        return Err(damaged());
    }
    postcard::from_bytes(body).map(Some).map_err(|_| damaged())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_was_cut_or_changed_anywhere_is_told_from_a_whole_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("value.bin");
        assert_eq!(read::<Vec<u32>>(&path).unwrap(), None);
        let bytes = encode(&path, &vec![1_u32, 2, 300]).unwrap();
        replace(&path, &bytes).unwrap();
        assert_eq!(read(&path).unwrap(), Some(vec![1_u32, 2, 300]));
        for place in 0..bytes.len() {
            fs::write(&path, &bytes[..place]).unwrap();
            assert!(matches!(read::<Vec<u32>>(&path), Err(KeepError::Damaged { .. })), "cut at {place}");
            let mut changed = bytes.clone();
            changed[place] ^= 1;
            fs::write(&path, &changed).unwrap();
            assert!(matches!(read::<Vec<u32>>(&path), Err(KeepError::Damaged { .. })), "changed at {place}");
        }
    }
}
