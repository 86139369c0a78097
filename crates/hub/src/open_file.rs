//! A database's file: still the one that was opened.

use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// Which file a path named when it was opened. SQLite goes on with a file that was removed or replaced, and what it
/// writes there is lost when the process ends.
#[derive(Clone, Debug)]
pub(crate) struct OpenFile {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl OpenFile {
    /// Remembers which file the path names.
    pub(crate) fn at(path: &Path) -> io::Result<Self> {
        let metadata = fs::metadata(path)?;
        Ok(Self { path: path.to_owned(), device: metadata.dev(), inode: metadata.ino() })
    }

    /// Returns where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the path still names that file.
    pub(crate) fn is_there(&self) -> bool {
        fs::metadata(&self.path)
            .is_ok_and(|metadata| (metadata.dev(), metadata.ino()) == (self.device, self.inode))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_was_removed_or_replaced_is_not_the_one_that_was_opened() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hub.sqlite");
        fs::write(&path, "").unwrap();
        let open = OpenFile::at(&path).unwrap();
        assert!(open.is_there());
        fs::rename(&path, folder.path().join("aside")).unwrap();
        assert!(!open.is_there());
        fs::write(&path, "").unwrap();
        assert!(!open.is_there());
        fs::rename(folder.path().join("aside"), &path).unwrap();
        assert!(open.is_there());
    }
}
