//! The journal's rows: what was accepted and is not yet in blocks; see the drawing in [`super`].

use grafolean_collector::time::Timestamp;
use rusqlite::Connection;

use super::{
    Point, SeriesId,
    error::{Doing, PointsError},
};

const RECORD: usize = 24;

/// A point with the series it belongs to.
pub(super) type Entry = (SeriesId, Point);

/// Writes one row; it is durable once its transaction is committed.
pub(super) fn append(connection: &Connection, seq: i64, entries: &[Entry]) -> Result<(), PointsError> {
    let mut insert = connection
        .prepare_cached("INSERT INTO journal (seq, points) VALUES (?1, ?2)")
        .doing("preparing to write the journal")?;
    insert.execute((seq, encode(entries))).doing("writing values to the journal")?;
    Ok(())
}

/// Reads all rows in the order they were written, and gives the last one's number.
pub(super) fn replay(connection: &Connection, mut take: impl FnMut(&[Entry])) -> Result<i64, PointsError> {
    const DOING: &str = "reading the journal";
    let mut select = connection.prepare("SELECT seq, points FROM journal ORDER BY seq").doing(DOING)?;
    let mut rows = select.query(()).doing(DOING)?;
    let mut last = 0;
    while let Some(row) = rows.next().doing(DOING)? {
        last = row.get(0).doing(DOING)?;
        let bytes = row.get_ref(1).and_then(|value| Ok(value.as_blob()?)).doing(DOING)?;
        take(&decode(last, bytes)?);
    }
    Ok(last)
}

/// Deletes rows up to and with `through`, oldest first, at most `most`; tells how many there were.
pub(super) fn trim(connection: &Connection, through: i64, most: usize) -> Result<usize, PointsError> {
    let mut delete = connection
        .prepare_cached(
            "DELETE FROM journal WHERE seq IN (SELECT seq FROM journal WHERE seq <= ?1 ORDER BY seq LIMIT ?2)",
        )
        .doing("preparing to trim the journal")?;
    delete.execute((through, i64::try_from(most).unwrap_or(i64::MAX))).doing("trimming the journal")
}

fn encode(entries: &[Entry]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(entries.len() * RECORD);
    for (series, point) in entries {
        bytes.extend_from_slice(&series.number().to_le_bytes());
        bytes.extend_from_slice(&point.time.micros().to_le_bytes());
        bytes.extend_from_slice(&point.value.to_le_bytes());
    }
    bytes
}

fn decode(seq: i64, bytes: &[u8]) -> Result<Vec<Entry>, PointsError> {
    let (records, rest) = bytes.as_chunks::<RECORD>();
    if !rest.is_empty() {
        return Err(PointsError::Damaged {
            what: "journal row",
            place: seq.to_string(),
            reason: format!("its length of {} bytes is no multiple of {RECORD}", bytes.len()),
        });
    }
    Ok(records.iter().map(entry).collect())
}

fn entry(record: &[u8; RECORD]) -> Entry {
    let [a0, a1, a2, a3, a4, a5, a6, a7, b0, b1, b2, b3, b4, b5, b6, b7, c @ ..] = *record;
    let series = SeriesId::new(i64::from_le_bytes([a0, a1, a2, a3, a4, a5, a6, a7]));
    let time = Timestamp::from_micros(i64::from_le_bytes([b0, b1, b2, b3, b4, b5, b6, b7]));
    (series, Point { time, value: f64::from_le_bytes(c) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_24_bytes_little_endian() {
        let entries = [(SeriesId::new(258), Point { time: Timestamp::from_micros(-2), value: 1.5 })];
        let bytes = encode(&entries);
        assert_eq!(
            bytes,
            [
                2, 1, 0, 0, 0, 0, 0, 0, // series 258
                0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, // two microseconds before the epoch
                0, 0, 0, 0, 0, 0, 0xf8, 0x3f, // 1.5
            ]
        );
        assert_eq!(decode(1, &bytes).unwrap(), entries);
    }

    #[test]
    fn a_row_that_ends_within_a_record_is_damaged() {
        let error = decode(7, &[0; 25]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the journal row 7 is damaged: its length of 25 bytes is no multiple of 24"
        );
    }
}
