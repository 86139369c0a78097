//! How far an import came: one that was stopped goes on there.

use std::{
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    io::{self, Write},
    path::{Path, PathBuf},
};

use anyhow::Context;
use grafolean_collector::time::Timestamp;

/// The mark of one import, in a file of its own: the moment before which all is imported.
pub(super) struct Mark(PathBuf);

impl Mark {
    /// Returns the mark of what tells an import from all others.
    pub(super) fn of(data: &Path, import: &impl Hash) -> Self {
        // The same for the same program; another one begins anew, which does no harm.
        let mut hasher = DefaultHasher::new();
        import.hash(&mut hasher);
        Self(data.join("import").join(format!("prometheus-{:016x}", hasher.finish())))
    }

    /// Returns how far it came, if it was begun.
    pub(super) fn read(&self) -> anyhow::Result<Option<Timestamp>> {
        match fs::read_to_string(&self.0) {
            Ok(text) => Ok(text.trim().parse().ok().map(Timestamp::from_micros)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", self.0.display())),
        }
    }

    /// Keeps how far it came.
    pub(super) fn write(&self, done: Timestamp) -> anyhow::Result<()> {
        let beside = self.0.with_extension("new");
        let write = || {
            fs::create_dir_all(self.0.parent().unwrap_or(Path::new(".")))?;
            let mut file = fs::File::create(&beside)?;
            writeln!(file, "{}", done.micros())?;
            file.sync_all()?;
            fs::rename(&beside, &self.0)
        };
        write().with_context(|| format!("cannot write {}", self.0.display()))
    }

    /// Removes it: the import is done.
    pub(super) fn remove(&self) -> anyhow::Result<()> {
        match fs::remove_file(&self.0) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("cannot delete {}", self.0.display()))
            }
            _ => Ok(()),
        }
    }
}
