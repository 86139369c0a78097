//! The journal's rows: what was accepted and is not yet in blocks; see the drawing in [`super`].

use grafolean_collector::time::Timestamp;
use rusqlite::Connection;

use super::{
    Point, SeriesId, damage,
    error::{Context, PointsError},
};

/// Bytes of a point: series, time, value, and their checksum.
const RECORD: usize = 28;
const CHECKED: usize = 24;

/// A point with the series it belongs to.
pub(super) type Entry = (SeriesId, Point);

/// What replaying found.
#[derive(Debug, Default)]
pub(super) struct Replayed {
    /// The number of the last row; 0 if there is none.
    pub(super) last: i64,
    /// Records that are not what was written; they stand in the table `damaged`.
    pub(super) damaged: u64,
}

/// Writes one row; it is durable once its transaction is committed.
pub(super) fn append(connection: &Connection, seq: i64, entries: &[Entry]) -> Result<(), PointsError> {
    let mut insert = connection
        .prepare_cached("INSERT INTO journal (seq, points) VALUES (?1, ?2)")
        .doing("preparing to write the journal")?;
    insert.execute((seq, encode(entries))).doing("writing values to the journal")?;
    Ok(())
}

/// Reads all rows in the order they were written. A record that is damaged costs itself: it is set aside, and its row
/// goes on without it.
pub(super) fn replay(
    connection: &mut Connection,
    mut take: impl FnMut(&[Entry]),
) -> Result<Replayed, PointsError> {
    const DOING: &str = "reading the journal";
    let mut replayed = Replayed::default();
    let mut mended = Vec::new();
    {
        let mut select = connection.prepare("SELECT seq, points FROM journal ORDER BY seq").doing(DOING)?;
        let mut rows = select.query(()).doing(DOING)?;
        while let Some(row) = rows.next().doing(DOING)? {
            replayed.last = row.get(0).doing(DOING)?;
            let bytes = row.get_ref(1).and_then(|value| Ok(value.as_blob()?)).doing(DOING)?;
            let decoded = decode(bytes);
            take(&decoded.entries);
            if !decoded.damaged.is_empty() {
                mended.push((replayed.last, decoded));
            }
        }
    }
    for (seq, decoded) in &mended {
        mend(connection, *seq, decoded)?;
        replayed.damaged += decoded.damaged.len() as u64;
    }
    Ok(replayed)
}

/// Returns each row's number, how many of its records are good, and how many are not.
pub(super) fn counts(connection: &Connection) -> Result<Vec<(i64, u64, u64)>, PointsError> {
    const DOING: &str = "looking through the journal";
    let mut select = connection.prepare("SELECT seq, points FROM journal ORDER BY seq").doing(DOING)?;
    let count = |row: &rusqlite::Row<'_>| {
        let decoded = decode(row.get_ref(1)?.as_blob()?);
        Ok((row.get(0)?, decoded.entries.len() as u64, decoded.damaged.len() as u64))
    };
    select.query_map((), count).and_then(Iterator::collect).doing(DOING)
}

/// Sets the damaged records of a row aside, so that they are reported once.
fn mend(connection: &mut Connection, seq: i64, decoded: &Decoded) -> Result<(), PointsError> {
    const DOING: &str = "setting damaged records of the journal aside";
    let transaction = connection.transaction().doing(DOING)?;
    for record in &decoded.damaged {
        let (series, point) = fields(record);
        let reason = format!("a record of journal row {seq} does not match its checksum");
        damage::set_aside(&transaction, series, point.time, &reason, record)?;
    }
    transaction
        .execute("UPDATE journal SET points = ?2 WHERE seq = ?1", (seq, encode(&decoded.entries)))
        .doing(DOING)?;
    transaction.commit().doing(DOING)
}

/// Deletes rows up to and with `through`, oldest first, at most `most`; returns how many there were.
pub(super) fn trim(connection: &Connection, through: i64, most: usize) -> Result<usize, PointsError> {
    let mut delete = connection
        .prepare_cached(
            "DELETE FROM journal WHERE seq IN (SELECT seq FROM journal WHERE seq <= ?1 ORDER BY seq LIMIT ?2)",
        )
        .doing("preparing to trim the journal")?;
    delete.execute((through, i64::try_from(most).unwrap_or(i64::MAX))).doing("trimming the journal")
}

/// Rewrites the rows of format 1, whose records have no checksum. A row that ends within a record keeps those before.
pub(super) fn add_checksums(connection: &Connection) -> rusqlite::Result<()> {
    let mut seqs = connection.prepare("SELECT seq FROM journal")?;
    let seqs = seqs.query_map((), |row| row.get(0))?.collect::<Result<Vec<i64>, _>>()?;
    for seq in seqs {
        let bytes: Vec<u8> =
            connection.query_row("SELECT points FROM journal WHERE seq = ?1", [seq], |row| row.get(0))?;
        let (records, rest) = bytes.as_chunks::<CHECKED>();
        let entries: Vec<_> = records.iter().map(fields_of).collect();
        connection.execute("UPDATE journal SET points = ?2 WHERE seq = ?1", (seq, encode(&entries)))?;
        if !rest.is_empty() {
            connection.execute(
                "INSERT INTO damaged (series, first, reason, points) VALUES (0, 0, ?1, ?2)",
                (format!("journal row {seq} ends within a record"), rest),
            )?;
        }
    }
    Ok(())
}

