//! Means over buckets of hours.

use grafolean_collector::time::Timestamp;

use super::{
    Order, PointsError, Reader, SeriesId, Span,
    hours::{self, HOUR_MICROS},
    summary::Summary,
};

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
        // What is left of hours whose values are no longer kept; an hour may have both.
        let mut buckets: Vec<Bucket> = Vec::new();
        for (hour, summary) in hours::read(&self.connection, id, rest)? {
            let middle = level.middle(hours::start(hour));
            match buckets.last_mut().filter(|bucket| bucket.middle == middle) {
                Some(bucket) => bucket.summary.add(&summary),
                None => buckets.push(Bucket { middle, summary }),
            }
        }
        let old = buckets.len();
        loop {
            let page = self.window(id, rest, Order::Ascending, PAGE_POINTS)?;
            for point in page.points {
                let middle = level.middle(point.time);
                match buckets.get_mut(old..).and_then(|new| new.last_mut()).filter(|b| b.middle == middle) {
                    Some(bucket) => bucket.summary.push(point.value),
                    None => buckets.push(Bucket { middle, summary: Summary::of(point.value) }),
                }
            }
            match page.next {
                Some(next) => rest.from = next,
                None => break,
            }
        }
        buckets.sort_by_key(|bucket| bucket.middle);
        buckets.dedup_by(|later, earlier| {
            let same = later.middle == earlier.middle;
            if same {
                earlier.summary.add(&later.summary);
            }
            same
        });
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
    summary: Summary,
}

impl Bucket {
    fn aggregate(&self) -> Aggregate {
        let Summary { mean, min, max, .. } = self.summary;
        Aggregate { time: self.middle, mean, min, max }
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
}
