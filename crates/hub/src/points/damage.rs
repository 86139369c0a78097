//! Bytes on disk that are not what was written: each costs itself, is reported once, and is kept in the table
//! `damaged`.

use grafolean_collector::time::Timestamp;
use rusqlite::{Connection, OptionalExtension};

use super::{
    SeriesId, block,
    error::{Context, PointsError},
    hours, latest,
};

/// What a reader found damaged; the writer looks at it again and mends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Damage {
    /// A block, by its row.
    Block(i64),
    /// The newest point in a series' row.
    Latest(SeriesId),
    /// A block of hours, by its row.
    Hours(i64),
}

/// What was done about it, for the log.
#[derive(Debug)]
pub(super) struct Repair {
    pub(super) series: SeriesId,
    pub(super) what: String,
}

/// Puts bytes into the table `damaged`.
pub(super) fn set_aside(
    connection: &Connection,
    series: SeriesId,
    first: Timestamp,
    reason: &str,
    bytes: &[u8],
) -> Result<(), PointsError> {
    connection
        .execute(
            "INSERT INTO damaged (series, first, reason, points) VALUES (?1, ?2, ?3, ?4)",
            (series.number(), first.micros(), reason, bytes),
        )
        .doing("setting damaged bytes aside")?;
    Ok(())
}

/// Mends what was found, in one transaction; `None` if it is good, or was mended already.
pub(super) fn mend(connection: &mut Connection, damage: Damage) -> Result<Option<Repair>, PointsError> {
    const DOING: &str = "mending damage";
    let transaction = connection.transaction().doing(DOING)?;
    let mended = match damage {
        Damage::Block(row) => mend_block(&transaction, row)?,
        Damage::Latest(series) => mend_latest(&transaction, series)?,
        Damage::Hours(row) => mend_hours(&transaction, row)?,
    };
    transaction.commit().doing(DOING)?;
    Ok(mended)
}

struct Row {
    series: SeriesId,
    first: i64,
    last: i64,
    bytes: Vec<u8>,
}

fn mend_block(connection: &Connection, id: i64) -> Result<Option<Repair>, PointsError> {
    const DOING: &str = "reading a damaged block";
    let row = connection
        .query_row("SELECT series, first, last, points FROM blocks WHERE id = ?1", [id], |row| {
            let series = SeriesId::new(row.get(0)?);
            Ok(Row { series, first: row.get(1)?, last: row.get(2)?, bytes: row.get(3)? })
        })
        .optional()
        .doing(DOING)?;
    let Some(row) = row else { return Ok(None) };
    let first = Timestamp::from_micros(row.first);
    let what = match block::decode(row.series, &row.bytes) {
        Ok(points) => {
            let (Some(begin), Some(end)) = (points.first(), points.last()) else { return Ok(None) };
            let (begin, end) = (begin.time.micros(), end.time.micros());
            if (begin, end) == (row.first, row.last) {
                return Ok(None);
            }
            // What the row says of its points is wrong, and they themselves are right.
            let changed = connection
                .execute("UPDATE OR IGNORE blocks SET first = ?2, last = ?3 WHERE id = ?1", (id, begin, end))
                .doing("mending the row of a block")?;
            if changed > 0 {
                format!("the row of a block at {first} was put right: its values are whole")
            } else {
                put_away(connection, id, &row, "another block begins at its first time")?
            }
        }
        Err(reason) => put_away(connection, id, &row, &reason)?,
    };
    Ok(Some(Repair { series: row.series, what }))
}

fn put_away(connection: &Connection, id: i64, row: &Row, reason: &str) -> Result<String, PointsError> {
    let (first, last) = (Timestamp::from_micros(row.first), Timestamp::from_micros(row.last));
    set_aside(connection, row.series, first, reason, &row.bytes)?;
    connection
        .execute("DELETE FROM blocks WHERE id = ?1", [id])
        .doing("taking a damaged block out of the table")?;
    Ok(format!("the block from {first} to {last} was set aside in the table damaged: {reason}"))
}

/// Sets hours aside that cannot be read.
fn mend_hours(connection: &Connection, id: i64) -> Result<Option<Repair>, PointsError> {
    const DOING: &str = "reading damaged hours";
    let row: Option<(i64, i64, Vec<u8>)> = connection
        .query_row("SELECT series, first, summaries FROM hours WHERE id = ?1", [id], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .optional()
        .doing(DOING)?;
    let Some((series, first, bytes)) = row else { return Ok(None) };
    let (series, first) = (SeriesId::new(series), Timestamp::from_micros(first));
    let Err(reason) = hours::decode(series, &bytes) else { return Ok(None) };
    set_aside(connection, series, first, &reason, &bytes)?;
    connection.execute("DELETE FROM hours WHERE id = ?1", [id]).doing(DOING)?;
    let what = format!("the hours from {first} were set aside in the table damaged: {reason}");
    Ok(Some(Repair { series, what }))
}

/// Reads the newest point from the blocks again.
fn mend_latest(connection: &Connection, series: SeriesId) -> Result<Option<Repair>, PointsError> {
    const DOING: &str = "mending the newest value of a series";
    let row: Option<(Option<i64>, Option<Vec<u8>>)> = connection
        .query_row("SELECT last, latest FROM series WHERE id = ?1", [series.number()], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()
        .doing(DOING)?;
    let Some((last, Some(bytes))) = row else { return Ok(None) };
    if latest::decode(series, &bytes).is_some_and(|point| last == Some(point.time.micros())) {
        return Ok(None);
    }
    connection
        .execute(
            "UPDATE series SET first = NULL, last = NULL, latest = NULL WHERE id = ?1",
            [series.number()],
        )
        .doing(DOING)?;
    let mut newest = connection
        .prepare("SELECT points FROM blocks WHERE series = ?1 ORDER BY first DESC LIMIT 1")
        .doing(DOING)?;
    let block: Option<Vec<u8>> =
        newest.query_row([series.number()], |row| row.get(0)).optional().doing(DOING)?;
    let points = block.and_then(|bytes| block::decode(series, &bytes).ok()).unwrap_or_default();
    latest::note(connection, series, &points)?;
    let first: Option<i64> = connection
        .query_row("SELECT min(first) FROM blocks WHERE series = ?1", [series.number()], |row| row.get(0))
        .doing(DOING)?;
    connection
        .execute("UPDATE series SET first = ?2 WHERE id = ?1", (series.number(), first))
        .doing(DOING)?;
    Ok(Some(Repair { series, what: "its newest value was read from its blocks again".to_owned() }))
}
