//! A value at a time, and which times are asked for.

use grafolean_collector::{model::Id, time::Timestamp};

/// One path of one account; it exists only as the owner of a [`SeriesId`].
#[derive(Debug)]
pub enum Series {}

/// The id of a series; the API calls it the id of a path.
pub type SeriesId = Id<Series>;

/// A value at a time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// When it was due.
    pub time: Timestamp,
    /// The number, finite.
    pub value: f64,
}

/// The times from `from` until just before `until`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first moment that belongs to it.
    pub from: Timestamp,
    /// The first moment that no longer does.
    pub until: Timestamp,
}

impl Span {
    /// All times.
    pub const ALL: Self =
        Self { from: Timestamp::from_micros(i64::MIN), until: Timestamp::from_micros(i64::MAX) };

    /// Returns all times up to and with a moment.
    pub fn up_to(last: Timestamp) -> Self {
        Self { until: Timestamp::from_micros(last.micros().saturating_add(1)), ..Self::ALL }
    }

    /// Whether a moment belongs to it.
    pub fn contains(&self, time: Timestamp) -> bool {
        self.from <= time && time < self.until
    }
}

/// Which end of a span comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// The oldest.
    #[default]
    Ascending,
    /// The newest.
    Descending,
}

/// Lays newer points over older ones: both ascending; where both have a time, the newer value stands.
pub(super) fn overlay(older: Vec<Point>, newer: Vec<Point>) -> Vec<Point> {
    if newer.is_empty() {
        return older;
    }
    let mut merged = Vec::with_capacity(older.len() + newer.len());
    let mut newer = newer.into_iter().peekable();
    for point in older {
        while let Some(earlier) = newer.next_if(|candidate| candidate.time < point.time) {
            merged.push(earlier);
        }
        if newer.peek().is_none_or(|candidate| candidate.time != point.time) {
            merged.push(point);
        }
    }
    merged.extend(newer);
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(pairs: &[(i64, f64)]) -> Vec<Point> {
        pairs.iter().map(|&(time, value)| Point { time: Timestamp::from_micros(time), value }).collect()
    }

    #[test]
    fn where_both_have_a_time_the_newer_value_stands() {
        let older = points(&[(1, 1.0), (3, 3.0), (5, 5.0)]);
        let newer = points(&[(0, 10.0), (3, 13.0), (4, 14.0), (6, 16.0)]);
        let merged = overlay(older, newer);
        assert_eq!(merged, points(&[(0, 10.0), (1, 1.0), (3, 13.0), (4, 14.0), (5, 5.0), (6, 16.0)]));
    }

    #[test]
    fn a_span_ends_just_before_its_end() {
        let span = Span { from: Timestamp::from_micros(1), until: Timestamp::from_micros(3) };
        assert_eq!(
            [0, 1, 2, 3].map(|t| span.contains(Timestamp::from_micros(t))),
            [false, true, true, false]
        );
        assert!(Span::up_to(Timestamp::from_micros(3)).contains(Timestamp::from_micros(3)));
    }
}
