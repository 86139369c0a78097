//! A wall clock over Tokio's time.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use tokio::time::Instant;

use crate::time::{Clock, Timestamp};

/// A wall clock over Tokio's time that leaps when it is told to; a clone is the same clock.
///
/// With `tokio::time::pause` it only moves while every task waits, so a day passes as fast as its work is done. It is
/// to be read on the runtime's own threads.
#[derive(Clone, Debug)]
pub struct SimClock {
    origin: Instant,
    wall_micros_at_origin: Arc<AtomicI64>,
}

impl SimClock {
    /// A clock that shows `now`.
    pub fn at(now: Timestamp) -> Self {
        Self { origin: Instant::now(), wall_micros_at_origin: Arc::new(AtomicI64::new(now.micros())) }
    }

    /// Leaps by a number of seconds, back if it is negative, as a wall clock does that somebody sets.
    pub fn leap(&self, seconds: i64) {
        self.wall_micros_at_origin.fetch_add(Timestamp::from_seconds(seconds).micros(), Ordering::Relaxed);
    }
}

impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.wall_micros_at_origin.load(Ordering::Relaxed)) + self.origin.elapsed()
    }
}
