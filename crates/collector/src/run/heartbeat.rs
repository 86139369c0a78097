//! Tells whether a loop still turns.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

/// A loop that turns every second and did not for this long hangs, or the machine is in trouble.
const STALE: Duration = Duration::from_secs(30);

/// The sign of life of a loop; a clone beats with it.
#[derive(Clone, Debug)]
pub struct Heartbeat {
    origin: Instant,
    last_ms: Arc<AtomicU64>,
}

impl Default for Heartbeat {
    fn default() -> Self {
        Self { origin: Instant::now(), last_ms: Arc::default() }
    }
}

impl Heartbeat {
    /// Says that the loop turns.
    pub fn beat(&self) {
        self.last_ms.store(self.elapsed_ms(), Ordering::Relaxed);
    }

    /// Gives the time since the last beat.
    pub fn age(&self) -> Duration {
        Duration::from_millis(self.elapsed_ms().saturating_sub(self.last_ms.load(Ordering::Relaxed)))
    }

    /// Tells, in a sentence, that the loop hangs.
    pub fn fresh(&self) -> Result<(), String> {
        let age = self.age();
        if age < STALE { Ok(()) } else { Err(format!("no job was looked at for {} s", age.as_secs())) }
    }

    fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.origin.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_loop_that_stands_still_grows_old() {
        let heartbeat = Heartbeat::default();
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(heartbeat.age(), Duration::from_secs(5));
        heartbeat.clone().beat();
        assert_eq!(heartbeat.age(), Duration::ZERO);
    }
}
