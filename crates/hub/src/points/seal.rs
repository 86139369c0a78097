//! Recent points of one series become blocks.
//!
//! Blocks of a series never overlap. New points go into the block they fall into or follow; one that is full is left
//! as it is when the new points follow it. What grows beyond a block's size is cut: at the end of a series into full
//! blocks and a rest that is filled later, elsewhere into even parts, as a B-tree does.

use grafolean_collector::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row};

use super::{
    Point, SeriesId, block,
    error::{Doing, PointsError},
    point::overlay,
};

/// A block's row without its points.
struct Place {
    first: Timestamp,
    last: Timestamp,
    count: usize,
}

/// The last block of a series, not yet full: it will be rewritten when more points come.
pub(super) struct Tail {
    series: SeriesId,
    points: Vec<Point>,
}

impl Tail {
    /// Writes it. Tails are written together, after the full blocks of other series: since they are also replaced
    /// about together, they leave whole pages free and not holes between blocks that stay.
    pub(super) fn write(&self, connection: &Connection) -> Result<(), PointsError> {
        write(connection, self.series, &self.points)
    }
}

/// Writes points of one series, ascending, into its blocks; gives the tail, which is still to be written.
pub(super) fn seal(
    connection: &Connection,
    series: SeriesId,
    points: &[Point],
    block_points: usize,
) -> Result<Option<Tail>, PointsError> {
    let mut rest = points;
    while let Some(time) = rest.first().map(|point| point.time) {
        let home = block_at(connection, series, time)?;
        let next = block_after(connection, series, home.as_ref().map_or(time, |home| home.first))?;
        let end = next.as_ref().map_or(rest.len(), |next| rest.partition_point(|p| p.time < next.first));
        let (group, later) = rest.split_at(end);
        rest = later;
        let at_the_end = next.is_none();
        match seal_group(connection, series, home.or(next), group.to_vec(), block_points)? {
            Some(tail) if at_the_end => return Ok(Some(tail)),
            Some(tail) => tail.write(connection)?,
            None => {}
        }
    }
    Ok(None)
}

/// Writes points of which all fall into one block, follow it, or precede the first one.
fn seal_group(
    connection: &Connection,
    series: SeriesId,
    neighbour: Option<Place>,
    group: Vec<Point>,
    block_points: usize,
) -> Result<Option<Tail>, PointsError> {
    let outside = |place: &Place| {
        group.first().is_some_and(|point| point.time > place.last)
            || group.last().is_some_and(|point| point.time < place.first)
    };
    let follows = neighbour.as_ref().is_none_or(|place| group.first().is_some_and(|p| p.time > place.last));
    let points = match neighbour {
        Some(place) if !(outside(&place) && place.count >= block_points) => {
            overlay(take(connection, series, &place)?, group)
        }
        _ => group,
    };
    if !follows {
        let parts = points.len().div_ceil(block_points).max(1);
        points
            .chunks(points.len().div_ceil(parts).max(1))
            .try_for_each(|part| write(connection, series, part))?;
        return Ok(None);
    }
    let (full, rest) = points.split_at(points.len() - points.len() % block_points);
    full.chunks(block_points).try_for_each(|part| write(connection, series, part))?;
    Ok((!rest.is_empty()).then(|| Tail { series, points: rest.to_vec() }))
}

/// Takes a block's points out of the table. One that is damaged is set aside, and the series goes on without it.
fn take(connection: &Connection, series: SeriesId, place: &Place) -> Result<Vec<Point>, PointsError> {
    const DOING: &str = "taking a block up again";
    let key = (series.number(), place.first.micros());
    let bytes: Vec<u8> = connection
        .prepare_cached("SELECT points FROM blocks WHERE series = ?1 AND first = ?2")
        .and_then(|mut select| select.query_row(key, |row| row.get(0)))
        .doing(DOING)?;
    let points = match block::decode(&bytes) {
        Ok(points) => points,
        Err(reason) => {
            tracing::error!(%series, first = %place.first, reason, "a damaged block was set aside in the table damaged");
            connection
                .execute(
                    "INSERT INTO damaged (series, first, reason, points) VALUES (?1, ?2, ?3, ?4)",
                    (series.number(), place.first.micros(), reason, bytes),
                )
                .doing("setting a damaged block aside")?;
            Vec::new()
        }
    };
    connection
        .prepare_cached("DELETE FROM blocks WHERE series = ?1 AND first = ?2")
        .and_then(|mut delete| delete.execute(key))
        .doing(DOING)?;
    Ok(points)
}

fn write(connection: &Connection, series: SeriesId, points: &[Point]) -> Result<(), PointsError> {
    const DOING: &str = "writing a block";
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return Ok(()) };
    let bytes = block::encode(points).map_err(|reason| PointsError::Compress {
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

/// Finds the last block that begins at a time or before it.
fn block_at(
    connection: &Connection,
    series: SeriesId,
    time: Timestamp,
) -> Result<Option<Place>, PointsError> {
    const SELECT: &str =
        "SELECT first, last, count FROM blocks WHERE series = ?1 AND first <= ?2 ORDER BY first DESC LIMIT 1";
    find(connection, SELECT, series, time)
}

/// Finds the first block that begins after a time.
fn block_after(
    connection: &Connection,
    series: SeriesId,
    time: Timestamp,
) -> Result<Option<Place>, PointsError> {
    const SELECT: &str =
        "SELECT first, last, count FROM blocks WHERE series = ?1 AND first > ?2 ORDER BY first LIMIT 1";
    find(connection, SELECT, series, time)
}

fn find(
    connection: &Connection,
    select: &str,
    series: SeriesId,
    time: Timestamp,
) -> Result<Option<Place>, PointsError> {
    let place = |row: &Row<'_>| {
        let count: i64 = row.get(2)?;
        Ok(Place {
            first: Timestamp::from_micros(row.get(0)?),
            last: Timestamp::from_micros(row.get(1)?),
            count: usize::try_from(count).unwrap_or(usize::MAX),
        })
    };
    connection
        .prepare_cached(select)
        .and_then(|mut select| select.query_row((series.number(), time.micros()), place).optional())
        .doing("looking for a block")
}
