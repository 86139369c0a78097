//! The newest sealed point of each series, kept in its row, so that asking for it opens no block.
//!
//! ```text
//!  0         8           16            20
//!  | micros  | value f64 | crc32 of id, |   series.latest; series.last repeats the time, for its index
//!  |  i64    |           | time, value  |
//! ```

use grafolean_collector::time::Timestamp;
use rusqlite::Connection;

use super::{
    Point, SeriesId,
    error::{Context, PointsError},
};

/// Writes the bytes of a series' newest point.
pub(super) fn encode(series: SeriesId, point: Point) -> [u8; 20] {
    let mut bytes = [0; 20];
    let fields = point.time.micros().to_le_bytes().into_iter().chain(point.value.to_le_bytes());
    let fields = fields.chain(checksum(series, point).to_le_bytes());
    bytes.iter_mut().zip(fields).for_each(|(to, from)| *to = from);
    bytes
}

/// Reads them back; `None` if they are not what was written.
pub(super) fn decode(series: SeriesId, bytes: &[u8]) -> Option<Point> {
    let (micros, rest) = bytes.split_first_chunk::<8>()?;
    let (value, rest) = rest.split_first_chunk::<8>()?;
    let checked = u32::from_le_bytes(rest.try_into().ok()?);
    let time = Timestamp::from_micros(i64::from_le_bytes(*micros));
    let point = Point { time, value: f64::from_le_bytes(*value) };
    (checksum(series, point) == checked).then_some(point)
}

fn checksum(series: SeriesId, point: Point) -> u32 {
    let mut checksum = crc32fast::Hasher::new();
    checksum.update(&series.number().to_le_bytes());
    checksum.update(&point.time.micros().to_le_bytes());
    checksum.update(&point.value.to_le_bytes());
    checksum.finalize()
}

/// Notes that points were sealed, ascending: the series' first and newest time, and the newest value.
pub(super) fn note(connection: &Connection, series: SeriesId, sealed: &[Point]) -> Result<(), PointsError> {
    let (Some(first), Some(&last)) = (sealed.first(), sealed.last()) else { return Ok(()) };
    connection
        .prepare_cached(
            "UPDATE series SET first = min(coalesce(first, ?2), ?2),
                 latest = CASE WHEN last > ?3 THEN latest ELSE ?4 END,
                 last = max(coalesce(last, ?3), ?3)
             WHERE id = ?1",
        )
        .and_then(|mut update| {
            let values = (series.number(), first.time.micros(), last.time.micros(), encode(series, last));
            update.execute(values)
        })
        .doing("noting the newest value of a series")?;
    Ok(())
}

/// Fills the rows of a file of format 1, which had none of this.
pub(super) fn fill(connection: &Connection) -> rusqlite::Result<()> {
    let mut ids = connection.prepare("SELECT id FROM series")?;
    let ids = ids.query_map((), |row| row.get(0))?.collect::<Result<Vec<i64>, _>>()?;
    let mut newest = connection.prepare(
        "SELECT last, last_value, (SELECT min(first) FROM blocks WHERE series = ?1) FROM blocks
         WHERE series = ?1 ORDER BY first DESC LIMIT 1",
    )?;
    let mut update =
        connection.prepare("UPDATE series SET first = ?2, last = ?3, latest = ?4 WHERE id = ?1")?;
    for id in ids {
        let mut rows = newest.query([id])?;
        if let Some(row) = rows.next()? {
            let point = Point { time: Timestamp::from_micros(row.get(0)?), value: row.get(1)? };
            let first: i64 = row.get(2)?;
            update.execute((id, first, point.time.micros(), encode(SeriesId::new(id), point)))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_comes_back_to_the_bit_and_a_flipped_bit_is_noticed(
            id in any::<i64>(), micros in any::<i64>(), bits in any::<u64>(),
            at in any::<prop::sample::Index>(), bit in 0..8_u8,
        ) {
            let series = SeriesId::new(id);
            let point = Point { time: Timestamp::from_micros(micros), value: f64::from_bits(bits) };
            let mut bytes = encode(series, point);
            let back = decode(series, &bytes).unwrap();
            prop_assert_eq!((back.time, back.value.to_bits()), (point.time, bits));
            bytes[at.index(20)] ^= 1 << bit;
            prop_assert!(decode(series, &bytes).is_none());
        }
    }
}
