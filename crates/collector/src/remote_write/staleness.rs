//! Which series ended: readers of Prometheus go by a marker, not by a value that no longer holds.

use std::{collections::HashMap, sync::Arc};

use super::{point::Point, series::Series};

/// A value of a series that ended (the bits of Prometheus' `StaleNaN`).
pub const STALE: f64 = f64::from_bits(0x7ff0_0000_0000_0002);

/// A series of which nothing came for so many of its intervals has ended.
const MISSED: i64 = 3;

/// What a series may be late beyond that, in milliseconds: runs take time, and are delivered in groups.
const GRACE: i64 = 15_000;

/// Values that are older than this when they are sent are of the past: that nothing follows them says nothing of now, and
/// readers do not look back so far. In milliseconds.
const LIVE: i64 = 300_000;

/// The most series that are watched: 1,000,000 take about 100 MB. What comes beyond is sent without markers.
const MOST_WATCHED: usize = 1_000_000;

/// Watches series for their end.
#[derive(Default)]
pub(super) struct Staleness {
    series: HashMap<Arc<Series>, Watched>,
}

struct Watched {
    last: Point,
    /// The distance of the last two values, in milliseconds; 0 while there was one.
    interval: i64,
}

impl Staleness {
    /// Notes points that are about to be sent, at a moment in milliseconds.
    pub(super) fn seen(&mut self, points: &[Point], now: i64) {
        for point in points {
            if now.saturating_sub(point.time) > LIVE {
                continue;
            }
            if let Some(watched) = self.series.get_mut(&point.series) {
                let passed = point.time.saturating_sub(watched.last.time);
                if passed > 0 {
                    watched.interval = passed;
                    watched.last = point.clone();
                }
            } else if self.series.len() < MOST_WATCHED {
                self.series.insert(Arc::clone(&point.series), Watched { last: point.clone(), interval: 0 });
            }
        }
    }

    /// Returns the markers of series that ended before a moment, in milliseconds, and forgets these series. A marker
    /// stands just before the next value would have stood, so that one that is late is still taken.
    pub(super) fn ended(&mut self, now: i64) -> Vec<Point> {
        let is_over = |_: &Arc<Series>, watched: &mut Watched| {
            let longest = watched.interval.saturating_mul(MISSED).saturating_add(GRACE);
            watched.interval > 0 && now.saturating_sub(watched.last.time) > longest
        };
        let ended = self.series.extract_if(is_over);
        let mut markers: Vec<Point> =
            ended.map(|(_, Watched { last, interval })| last.followed_by(interval - 1, STALE)).collect();
        markers.sort_by_key(|marker| marker.time);
        markers
    }
}
