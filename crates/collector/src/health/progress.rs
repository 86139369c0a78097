//! Whether what waits for the backend gets less.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, sleep};

use crate::{deliver::DeliveryMetrics, spool::Spool};

/// How often the queue is looked at.
const LOOK: Duration = Duration::from_secs(10);

/// A queue that does not move for this long is told: longer than any pause that a backend which is well brings about.
const STALL: Duration = Duration::from_mins(5);

/// Whether the queue moves; a clone tells the same.
#[derive(Clone, Debug)]
pub struct Progress {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    delivered: u64,
    waiting: u64,
    moved: Instant,
}

impl Default for Progress {
    fn default() -> Self {
        Self { state: Arc::new(Mutex::new(State { delivered: 0, waiting: 0, moved: Instant::now() })) }
    }
}

impl Progress {
    /// Looks at the queue for ever.
    pub(crate) async fn follow(&self, spool: &Spool, delivery: &DeliveryMetrics) {
        loop {
            self.note(delivery.delivered(), spool.statistics().queue.values);
            sleep(LOOK).await;
        }
    }

    /// Whether the queue moves; a sentence if it stands still.
    pub fn check(&self) -> Result<(), String> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let still = state.moved.elapsed();
        if state.waiting == 0 || still < STALL {
            return Ok(());
        }
        Err(format!("{} values wait and none was delivered for {} s", state.waiting, still.as_secs()))
    }

    fn note(&self, delivered: u64, waiting: u64) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting == 0 || delivered != state.delivered {
            state.moved = Instant::now();
        }
        (state.delivered, state.waiting) = (delivered, waiting);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn only_a_queue_that_stands_still_is_told() {
        let progress = Progress::default();
        for (delivered, waiting, well) in
            [(0, 0, true), (5, 9, true), (5, 20, false), (6, 19, true), (6, 0, true)]
        {
            tokio::time::advance(STALL).await;
            progress.note(delivered, waiting);
            assert_eq!(progress.check().is_ok(), well, "{delivered} delivered, {waiting} waiting");
        }
    }
}
