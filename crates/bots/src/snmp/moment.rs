//! When something came, on a clock that no one sets.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A moment on the clock of one start of this machine. Rates divide by spans between moments, so a wall clock that is set
/// changes none. Moments of different starts cannot be compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// Which start; 0 is none.
    boot: u32,
    micros: u64,
}

impl Moment {
    /// Creates a moment so many microseconds after a start of the machine.
    pub const fn new(boot: u32, micros: u64) -> Self {
        Self { boot, micros }
    }

    /// Returns the span since an earlier moment; None if the two cannot be compared or it was no earlier one.
    pub fn since(self, earlier: Self) -> Option<Duration> {
        if self.boot != earlier.boot || self.boot == 0 {
            return None;
        }
        self.micros.checked_sub(earlier.micros).map(Duration::from_micros)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_moments_of_one_start_are_apart() {
        let early = Moment::new(7, 1_000);
        assert_eq!(Moment::new(7, 3_000).since(early), Some(Duration::from_millis(2)));
        assert_eq!(early.since(Moment::new(7, 3_000)), None);
        assert_eq!(Moment::new(8, 3_000).since(early), None);
        assert_eq!(Moment::default().since(Moment::default()), None, "none is known of either");
    }
}
