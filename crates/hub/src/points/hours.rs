//! What is left of hours whose values went: a [`Summary`] of each, in blocks as values are.
//!
//! ```text
//!  0         1            5
//!  | version | crc32 of the series | five columns, pco, each behind its length u32:
//!  |  = 1    | and all behind      |   hour since 1970 i64, mean, lowest, highest, number of values f64
//! ```

use std::collections::BTreeMap;

use grafolean_collector::time::Timestamp;
use pco::{
    ChunkConfig,
    data_types::Number,
    standalone::{simple_compress, simple_decompress},
};
use rusqlite::Connection;

use super::{
    Point, SeriesId, Span, damage,
    error::{Context, PointsError},
    summary::Summary,
};

pub(super) const HOUR_MICROS: i64 = 3_600_000_000;

/// Hours in a full block: three weeks, about 10 kB.
const FULL: usize = 512;

const VERSION: u8 = 1;
const COMPRESSION_LEVEL: usize = 4;

/// Summaries by the hours since 1970 that they are of.
pub(super) type Hours = BTreeMap<i64, Summary>;

/// Adds points to the hours that they lie in.
pub(super) fn summarise(hours: &mut Hours, points: &[Point]) {
    for point in points {
        let hour = point.time.micros().div_euclid(HOUR_MICROS);
        hours
            .entry(hour)
            .and_modify(|summary| summary.push(point.value))
            .or_insert_with(|| Summary::of(point.value));
    }
}

/// Returns the first moment of an hour.
pub(super) fn start(hour: i64) -> Timestamp {
    Timestamp::from_micros(hour.saturating_mul(HOUR_MICROS))
}

/// Adds hours to those that a series has.
pub(super) fn add(connection: &Connection, series: SeriesId, mut new: Hours) -> Result<(), PointsError> {
    const DOING: &str = "adding what is left of hours";
    let (Some((&first, _)), Some((&last, _))) = (new.first_key_value(), new.last_key_value()) else {
        return Ok(());
    };
    // Blocks that the new hours fall into, and the one before them while it is not full.
    let mut select = connection
        .prepare_cached(
            "SELECT id, first, summaries FROM hours WHERE series = ?1 AND first <= ?3 AND last >= ?2
             UNION ALL
             SELECT id, first, summaries FROM (SELECT * FROM hours WHERE series = ?1 AND first < ?2
                 ORDER BY first DESC LIMIT 1) WHERE last < ?2 AND count < ?4",
        )
        .doing(DOING)?;
    let full = i64::try_from(FULL).unwrap_or(i64::MAX);
    let mut rows =
        select.query((series.number(), start(first).micros(), start(last).micros(), full)).doing(DOING)?;
    let mut taken = Vec::new();
    while let Some(row) = rows.next().doing(DOING)? {
        taken.push(row.get::<_, i64>(0).doing(DOING)?);
        let bytes = row.get_ref(2).and_then(|value| Ok(value.as_blob()?)).doing(DOING)?;
        match decode(series, bytes) {
            Ok(old) => {
                for (hour, summary) in old {
                    new.entry(hour).and_modify(|there| there.add(&summary)).or_insert(summary);
                }
            }
            Err(reason) => {
                let first = Timestamp::from_micros(row.get(1).doing(DOING)?);
                tracing::error!(%series, %first, reason, "damaged hours were set aside in the table damaged");
                damage::set_aside(connection, series, first, &reason, bytes)?;
            }
        }
    }
    let mut delete = connection.prepare_cached("DELETE FROM hours WHERE id = ?1").doing(DOING)?;
    for id in taken {
        delete.execute([id]).doing(DOING)?;
    }
    let new: Vec<_> = new.into_iter().collect();
    new.chunks(FULL).try_for_each(|hours| write(connection, series, hours))
}

