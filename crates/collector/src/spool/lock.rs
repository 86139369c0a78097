//! One bot a spool: a lock that the kernel takes back whatever way the process ends.

use std::{
    fs::{File, TryLockError},
    io::{Read, Seek, Write},
    path::Path,
    process, thread,
    time::Duration,
};

use super::error::SpoolError;
use crate::private;

/// Holds the lock file beside the spool until it is dropped.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Whether nobody holds the lock.
    pub(super) fn is_free(spool: &Path) -> bool {
        let Ok(file) = File::open(spool.with_extension("lock")) else { return true };
        !matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
    }

    /// Creates the folder and takes the lock. The file stays when the lock goes: removing it would let two in.
    pub(super) fn take(spool: &Path) -> Result<Self, SpoolError> {
        let folder_error = |source| SpoolError::Folder { path: spool.to_owned(), source };
        if let Some(folder) = spool.parent() {
            private::create_folder(folder).map_err(folder_error)?;
        }
        for file in [spool.to_owned(), spool.with_extension("lock")] {
            private::create_file(&file).map_err(folder_error)?;
        }
        let mut file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(spool.with_extension("lock"))
            .map_err(folder_error)?;
        match locked(&file) {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(SpoolError::InUse { path: spool.to_owned(), owner: owner(&mut file) });
            }
            Err(TryLockError::Error(source)) => return Err(folder_error(source)),
        }
        // Who holds it is only said for people: on a full disk the lock holds all the same.
        let _ =
            file.set_len(0).and_then(|()| file.rewind()).and_then(|()| writeln!(file, "{}", process::id()));
        Ok(Self { _file: file })
    }
}

/// Acquires the lock, or finds that a reader from outside holds it for a moment.
fn locked(file: &File) -> Result<(), TryLockError> {
    for _ in 0..3 {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => thread::sleep(Duration::from_millis(10)),
            outcome => return outcome,
        }
    }
    file.try_lock()
}

fn owner(file: &mut File) -> String {
    let mut text = String::new();
    match file.read_to_string(&mut text) {
        Ok(_) if !text.trim().is_empty() => format!("process {}", text.trim()),
        _ => "another process".to_owned(),
    }
}
