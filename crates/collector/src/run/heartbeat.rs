//! Returns whether a loop still turns.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
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
    blocked: Arc<Mutex<Option<String>>>,
}

impl Default for Heartbeat {
    fn default() -> Self {
        Self { origin: Instant::now(), last_ms: Arc::default(), blocked: Arc::default() }
    }
}

impl Heartbeat {
    /// Notes that the loop turns.
    pub fn beat(&self) {
        self.last_ms.store(self.elapsed_ms(), Ordering::Relaxed);
    }

    /// Returns the time since the last beat.
    pub fn age(&self) -> Duration {
        Duration::from_millis(self.elapsed_ms().saturating_sub(self.last_ms.load(Ordering::Relaxed)))
    }

    /// Returns an error, in a sentence, if the loop hangs or can start nothing.
    pub fn fresh(&self) -> Result<(), String> {
        let age = self.age();
        if age >= STALE {
            return Err(format!("no job was looked at for {} s", age.as_secs()));
        }
        self.blocked().clone().map_or(Ok(()), Err)
    }

    /// Notes why the loop can start nothing; None if it can.
    pub(super) fn set_blocked(&self, reason: Option<String>) {
        *self.blocked() = reason;
    }

    fn blocked(&self) -> MutexGuard<'_, Option<String>> {
        self.blocked.lock().unwrap_or_else(PoisonError::into_inner)
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
