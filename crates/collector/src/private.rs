//! Files and folders for their owner alone: devices' passwords and what is measured stand in them.

use std::{
    fs::{self, DirBuilder, File, Permissions},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::Path,
};

/// What a private file may be used for.
const FILE: u32 = 0o600;

/// The same of a folder.
const FOLDER: u32 = 0o700;

/// Creates a file, empty, unless it is there, and takes it from everyone but its owner. SQLite gives what it keeps beside
/// a database the same mode.
///
/// # Errors
/// Fails with what the system refuses.
pub fn create_file(path: &Path) -> io::Result<()> {
    let file = File::options().create(true).truncate(false).append(true).mode(FILE).open(path)?;
    if file.metadata()?.permissions().mode() & 0o077 != 0 {
        file.set_permissions(Permissions::from_mode(FILE))?;
    }
    Ok(())
}

/// Creates a folder and those above it that are missing, closed to others. One that is there stays as whoever made it
/// wants it.
///
/// # Errors
/// Fails with what the system refuses.
pub fn create_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(FOLDER).create(path)
}

/// Closes a file that is there to everyone but its owner.
///
/// # Errors
/// Fails with what the system refuses.
pub fn close(path: &Path) -> io::Result<()> {
    fs::set_permissions(path, Permissions::from_mode(FILE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_others_could_read_is_taken_from_them() {
        let folder = tempfile::tempdir().unwrap();
        let (inner, file) = (folder.path().join("a/b"), folder.path().join("a/b/file"));
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        create_folder(&inner).unwrap();
        assert_eq!((mode(&inner), mode(inner.parent().unwrap())), (0o700, 0o700));
        create_file(&file).unwrap();
        assert_eq!(mode(&file), 0o600);
        fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
        fs::write(&file, "kept").unwrap();
        create_file(&file).unwrap();
        assert_eq!((mode(&file), fs::read_to_string(&file).unwrap().as_str()), (0o600, "kept"));
    }
}
