//! A column chunk: pages, compressed, and what is said of them.

use bytes::Bytes;
use parquet::{
    basic::{Compression, Encoding, PageType},
    column::{
        page::{CompressedPage, Page, PageWriteSpec, PageWriter},
        writer::ColumnCloseResult,
    },
    errors::{ParquetError, Result},
    file::{
        metadata::{ColumnChunkMetaData, PageEncodingStats},
        statistics::Statistics,
        writer::{SerializedPageWriter, TrackedWrite},
    },
    schema::types::ColumnDescPtr,
};

use super::hybrid;

/// Flows of a page: its values fit a core's own cache when they are read.
const PAGE_ROWS: usize = 16_384;

/// Values of a column, the untold ones left out.
pub(super) enum Cells<'a> {
    /// One after another, each in the low octets of a number.
    Plain(&'a [u64]),
    /// Places in a dictionary.
    Placed { dictionary: Dictionary, places: &'a [u32] },
}

/// Distinct values as the format writes them.
pub(super) struct Dictionary {
    pub(super) octets: Vec<u8>,
    pub(super) entries: usize,
}

/// A column of a row group.
pub(super) struct Column<'a> {
    pub(super) descriptor: ColumnDescPtr,
    pub(super) rows: usize,
    /// Which flows told it; `None` where all did.
    pub(super) told: Option<&'a [bool]>,
    pub(super) cells: Cells<'a>,
    /// Octets of a plain value.
    pub(super) width: usize,
    pub(super) statistics: Option<Statistics>,
}

/// The octets of a chunk, and its metadata.
pub(super) struct Chunk {
    pub(super) octets: Bytes,
    pub(super) closed: ColumnCloseResult,
}

/// The chunk under way.
struct Pages<'p> {
    snappy: &'p mut snap::raw::Encoder,
    sink: TrackedWrite<Vec<u8>>,
    compressed: usize,
    uncompressed: usize,
    encodings: Vec<PageEncodingStats>,
}

impl Column<'_> {
    /// Creates the chunk. Of what no flow told it is one page, without a dictionary.
    pub(super) fn pressed(mut self, snappy: &mut snap::raw::Encoder) -> Result<Chunk> {
        if self.is_untold() {
            self.cells = Cells::Plain(&[]);
        }
        let sink = TrackedWrite::new(Vec::new());
        let mut pages = Pages { snappy, sink, compressed: 0, uncompressed: 0, encodings: Vec::new() };
        let mut dictionary_offset = None;
        if let Cells::Placed { dictionary, .. } = &self.cells {
            dictionary_offset = Some(i64::try_from(pages.dictionary(dictionary)?.offset)?);
        }
        let data_offset = i64::try_from(pages.sink.bytes_written())?;
        pages.data(&self)?;
        let mut encodings = vec![Encoding::RLE];
        encodings.extend(pages.encodings.iter().map(|stats| stats.encoding));
        let mut metadata = ColumnChunkMetaData::builder(self.descriptor)
            .set_compression(Compression::SNAPPY)
            .set_encodings(encodings)
            .set_page_encoding_stats(pages.encodings)
            .set_total_compressed_size(i64::try_from(pages.compressed)?)
            .set_total_uncompressed_size(i64::try_from(pages.uncompressed)?)
            .set_num_values(i64::try_from(self.rows)?)
            .set_data_page_offset(data_offset)
            .set_dictionary_page_offset(dictionary_offset);
        if let Some(statistics) = self.statistics {
            metadata = metadata.set_statistics(statistics);
        }
        let octets = Bytes::from(pages.sink.into_inner()?);
        let closed = ColumnCloseResult {
            bytes_written: octets.len() as u64,
            rows_written: self.rows as u64,
            metadata: metadata.build()?,
            bloom_filter: None,
            column_index: None,
            offset_index: None,
        };
        Ok(Chunk { octets, closed })
    }
}

impl Column<'_> {
    fn is_untold(&self) -> bool {
        self.told.is_some_and(|told| !told.contains(&true))
    }
}

