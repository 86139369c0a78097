//! One Parquet file: flows in, columns out.
//!
//! Row groups have at most [`super::GROUP_RECORDS`] flows. Pages are Snappy's and of format version 1, values stand behind
//! dictionaries where those are small: what every reader understands. Each column of a row group tells its least and greatest
//! value.

use std::{
    collections::HashMap,
    fs::{self, File},
    io::BufWriter,
    net::Ipv6Addr,
    path::Path,
    sync::{Arc, LazyLock},
};

use bytes::Bytes;
use parquet::{
    basic::Compression,
    data_type::{ByteArray, ByteArrayType, DataType, DoubleType, Int32Type, Int64Type},
    errors::ParquetError,
    file::{
        properties::{EnabledStatistics, WriterProperties},
        writer::{SerializedColumnWriter, SerializedFileWriter, SerializedRowGroupWriter},
    },
    schema::{
        parser::parse_message_type,
        types::{ColumnPath, TypePtr},
    },
};

use super::{ArchiveError, COLUMNS, Column, Kind, Record, layout};

/// Octets of a dictionary beyond which a column's values are written plainly: 130,000 addresses as text.
const DICTIONARY_BYTES: usize = 4 << 20;

/// Numbers that are counted, not chosen from a few.
const COUNTERS: [&str; 2] = ["bytes", "packets"];

static SCHEMA: LazyLock<Result<TypePtr, String>> = LazyLock::new(|| {
    let columns: String = COLUMNS.iter().map(Column::declaration).collect();
    parse_message_type(&format!("message flow {{ {columns} }}"))
        .map(Arc::new)
        .map_err(|error| error.to_string())
});

type Out = SerializedFileWriter<BufWriter<File>>;

/// Writes a file whole: `fill` puts its row groups in. It is there under its name once it is synced.
pub(super) fn write(
    path: &Path,
    fill: impl FnOnce(&mut Out) -> Result<(), ParquetError>,
) -> Result<(), ArchiveError> {
    let beside = path.with_extension(layout::UNFINISHED);
    let file = File::create(&beside).map_err(ArchiveError::file("create", &beside))?;
    let written = write_into(file, fill).map_err(ArchiveError::parquet("write", &beside));
    let synced = written.and_then(|file| file.sync_data().map_err(ArchiveError::file("sync", &beside)));
    let renamed =
        synced.and_then(|()| fs::rename(&beside, path).map_err(ArchiveError::file("rename", &beside)));
    renamed.inspect_err(|_| {
        // half a file serves nobody, and the disk may be full
        let _ = fs::remove_file(&beside);
    })
}

fn write_into(
    file: File,
    fill: impl FnOnce(&mut Out) -> Result<(), ParquetError>,
) -> Result<File, ParquetError> {
    let schema = SCHEMA.as_ref().map_err(|error| ParquetError::General(error.clone()))?;
    let mut properties = WriterProperties::builder()
        .set_created_by(concat!("grafolean ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(Compression::SNAPPY)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true)
        .set_dictionary_page_size_limit(DICTIONARY_BYTES);
    for column in COLUMNS {
        let path = ColumnPath::from(column.name);
        match column.kind {
            // hardly two flows have the same, or else too many do for a dictionary to be small
            Kind::MomentIfTold(_) => properties = properties.set_column_dictionary_enabled(path, false),
            Kind::Number(_) if COUNTERS.contains(&column.name) => {
                properties = properties.set_column_dictionary_enabled(path, false);
            }
            // nobody looks for a range of texts, and to compare them takes long
            Kind::Address(_) | Kind::Word(_) => {
                properties = properties.set_column_statistics_enabled(path, EnabledStatistics::None);
            }
            _ => {}
        }
    }
    let mut out =
        SerializedFileWriter::new(BufWriter::new(file), Arc::clone(schema), Arc::new(properties.build()))?;
    fill(&mut out)?;
    Ok(out.into_inner()?.into_inner().map_err(|error| error.into_error())?)
}

/// Adds flows as one row group.
pub(super) fn add_group(out: &mut Out, records: &[Record]) -> Result<(), ParquetError> {
    let mut group = out.next_row_group()?;
    let mut texts = Texts::default();
    for column in COLUMNS {
        add_column(&mut group, column, records, &mut texts)?;
    }
    group.close()?;
    Ok(())
}

fn add_column(
    group: &mut SerializedRowGroupWriter<'_, BufWriter<File>>,
    column: &Column,
    records: &[Record],
    texts: &mut Texts,
) -> Result<(), ParquetError> {
    let Some(mut out) = group.next_column()? else {
        return Err(ParquetError::General(format!("there is no place for column {}", column.name)));
    };
    let high = |address: u128| bits(address >> 64);
    match column.kind {
        Kind::Moment(get) | Kind::Known(get) => known::<Int64Type>(&mut out, records.iter().map(get)),
        Kind::MomentIfTold(get) | Kind::Number(get) => {
            if_told::<Int64Type>(&mut out, records.iter().map(get))
        }
        Kind::Small(_, get) => if_told::<Int32Type>(&mut out, records.iter().map(get)),
        Kind::High(get) => if_told::<Int64Type>(&mut out, records.iter().map(|record| get(record).map(high))),
        Kind::Low(get) => if_told::<Int64Type>(&mut out, records.iter().map(|record| get(record).map(bits))),
        Kind::Factor(get) => known::<DoubleType>(&mut out, records.iter().map(get)),
        Kind::Word(get) => {
            let word = |record| Bytes::from_static(get(record).as_bytes()).into();
            known::<ByteArrayType>(&mut out, records.iter().map(word))
        }
        Kind::Address(get) => if_told::<ByteArrayType>(
            &mut out,
            records.iter().map(|record| get(record).map(|it| texts.of(it))),
        ),
    }?;
    out.close()
}

/// The low 64 bits, as the format's signed numbers carry unsigned ones.
fn bits(address: u128) -> i64 {
    u64::try_from(address & u128::from(u64::MAX)).unwrap_or(0).cast_signed()
}

fn known<T: DataType>(
    out: &mut SerializedColumnWriter<'_>,
    values: impl Iterator<Item = T::T>,
) -> Result<(), ParquetError> {
    let values: Vec<_> = values.collect();
    out.typed::<T>().write_batch(&values, None, None)?;
    Ok(())
}

fn if_told<T: DataType>(
    out: &mut SerializedColumnWriter<'_>,
    values: impl Iterator<Item = Option<T::T>>,
) -> Result<(), ParquetError> {
    let mut told = Vec::with_capacity(values.size_hint().0);
    let levels: Vec<i16> = values
        .map(|value| {
            let level = i16::from(value.is_some());
            told.extend(value);
            level
        })
        .collect();
    out.typed::<T>().write_batch(&told, Some(&levels), None)?;
    Ok(())
}

/// Addresses as text. Most of a row group's are the same few: each is written once and shared.
#[derive(Default)]
struct Texts {
    known: HashMap<u128, ByteArray, foldhash::fast::RandomState>,
}

impl Texts {
    fn of(&mut self, address: u128) -> ByteArray {
        let text = || Ipv6Addr::from_bits(address).to_canonical().to_string().into_bytes().into();
        self.known.entry(address).or_insert_with(text).clone()
    }
}
