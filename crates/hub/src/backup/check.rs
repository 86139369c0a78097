//! Whether all that a hub keeps is as it was written.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::{BackupError, in_database};
use crate::{
    Hub, Options,
    hub::{HUB, POINTS},
    points::{self, Findings},
};

/// Reads every block and every row; changes nothing. A hub may run on the folder.
pub fn check(folder: &Path) -> Result<Findings, BackupError> {
    let hub = folder.join(HUB);
    if !hub.exists() {
        return Err(BackupError::NoHub { folder: folder.to_owned() });
    }
    let mut findings = Findings::default();
    let failed = in_database("look through", &hub);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(&hub, flags).map_err(&failed)?;
    let mut select = connection.prepare("PRAGMA integrity_check").map_err(&failed)?;
    let said = select.query_map((), |row| row.get::<_, String>(0)).map_err(&failed)?;
    for said in said {
        let said = said.map_err(&failed)?;
        if said != "ok" {
            findings.damaged.push(format!("{}: {said}", hub.display()));
        }
    }
    let points = folder.join(POINTS);
    if points.exists() {
        points::check(&points, &mut findings)?;
    }
    Ok(findings)
}

/// Sets aside what is not as it was written, so that all else can be used, and returns what that was. The hub must not
/// run.
pub fn repair(folder: &Path) -> Result<Findings, BackupError> {
    if !folder.join(HUB).exists() {
        return Err(BackupError::NoHub { folder: folder.to_owned() });
    }
    // Opening it takes its lock, and mends the journal.
    let before = check(folder)?;
    let hub = Hub::open(folder, Options::default())?;
    points::repair(&folder.join(POINTS))?;
    drop(hub);
    Ok(before)
}
