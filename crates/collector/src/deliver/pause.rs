//! How long to wait after a failure.

use std::time::Duration;

use rand::{RngExt, rngs::StdRng};

use super::settings::{FIRST_PAUSE, FIRST_SLOW_PAUSE, LONGEST_PAUSE, LONGEST_SLOW_PAUSE};

/// A pause that doubles with each failure up to a limit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pause {
    next: Duration,
    longest: Duration,
}

impl Pause {
    /// After a failure that may pass by itself.
    pub(super) const fn short() -> Self {
        Self { next: FIRST_PAUSE, longest: LONGEST_PAUSE }
    }

    /// After a refusal that a person has to mend.
    pub(super) const fn slow() -> Self {
        Self { next: FIRST_SLOW_PAUSE, longest: LONGEST_SLOW_PAUSE }
    }

    /// Gives the next pause: up to half less, so that bots which lost one backend together do not return together.
    pub(super) fn next(&mut self, jitter: &mut StdRng) -> Duration {
        let pause = self.next;
        self.next = pause.saturating_mul(2).min(self.longest);
        pause.mul_f64(jitter.random_range(0.5..=1.0))
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn pauses_double_up_to_their_limit_and_scatter_by_half() {
        let mut jitter = StdRng::seed_from_u64(7);
        let mut pause = Pause::slow();
        for minutes in [1, 2, 4, 8, 10, 10] {
            let longest = Duration::from_mins(minutes);
            let taken = pause.next(&mut jitter);
            assert!(taken >= longest / 2 && taken <= longest, "{taken:?} of {longest:?}");
        }
    }
}
