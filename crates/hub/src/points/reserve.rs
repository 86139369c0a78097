//! The disk that the hub is on: some of it stays free.

use std::path::{Path, PathBuf};

use grafolean_collector::time::Timestamp;
use rustix::fs::statvfs;

use super::{PointsError, PointsMetrics};
use crate::repeats::Repeats;

/// How much room there is on a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// What this process may still write.
    pub free: u64,
    /// All of it.
    pub size: u64,
}

impl Room {
    /// Returns the room beside a file; `None` where the system does not say.
    pub fn beside(file: &Path) -> Option<Self> {
        let disk = statvfs(file).ok()?;
        Some(Self {
            free: disk.f_bavail.saturating_mul(disk.f_frsize),
            size: disk.f_blocks.saturating_mul(disk.f_frsize),
        })
    }
}

/// Refuses values before the disk is full, and says early that it will be.
#[derive(Debug)]
pub(super) struct Reserve {
    file: PathBuf,
    bytes: u64,
    said: Repeats,
}

impl Reserve {
    /// Returns one for the disk of a file that leaves so much of it free.
    pub(super) fn new(file: &Path, bytes: u64) -> Self {
        Self { file: file.to_owned(), bytes, said: Repeats::default() }
    }

    /// Fails if so little is free that values have to wait.
    pub(super) fn check(&self, now: Timestamp, metrics: &PointsMetrics) -> Result<(), PointsError> {
        let Some(Room { free, .. }) = Room::beside(&self.file) else { return Ok(()) };
        metrics.disk_free_bytes.set(i64::try_from(free).unwrap_or(i64::MAX));
        metrics.disk_reserve_bytes.set(i64::try_from(self.bytes).unwrap_or(i64::MAX));
        let reserve = self.bytes;
        if free < reserve {
            return Err(PointsError::Reserve { path: self.file.clone(), free, reserve });
        }
        if free - reserve < reserve
            && let Some(times) = self.said.count("reserve", now)
        {
            let file = self.file.display();
            tracing::warn!(%file, free, reserve, times, "the hub's disk is nearly full: below the reserve values are refused");
        }
        Ok(())
    }
}
