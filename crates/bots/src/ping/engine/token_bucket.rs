//! How fast packets may leave. Pure.

use std::{
    num::NonZeroU16,
    time::{Duration, Instant},
};

/// The engine does one round of its work a millisecond: at 10,000 pings a second ten at a time, which is where most
/// of its speed comes from. A round trip is not measured by it, kernel time stamps are.
pub(super) const TURN: Duration = Duration::from_millis(1);

/// After a pause, what two turns may send: enough to make up for a turn that came late, no burst.
const MOST_CREDIT: Duration = Duration::from_millis(2);

/// A bucket of sending time: each packet costs a turn divided by the packets a turn may send.
pub(super) struct TokenBucket {
    cost: Duration,
    credit: Duration,
    last: Instant,
}

impl TokenBucket {
    pub(super) fn new(packets_per_ms: NonZeroU16, now: Instant) -> Self {
        Self { cost: TURN / u32::from(packets_per_ms.get()), credit: TURN, last: now }
    }

    /// Returns how many packets may leave.
    pub(super) fn allowance(&mut self, now: Instant) -> usize {
        self.credit = MOST_CREDIT.min(self.credit + now.saturating_duration_since(self.last));
        self.last = now;
        usize::try_from(self.credit.as_nanos() / self.cost.as_nanos().max(1)).unwrap_or(usize::MAX)
    }

    /// Notes that packets have left.
    pub(super) fn spend(&mut self, packets: usize) {
        let spent = self.cost.saturating_mul(u32::try_from(packets).unwrap_or(u32::MAX));
        self.credit = self.credit.saturating_sub(spent);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn over_a_second_the_pace_is_kept_and_no_burst_follows_a_pause() {
        let start = Instant::now();
        let mut pace = TokenBucket::new(NonZeroU16::new(20).unwrap(), start);
        let mut sent = 0;
        for turn in 1..=943 {
            let allowed = pace.allowance(start + Duration::from_micros(1_060) * turn);
            assert!(allowed <= 40, "{allowed}");
            pace.spend(allowed);
            sent += allowed;
        }
        assert!((19_900..=20_060).contains(&sent), "{sent}");
        assert_eq!(pace.allowance(start + Duration::from_secs(60)), 40);
    }
}
