//! The thread that makes files of pieces, and deletes what is too old: at a million flows a second a file has 300 MB, and who
//! writes pieces can't wait until it is synced.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::mpsc::Receiver,
};

use grafolean_time::Timestamp;
use tracing::{info, warn};

use super::{
    ArchiveError, ArchiveMetrics, Settings,
    assemble::assemble,
    layout,
    layout::{Group, Parts, Stem},
    retain::retain,
};

/// Windows that wait for their file. With more the writer waits, as the disk is slower than what comes; pieces then wait in
/// memory, and beyond [`super::BATCHES`] they are dropped and counted.
pub(super) const CLOSED_MAX: usize = 4;

/// A window that gets no more pieces.
#[derive(Debug)]
pub(super) struct Closed {
    pub(super) stem: Stem,
    pub(super) now: Timestamp,
}

/// Writes files of what a crash left. What is already a file is not written again.
pub(super) fn recover(folder: &Path) -> Result<(), ArchiveError> {
    layout::remove_unfinished(folder)?;
    for (stem, pieces) in layout::pieces(folder)? {
        let Some(target) = stem.path(folder) else { continue };
        if !target.exists() {
            let flows = assemble(&files(&pieces), &target)?;
            info!(path = %target.display(), flows, "raw flows of before the last stop are kept");
        }
        delete(&pieces);
    }
    Ok(())
}

/// Writes files until nobody closes windows any more.
pub(super) fn run(settings: &Settings, metrics: &ArchiveMetrics, closed: &Receiver<Closed>) {
    for Closed { stem, now } in closed {
        told(metrics, finish(&settings.folder, metrics, &stem));
        told(metrics, retain(settings, metrics, now));
    }
}

/// Counts and tells what went wrong.
pub(super) fn told(metrics: &ArchiveMetrics, done: Result<(), ArchiveError>) {
    if let Err(error) = done {
        metrics.errors.inc();
        warn!(%error, source = ?std::error::Error::source(&error), "raw flows are not kept as they should be");
    }
}

fn finish(folder: &Path, metrics: &ArchiveMetrics, stem: &Stem) -> Result<(), ArchiveError> {
    let pieces = layout::pieces(folder)?.remove(stem).unwrap_or_default();
    let Some(target) = stem.path(folder) else { return Ok(()) };
    // pieces that can't be put together are by the next start
    if assemble(&files(&pieces), &target)? > 0 {
        metrics.files.inc();
    }
    delete(&pieces);
    Ok(())
}

fn files(pieces: &Parts) -> Vec<PathBuf> {
    pieces.values().flat_map(Group::files).collect()
}

/// What is in the whole file serves no more; what can't be deleted is by the next start.
fn delete(pieces: &Parts) {
    for path in pieces.values().flat_map(Group::all) {
        let _ = fs::remove_file(path);
    }
}
