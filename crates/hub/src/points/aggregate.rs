//! Means over buckets of hours.

use grafolean_collector::time::Timestamp;

use super::{Order, PointsError, Reader, SeriesId, Span};

const HOUR_MICROS: i64 = 3_600_000_000;

/// Points read at a time, so that years of one series never stand in memory together.
const PAGE_POINTS: usize = 64 * 1024;

/// How wide the buckets are: 3^level hours, level 0 to 6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AggregationLevel(u32);

impl AggregationLevel {
    /// The widest: 729 hours, about a month.
    pub const MAX: u32 = 6;

    /// Returns the level; `None` if there is no such.
    pub fn new(level: u32) -> Option<Self> {
        (level <= Self::MAX).then_some(Self(level))
    }

    fn width_micros(self) -> i64 {
        HOUR_MICROS * 3_i64.pow(self.0)
    }

    /// Returns the middle of the bucket that a moment lies in; buckets are counted from the epoch.
    fn middle(self, time: Timestamp) -> Timestamp {
        let width = self.width_micros();
        let start = time.micros().div_euclid(width).saturating_mul(width);
        Timestamp::from_micros(start.saturating_add(width / 2))
    }
}

/// What one bucket holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Aggregate {
    /// The middle of the bucket.
    pub time: Timestamp,
    /// The mean of its values.
    pub mean: f64,
    /// The lowest.
    pub min: f64,
    /// The highest.
    pub max: f64,
}

impl Reader {
    /// Returns the buckets of a series whose middles lie within a span, at most `limit`, and the time of the next one.
    pub fn aggregates(
        &self,
        id: SeriesId,
        level: AggregationLevel,
        span: Span,
        order: Order,
        limit: usize,
    ) -> Result<(Vec<Aggregate>, Option<Timestamp>), PointsError> {
        let half = level.width_micros() / 2;
        let mut rest = Span {
            from: Timestamp::from_micros(span.from.micros().saturating_sub(half)),
            until: Timestamp::from_micros(span.until.micros().saturating_add(half)),
        };
        let mut buckets: Vec<Bucket> = Vec::new();
        loop {
            let page = self.window(id, rest, Order::Ascending, PAGE_POINTS)?;
            for point in page.points {
                let middle = level.middle(point.time);
                match buckets.last_mut().filter(|bucket| bucket.middle == middle) {
                    Some(bucket) => bucket.add(point.value),
                    None => buckets.push(Bucket::new(middle, point.value)),
                }
            }
            match page.next {
                Some(next) => rest.from = next,
                None => break,
            }
        }
        let mut list: Vec<_> =
            buckets.iter().filter(|bucket| span.contains(bucket.middle)).map(Bucket::aggregate).collect();
        if order == Order::Descending {
            list.reverse();
        }
        let next = list.get(limit).map(|aggregate| aggregate.time);
        list.truncate(limit);
        Ok((list, next))
    }
}

struct Bucket {
    middle: Timestamp,
    mean: f64,
    count: f64,
    min: f64,
    max: f64,
}

impl Bucket {
    fn new(middle: Timestamp, value: f64) -> Self {
        Self { middle, mean: value, count: 1.0, min: value, max: value }
    }

    /// A running mean: the sum of large values could overflow.
    fn add(&mut self, value: f64) {
        self.count += 1.0;
        self.mean += value / self.count - self.mean / self.count;
        self.min = self.min.min(value);
        self.max = self.max.max(value);
    }

    fn aggregate(&self) -> Aggregate {
        Aggregate { time: self.middle, mean: self.mean, min: self.min, max: self.max }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_three_times_as_wide_as_the_one_below() {
        let time = Timestamp::from_seconds(1_700_000_000);
        let middles: Vec<_> =
            (0..=7).map_while(AggregationLevel::new).map(|l| l.middle(time).seconds()).collect();
        assert_eq!(middles.len(), 7);
        assert_eq!(middles[0], 1_700_000_000 / 3600 * 3600 + 1800);
        assert_eq!(middles[2], 1_700_000_000 / 32_400 * 32_400 + 16_200);
    }

    #[test]
    fn the_mean_of_huge_values_stays_finite() {
        let mut bucket = Bucket::new(Timestamp::default(), f64::MAX);
        bucket.add(f64::MAX);
        bucket.add(f64::MAX);
        assert!(bucket.aggregate().mean.is_finite());
    }
}
