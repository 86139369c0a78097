//! Flows as a row group: columns of octets, made here rather than by the library, which looks at each value of each column
//! by itself. Flows repeat themselves: of most columns there are few distinct values, an address stands in three columns,
//! and what all flows have in common is one run.
//!
//! ```text
//! chunk      = [ dictionary ] { page of 16,384 flows }                                 each compressed by Snappy
//! dictionary = distinct values
//! page       = [ length (4) | which flows told it ] ( width (1) | places in the dictionary  or  values )
//! ```
//! Pages are of format version 1, their encodings `PLAIN`, `RLE` and `RLE_DICTIONARY`: what every reader understands. Numbers
//! of each column tell their least and greatest.
//! Source: Apache Parquet, `parquet.thrift` and "Encodings".

mod address;
mod chunk;
mod distinct;
mod gather;
mod hybrid;
#[cfg(test)]
mod tests;

use parquet::{
    basic::Type,
    errors::{ParquetError, Result},
    file::statistics::Statistics,
    schema::types::ColumnDescPtr,
};

use self::{
    address::Addresses,
    chunk::{Cells, Chunk, Dictionary, append_plain},
    distinct::Distinct,
    gather::{Gathered, Gathering, Present},
};
use super::{COLUMNS, End, Kind, Record, file::Out, halves};

/// Distinct numbers of a column beyond which they are written plainly: a quarter of a full group. Places of 15 bits then
/// save less than the dictionary takes.
const DISTINCT_MAX: usize = 32_768;

/// Encodes row groups. Its memory serves for one after another.
#[derive(Default)]
pub(super) struct Encoder {
    gathering: Gathering,
    addresses: [Addresses; End::ALL.len()],
    distinct: Distinct<u64>,
}

impl Encoder {
    /// Adds flows as one row group.
    pub(super) fn add_group(&mut self, out: &mut Out, records: &[Record]) -> Result<()> {
        let snappy = &mut snap::raw::Encoder::new();
        self.gathering.gather(records);
        for (addresses, told) in self.addresses.iter_mut().zip(&self.gathering.addresses) {
            addresses.look(&told.values);
        }
        let descriptors = out.schema_descr().columns().to_vec();
        let mut group = out.next_row_group()?;
        for ((place, column), descriptor) in COLUMNS.iter().enumerate().zip(descriptors) {
            let chunk = match (self.gathering.columns.get(place), column.kind) {
                (Some(Gathered::Numbers(told)), Kind::Text(_, written)) => {
                    texts(told, written, descriptor, &mut self.distinct, snappy)?
                }
                (Some(Gathered::Numbers(told)), _) => numbers(told, descriptor, &mut self.distinct, snappy)?,
                (Some(Gathered::Words(told)), _) => words(told, descriptor, snappy)?,
                (_, kind @ (Kind::Address(end) | Kind::High(end) | Kind::Low(end))) => {
                    self.address(kind, end, descriptor)?.pressed(snappy)?
                }
                _ => return Err(ParquetError::General(format!("nothing was gathered of {}", column.name))),
            };
            group.append_column(&chunk.octets, chunk.closed)?;
        }
        group.close()?;
        Ok(())
    }

    fn address(&self, kind: Kind, end: End, descriptor: ColumnDescPtr) -> Result<chunk::Column<'_>> {
        let place = End::ALL.iter().position(|other| *other == end);
        let both = place.and_then(|at| Some((self.addresses.get(at)?, self.gathering.addresses.get(at)?)));
        let missing = || ParquetError::General(format!("nothing was gathered of {end:?}"));
        let (addresses, told) = both.ok_or_else(missing)?;
        let gaps = told.rows - told.values.len();
        let (dictionary, places, statistics) = match kind {
            Kind::High(_) => {
                let (entries, places) = addresses.high();
                (dictionary(entries, 8), places, Some(statistics(&descriptor, entries, gaps)?))
            }
            Kind::Low(_) => {
                let low = addresses.low();
                (dictionary(&low, 8), addresses.places(), Some(statistics(&descriptor, &low, gaps)?))
            }
            // nobody looks for a range of texts
            _ => (addresses.texts(), addresses.places(), None),
        };
        let cells = Cells::Placed { dictionary, places };
        Ok(chunk::Column { descriptor, rows: told.rows, told: told.which(), cells, width: 0, statistics })
    }
}

