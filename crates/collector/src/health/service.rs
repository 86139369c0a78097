//! What systemd is told, if it asked.

use sd_notify::NotifyState;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::run::Heartbeat;

/// A unit of systemd of `Type=notify`, with or without `WatchdogSec=`. Does nothing where `NOTIFY_SOCKET` is not set.
#[derive(Debug)]
pub struct Service {
    /// What has to beat for the watchdog to be fed. A backend that is away is no reason to be killed, so nothing but
    /// the loop itself counts.
    pub heartbeat: Heartbeat,
    /// Ends the task.
    pub stop: CancellationToken,
}

impl Service {
    /// Says that the service is ready, feeds the watchdog while the heart beats, and says when it stops.
    pub async fn run(self) {
        notify(NotifyState::Ready);
        tokio::select! {
            biased;
            () = self.stop.cancelled() => {}
            () = feed_watchdog(&self.heartbeat) => {}
        }
        notify(NotifyState::Stopping);
    }
}

/// Ends never. Feeding three times in the time that is allowed leaves room for two that come late.
async fn feed_watchdog(heartbeat: &Heartbeat) {
    let Some(allowed) = sd_notify::watchdog_enabled() else { return std::future::pending().await };
    loop {
        if heartbeat.age() < allowed {
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
