//! The rows that the pages of a broken SQLite file hold, whatever became of the tree above them.
//!
//! ```text
//!  leaf of a table:  | 0x0D | .. | cells u16 | .. | offset of each cell u16 ... |      | cell | cell |
//!  cell:             | bytes of the row, varint | row id, varint | row | first overflow page u32, if it is long |
//!  row:              | bytes of the header | type of each column, varints | columns |
//!                                            https://www.sqlite.org/fileformat2.html, sections 1.6 and 2
//! ```

use std::{
    collections::{HashMap, HashSet},
    fs::File,
    io,
    os::unix::fs::FileExt,
    path::Path,
};

use rusqlite::types::Value;

use super::wal::Log;

const TABLE_LEAF: u8 = 0x0D;
/// The file's own header, before the first page's.
const FILE_HEADER: usize = 100;

/// A row of any table.
#[derive(Debug)]
pub(super) struct PageRow {
    pub(super) id: i64,
    pub(super) columns: Vec<Value>,
}

/// The pages of a file, the newest version of each.
pub(super) struct Pages {
    file: File,
    log: Option<File>,
    /// All of it is used: a spool reserves nothing at the end of its pages.
    page_size: usize,
    last: u32,
    /// Where in the log a page stands.
    in_log: HashMap<u32, u64>,
    /// Pages of frames that are damaged: what can be read of them counts after all else.
    damaged: Vec<u64>,
    /// Pages that hold nothing any more.
    free: HashSet<u32>,
}

impl Pages {
    /// Opens a file and its log.
    pub(super) fn open(path: &Path, log_path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let log = Log::read(log_path)?;
        let mut header = [0; FILE_HEADER];
        let is_whole = file.read_exact_at(&mut header, 0).is_ok();
        let written = usize::from(u16::from_be_bytes([header[16], header[17]]));
        let page_size = match (written, &log) {
            (512..=32_768, _) if is_whole && written.is_power_of_two() => written,
            (_, Some(log)) => log.page_size,
            _ => 4_096,
        };
        let length = file.metadata()?.len();
        let pages = length.div_ceil(page_size as u64);
        let mut last = u32::try_from(pages).unwrap_or(u32::MAX);
        let (mut in_log, mut damaged) = (HashMap::new(), Vec::new());
        for frame in log.iter().flat_map(|log| &log.frames) {
            if frame.is_sound {
                in_log.insert(frame.page, frame.offset);
                last = last.max(frame.page);
            } else {
                damaged.push(frame.offset);
            }
        }
        let log = log.map(|_| File::open(log_path)).transpose()?;
        let free = HashSet::new();
        let mut pages = Self { file, log, page_size, last, in_log, damaged, free };
        pages.free = pages.free_pages();
        Ok(pages)
    }

    /// Hands over each row that can be read.
    pub(super) fn rows<E>(&self, mut each: impl FnMut(PageRow) -> Result<(), E>) -> Result<(), E> {
        for number in (1..=self.last).filter(|number| !self.free.contains(number)) {
            if let Some(page) = self.page(number) {
                self.rows_of(&page, if number == 1 { FILE_HEADER } else { 0 }, &mut each)?;
            }
        }
        for offset in &self.damaged {
            if let Some(page) = self.log.as_ref().and_then(|log| self.read(log, *offset)) {
                self.rows_of(&page, 0, &mut each)?;
            }
        }
        Ok(())
    }

    fn rows_of<E>(
        &self,
        page: &[u8],
        start: usize,
        each: &mut impl FnMut(PageRow) -> Result<(), E>,
    ) -> Result<(), E> {
        let Some(header) = page.get(start..).filter(|page| page.first() == Some(&TABLE_LEAF)) else {
            return Ok(());
        };
        let count = short(header, 3).unwrap_or(0);
        for cell in 0..count {
            let offset = short(header, 8 + 2 * cell);
            if let Some(row) = offset.and_then(|offset| self.row(page.get(offset..)?)) {
                each(row)?;
            }
        }
        Ok(())
    }

    fn row(&self, cell: &[u8]) -> Option<PageRow> {
        let (length, cell) = varint(cell)?;
        let (id, cell) = varint(cell)?;
        let length = usize::try_from(length).ok()?;
        let local = self.local(length);
        let mut row = cell.get(..local)?.to_vec();
        if local < length {
            self.overflow(&mut row, length, u32::from_be_bytes(*cell.get(local..)?.first_chunk()?))?;
        }
        Some(PageRow { id, columns: columns(&row)? })
    }

