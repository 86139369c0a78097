//! How much a spool may hold.

use std::time::Duration;

/// Dead letters beyond this many push out the oldest, counted as dropped by the limit `dead_letters`: enough to see
/// every kind of fault that a day brings, few enough to be listed.
pub const MAX_DEAD_LETTERS: u64 = 10_000;

/// Dead letters beyond this many bytes push out the oldest too: unreadable entries may be large.
pub const MAX_DEAD_LETTER_BYTES: u64 = 64 << 20;

/// What the queue may hold; beyond it the OLDEST is dropped, counted in values, and told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// On disk, counted as payload and [`Limits::ENTRY_OVERHEAD`] an entry. The default of 1 GiB holds about 20
    /// million values: 1,000 devices of 10 values a minute for more than a day.
    pub disk_bytes: u64,
    /// How long a report may wait. The default of 7 days bridges a long weekend nobody was there; older values
    /// seldom help anybody.
    pub age: Duration,
    /// In memory: what waits for the writer (more waits in `accept`), and what is held while the disk refuses
    /// writes. The default of 64 MiB is about a million values, half an hour of a busy bot.
    pub memory_bytes: u32,
}

impl Limits {
    /// What an entry costs on disk beside its payload: row header, columns, index.
    pub const ENTRY_OVERHEAD: u64 = 64;
}

impl Default for Limits {
    fn default() -> Self {
        Self { disk_bytes: 1 << 30, age: Duration::from_hours(7 * 24), memory_bytes: 64 << 20 }
    }
}
