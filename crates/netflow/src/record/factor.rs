//! How much one observed packet stands for.

use serde::{Deserialize, Serialize};

/// A sampling factor: `sampled` packets of every `population` were observed.
///
/// A ratio of integers, so that scaling is exact: 1 of 1000, 10 of 65,536, or 1 of 1 where nothing is sampled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Factor {
    population: u32,
    sampled: u32,
}

impl Default for Factor {
    fn default() -> Self {
        Self::NONE
    }
}

impl Factor {
    /// Every packet was observed.
    pub const NONE: Self = Self { population: 1, sampled: 1 };

    /// One packet in `interval` was observed; 0 and 1 both mean every packet.
    pub const fn one_in(interval: u32) -> Self {
        Self::of(1, interval)
    }

    /// `sampled` packets of each `population` were observed. What makes no sense (none, or more than all) means every packet.
    pub const fn of(sampled: u32, population: u32) -> Self {
        if sampled == 0 || population < sampled { Self::NONE } else { Self { population, sampled } }
    }

    /// Parses a probability (samplingProbability, 311), to one in 2^24.
    pub fn from_probability(probability: f64) -> Self {
        const WHOLE: f64 = 16_777_216.0;
        if !(probability > 0.0 && probability <= 1.0) {
            return Self::NONE;
        }
        let population = f64_to_u32(1.0 / probability);
        if (f64::from(population) * probability - 1.0).abs() < 1e-6 {
            return Self::one_in(population);
        }
        Self::of(f64_to_u32(probability * WHOLE), f64_to_u32(WHOLE))
    }

    /// Whether every packet was observed.
    pub const fn is_none(self) -> bool {
        self.population == self.sampled
    }

    /// Packets of which [`sampled`](Self::sampled) were observed.
    pub const fn population(self) -> u32 {
        self.population
    }

    /// Packets observed of each [`population`](Self::population).
    pub const fn sampled(self) -> u32 {
        self.sampled
    }

    /// Returns the factor as a number, for people.
    pub fn as_f64(self) -> f64 {
        f64::from(self.population) / f64::from(self.sampled)
    }

    /// Returns the factor of two samplings one after the other: the second saw what the first passed on. Where its numbers
    /// would not fit it is rounded, by less than one part in 65,000.
    pub fn times(self, second: Self) -> Self {
        let population = u64::from(self.population) * u64::from(second.population);
        let sampled = u64::from(self.sampled) * u64::from(second.sampled);
        let narrow = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        let excess = (u64::BITS - population.leading_zeros()).saturating_sub(u32::BITS);
        if sampled >> excess >= 1 << 17 || excess == 0 {
            return Self::of(narrow(sampled >> excess), narrow(population >> excess));
        }
        Self::one_in(narrow((population + sampled / 2) / sampled))
    }

    /// Scales a count up, rounded to the nearest; what does not fit is the largest count there is.
    pub fn scale(self, count: u64) -> u64 {
        if self.is_none() {
            return count;
        }
        if self.sampled == 1 {
            return count.saturating_mul(u64::from(self.population));
        }
        let (population, sampled) = (u128::from(self.population), u128::from(self.sampled));
        u64::try_from((u128::from(count) * population + sampled / 2) / sampled).unwrap_or(u64::MAX)
    }
}

/// Rounds to the nearest; beyond either end gives that end.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float's `as` saturates, which is meant"
)]
fn f64_to_u32(number: f64) -> u32 {
    number.round() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_scaled_exactly_and_rounded_to_the_nearest() {
        assert_eq!(Factor::one_in(1000).scale(64), 64_000);
        assert_eq!(Factor::of(3, 10).scale(1), 3);
        assert_eq!(Factor::of(3, 10).scale(2), 7);
        assert_eq!(Factor::one_in(u32::MAX).scale(u64::MAX), u64::MAX);
    }

    #[test]
    fn senseless_samplings_leave_counts_alone() {
        for factor in
            [Factor::one_in(0), Factor::of(0, 10), Factor::of(10, 3), Factor::from_probability(f64::NAN)]
        {
            assert_eq!(factor.scale(7), 7, "{factor:?}");
        }
    }

    #[test]
    fn samplings_one_after_the_other_multiply() {
        assert_eq!(Factor::one_in(10).times(Factor::one_in(3)), Factor::one_in(30));
        assert_eq!(Factor::NONE.times(Factor::of(2, 7)), Factor::of(2, 7));
        let large = Factor::of(65_536, 1 << 24).times(Factor::of(65_536, 1 << 24));
        assert!((large.as_f64() - 65_536.0).abs() < 1.0, "{large:?}");
    }

    #[test]
    fn a_probability_becomes_the_ratio_it_was_made_from() {
        assert_eq!(Factor::from_probability(1.0 / 512.0), Factor::one_in(512));
        assert!((Factor::from_probability(0.3).as_f64() - 1.0 / 0.3).abs() < 1e-6);
    }
}
