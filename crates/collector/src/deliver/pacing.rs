//! When to send: how long to wait after a failure, and how fast the past is replayed.

use std::{num::NonZeroU32, time::Duration};

use rand::{RngExt, rngs::StdRng};
use tokio::time::Instant;

use super::settings::{FIRST_PAUSE, FIRST_SLOW_PAUSE, LONGEST_PAUSE, LONGEST_SLOW_PAUSE};

/// A pause that doubles with each failure up to a limit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Backoff {
    next: Duration,
    longest: Duration,
}

impl Backoff {
    /// After a failure that may pass by itself.
    pub(super) const fn short() -> Self {
        Self { next: FIRST_PAUSE, longest: LONGEST_PAUSE }
    }

    /// After a refusal that a person has to mend.
    pub(super) const fn slow() -> Self {
        Self { next: FIRST_SLOW_PAUSE, longest: LONGEST_SLOW_PAUSE }
    }

    /// Returns the next pause: up to half less, so that bots which lost one backend together do not return together;
    /// not shorter than the backend asked for.
    pub(super) fn next(&mut self, asked: Option<Duration>, jitter: &mut StdRng) -> Duration {
        let pause = self.next;
        self.next = pause.saturating_mul(2).min(self.longest);
        pause.mul_f64(jitter.random_range(0.5..=1.0)).max(asked.unwrap_or_default())
    }
}

/// A bucket that fills by the rate, holds a second's worth, and may be overdrawn once by a single large report.
#[derive(Clone, Copy, Debug)]
pub(super) struct TokenBucket {
    values_per_second: Option<NonZeroU32>,
    filled: f64,
    as_of: Instant,
}

/// Part of a second's worth that is waited for, so that the replay does not go value by value.
const MIN_REFILL: f64 = 0.1;

impl TokenBucket {
    pub(super) fn new(values_per_second: Option<NonZeroU32>, now: Instant) -> Self {
        Self { values_per_second, filled: values_per_second.map_or(0.0, rate), as_of: now }
    }

    /// Returns how many values may be replayed at this time, 0 if it has to wait.
    pub(super) fn allowed(&mut self, now: Instant) -> usize {
        let Some(rate) = self.values_per_second.map(rate) else { return usize::MAX };
        let passed = now.saturating_duration_since(self.as_of).as_secs_f64();
        self.filled = (self.filled + passed * rate).min(rate);
        self.as_of = now;
        if self.filled < min_refill(rate) {
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

    /// Returns when as many are there as are waited for; None if they are.
    pub(super) fn ready_at(&self) -> Option<Instant> {
        let rate = rate(self.values_per_second?);
        let missing = min_refill(rate) - self.filled;
        // A millisecond more, so that rounding never wakes it a moment too early.
        (missing > 0.0)
            .then(|| self.as_of + Duration::from_secs_f64(missing / rate) + Duration::from_millis(1))
    }
}

fn min_refill(rate: f64) -> f64 {
    (rate * MIN_REFILL).max(1.0)
}

fn rate(values_per_second: NonZeroU32) -> f64 {
    f64::from(values_per_second.get())
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn pauses_double_up_to_their_limit_and_scatter_by_half() {
        let mut jitter = StdRng::seed_from_u64(7);
        let mut backoff = Backoff::slow();
        for minutes in [1, 2, 4, 8, 10, 10] {
            let longest = Duration::from_mins(minutes);
            let taken = backoff.next(None, &mut jitter);
            assert!(taken >= longest / 2 && taken <= longest, "{taken:?} of {longest:?}");
        }
        assert_eq!(backoff.next(Some(Duration::from_hours(1)), &mut jitter), Duration::from_hours(1));
    }

    #[test]
    fn in_the_long_run_the_rate_is_kept_and_never_exceeded() {
        let start = Instant::now();
        let mut now = start;
        let mut bucket = TokenBucket::new(NonZeroU32::new(5_000), now);
        let mut replayed = 0;
        while now < start + Duration::from_secs(60) {
            match bucket.allowed(now) {
                0 => now = bucket.ready_at().unwrap(),
                allowed => {
                    // The spool gives whole reports: now and then one that is larger than what is allowed.
                    let taken = if replayed % 7 == 0 { allowed + 3_000 } else { allowed };
                    bucket.spend(taken);
                    replayed += taken;
                }
            }
        }
        assert!((295_000..=60 * 5_000 + 5_000 + 3_000).contains(&replayed), "{replayed}");
    }

    #[test]
    fn without_a_rate_nothing_is_held_back() {
        let mut bucket = TokenBucket::new(None, Instant::now());
        bucket.spend(1_000_000);
        assert_eq!(bucket.allowed(Instant::now()), usize::MAX);
    }
}
