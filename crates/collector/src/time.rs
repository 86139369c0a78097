//! Moments and who may read the clock.
//!
//! Everything that decides something takes `now` as an argument; only the run loop and the engines of the bots
//! hold a [`Clock`].

use std::time::{SystemTime, UNIX_EPOCH};

pub use grafolean_time::Timestamp;

/// A wall clock: the machine's, or a simulation's.
pub trait Clock: Send + Sync + 'static {
    /// Returns the present moment; it may jump in both directions, as wall clocks do.
    fn now(&self) -> Timestamp;
}

/// The machine's wall clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_micros(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX))
    }
}
