//! What some values amount to: mean, lowest, highest, and how many they are.

/// What some values amount to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Summary {
    pub(super) mean: f64,
    pub(super) min: f64,
    pub(super) max: f64,
    /// A whole number; as it stands in the formula of the mean.
    pub(super) count: f64,
}

impl Summary {
    /// Returns the summary of one value.
    pub(super) fn of(value: f64) -> Self {
        Self { mean: value, min: value, max: value, count: 1.0 }
    }

    /// Adds values that were summarised by themselves. The mean is a weighted one: a sum of large values could overflow.
    pub(super) fn add(&mut self, other: &Self) {
        let count = self.count + other.count;
        self.mean = self.mean * (self.count / count) + other.mean * (other.count / count);
        self.count = count;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }

    /// Returns how many values there are, as a whole number.
    pub(super) fn whole_count(&self) -> u64 {
        // What was counted in steps of one is exact up to 2^53.
        format!("{:.0}", self.count).parse().unwrap_or(u64::MAX)
    }

    /// Adds a value.
    pub(super) fn push(&mut self, value: f64) {
        self.count += 1.0;
        self.mean += value / self.count - self.mean / self.count;
        self.min = self.min.min(value);
        self.max = self.max.max(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_of_huge_values_stays_finite() {
        let mut summary = Summary::of(f64::MAX);
        summary.push(f64::MAX);
        summary.add(&Summary::of(f64::MAX));
        assert!(summary.mean.is_finite());
        assert_eq!(summary.count, 3.0);
    }

    #[test]
    fn parts_amount_to_what_the_whole_does() {
        let values = [3.0, -1.0, 7.5, 2.25, 9.0];
        let of = |values: &[f64]| {
            let mut summary = Summary::of(values[0]);
            values[1..].iter().for_each(|value| summary.push(*value));
            summary
        };
        let (mut parts, whole) = (of(&values[..2]), of(&values));
        parts.add(&of(&values[2..]));
        assert!((parts.mean - whole.mean).abs() < 1e-12);
        assert_eq!((parts.min, parts.max, parts.count), (whole.min, whole.max, whole.count));
    }
}