    /// Returns how much of a row stands on the leaf itself.
    fn local(&self, length: usize) -> usize {
        let most = self.page_size - 35;
        if length <= most {
            return length;
        }
        let least = (self.page_size - 12) * 32 / 255 - 23;
        let wanted = least + (length - least) % (self.page_size - 4);
        if wanted <= most { wanted } else { least }
    }

    fn overflow(&self, row: &mut Vec<u8>, length: usize, first: u32) -> Option<()> {
        let mut next = first;
        // A chain that is broken may be a ring: it ends with the pages at the latest.
        for _ in 0..=self.last {
            if row.len() >= length {
                row.truncate(length);
                return Some(());
            }
            let page = self.page(next)?;
            next = u32::from_be_bytes(*page.first_chunk()?);
            row.extend_from_slice(page.get(4..self.page_size)?);
        }
        None
    }

    /// Reads the list of free pages, as far as it can be followed.
    fn free_pages(&self) -> HashSet<u32> {
        let mut free = HashSet::new();
        let long = |page: &[u8], at: usize| Some(u32::from_be_bytes(*page.get(at..)?.first_chunk()?));
        let mut trunk = self.page(1).and_then(|page| long(&page, 32)).unwrap_or(0);
        while trunk != 0 && trunk <= self.last && free.insert(trunk) {
            let Some(page) = self.page(trunk) else { break };
            let leaves = long(&page, 4).unwrap_or(0).min(u32::try_from(self.page_size / 4).unwrap_or(0));
            free.extend((0..leaves as usize).filter_map(|leaf| long(&page, 8 + 4 * leaf)));
            trunk = long(&page, 0).unwrap_or(0);
        }
        free
    }

    fn page(&self, number: u32) -> Option<Vec<u8>> {
        match (self.in_log.get(&number), &self.log) {
            (Some(offset), Some(log)) => self.read(log, *offset),
            _ => self.read(&self.file, u64::from(number.checked_sub(1)?) * self.page_size as u64),
        }
    }

    /// Reads a page; the last one of a file that was cut may be shorter.
    fn read(&self, file: &File, offset: u64) -> Option<Vec<u8>> {
        let mut page = vec![0; self.page_size];
        let mut filled = 0;
        while let Some(rest) = page.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match file.read_at(rest, offset + filled as u64) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // A bad block costs itself.
                Err(_) => return None,
            }
        }
        (filled > 0).then_some(page)
    }
}

fn columns(row: &[u8]) -> Option<Vec<Value>> {
    let (header_length, after) = varint(row)?;
    let header_length = usize::try_from(header_length).ok()?;
    let mut types = row.get(row.len() - after.len()..header_length)?;
    let mut body = row.get(header_length..)?;
    let mut columns = Vec::new();
    while !types.is_empty() {
        let (kind, rest) = varint(types)?;
        types = rest;
        let (column, rest) = column(kind, body)?;
        body = rest;
        columns.push(column);
    }
    Some(columns)
}

fn column(kind: i64, body: &[u8]) -> Option<(Value, &[u8])> {
    let length = match kind {
        0 | 8 | 9 => 0,
        1..=4 => usize::try_from(kind).ok()?,
        5 => 6,
        6 | 7 => 8,
        12.. => usize::try_from((kind - 12) / 2).ok()?,
        _ => return None,
    };
    let (bytes, rest) = body.split_at_checked(length)?;
    let value = match kind {
        0 => Value::Null,
        8 => Value::Integer(0),
        9 => Value::Integer(1),
        7 => Value::Real(f64::from_be_bytes(*bytes.first_chunk()?)),
        1..=6 => {
            let sign = if bytes.first().is_some_and(|first| first & 0x80 != 0) { -1 } else { 0 };
            Value::Integer(bytes.iter().fold(sign, |number, byte| (number << 8) | i64::from(*byte)))
        }
        _ if kind % 2 == 0 => Value::Blob(bytes.to_vec()),
        _ => Value::Text(String::from_utf8(bytes.to_vec()).ok()?),
    };
    Some((value, rest))
}

fn short(bytes: &[u8], at: usize) -> Option<usize> {
    bytes.get(at..)?.first_chunk().map(|bytes| usize::from(u16::from_be_bytes(*bytes)))
}

/// Reads a number of up to nine bytes, seven bits in each but the ninth.
fn varint(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let mut number = 0_i64;
    for (place, byte) in bytes.iter().enumerate().take(9) {
        if place == 8 {
            return Some(((number << 8) | i64::from(*byte), bytes.get(9..)?));
        }
        number = (number << 7) | i64::from(byte & 0x7F);
        if byte & 0x80 == 0 {
            return Some((number, bytes.get(place + 1..)?));
        }
    }
    None
}