fn write(connection: &Connection, series: SeriesId, hours: &[(i64, Summary)]) -> Result<(), PointsError> {
    const DOING: &str = "writing what is left of hours";
    let (Some(&(first, _)), Some(&(last, _))) = (hours.first(), hours.last()) else { return Ok(()) };
    let count = hours.len();
    let bytes = encode(series, hours).map_err(|reason| PointsError::Compress { series, count, reason })?;
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    connection
        .prepare_cached(
            "INSERT INTO hours (series, first, last, count, summaries) VALUES (?1, ?2, ?3, ?4, ?5)",
        )
        .and_then(|mut insert| {
            insert.execute((series.number(), start(first).micros(), start(last).micros(), count, bytes))
        })
        .doing(DOING)?;
    Ok(())
}

/// Reads the hours of a series that begin within a span; a block that is damaged costs itself.
pub(super) fn read(connection: &Connection, series: SeriesId, span: Span) -> Result<Hours, PointsError> {
    const DOING: &str = "reading what is left of hours";
    let mut select = connection
        .prepare_cached("SELECT summaries FROM hours WHERE series = ?1 AND first < ?3 AND last >= ?2")
        .doing(DOING)?;
    let mut rows = select.query((series.number(), span.from.micros(), span.until.micros())).doing(DOING)?;
    let mut hours = Hours::new();
    while let Some(row) = rows.next().doing(DOING)? {
        let bytes = row.get_ref(0).and_then(|value| Ok(value.as_blob()?)).doing(DOING)?;
        let read = decode(series, bytes).unwrap_or_default().into_iter();
        hours.extend(read.filter(|&(hour, _)| span.contains(start(hour))));
    }
    Ok(hours)
}

fn encode(series: SeriesId, hours: &[(i64, Summary)]) -> Result<Vec<u8>, String> {
    let mut columns = Vec::new();
    column(&mut columns, hours.iter().map(|(hour, _)| *hour))?;
    for pick in PICKS {
        column(&mut columns, hours.iter().map(|(_, summary)| pick(summary)))?;
    }
    let mut bytes = vec![VERSION];
    bytes.extend_from_slice(&checksum(series, &columns).to_le_bytes());
    bytes.extend_from_slice(&columns);
    Ok(bytes)
}

/// The columns behind the hours, in their order.
const PICKS: [fn(&Summary) -> f64; 4] = [|s| s.mean, |s| s.min, |s| s.max, |s| s.count];

fn column<T: Number>(bytes: &mut Vec<u8>, values: impl Iterator<Item = T>) -> Result<(), String> {
    let config = ChunkConfig::default().with_compression_level(COMPRESSION_LEVEL);
    let packed = simple_compress(&values.collect::<Vec<_>>(), &config).map_err(|error| error.to_string())?;
    bytes.extend_from_slice(&u32::try_from(packed.len()).map_err(|error| error.to_string())?.to_le_bytes());
    bytes.extend_from_slice(&packed);
    Ok(())
}

fn checksum(series: SeriesId, columns: &[u8]) -> u32 {
    let mut checksum = crc32fast::Hasher::new();
    checksum.update(&series.number().to_le_bytes());
    checksum.update(columns);
    checksum.finalize()
}

/// Reads the hours of a block back; the error is what is wrong with its bytes.
pub(super) fn decode(series: SeriesId, bytes: &[u8]) -> Result<Vec<(i64, Summary)>, String> {
    let (&version, rest) = bytes.split_first().ok_or("it is empty")?;
    if version != VERSION {
        return Err(format!("its version is {version}, this program knows {VERSION}"));
    }
    let (expected, mut columns) = rest.split_first_chunk().ok_or("it ends within its checksum")?;
    if checksum(series, columns) != u32::from_le_bytes(*expected) {
        return Err("its checksum does not match".to_owned());
    }
    let hours: Vec<i64> = take(&mut columns)?;
    let mut next = || take::<f64>(&mut columns);
    let (means, mins, maxs, counts) = (next()?, next()?, next()?, next()?);
    if [&means, &mins, &maxs, &counts].iter().any(|column| column.len() != hours.len()) {
        return Err("its columns are not equally long".to_owned());
    }
    let summaries = means.into_iter().zip(mins).zip(maxs).zip(counts);
    let summaries = summaries.map(|(((mean, min), max), count)| Summary { mean, min, max, count });
    Ok(hours.into_iter().zip(summaries).collect())
}

