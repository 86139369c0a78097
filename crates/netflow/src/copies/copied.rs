//! What is in object storage, remembered over restarts.
//!
//! ```text
//!  s3://bucket/prefix                                            where, else it is begun anew
//!  date=2026-11-26/hour=17/flows-20261126T170500Z.parquet        a line for each file that is there
//! ```

use std::{
    collections::HashSet,
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::super::archive::{ArchiveError, Stored};

const FILE: &str = "copied.txt";

/// The names of files that were copied.
#[derive(Debug)]
pub struct Copied {
    folder: PathBuf,
    place: String,
    names: Mutex<HashSet<String>>,
}

impl Copied {
    /// Reads what was copied from an archive's folder to a place. A line that a crash cut is none: its file is copied again.
    ///
    /// # Errors
    /// Fails if the file cannot be read.
    pub fn open(folder: &Path, place: &str) -> Result<Self, ArchiveError> {
        let path = folder.join(FILE);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidData) => {
                String::new()
            }
            Err(error) => return Err(ArchiveError::file("read", &path)(error)),
        };
        let mut lines = text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
        let is_same = lines.next() == Some(place);
        let names = lines.filter(|_| is_same).map(str::to_owned).collect();
        let copied = Self { folder: folder.to_owned(), place: place.to_owned(), names: Mutex::new(names) };
        copied.write()?;
        Ok(copied)
    }

    /// Whether a file is there.
    pub fn contains(&self, path: &Path) -> bool {
        self.name(path).is_some_and(|name| self.locked().contains(&name))
    }

    /// Returns the name of a file of the archive there.
    pub(super) fn name(&self, path: &Path) -> Option<String> {
        path.strip_prefix(&self.folder).ok()?.to_str().map(str::to_owned)
    }

    /// Remembers that a file is there; returns once that is on disk.
    pub(super) fn add(&self, path: &Path) -> Result<(), ArchiveError> {
        let Some(name) = self.name(path) else { return Ok(()) };
        let list = self.folder.join(FILE);
        let append = || {
            let mut file = File::options().append(true).create(true).open(&list)?;
            file.write_all(format!("{name}\n").as_bytes())?;
            file.sync_data()
        };
        append().map_err(ArchiveError::file("write", &list))?;
        self.locked().insert(name);
        Ok(())
    }

    /// Forgets files that the archive has no more.
    pub(super) fn forget_others(&self, files: &[Stored]) {
        let there: HashSet<String> = files.iter().filter_map(|file| self.name(&file.path)).collect();
        self.locked().retain(|name| there.contains(name));
    }

    /// Writes all of it anew, whole or not at all.
    fn write(&self) -> Result<(), ArchiveError> {
        let list = self.folder.join(FILE);
        let beside = self.folder.join(format!("{FILE}.part"));
        let mut text = format!("{}\n", self.place);
        for name in self.locked().iter() {
            text.push_str(name);
            text.push('\n');
        }
        let replace = || {
            fs::create_dir_all(&self.folder)?;
            let mut file = File::create(&beside)?;
            file.write_all(text.as_bytes())?;
            file.sync_data()?;
            fs::rename(&beside, &list)
        };
        replace().map_err(ArchiveError::file("write", &list))
    }

    fn locked(&self) -> MutexGuard<'_, HashSet<String>> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_copied_is_known_after_a_crash_and_not_at_another_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let copied = Copied::open(folder.path(), "s3://a").unwrap();
        copied.add(&path("date=1/hour=2/flows-1.parquet")).unwrap();
        copied.add(&path("date=1/hour=2/flows-2.parquet")).unwrap();
        // a crash cut the last line
        let list = fs::read_to_string(path(FILE)).unwrap();
        fs::write(path(FILE), list.get(..list.len() - 3).unwrap()).unwrap();
        let copied = Copied::open(folder.path(), "s3://a").unwrap();
        assert!(copied.contains(&path("date=1/hour=2/flows-1.parquet")));
        assert!(!copied.contains(&path("date=1/hour=2/flows-2.parquet")));
        copied.forget_others(&[]);
        assert!(!copied.contains(&path("date=1/hour=2/flows-1.parquet")));
        let other = Copied::open(folder.path(), "s3://b").unwrap();
        assert!(!other.contains(&path("date=1/hour=2/flows-1.parquet")));
    }
}
