//! How fast a scan asks.

use std::{num::NonZeroU32, time::Duration};

use tokio::{
    sync::Mutex,
    time::{Instant, sleep_until},
};

/// No scan sends more packets a second, whatever is asked for: switches keep their own work to do, and a thousandth of
/// 10 Mbit/s is not a flood.
pub const MOST_PACKETS_A_SECOND: u32 = 2_000;

/// How far behind its turn a packet may be sent at once: what a busy machine missed is not made up for by a burst.
const MOST_BEHIND: Duration = Duration::from_millis(20);

/// Waits, before each packet, until it may be sent.
#[derive(Debug)]
pub(super) struct Pacing {
    gap: Duration,
    next: Mutex<Instant>,
}

impl Pacing {
    pub(super) fn new(packets_a_second: NonZeroU32) -> Self {
        let rate = packets_a_second.get().min(MOST_PACKETS_A_SECOND);
        Self { gap: Duration::from_secs(1) / rate, next: Mutex::new(Instant::now()) }
    }

    /// Waits for the turn of so many packets.
    pub(super) async fn turn(&self, packets: u32) {
        let at = {
            let mut next = self.next.lock().await;
            let earliest = Instant::now().checked_sub(MOST_BEHIND).unwrap_or(*next);
            let at = (*next).max(earliest);
            *next = at + self.gap * packets;
            at
        };
        sleep_until(at).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn no_more_packets_leave_in_a_second_than_are_allowed() {
        let pacing = Pacing::new(NonZeroU32::new(100).unwrap());
        let began = Instant::now();
        for _ in 0..200 {
            pacing.turn(1).await;
        }
        assert!(began.elapsed() >= Duration::from_millis(1_950), "{:?}", began.elapsed());
        tokio::time::sleep(Duration::from_secs(10)).await;
        let began = Instant::now();
        for _ in 0..100 {
            pacing.turn(1).await;
        }
        assert!(began.elapsed() >= Duration::from_millis(950), "a pause is not made up for");
        let fast = Pacing::new(NonZeroU32::MAX);
        let began = Instant::now();
        for _ in 0..2_000 {
            fast.turn(1).await;
        }
        assert!(began.elapsed() >= Duration::from_millis(950), "{:?}", began.elapsed());
    }
}