fn numbers(
    told: &Present<u64>,
    descriptor: ColumnDescPtr,
    distinct: &mut Distinct<u64>,
    snappy: &mut snap::raw::Encoder,
) -> Result<Chunk> {
    let values = &told.values;
    let width = if descriptor.physical_type() == Type::INT32 { 4 } else { 8 };
    let few = distinct.look_for(values, DISTINCT_MAX);
    let bounded = if few { &distinct.entries } else { values };
    let statistics = Some(statistics(&descriptor, bounded, told.rows - values.len())?);
    let cells = if few {
        Cells::Placed { dictionary: dictionary(&distinct.entries, width), places: &distinct.places }
    } else {
        Cells::Plain(values)
    };
    chunk::Column { descriptor, rows: told.rows, told: told.which(), cells, width, statistics }
        .pressed(snappy)
}

fn words(
    told: &Present<&'static str>,
    descriptor: ColumnDescPtr,
    snappy: &mut snap::raw::Encoder,
) -> Result<Chunk> {
    let mut distinct = Distinct::default();
    distinct.look(&told.values);
    let dictionary = dictionary_of_words(distinct.entries.iter().copied())?;
    let cells = Cells::Placed { dictionary, places: &distinct.places };
    chunk::Column { descriptor, rows: told.rows, told: told.which(), cells, width: 0, statistics: None }
        .pressed(snappy)
}

/// Numbers as the texts that people know them by.
fn texts(
    told: &Present<u64>,
    written: fn(u64) -> String,
    descriptor: ColumnDescPtr,
    distinct: &mut Distinct<u64>,
    snappy: &mut snap::raw::Encoder,
) -> Result<Chunk> {
    distinct.look(&told.values);
    let words: Vec<String> = distinct.entries.iter().map(|number| written(*number)).collect();
    let dictionary = dictionary_of_words(words.iter().map(String::as_str))?;
    let cells = Cells::Placed { dictionary, places: &distinct.places };
    chunk::Column { descriptor, rows: told.rows, told: told.which(), cells, width: 0, statistics: None }
        .pressed(snappy)
}

fn dictionary_of_words<'w>(words: impl ExactSizeIterator<Item = &'w str>) -> Result<Dictionary> {
    let (mut octets, entries) = (Vec::new(), words.len());
    for word in words {
        octets.extend(u32::try_from(word.len())?.to_le_bytes());
        octets.extend(word.as_bytes());
    }
    Ok(Dictionary { octets, entries })
}

fn dictionary(entries: &[u64], width: usize) -> Dictionary {
    let mut octets = Vec::new();
    append_plain(entries, width, &mut octets);
    Dictionary { octets, entries: entries.len() }
}

/// Returns the least and greatest number, in the order of the column's type, and how many flows did not tell theirs.
fn statistics(descriptor: &ColumnDescPtr, values: &[u64], gaps: usize) -> Result<Statistics> {
    let gaps = Some(u64::try_from(gaps)?);
    let ordered = values.iter().copied();
    let signed = || values.iter().map(|value| value.cast_signed());
    Ok(match descriptor.physical_type() {
        Type::INT32 => {
            let number = |value: Option<u64>| value.map(i32::try_from).transpose();
            let (least, greatest) = (number(ordered.clone().min())?, number(ordered.max())?);
            Statistics::int32(least, greatest, None, gaps, false)
        }
        Type::INT64 if descriptor.sort_order().is_signed() => {
            Statistics::int64(signed().min(), signed().max(), None, gaps, false)
        }
        Type::INT64 => {
            let (least, greatest) = (ordered.clone().min(), ordered.max());
            Statistics::int64(least.map(u64::cast_signed), greatest.map(u64::cast_signed), None, gaps, false)
        }
        Type::DOUBLE => {
            let floats = values.iter().map(|bits| f64::from_bits(*bits));
            let (least, greatest) = (floats.clone().reduce(f64::min), floats.reduce(f64::max));
            Statistics::double(least, greatest, None, gaps, false)
        }
        other => return Err(ParquetError::General(format!("no numbers stand in columns of {other}"))),
    })
}
