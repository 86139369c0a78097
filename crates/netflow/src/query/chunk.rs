//! Lanes of a row group, read a chunk at a time.

use parquet::{
    column::reader::{ColumnReader, ColumnReaderImpl, get_typed_column_reader},
    data_type::{DataType, DoubleType, Int32Type, Int64Type},
    errors::{ParquetError, Result},
    file::reader::RowGroupReader,
};

use super::{
    bounds::Bounds,
    lane::{Lane, NOT_TOLD},
};

/// Flows read at once: the lanes of a usual question then stay in a core's own cache.
pub(super) const CHUNK: usize = 8_192;

/// The lanes of a row group that a question needs.
pub(super) struct Lanes {
    lanes: Vec<(Lane, Reading)>,
    left: usize,
}

struct Reading {
    from: Option<Column>,
    values: Vec<i64>,
}

enum Column {
    Narrow(ColumnReaderImpl<Int32Type>, Room<i32>),
    Wide(ColumnReaderImpl<Int64Type>, Room<i64>),
    Float(ColumnReaderImpl<DoubleType>, Room<f64>),
}

/// What a column is read into.
struct Room<T> {
    levels: Vec<i16>,
    values: Vec<T>,
}

impl Lanes {
    /// Opens the lanes of a row group. What all flows have in common is not read.
    pub(super) fn open(group: &dyn RowGroupReader, wanted: &[Lane]) -> Result<Self> {
        let metadata = group.metadata();
        let rows = usize::try_from(metadata.num_rows())?;
        let mut lanes = Vec::with_capacity(wanted.len());
        for &lane in wanted {
            let constant = Bounds::of(metadata, lane).and_then(|bounds| bounds.constant());
            let place =
                metadata.columns().iter().position(|column| column.column_path().string() == lane.column());
            let reading = match (constant, place) {
                (Some(value), _) => Reading { from: None, values: vec![value; rows.min(CHUNK)] },
                (None, Some(place)) => {
                    let from = Some(Column::of(group.get_column_reader(place)?)?);
                    Reading { from, values: Vec::with_capacity(CHUNK) }
                }
                (None, None) => Reading { from: None, values: vec![lane.when_absent(); rows.min(CHUNK)] },
            };
            lanes.push((lane, reading));
        }
        Ok(Self { lanes, left: rows })
    }

    /// Reads the next chunk. Gives how many flows it has; 0 at the end.
    pub(super) fn next(&mut self) -> Result<usize> {
        let rows = self.left.min(CHUNK);
        self.left -= rows;
        for (lane, reading) in &mut self.lanes {
            if let Some(column) = &mut reading.from {
                column.read(rows, &mut reading.values)?;
                if reading.values.len() != rows {
                    return Err(ParquetError::General(format!("column {} ends early", lane.column())));
                }
            }
        }
        Ok(rows)
    }

    /// Gives a lane of the chunk; at least as many numbers as the chunk has flows. One that was not opened is empty.
    pub(super) fn lane(&self, wanted: Lane) -> &[i64] {
        self.lanes.iter().find(|(lane, _)| *lane == wanted).map_or(&[], |(_, reading)| &reading.values)
    }
}

impl Column {
    fn of(reader: ColumnReader) -> Result<Self> {
        Ok(match reader {
            ColumnReader::Int32ColumnReader(_) => Self::Narrow(get_typed_column_reader(reader), Room::new()),
            ColumnReader::Int64ColumnReader(_) => Self::Wide(get_typed_column_reader(reader), Room::new()),
            ColumnReader::DoubleColumnReader(_) => Self::Float(get_typed_column_reader(reader), Room::new()),
            _ => {
                return Err(ParquetError::General("a column that should hold numbers holds none".to_owned()));
            }
        })
    }

    fn read(&mut self, rows: usize, out: &mut Vec<i64>) -> Result<()> {
        match self {
            Self::Narrow(reader, room) => read(reader, room, rows, out, i64::from),
            Self::Wide(reader, room) => read(reader, room, rows, out, |value| value),
            Self::Float(reader, room) => read(reader, room, rows, out, |value| value.to_bits().cast_signed()),
        }
    }
}

impl<T> Room<T> {
    fn new() -> Self {
        Self { levels: Vec::with_capacity(CHUNK), values: Vec::with_capacity(CHUNK) }
    }
}

fn read<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    room: &mut Room<T::T>,
    rows: usize,
    out: &mut Vec<i64>,
    wide: impl Fn(T::T) -> i64,
) -> Result<()>
where
    T::T: Copy,
{
    room.levels.clear();
    room.values.clear();
    out.clear();
    let (read, told, _) = reader.read_records(rows, Some(&mut room.levels), None, &mut room.values)?;
    if told == read {
        out.extend(room.values.iter().map(|value| wide(*value)));
        return Ok(());
    }
    let mut values = room.values.iter();
    out.extend(room.levels.iter().map(|level| match level {
        0 => NOT_TOLD,
        _ => values.next().map_or(NOT_TOLD, |value| wide(*value)),
    }));
    Ok(())
}
