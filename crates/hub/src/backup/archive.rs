//! A hub's folder as one file: a tar archive of its databases, each as of one moment, and of the key of its secrets.

use std::{
    ffi::OsString,
    fs::{self, File},
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use rusqlite::{Connection, OpenFlags};

use super::{BackupError, in_database, in_file};
use crate::{
    Hub, Options,
    hub::{EVENTS, HUB, KEY, POINTS},
};

/// Writes a backup into a new file, which its owner alone may read, while a hub may run on the folder. It is there as a
/// whole or not at all.
pub fn backup(folder: &Path, file: &Path) -> Result<(), BackupError> {
    if file.exists() {
        return Err(BackupError::Exists { path: file.to_owned() });
    }
    if !folder.join(HUB).exists() {
        return Err(BackupError::NoHub { folder: folder.to_owned() });
    }
    let unfinished = beside(file, ".unfinished");
    let copies = beside(file, ".copies");
    let written = write(folder, &unfinished, &copies);
    let _ = fs::remove_dir_all(&copies);
    if let Err(error) = written {
        let _ = fs::remove_file(&unfinished);
        return Err(error);
    }
    fs::rename(&unfinished, file).map_err(in_file("write", file))
}

fn write(folder: &Path, unfinished: &Path, copies: &Path) -> Result<(), BackupError> {
    fs::DirBuilder::new().recursive(true).create(copies).map_err(in_file("write", copies))?;
    let failed = in_file("write", unfinished);
    let out = File::options().write(true).create(true).truncate(true).mode(0o600).open(unfinished);
    let mut archive = tar::Builder::new(out.map_err(&failed)?);
    // The values first: a series of an account that was made in between is then only missing.
    for name in [POINTS, EVENTS, HUB] {
        let (database, copy) = (folder.join(name), copies.join(name));
        if database.exists() {
            copy_database(&database, &copy)?;
            archive.append_path_with_name(&copy, name).map_err(&failed)?;
            fs::remove_file(&copy).map_err(in_file("remove", &copy))?;
        }
    }
    let key = folder.join(KEY);
    archive.append_path_with_name(&key, KEY).map_err(in_file("read", &key))?;
    archive.into_inner().and_then(|file| file.sync_all()).map_err(&failed)
}

/// Copies a database as of one moment, whatever is written meanwhile.
fn copy_database(database: &Path, copy: &Path) -> Result<(), BackupError> {
    let failed = in_database("copy", database);
    let _ = fs::remove_file(copy);
    grafolean_collector::private::create_file(copy).map_err(in_file("write", copy))?;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(database, flags).map_err(&failed)?;
    connection.execute("VACUUM INTO ?1", [copy.to_string_lossy()]).map_err(&failed)?;
    Ok(())
}

/// Puts a backup back into a folder without a hub, and opens it once to see that it is whole.
pub fn restore(file: &Path, folder: &Path) -> Result<(), BackupError> {
    if [HUB, POINTS, EVENTS, KEY].iter().any(|name| folder.join(name).exists()) {
        return Err(BackupError::NotEmpty { folder: folder.to_owned() });
    }
    fs::create_dir_all(folder).map_err(in_file("make", folder))?;
    let restored = unpack(file, folder).and_then(|()| {
        Hub::open(folder, Options::default())?;
        Ok(())
    });
    if restored.is_err() {
        for name in [HUB, POINTS, EVENTS, KEY] {
            let _ = fs::remove_file(folder.join(name));
        }
    }
    restored
}

fn unpack(file: &Path, folder: &Path) -> Result<(), BackupError> {
    let broken = |reason: String| BackupError::NotABackup { path: file.to_owned(), reason };
    let opened = File::open(file).map_err(in_file("read", file))?;
    let mut archive = tar::Archive::new(opened);
    let mut found = Vec::new();
    for entry in archive.entries().map_err(|error| broken(error.to_string()))? {
        let mut entry = entry.map_err(|error| broken(error.to_string()))?;
        let name = entry.path().map_err(|error| broken(error.to_string()))?.into_owned();
        // Nothing but what a backup holds is written, whatever the archive says where it belongs.
        let Some(name) = [HUB, POINTS, EVENTS, KEY].into_iter().find(|known| Path::new(known) == name) else {
            return Err(broken(format!("it holds {}", name.display())));
        };
        let path = folder.join(name);
        let mut out = File::options()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .map_err(in_file("write", &path))?;
        io::copy(&mut entry, &mut out).map_err(|error| broken(format!("{name}: {error}")))?;
        out.sync_all().map_err(in_file("write", &path))?;
        found.push(name);
    }
    match [HUB, KEY].into_iter().find(|name| !found.contains(name)) {
        Some(missing) => Err(broken(format!("{missing} is not in it"))),
        None => Ok(()),
    }
}

fn beside(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.file_name().map_or_else(OsString::new, ToOwned::to_owned);
    name.push(ending);
    file.with_file_name(name)
}
