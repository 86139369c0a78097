//! A database's file: private to its owner, and still the one that was opened.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// Creates the file, empty, unless it is there, and takes it from everyone but its owner: passwords of devices and
/// tokens stand in the databases. SQLite gives its log the same mode.
pub(crate) fn create_private(path: &Path) -> io::Result<()> {
    let file = File::options().create(true).truncate(false).write(true).mode(0o600).open(path)?;
    let mode = file.metadata()?.permissions().mode();
    if mode & 0o077 != 0 {
        file.set_permissions(fs::Permissions::from_mode(0o600))?;
    }
    Ok(())
}

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
    fn a_file_that_others_could_read_is_taken_from_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hub.sqlite");
        let mode = || fs::metadata(&path).unwrap().mode() & 0o777;
        create_private(&path).unwrap();
        assert_eq!(mode(), 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        create_private(&path).unwrap();
        assert_eq!(mode(), 0o600);
    }

    #[test]
    fn a_file_that_was_removed_or_replaced_is_not_the_one_that_was_opened() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hub.sqlite");
        create_private(&path).unwrap();
        let open = OpenFile::at(&path).unwrap();
        assert!(open.is_there());
        fs::rename(&path, folder.path().join("aside")).unwrap();
        assert!(!open.is_there());
        create_private(&path).unwrap();
        assert!(!open.is_there());
        fs::rename(folder.path().join("aside"), &path).unwrap();
        assert!(open.is_there());
    }
}
