//! What is not yet in blocks, in memory.

use std::{
    collections::{BinaryHeap, HashMap},
    iter, mem,
    sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use grafolean_collector::time::Timestamp;

use super::{Point, SeriesId, Span, journal::Entry, point::overlay};

/// What a series costs in memory beside its points: its place in the map and its list.
const SERIES_BYTES: usize = 128;

/// The points of one series, in the order in which they came.
#[derive(Debug, Default)]
struct Run {
    points: Vec<Point>,
    scrambled: bool,
    /// The one of the highest time, the later one of two: kept beside the list, so that a look at all series is a walk over
    /// the map alone.
    newest: Option<Point>,
}

impl Run {
    fn push(&mut self, point: Point) {
        self.scrambled |= self.points.last().is_some_and(|last| point.time <= last.time);
        if self.newest.is_none_or(|newest| point.time >= newest.time) {
            self.newest = Some(point);
        }
        self.points.push(point);
    }

    /// Returns the newest point up to and with a moment.
    fn newest(&self, at: Timestamp) -> Option<Point> {
        if let Some(newest) = self.newest.filter(|newest| newest.time <= at) {
            return Some(newest);
        }
        if self.scrambled {
            // Of equal times the last one counts, which is what max_by_key returns.
            let until = self.points.iter().filter(|point| point.time <= at);
            return until.max_by_key(|point| point.time).copied();
        }
        let end = self.points.partition_point(|point| point.time <= at);
        self.points.get(..end)?.last().copied()
    }

    /// Returns the points of a span ascending, of two at one time the later one.
    fn within(&self, span: Span) -> Vec<Point> {
        if !self.scrambled {
            let start = self.points.partition_point(|point| point.time < span.from);
            let end = self.points.partition_point(|point| point.time < span.until);
            return self.points.get(start..end).unwrap_or_default().to_vec();
        }
        let mut found: Vec<_> =
            self.points.iter().rev().filter(|point| span.contains(point.time)).copied().collect();
        found.sort_by_key(|point| point.time);
        found.dedup_by_key(|point| point.time);
        found
    }
}

/// Points by series.
#[derive(Debug, Default)]
pub(super) struct Layer {
    runs: HashMap<SeriesId, Run>,
    points: usize,
}

impl Layer {
    /// Adds points in the order in which they were accepted.
    pub(super) fn extend(&mut self, entries: &[Entry]) {
        for &(series, point) in entries {
            self.runs.entry(series).or_default().push(point);
        }
        self.points += entries.len();
    }

    /// Returns about how much memory it takes.
    pub(super) fn bytes(&self) -> usize {
        self.points * mem::size_of::<Point>() + self.runs.len() * SERIES_BYTES
    }

    /// Returns how many points a series has on average, rounded down.
    pub(super) fn points_per_series(&self) -> usize {
        self.points / self.runs.len().max(1)
    }

    /// Returns the points of one series within a span, ascending.
    pub(super) fn within(&self, series: SeriesId, span: Span) -> Vec<Point> {
        self.runs.get(&series).map(|run| run.within(span)).unwrap_or_default()
    }

    fn newest(&self, series: SeriesId, at: Timestamp) -> Option<Point> {
        self.runs.get(&series).and_then(|run| run.newest(at))
    }

    fn holds(&self, series: SeriesId) -> bool {
        self.runs.contains_key(&series)
    }

    /// Returns the series it holds, ascending.
    pub(super) fn series(&self) -> Vec<SeriesId> {
        let mut ids: Vec<_> = self.runs.keys().copied().collect();
        ids.sort_unstable();
        ids
    }

    fn forget(&mut self, series: SeriesId) {
        if let Some(run) = self.runs.remove(&series) {
            self.points -= run.points.len();
        }
    }
}

/// The two layers in memory: the one that takes values, and the one that is being sealed into blocks.
#[derive(Debug, Default)]
pub(super) struct Recent {
    /// Adds what is accepted.
    pub(super) active: Layer,
    /// Older than all of `active`; empty when nothing is being sealed.
    pub(super) sealing: Layer,
}

impl Recent {
    /// Returns the points of one series within a span, ascending.
    pub(super) fn within(&self, series: SeriesId, span: Span) -> Vec<Point> {
        overlay(self.sealing.within(series, span), self.active.within(series, span))
    }

    /// Returns the newest point of a series up to and with a moment.
    pub(super) fn newest(&self, series: SeriesId, at: Timestamp) -> Option<Point> {
        let (active, sealing) = (self.active.newest(series, at), self.sealing.newest(series, at));
        match (sealing, active) {
            (Some(sealing), Some(active)) if sealing.time > active.time => Some(sealing),
            (sealing, active) => active.or(sealing),
        }
    }

    /// Returns the newest point of each series up to and with a moment, the newest first. What is not asked for is not sorted.
    pub(super) fn newest_of_all(&self, at: Timestamp) -> impl Iterator<Item = (SeriesId, Point)> + use<> {
        let active = self.active.runs.iter().map(|(&id, run)| match self.sealing.holds(id) {
            true => (id, self.newest(id, at)),
            false => (id, run.newest(at)),
        });
        let sealing = self.sealing.runs.iter().filter(|(series, _)| !self.active.holds(**series));
        let all = active.chain(sealing.map(|(&id, run)| (id, run.newest(at))));
        let newest = all.filter_map(|(id, point)| point.map(|it| (it.time, id, it.value.to_bits())));
        let mut newest: BinaryHeap<_> = newest.collect::<Vec<_>>().into();
        iter::from_fn(move || newest.pop())
            .map(|(time, id, bits)| (id, Point { time, value: f64::from_bits(bits) }))
    }

    /// Whether any point of a series is not yet in blocks.
    pub(super) fn holds(&self, series: SeriesId) -> bool {
        self.active.holds(series) || self.sealing.holds(series)
    }

    /// Returns about how much memory both take.
    pub(super) fn bytes(&self) -> usize {
        self.active.bytes() + self.sealing.bytes()
    }

    /// Begins to seal what there is. The layer before it must be sealed.
    pub(super) fn freeze(&mut self) {
        self.sealing = mem::take(&mut self.active);
    }

    /// Drops a series that was deleted.
    pub(super) fn forget(&mut self, series: SeriesId) {
        self.active.forget(series);
        self.sealing.forget(series);
    }
}

/// The layers as the writer and the readers share them. The lock is held for copying, never for disk.
#[derive(Debug, Default)]
pub(super) struct SharedRecent(RwLock<Recent>);

impl SharedRecent {
    pub(super) fn read(&self) -> RwLockReadGuard<'_, Recent> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn write(&self) -> RwLockWriteGuard<'_, Recent> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERIES: SeriesId = SeriesId::new(1);

    fn entry(time: i64, value: f64) -> Entry {
        (SERIES, Point { time: Timestamp::from_micros(time), value })
    }

    fn read(recent: &Recent, span: Span) -> Vec<(i64, f64)> {
        recent.within(SERIES, span).iter().map(|point| (point.time.micros(), point.value)).collect()
    }

    #[test]
    fn of_two_values_at_one_time_the_later_one_is_read() {
        let mut recent = Recent::default();
        recent.active.extend(&[entry(5, 1.0), entry(3, 1.0), entry(5, 2.0)]);
        recent.freeze();
        assert_eq!(read(&recent, Span::ALL), [(3, 1.0), (5, 2.0)]);
        recent.active.extend(&[entry(3, 9.0), entry(4, 9.0)]);
        assert_eq!(read(&recent, Span::ALL), [(3, 9.0), (4, 9.0), (5, 2.0)]);
        assert_eq!(read(&recent, Span::up_to(Timestamp::from_micros(3))), [(3, 9.0)]);
    }

    #[test]
    fn the_newest_of_all_comes_first_from_whichever_layer_it_is() {
        let point = |series, time, value| {
            (SeriesId::new(series), Point { time: Timestamp::from_micros(time), value })
        };
        let mut recent = Recent::default();
        recent.active.extend(&[point(1, 5, 1.0), point(1, 3, 2.0), point(2, 4, 3.0), point(3, 9, 4.0)]);
        recent.freeze();
        recent.active.extend(&[point(2, 8, 5.0), point(2, 8, 6.0), point(3, 7, 7.0), point(4, 1, 8.0)]);
        let newest = |at| -> Vec<_> {
            let all = recent.newest_of_all(Timestamp::from_micros(at));
            all.map(|(id, point)| (id.number(), point.time.micros(), point.value)).collect()
        };
        assert_eq!(newest(100), [(3, 9, 4.0), (2, 8, 6.0), (1, 5, 1.0), (4, 1, 8.0)]);
        assert_eq!(newest(8), [(2, 8, 6.0), (3, 7, 7.0), (1, 5, 1.0), (4, 1, 8.0)]);
        assert_eq!(newest(4), [(2, 4, 3.0), (1, 3, 2.0), (4, 1, 8.0)]);
        assert_eq!(newest(0), []);
    }

    #[test]
    fn a_deleted_series_leaves_nothing() {
        let mut recent = Recent::default();
        recent.active.extend(&[entry(1, 1.0)]);
        recent.freeze();
        recent.active.extend(&[entry(2, 1.0)]);
        recent.forget(SERIES);
        assert_eq!(read(&recent, Span::ALL), []);
        assert_eq!((recent.active.bytes(), recent.sealing.bytes()), (0, 0));
    }
}
