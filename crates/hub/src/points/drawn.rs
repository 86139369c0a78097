//! Series as charts draw them: single values where there is room for them, else buckets that lose no peak.

use std::time::Duration;

use grafolean_collector::time::Timestamp;

use super::{Order, Point, PointsError, Reader, SeriesId, Span, hours, summary::Summary};

/// Points read at a time, so that years of one series never stand in memory together.
const PAGE_POINTS: usize = 64 * 1024;

/// Widths of buckets, in seconds: those in which people count time. A day is the longest; beyond it whole days.
const WIDTHS_S: [u64; 16] =
    [10, 20, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 14_400, 21_600, 43_200, DAY_S];
const DAY_S: u64 = 86_400;
const HOUR: Duration = Duration::from_secs(3_600);

/// A series within a span.
#[derive(Clone, Debug, PartialEq)]
pub enum Drawn {
    /// All of its values.
    Values(Vec<Point>),
    /// Buckets of this width, counted from the epoch, those without a value left out.
    Buckets(Duration, Vec<Bucket>),
}

/// What one bucket holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bucket {
    /// Where it begins.
    pub start: Timestamp,
    /// The mean of its values.
    pub mean: f64,
    /// The lowest of them.
    pub lowest: f64,
    /// The highest of them.
    pub highest: f64,
    /// How many there are.
    pub count: u64,
}

impl Reader {
    /// Returns a series within a span in at most `most` values, or about as many buckets. Those at its ends are whole: they
    /// hold also what lies just outside.
    pub fn drawn(&self, id: SeriesId, span: Span, most: usize) -> Result<Drawn, PointsError> {
        let window = self.window(id, span, Order::Ascending, most)?;
        // Of what is no longer kept there are hours alone.
        let has_hours = !hours::read(&self.connection, id, span)?.is_empty();
        if window.next.is_none() && !has_hours {
            return Ok(Drawn::Values(window.points));
        }
        let width = width(span, most);
        let width = if has_hours { width.max(HOUR) } else { width };
        Ok(Drawn::Buckets(width, self.buckets(id, span, width)?))
    }

    /// Returns the buckets of a series that a span touches.
    pub fn buckets(&self, id: SeriesId, span: Span, width: Duration) -> Result<Vec<Bucket>, PointsError> {
        let micros = i64::try_from(width.as_micros()).unwrap_or(i64::MAX).max(1);
        let start_of = |time: Timestamp| time.micros().div_euclid(micros).saturating_mul(micros);
        let last = start_of(Timestamp::from_micros(span.until.micros().saturating_sub(1)));
        let mut rest = Span {
            from: Timestamp::from_micros(start_of(span.from)),
            until: Timestamp::from_micros(last.saturating_add(micros)),
        };
        let mut buckets: Vec<Bucket> = Vec::new();
        for (hour, summary) in hours::read(&self.connection, id, rest)? {
            let start = Timestamp::from_micros(start_of(hours::start(hour)));
            let hour = Bucket::summarising(start, summary);
            match buckets.last_mut().filter(|bucket| bucket.start == start) {
                Some(bucket) => bucket.merge(&hour),
                None => buckets.push(hour),
            }
        }
        let of_hours = buckets.len();
        loop {
            let page = self.window(id, rest, Order::Ascending, PAGE_POINTS)?;
            for point in page.points {
                let start = Timestamp::from_micros(start_of(point.time));
                let new = buckets.get_mut(of_hours..).and_then(|new| new.last_mut());
                match new.filter(|bucket| bucket.start == start) {
                    Some(bucket) => bucket.add(point.value),
                    None => buckets.push(Bucket::of(start, point.value)),
                }
            }
            match page.next {
                Some(next) => rest.from = next,
                None => break,
            }
        }
        if of_hours > 0 {
            // Where values end and hours begin a bucket may have both.
            buckets.sort_by_key(|bucket| bucket.start);
            buckets.dedup_by(|later, earlier| {
                let same = later.start == earlier.start;
                if same {
                    earlier.merge(later);
                }
                same
            });
        }
        Ok(buckets)
    }
}

impl Bucket {
    fn of(start: Timestamp, value: f64) -> Self {
        Self { start, mean: value, lowest: value, highest: value, count: 1 }
    }

    fn summarising(start: Timestamp, hour: Summary) -> Self {
        let Summary { mean, min, max, .. } = hour;
        Self { start, mean, lowest: min, highest: max, count: hour.whole_count() }
    }

    fn merge(&mut self, other: &Self) {
        let count = (self.count + other.count) as f64;
        self.mean = self.mean * (self.count as f64 / count) + other.mean * (other.count as f64 / count);
        self.lowest = self.lowest.min(other.lowest);
        self.highest = self.highest.max(other.highest);
        self.count += other.count;
    }

    /// A running mean: the sum of large values could overflow.
    fn add(&mut self, value: f64) {
        self.count += 1;
        let count = self.count as f64;
        self.mean += value / count - self.mean / count;
        self.lowest = self.lowest.min(value);
        self.highest = self.highest.max(value);
    }
}

/// Returns the narrowest width in which a span has at most so many buckets.
fn width(span: Span, most: usize) -> Duration {
    let seconds = span.until.since(span.from).as_secs();
    let least = seconds.div_ceil(u64::try_from(most.max(1)).unwrap_or(u64::MAX));
    let known = WIDTHS_S.into_iter().find(|width| *width >= least);
    Duration::from_secs(known.unwrap_or_else(|| least.div_ceil(DAY_S) * DAY_S))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_as_wide_as_people_count_time() {
        for (seconds, most, wanted) in [
            (3_600, 400, 10),
            (86_400, 300, 300),
            (7 * 86_400, 300, 3_600),
            (30 * 86_400, 300, 3 * 3_600),
            (366 * 86_400, 300, 2 * 86_400),
        ] {
            let span = Span { from: Timestamp::from_seconds(0), until: Timestamp::from_seconds(seconds) };
            assert_eq!(width(span, most).as_secs(), wanted, "{seconds} s in {most}");
        }
    }

    #[test]
    fn the_mean_of_huge_values_stays_finite() {
        let mut bucket = Bucket::of(Timestamp::default(), f64::MAX);
        bucket.add(f64::MAX);
        assert!(bucket.mean.is_finite());
    }
}
