//! What is too old, or too much, goes.

use std::{fmt, fs, io, path::Path, sync::Arc};

use grafolean_time::Timestamp;
use tracing::{info, warn};

use super::{ArchiveError, ArchiveMetrics, Catalog, Settings, WINDOW};

/// So many times the size that an archive may have are kept at most for files that are to stay: a full disk would cost
/// more than the oldest of them.
const HELD_FACTOR: u64 = 2;

/// Tells which files are to stay though they are too old or too much: those that are not yet where they are copied to.
#[derive(Clone)]
pub struct Held(Arc<dyn Fn(&Path) -> bool + Send + Sync>);

impl Held {
    /// Creates it by what tells whether a file is to stay.
    pub fn by(is_held: impl Fn(&Path) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(is_held))
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Held")
    }
}

/// Deletes whole files, the oldest first, until none is too old and all fit the size. What is held stays, up to twice the size. One that cannot be deleted stops none
/// of the others; the first such failure is returned in the end.
pub(super) fn retain(
    settings: &Settings,
    metrics: &ArchiveMetrics,
    now: Timestamp,
) -> Result<(), ArchiveError> {
    let catalog = Catalog::read(&settings.folder)?;
    let mut bytes: u64 = catalog.files.iter().chain(&catalog.pieces).map(|stored| stored.bytes).sum();
    let mut stuck = None;
    for stored in &catalog.files {
        let aged = now.since(stored.start + WINDOW) >= settings.age;
        if !aged && bytes <= settings.bytes {
            break;
        }
        let is_held = settings.held.as_ref().is_some_and(|Held(is_held)| is_held(&stored.path));
        if is_held && bytes <= settings.bytes.saturating_mul(HELD_FACTOR) {
            continue;
        }
        if is_held {
            metrics.files_uncopied.inc();
            warn!(path = %stored.path.display(), "raw flows are deleted before they could be copied: the disk has no room for more");
        }
        if let Err(error) = fs::remove_file(&stored.path)
            && error.kind() != io::ErrorKind::NotFound
        {
            // the others have to go all the same: the disk may be full
            stuck = stuck.or(Some(ArchiveError::file("delete", &stored.path)(error)));
            continue;
        }
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
    stuck.map_or(Ok(()), Err)
}

/// The hour's and the day's; a folder that is not empty stays.
fn remove_empty_folders(file: &Path) {
    for folder in file.ancestors().skip(1).take(2) {
        if fs::remove_dir(folder).is_err() {
            break;
        }
    }
}