fn take<T: Number>(bytes: &mut &[u8]) -> Result<Vec<T>, String> {
    let (length, rest) = bytes.split_first_chunk().ok_or("it ends within a length")?;
    let length = usize::try_from(u32::from_le_bytes(*length)).map_err(|error| error.to_string())?;
    let (column, rest) = rest.split_at_checked(length).ok_or("it ends within a column")?;
    *bytes = rest;
    simple_decompress(column).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SERIES: SeriesId = SeriesId::new(7);

    fn hours(values: &[(i64, f64)]) -> Hours {
        values.iter().map(|&(hour, value)| (hour, Summary::of(value))).collect()
    }

    fn table() -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch(
                "CREATE TABLE hours (id INTEGER PRIMARY KEY, series INTEGER, first INTEGER, last INTEGER, count INTEGER,
                     summaries BLOB);
                 CREATE UNIQUE INDEX hours_by_time ON hours (series, first);
                 CREATE TABLE damaged (series INTEGER, first INTEGER, reason TEXT, points BLOB);",
            )
            .unwrap();
        connection
    }

    proptest! {
        #[test]
        fn they_come_back_to_the_bit_and_a_flipped_bit_is_noticed(
            rows in prop::collection::vec((any::<i64>(), any::<f64>(), any::<f64>(), any::<f64>(), 1.0..1e9_f64), 0..60),
            at in any::<prop::sample::Index>(), bit in 0..8_u8,
        ) {
            let rows: Vec<_> = rows.into_iter()
                .map(|(hour, mean, min, max, count)| (hour, Summary { mean, min, max, count })).collect();
            let mut bytes = encode(SERIES, &rows).unwrap();
            let back = decode(SERIES, &bytes).unwrap();
            let bits = |rows: &[(i64, Summary)]| rows.iter().map(|(hour, s)| {
                (*hour, PICKS.map(|pick| pick(s).to_bits()))
            }).collect::<Vec<_>>();
            prop_assert_eq!(bits(&back), bits(&rows));
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            prop_assert!(decode(SERIES, &bytes).is_err());
        }

        #[test]
        fn in_whatever_order_hours_are_added_all_are_read(
            groups in prop::collection::vec(prop::collection::vec((0..3_000_i64, -5..5_i32), 1..200), 1..12),
        ) {
            let connection = table();
            let mut model = Hours::new();
            for group in &groups {
                let group: Vec<_> = group.iter().map(|&(hour, value)| (hour, f64::from(value))).collect();
                let new = hours(&group);
                for (hour, summary) in &new {
                    model.entry(*hour).and_modify(|there| there.add(summary)).or_insert(*summary);
                }
                add(&connection, SERIES, new).unwrap();
            }
            let found = read(&connection, SERIES, Span::ALL).unwrap();
            prop_assert_eq!(found.keys().collect::<Vec<_>>(), model.keys().collect::<Vec<_>>());
            for (hour, summary) in &found {
                let expected = &model[hour];
                prop_assert_eq!((summary.min, summary.max, summary.count), (expected.min, expected.max, expected.count));
                prop_assert!((summary.mean - expected.mean).abs() < 1e-9);
            }
            let overlapping: i64 = connection.query_row(
                "SELECT count(*) FROM hours a JOIN hours b ON a.id < b.id AND a.first <= b.last AND b.first <= a.last",
                (), |row| row.get(0)).unwrap();
            prop_assert_eq!(overlapping, 0);
        }
    }

    #[test]
    fn a_damaged_block_is_set_aside_and_the_series_goes_on() {
        let connection = table();
        add(&connection, SERIES, hours(&[(1, 1.0), (2, 2.0)])).unwrap();
        connection.execute("UPDATE hours SET summaries = x'0100'", ()).unwrap();
        add(&connection, SERIES, hours(&[(3, 3.0)])).unwrap();
        let found = read(&connection, SERIES, Span::ALL).unwrap();
        assert_eq!(found.keys().copied().collect::<Vec<_>>(), [3]);
        let aside: i64 = connection.query_row("SELECT count(*) FROM damaged", (), |row| row.get(0)).unwrap();
        assert_eq!(aside, 1);
    }
}