fn encode(entries: &[Entry]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(entries.len() * RECORD);
    for (series, point) in entries {
        let start = bytes.len();
        bytes.extend_from_slice(&series.number().to_le_bytes());
        bytes.extend_from_slice(&point.time.micros().to_le_bytes());
        bytes.extend_from_slice(&point.value.to_le_bytes());
        let checksum = crc32fast::hash(bytes.get(start..).unwrap_or_default());
        bytes.extend_from_slice(&checksum.to_le_bytes());
    }
    bytes
}

/// A row's records: those that are what was written, and the others as bytes.
#[derive(Debug, Default)]
struct Decoded {
    entries: Vec<Entry>,
    damaged: Vec<Vec<u8>>,
}

fn decode(bytes: &[u8]) -> Decoded {
    let (records, rest) = bytes.as_chunks::<RECORD>();
    let mut decoded = Decoded { entries: Vec::with_capacity(records.len()), damaged: Vec::new() };
    for record in records {
        match checked(record) {
            Some(entry) => decoded.entries.push(entry),
            None => decoded.damaged.push(record.to_vec()),
        }
    }
    if !rest.is_empty() {
        decoded.damaged.push(rest.to_vec());
    }
    decoded
}

fn checked(record: &[u8; RECORD]) -> Option<Entry> {
    let (content, checksum) = record.split_first_chunk::<CHECKED>()?;
    let matches = crc32fast::hash(content) == u32::from_le_bytes(checksum.try_into().ok()?);
    matches.then(|| fields_of(content))
}

/// What a damaged record seems to hold, as far as it goes.
fn fields(record: &[u8]) -> Entry {
    let mut whole = [0; CHECKED];
    whole.iter_mut().zip(record).for_each(|(to, from)| *to = *from);
    fields_of(&whole)
}

fn fields_of(record: &[u8; CHECKED]) -> Entry {
    let [a0, a1, a2, a3, a4, a5, a6, a7, b0, b1, b2, b3, b4, b5, b6, b7, c @ ..] = *record;
    let series = SeriesId::new(i64::from_le_bytes([a0, a1, a2, a3, a4, a5, a6, a7]));
    let time = Timestamp::from_micros(i64::from_le_bytes([b0, b1, b2, b3, b4, b5, b6, b7]));
    (series, Point { time, value: f64::from_le_bytes(c) })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entry(series: i64, micros: i64, value: f64) -> Entry {
        (SeriesId::new(series), Point { time: Timestamp::from_micros(micros), value })
    }

    #[test]
    fn a_record_is_24_bytes_little_endian_and_their_checksum() {
        let entries = [entry(258, -2, 1.5)];
        let bytes = encode(&entries);
        assert_eq!(
            bytes[..24],
            [
                2, 1, 0, 0, 0, 0, 0, 0, // series 258
                0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, // two microseconds before the epoch
                0, 0, 0, 0, 0, 0, 0xf8, 0x3f, // 1.5
            ]
        );
        assert_eq!(bytes[24..], crc32fast::hash(&bytes[..24]).to_le_bytes());
        assert_eq!(decode(&bytes).entries, entries);
    }

    proptest! {
        #[test]
        fn a_flipped_bit_costs_its_record_alone(
            count in 1..20_i64, at in any::<prop::sample::Index>(), bit in 0..8_u8
        ) {
            let entries: Vec<_> = (0..count).map(|i| entry(i, i * 1_000, i as f64 / 3.0)).collect();
            let mut bytes = encode(&entries);
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            let decoded = decode(&bytes);
            let mut rest = entries;
            rest.remove(at / RECORD);
            prop_assert_eq!(decoded.entries, rest);
            prop_assert_eq!(decoded.damaged.len(), 1);
        }

        #[test]
        fn a_row_that_is_cut_keeps_the_records_before(count in 1..20_i64, length in any::<prop::sample::Index>()) {
            let entries: Vec<_> = (0..count).map(|i| entry(i, i * 1_000, i as f64 / 3.0)).collect();
            let bytes = encode(&entries);
            let length = length.index(bytes.len());
            let decoded = decode(&bytes[..length]);
            prop_assert_eq!(decoded.entries.as_slice(), &entries[..length / RECORD]);
            prop_assert_eq!(decoded.damaged.len(), usize::from(length % RECORD > 0));
        }
    }
}
