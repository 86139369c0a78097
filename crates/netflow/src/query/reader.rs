//! Attributes of a row group, read a chunk at a time.

use parquet::{
    column::reader::{ColumnReader, ColumnReaderImpl, get_typed_column_reader},
    data_type::{ByteArray, ByteArrayType, DataType, DoubleType, Int32Type, Int64Type},
    errors::{ParquetError, Result},
    file::reader::RowGroupReader,
};

use super::{
    attribute::{Attribute, INPUTS_MAX, NOT_TOLD},
    bounds::Bounds,
};

/// Flows read at once: the attributes of a usual query then stay in a core's own cache.
pub(super) const CHUNK: usize = 8_192;

/// The attributes of a row group that a query needs.
pub(super) struct Chunks {
    attributes: Vec<(Attribute, Values)>,
    /// Those that follow from others; read after them.
    derived: Vec<(Attribute, Vec<i64>)>,
    left: usize,
}

struct Values {
    from: Option<Column>,
    values: Vec<i64>,
}

enum Column {
    Narrow(ColumnReaderImpl<Int32Type>, Buffers<i32>),
    Wide(ColumnReaderImpl<Int64Type>, Buffers<i64>),
    Float(ColumnReaderImpl<DoubleType>, Buffers<f64>),
    Word(ColumnReaderImpl<ByteArrayType>, Buffers<ByteArray>, Attribute),
}

/// What a column is read into.
struct Buffers<T> {
    levels: Vec<i16>,
    values: Vec<T>,
}

impl Chunks {
    /// Opens the attributes of a row group. What all flows have in common is not read.
    pub(super) fn open(group: &dyn RowGroupReader, wanted: &[Attribute]) -> Result<Self> {
        let rows = usize::try_from(group.metadata().num_rows())?;
        let mut needed: Vec<Attribute> = wanted.to_vec();
        needed.extend(wanted.iter().flat_map(|attribute| attribute.inputs()));
        needed.sort_unstable();
        needed.dedup();
        let (mut attributes, mut derived) = (Vec::new(), Vec::new());
        for attribute in needed {
            match attribute.column() {
                Some(column) => attributes.push((attribute, Values::open(group, attribute, column)?)),
                None => derived.push((attribute, Vec::with_capacity(CHUNK))),
            }
        }
        Ok(Self { attributes, derived, left: rows })
    }

    /// Reads the next chunk. Returns how many flows it has; 0 at the end.
    pub(super) fn next(&mut self) -> Result<usize> {
        let rows = self.left.min(CHUNK);
        self.left -= rows;
        for (attribute, Values { from, values }) in &mut self.attributes {
            if let Some(column) = from {
                column.read(rows, values)?;
                if values.len() != rows {
                    return Err(ParquetError::General(format!("column {attribute:?} ends early")));
                }
            }
        }
        let mut derived = std::mem::take(&mut self.derived);
        for (attribute, values) in &mut derived {
            let mut inputs = [&[][..]; INPUTS_MAX];
            for (input, attribute) in inputs.iter_mut().zip(attribute.inputs()) {
                *input = self.of(*attribute);
            }
            values.clear();
            values.extend((0..rows).map(|row| {
                attribute.derived(inputs.map(|input| input.get(row).copied().unwrap_or(NOT_TOLD)))
            }));
        }
        self.derived = derived;
        Ok(rows)
    }

    /// Returns an attribute of the chunk; at least as many numbers as the chunk has flows. One that was not opened is empty.
    pub(super) fn of(&self, wanted: Attribute) -> &[i64] {
        let column = self.attributes.iter().find(|(attribute, _)| *attribute == wanted);
        let derived = || self.derived.iter().find(|(attribute, _)| *attribute == wanted);
        match column {
            Some((_, read)) => &read.values,
            None => derived().map_or(&[], |(_, values)| values),
        }
    }
}

impl Values {
    fn open(group: &dyn RowGroupReader, attribute: Attribute, column: &str) -> Result<Self> {
        let metadata = group.metadata();
        let rows = usize::try_from(metadata.num_rows())?.min(CHUNK);
        let constant = Bounds::of(metadata, attribute).and_then(|bounds| bounds.constant());
        let place = metadata.columns().iter().position(|other| other.column_path().string() == column);
        Ok(match (constant, place) {
            (Some(value), _) => Self { from: None, values: vec![value; rows] },
            (None, Some(place)) => {
                let from = Some(Column::of(group.get_column_reader(place)?, attribute)?);
                Self { from, values: Vec::with_capacity(CHUNK) }
            }
            (None, None) => Self { from: None, values: vec![attribute.when_absent(); rows] },
        })
    }
}

impl Column {
    fn of(reader: ColumnReader, attribute: Attribute) -> Result<Self> {
        Ok(match reader {
            ColumnReader::Int32ColumnReader(_) => {
                Self::Narrow(get_typed_column_reader(reader), Buffers::new())
            }
            ColumnReader::Int64ColumnReader(_) => Self::Wide(get_typed_column_reader(reader), Buffers::new()),
            ColumnReader::DoubleColumnReader(_) => {
                Self::Float(get_typed_column_reader(reader), Buffers::new())
            }
            ColumnReader::ByteArrayColumnReader(_) => {
                Self::Word(get_typed_column_reader(reader), Buffers::new(), attribute)
            }
            _ => {
                return Err(ParquetError::General(format!(
                    "the column of {attribute:?} is of no known type"
                )));
            }
        })
    }

    fn read(&mut self, rows: usize, out: &mut Vec<i64>) -> Result<()> {
        match self {
            Self::Narrow(reader, buffers) => read(reader, buffers, rows, out, |value| i64::from(*value)),
            Self::Wide(reader, buffers) => read(reader, buffers, rows, out, |value| *value),
            Self::Float(reader, buffers) => {
                read(reader, buffers, rows, out, |value| value.to_bits().cast_signed())
            }
            Self::Word(reader, buffers, attribute) => {
                read(reader, buffers, rows, out, |word| attribute.of_word(word.data()))
            }
        }
    }
}

impl<T> Buffers<T> {
    fn new() -> Self {
        Self { levels: Vec::with_capacity(CHUNK), values: Vec::with_capacity(CHUNK) }
    }
}

fn read<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    buffers: &mut Buffers<T::T>,
    rows: usize,
    out: &mut Vec<i64>,
    wide: impl Fn(&T::T) -> i64,
) -> Result<()> {
    buffers.levels.clear();
    buffers.values.clear();
    out.clear();
    let (read, told, _) = reader.read_records(rows, Some(&mut buffers.levels), None, &mut buffers.values)?;
    if told == read {
        out.extend(buffers.values.iter().map(&wide));
        return Ok(());
    }
    let mut values = buffers.values.iter();
    out.extend(buffers.levels.iter().map(|level| match level {
        0 => NOT_TOLD,
        _ => values.next().map_or(NOT_TOLD, &wide),
    }));
    Ok(())
}
