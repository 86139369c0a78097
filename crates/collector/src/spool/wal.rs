//! The log of a SQLite file, looked at before SQLite opens it.
//!
//! ```text
//!  0                                  24       32
//! | magic | version | page size | ...| checksum |  then frames:
//!
//!  0      4              8      16          24
//! | page | size or 0    | salt | checksum  | the page |      https://www.sqlite.org/fileformat2.html, section 4
//! ```
//! A frame's checksum goes on from that of the frame before. So SQLite, at a bit that flipped, drops the frame and all
//! that follow, without a word, however much of it was committed. Here each frame is checked by itself: from the
//! checksum that stands in the frame before it.

use std::{
    fs::File,
    io::{self, BufReader, Read},
    path::Path,
};

const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;
const MAGIC_LITTLE_ENDIAN: u32 = 0x377f_0682;
const MAGIC_BIG_ENDIAN: u32 = 0x377f_0683;

/// What a log holds up to its last commit.
#[derive(Debug)]
pub(super) struct Log {
    pub(super) page_size: usize,
    pub(super) frames: Vec<Frame>,
    is_header_sound: bool,
}

/// One page as it was written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    pub(super) page: u32,
    /// Where the page begins in the file.
    pub(super) offset: u64,
    /// Whether it is what was written.
    pub(super) is_sound: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Checksum(u32, u32);

impl Log {
    /// Reads the log of a spool's file; None if there is none, or nothing in it.
    pub(super) fn read(path: &Path) -> io::Result<Option<Self>> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut reader = BufReader::with_capacity(1 << 20, file);
        let mut header = [0; HEADER];
        if !filled(&mut reader, &mut header)? {
            return Ok(None);
        }
        Ok(Some(Self::frames(&mut reader, &header)?))
    }

    /// Whether something that was committed is not what was written.
    pub(super) fn is_damaged(&self) -> bool {
        !self.is_header_sound && !self.frames.is_empty() || self.damaged_frames() > 0
    }

    /// Returns how many frames are not what was written.
    pub(super) fn damaged_frames(&self) -> usize {
        self.frames.iter().filter(|frame| !frame.is_sound).count()
    }

    fn frames(reader: &mut impl Read, header: &[u8; HEADER]) -> io::Result<Self> {
        let magic = number(header, 0);
        let is_big_endian = magic == MAGIC_BIG_ENDIAN;
        let mut checksum = Checksum(number(header, 24), number(header, 28));
        let computed = Checksum::default().over(header.get(..24).unwrap_or_default(), is_big_endian);
        let is_header_sound = computed == checksum && (is_big_endian || magic == MAGIC_LITTLE_ENDIAN);
        let page_size = match number(header, 8) {
            size @ 512..=65_536 if size.is_power_of_two() => usize::try_from(size).unwrap_or(4_096),
            _ => 4_096,
        };
        // Where the header is broken, its salts may be: then those of the first frame count.
        let mut salts = is_header_sound.then(|| (number(header, 16), number(header, 20)));
        let (mut frames, mut committed) = (Vec::new(), 0);
        let (mut frame, mut page) = ([0; FRAME_HEADER], vec![0; page_size]);
        let (mut offset, mut was_live) = (HEADER as u64, true);
        while filled(reader, &mut frame)? && filled(reader, &mut page)? {
            let found = (number(&frame, 8), number(&frame, 12));
            let written = Checksum(number(&frame, 16), number(&frame, 20));
            let covered = frame.get(..8).unwrap_or_default();
            let is_sound = checksum.over(covered, is_big_endian).over(&page, is_big_endian) == written;
            let has_salts = found == *salts.get_or_insert(found);
            let is_live = has_salts || (is_sound && was_live);
            frames.push(Frame {
                page: number(&frame, 0),
                offset: offset + FRAME_HEADER as u64,
                is_sound: is_sound && has_salts,
            });
            // Frames of an earlier round, which has been moved into the file, have other salts.
            if is_live && number(&frame, 4) != 0 {
                committed = frames.len();
            }
            (checksum, was_live) = (written, is_live);
            offset += (FRAME_HEADER + page_size) as u64;
        }
        frames.truncate(committed);
        Ok(Self { page_size, frames, is_header_sound })
    }
}

impl Checksum {
    fn over(self, bytes: &[u8], is_big_endian: bool) -> Self {
        let Self(mut first, mut second) = self;
        let word = |bytes: [u8; 4]| {
            if is_big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
        };
        let (pairs, _) = bytes.as_chunks::<8>();
        for &[a, b, c, d, e, f, g, h] in pairs {
            first = first.wrapping_add(word([a, b, c, d])).wrapping_add(second);
            second = second.wrapping_add(word([e, f, g, h])).wrapping_add(first);
        }
        Self(first, second)
    }
}

/// Whether all of a buffer could be read.
fn filled(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    match reader.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

fn number(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |bytes| u32::from_be_bytes(*bytes))
}
