//! What systemd is told, if it asked.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use sd_notify::NotifyState;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::run::Heartbeat;

/// The signs of life of all loops of a process; a clone holds the same.
#[derive(Clone, Debug, Default)]
pub struct Heartbeats(Arc<Mutex<Vec<Heartbeat>>>);

impl Heartbeats {
    /// Looks at a further one from now on.
    pub fn add(&self, heartbeat: Heartbeat) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(heartbeat);
    }

    /// Whether each of them beat within this time. A loop that has not begun is not among them.
    pub fn beat_within(&self, allowed: Duration) -> bool {
        let heartbeats = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        heartbeats.iter().all(|heartbeat| heartbeat.age() < allowed)
    }
}

/// A unit of systemd of `Type=notify`, with or without `WatchdogSec=`. Does nothing where `NOTIFY_SOCKET` is not set.
#[derive(Debug)]
pub struct Service {
    /// What has to beat for the watchdog to be fed. A backend that is away is no reason to be killed, so nothing but
    /// the loops themselves counts.
    pub heartbeats: Heartbeats,
    /// Ends the task.
    pub stop: CancellationToken,
}

impl Service {
    /// Notifies that the service is ready, feeds the watchdog while the heartbeats beat, and notifies when it stops.
    pub async fn run(self) {
        notify(NotifyState::Ready);
        tokio::select! {
            biased;
            () = self.stop.cancelled() => {}
            () = feed_watchdog(&self.heartbeats) => {}
        }
        notify(NotifyState::Stopping);
    }
}

/// Ends never. Feeding three times in the time that is allowed leaves room for two that come late.
async fn feed_watchdog(heartbeats: &Heartbeats) {
    let Some(allowed) = sd_notify::watchdog_enabled() else { return std::future::pending().await };
    loop {
        if heartbeats.beat_within(allowed) {
            notify(NotifyState::Watchdog);
        }
        sleep(allowed / 3).await;
    }
}

fn notify(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        debug!(%error, "could not notify systemd");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_loop_that_stands_still_is_not_hidden_by_those_that_turn() {
        let (heartbeats, turning, standing) =
            (Heartbeats::default(), Heartbeat::default(), Heartbeat::default());
        tokio::time::advance(Duration::from_secs(60)).await;
        let allowed = Duration::from_secs(30);
        assert!(heartbeats.beat_within(allowed), "nothing has begun");
        turning.beat();
        heartbeats.add(turning);
        assert!(heartbeats.clone().beat_within(allowed));
        heartbeats.add(standing.clone());
        assert!(!heartbeats.beat_within(allowed));
        standing.beat();
        assert!(heartbeats.beat_within(allowed));
    }
}
