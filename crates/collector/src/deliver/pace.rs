//! How fast the past is replayed.

use std::{num::NonZeroU32, time::Duration};

use tokio::time::Instant;

/// A bucket that fills by the rate, holds a second's worth, and may be overdrawn once by a single large report.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    values_per_second: Option<NonZeroU32>,
    filled: f64,
    as_of: Instant,
}

/// Part of a second's worth that is waited for, so that the replay does not go value by value.
const SIP: f64 = 0.1;

impl Pace {
    pub(super) fn new(values_per_second: Option<NonZeroU32>, now: Instant) -> Self {
        Self { values_per_second, filled: values_per_second.map_or(0.0, rate), as_of: now }
    }

    /// Gives how many values may be replayed at this time, 0 if it has to wait.
    pub(super) fn allowed(&mut self, now: Instant) -> usize {
        let Some(rate) = self.values_per_second.map(rate) else { return usize::MAX };
        let passed = now.saturating_duration_since(self.as_of).as_secs_f64();
        self.filled = (self.filled + passed * rate).min(rate);
        self.as_of = now;
        if self.filled < sip(rate) {
            return 0;
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 1 and a rate that is a u32"
        )]
        let whole = self.filled as u32;
        usize::try_from(whole).unwrap_or(usize::MAX)
    }

    pub(super) fn spend(&mut self, values: usize) {
        // A count of values in memory is far below 2^52.
        self.filled -= values as f64;
    }

    /// Gives when the next sip is there; None if it is.
    pub(super) fn ready_at(&self) -> Option<Instant> {
        let rate = rate(self.values_per_second?);
        let missing = sip(rate) - self.filled;
        // A millisecond more, so that rounding never wakes it a moment too early.
        (missing > 0.0)
            .then(|| self.as_of + Duration::from_secs_f64(missing / rate) + Duration::from_millis(1))
    }
}

fn sip(rate: f64) -> f64 {
    (rate * SIP).max(1.0)
}

fn rate(values_per_second: NonZeroU32) -> f64 {
    f64::from(values_per_second.get())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_the_long_run_the_rate_is_kept_and_never_exceeded() {
        let start = Instant::now();
        let mut now = start;
        let mut pace = Pace::new(NonZeroU32::new(5_000), now);
        let mut replayed = 0;
        while now < start + Duration::from_secs(60) {
            match pace.allowed(now) {
                0 => now = pace.ready_at().unwrap(),
                allowed => {
                    // The spool gives whole reports: now and then one that is larger than what is allowed.
                    let taken = if replayed % 7 == 0 { allowed + 3_000 } else { allowed };
                    pace.spend(taken);
                    replayed += taken;
                }
            }
        }
        assert!((295_000..=60 * 5_000 + 5_000 + 3_000).contains(&replayed), "{replayed}");
    }

    #[test]
    fn without_a_rate_nothing_is_held_back() {
        let mut pace = Pace::new(None, Instant::now());
        pace.spend(1_000_000);
        assert_eq!(pace.allowed(Instant::now()), usize::MAX);
    }
}
