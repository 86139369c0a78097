//! What is too old, or too much, goes.

use std::{fs, path::Path};

use grafolean_time::Timestamp;
use tracing::{info, warn};

use super::{ArchiveError, ArchiveMetrics, Catalog, Settings, WINDOW};

/// Deletes whole files, the oldest first, until none is too old and all fit the size.
pub(super) fn retain(
    settings: &Settings,
    metrics: &ArchiveMetrics,
    now: Timestamp,
) -> Result<(), ArchiveError> {
    let catalog = Catalog::read(&settings.folder)?;
    let mut bytes: u64 = catalog.files.iter().chain(&catalog.pieces).map(|stored| stored.bytes).sum();
    for stored in &catalog.files {
        let aged = now.since(stored.start + WINDOW) >= settings.age;
        if !aged && bytes <= settings.bytes {
            break;
        }
        fs::remove_file(&stored.path).map_err(ArchiveError::file("delete", &stored.path))?;
        bytes = bytes.saturating_sub(stored.bytes);
        let counter = if aged { &metrics.files_aged } else { &metrics.files_displaced };
        counter.inc();
        info!(path = %stored.path.display(), why = if aged { "age" } else { "size" }, "raw flows were deleted");
        remove_empty_folders(&stored.path);
    }
    metrics.bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
    if bytes > settings.bytes {
        warn!(
            bytes,
            most = settings.bytes,
            "the flows of the file under way alone are more than may be kept"
        );
    }
    Ok(())
}

/// The hour's and the day's; a folder that is not empty stays.
fn remove_empty_folders(file: &Path) {
    for folder in file.ancestors().skip(1).take(2) {
        if fs::remove_dir(folder).is_err() {
            break;
        }
    }
}
