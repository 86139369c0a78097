//! Recent points of one series become blocks.
//!
//! Blocks of a series never overlap. New points go into the block they fall into or follow; one that is full is left
//! as it is when the new points follow it. What grows beyond a block's size is cut: at the end of a series into full
//! blocks and a rest that is filled later, elsewhere into even parts, as a B-tree does.

use grafolean_collector::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row};

use super::{
    Point, PointsMetrics, SeriesId, block, damage,
    error::{Context, PointsError},
    latest,
    point::overlay,
};

/// The blocks of one series, within a transaction.
pub(super) struct Blocks<'a> {
    /// The transaction.
    pub(super) connection: &'a Connection,
    /// The series.
    pub(super) series: SeriesId,
    /// Points in a full block.
    pub(super) full: usize,
    /// Where damage is counted.
    pub(super) metrics: &'a PointsMetrics,
}

/// The last block of a series, not yet full: it will be rewritten when more points come.
pub(super) struct Tail {
    series: SeriesId,
    points: Vec<Point>,
}

/// A block's row without its points.
struct Place {
    id: i64,
    first: Timestamp,
    last: Timestamp,
    count: usize,
}

impl Tail {
    /// Writes it. Tails are written together, after the full blocks of other series: since they are also replaced
    /// about together, they leave whole pages free and not holes between blocks that stay.
    pub(super) fn write(&self, connection: &Connection) -> Result<(), PointsError> {
        write(connection, self.series, &self.points)
    }
}

impl Blocks<'_> {
    /// Writes points, ascending, into the blocks; returns the tail, which is still to be written.
    pub(super) fn seal(&self, points: &[Point]) -> Result<Option<Tail>, PointsError> {
        latest::note(self.connection, self.series, points)?;
        let mut rest = points;
        while let Some(time) = rest.first().map(|point| point.time) {
            let home = self.at(time)?;
            let next = self.after(home.as_ref().map_or(time, |home| home.first))?;
            let end = next.as_ref().map_or(rest.len(), |next| rest.partition_point(|p| p.time < next.first));
            let (group, later) = rest.split_at(end);
            rest = later;
            let at_the_end = next.is_none();
            match self.seal_group(home.or(next), group.to_vec())? {
                Some(tail) if at_the_end => return Ok(Some(tail)),
                Some(tail) => tail.write(self.connection)?,
                None => {}
            }
        }
        Ok(None)
    }

    /// Writes points of which all fall into one block, follow it, or precede the first one.
    fn seal_group(&self, neighbour: Option<Place>, group: Vec<Point>) -> Result<Option<Tail>, PointsError> {
        let follows = |place: &Place| group.first().is_some_and(|point| point.time > place.last);
        let precedes = |place: &Place| group.last().is_some_and(|point| point.time < place.first);
        let appended = neighbour.as_ref().is_none_or(follows);
        let points = match neighbour {
            Some(place) if place.count < self.full || !(follows(&place) || precedes(&place)) => {
                overlay(self.take(&place)?, group)
            }
            _ => group,
        };
        if !appended {
            let parts = points.len().div_ceil(self.full).max(1);
            let even = points.len().div_ceil(parts).max(1);
            points.chunks(even).try_for_each(|part| write(self.connection, self.series, part))?;
            return Ok(None);
        }
        let (full, rest) = points.split_at(points.len() - points.len() % self.full);
        full.chunks(self.full).try_for_each(|part| write(self.connection, self.series, part))?;
        Ok((!rest.is_empty()).then(|| Tail { series: self.series, points: rest.to_vec() }))
    }

    /// Removes a block's points from the table. One that is damaged is set aside, and the series goes on without it.
    fn take(&self, place: &Place) -> Result<Vec<Point>, PointsError> {
        const DOING: &str = "taking a block up again";
        let bytes: Vec<u8> = self
            .connection
            .prepare_cached("SELECT points FROM blocks WHERE id = ?1")
            .and_then(|mut select| select.query_row([place.id], |row| row.get(0)))
            .doing(DOING)?;
        let points = match block::decode(self.series, &bytes) {
            Ok(points) => points,
            Err(reason) => {
                self.set_aside(place, &reason, &bytes)?;
                Vec::new()
            }
        };
        self.connection
            .prepare_cached("DELETE FROM blocks WHERE id = ?1")
            .and_then(|mut delete| delete.execute([place.id]))
            .doing(DOING)?;
        Ok(points)
    }

    fn set_aside(&self, place: &Place, reason: &str, bytes: &[u8]) -> Result<(), PointsError> {
        let Self { connection, series, .. } = self;
        tracing::error!(%series, first = %place.first, reason, "a damaged block was set aside in the table damaged");
        self.metrics.damaged_blocks.inc();
        damage::set_aside(connection, *series, place.first, reason, bytes)
    }

    /// Finds the last block that begins at a time or before it.
    fn at(&self, time: Timestamp) -> Result<Option<Place>, PointsError> {
        self.find(
            "SELECT id, first, last, count FROM blocks WHERE series = ?1 AND first <= ?2 ORDER BY first DESC LIMIT 1",
            time,
        )
    }

    /// Finds the first block that begins after a time.
    fn after(&self, time: Timestamp) -> Result<Option<Place>, PointsError> {
        self.find(
            "SELECT id, first, last, count FROM blocks WHERE series = ?1 AND first > ?2 ORDER BY first LIMIT 1",
            time,
        )
    }

    fn find(&self, select: &str, time: Timestamp) -> Result<Option<Place>, PointsError> {
        let place = |row: &Row<'_>| {
            let count: i64 = row.get(3)?;
            Ok(Place {
                id: row.get(0)?,
                first: Timestamp::from_micros(row.get(1)?),
                last: Timestamp::from_micros(row.get(2)?),
                count: usize::try_from(count).unwrap_or(usize::MAX),
            })
        };
        self.connection
            .prepare_cached(select)
            .and_then(|mut select| select.query_row((self.series.number(), time.micros()), place).optional())
            .doing("looking for a block")
    }
}

fn write(connection: &Connection, series: SeriesId, points: &[Point]) -> Result<(), PointsError> {
    const DOING: &str = "writing a block";
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return Ok(()) };
    let bytes = block::encode(series, points).map_err(|reason| PointsError::Compress {
        series,
        count: points.len(),
        reason,
    })?;
    let mut insert = connection
        .prepare_cached(
            "INSERT INTO blocks (series, first, last, last_value, count, points) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )
        .doing(DOING)?;
    let count = i64::try_from(points.len()).unwrap_or(i64::MAX);
    insert
        .execute((series.number(), first.time.micros(), last.time.micros(), last.value, count, bytes))
        .doing(DOING)?;
    Ok(())
}