impl Pages<'_> {
    fn dictionary(&mut self, dictionary: &Dictionary) -> Result<PageWriteSpec> {
        let num_values = u32::try_from(dictionary.entries)?;
        let encoding = Encoding::PLAIN;
        self.page(&dictionary.octets, |buf| Page::DictionaryPage {
            buf,
            num_values,
            encoding,
            is_sorted: false,
        })
    }

    /// Writes all data pages.
    fn data(&mut self, column: &Column<'_>) -> Result<()> {
        let optional = column.descriptor.max_def_level() > 0;
        let encoding = match column.cells {
            Cells::Plain(_) => Encoding::PLAIN,
            Cells::Placed { .. } => Encoding::RLE_DICTIONARY,
        };
        let (mut octets, mut from) = (Vec::new(), 0);
        let page = if column.is_untold() { column.rows.max(1) } else { PAGE_ROWS };
        for first in (0..column.rows).step_by(page) {
            let rows = page.min(column.rows - first);
            let told = column.told.and_then(|told| told.get(first..first + rows));
            let values = told.map_or(rows, |told| told.iter().filter(|told| **told).count());
            octets.clear();
            if optional {
                append_levels(rows, told, &mut octets);
            }
            append_values(&column.cells, from..from + values, column.width, &mut octets)?;
            from += values;
            let num_values = u32::try_from(rows)?;
            self.page(&octets, |buf| Page::DataPage {
                buf,
                num_values,
                encoding,
                def_level_encoding: Encoding::RLE,
                rep_level_encoding: Encoding::RLE,
                statistics: None,
            })?;
        }
        Ok(())
    }

    fn page(&mut self, octets: &[u8], page: impl FnOnce(Bytes) -> Page) -> Result<PageWriteSpec> {
        let compressed =
            self.snappy.compress_vec(octets).map_err(|error| ParquetError::External(error.into()))?;
        let page = CompressedPage::new(page(compressed.into()), octets.len());
        let (page_type, encoding) = (page.page_type(), page.encoding());
        let spec = SerializedPageWriter::new(&mut self.sink).write_page(page)?;
        self.compressed += spec.compressed_size;
        self.uncompressed += spec.uncompressed_size;
        self.count(page_type, encoding);
        Ok(spec)
    }

    fn count(&mut self, page_type: PageType, encoding: Encoding) {
        match self.encodings.last_mut() {
            Some(latest) if latest.page_type == page_type => latest.count += 1,
            _ => self.encodings.push(PageEncodingStats { page_type, encoding, count: 1 }),
        }
    }
}

/// Writes which flows have it: 1, or 0 for those that have not.
fn append_levels(rows: usize, told: Option<&[bool]>, out: &mut Vec<u8>) {
    let mut levels = Vec::new();
    match told {
        None => hybrid::append_run(rows, 1, 1, &mut levels),
        Some(told) => {
            let told: Vec<u32> = told.iter().map(|told| u32::from(*told)).collect();
            hybrid::append(&told, 1, &mut levels);
        }
    }
    out.extend(u32::try_from(levels.len()).unwrap_or(u32::MAX).to_le_bytes());
    out.extend(levels);
}

fn append_values(
    cells: &Cells<'_>,
    range: std::ops::Range<usize>,
    width: usize,
    out: &mut Vec<u8>,
) -> Result<()> {
    let missing = || ParquetError::General("a column has fewer values than flows told".to_owned());
    match cells {
        Cells::Plain(values) => append_plain(values.get(range).ok_or_else(missing)?, width, out),
        Cells::Placed { dictionary, places } => {
            let greatest = u32::try_from(dictionary.entries.saturating_sub(1))?;
            let width = hybrid::width_of(greatest);
            out.push(u8::try_from(width)?);
            hybrid::append(places.get(range).ok_or_else(missing)?, width, out);
        }
    }
    Ok(())
}

/// Appends numbers of so many octets each.
pub(super) fn append_plain(values: &[u64], width: usize, out: &mut Vec<u8>) {
    out.reserve(values.len() * width);
    if width == 8 {
        // a width that is known is copied at once
        values.iter().for_each(|value| out.extend(value.to_le_bytes()));
    } else {
        values.iter().for_each(|value| out.extend(value.to_le_bytes().iter().take(width)));
    }
}
