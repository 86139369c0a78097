//! A file that only its owner may read: passwords of devices and tokens stand in the databases.

use std::{fs::File, io, path::Path};

/// Makes the file, empty, unless it is there. SQLite gives its log the same mode.
pub(crate) fn create(path: &Path) -> io::Result<()> {
    let mut options = File::options();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(path).map(drop)
}
