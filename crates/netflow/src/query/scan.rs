//! Reading kept flows, on all cores.

use std::{
    fs::File,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    thread,
};

use grafolean_time::Timestamp;
use parquet::{
    errors::ParquetError,
    file::{reader::FileReader, serialized_reader::SerializedFileReader},
};
use thiserror::Error;

use super::{
    By, Filter, Sums,
    bounds::Bounds,
    chunk::Lanes,
    filter::Predicate,
    groups::{GROUPS_MAX, Groups},
    lane::{Lane, NOT_TOLD},
    source::Source,
};
use crate::archive::{ArchiveError, Catalog, Stored};

/// Numbers that a key may have: three addresses, or an address pair with its ports, protocol and time.
const WIDTH_MAX: usize = 8;
/// Files that are open at once, beside the pieces of the one under way.
const FILES_AT_ONCE: usize = 64;

/// What is asked.
#[derive(Clone, Debug)]
pub struct Question {
    /// Which flows.
    pub filter: Filter,
    /// Received from this time on.
    pub from: Timestamp,
    /// Received before this time.
    pub to: Timestamp,
    /// By what they are added up; by nothing gives no groups.
    pub by: Vec<By>,
    /// How many groups are wanted, the greatest first.
    pub top: usize,
    /// Which groups are the greatest.
    pub order: Counts,
    /// Whether counts are taken as exported. They are else scaled by the sampling, as an estimate of what passed.
    pub unscaled: bool,
}

/// What is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Counts {
    /// Bytes.
    #[default]
    Bytes,
    /// Packets.
    Packets,
    /// Flows.
    Flows,
}

/// Flows that have their key in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The values of what was asked by, for people; `None` where they were not told.
    pub key: Vec<Option<String>>,
    /// What they add up to.
    pub sums: Sums,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The greatest groups.
    pub groups: Vec<Group>,
    /// How many groups there are in all.
    pub groups_in_all: usize,
    /// All flows that are meant.
    pub total: Sums,
    /// Flows of the files that were looked at.
    pub scanned: u64,
    /// Files that were looked at.
    pub files: usize,
    /// Files that were deleted meanwhile, as they had to go.
    pub vanished: usize,
}

/// How far a scan is; for whoever shows it.
#[derive(Debug, Default)]
pub struct Progress {
    /// Octets of the files to be looked at.
    pub bytes: AtomicU64,
    /// Octets of those looked at, or passed over.
    pub done: AtomicU64,
    /// Set by whoever does not want the answer any more.
    pub stop: AtomicBool,
}

/// Why there is no answer.
#[derive(Debug, Error)]
pub enum QueryError {
    /// The files cannot be read.
    #[error("the flows can't be read")]
    Archive(#[from] ArchiveError),
    /// There is no such folder.
    #[error("there are no flows in {}: does a bot keep them there (--flow-archive)?", .0.display())]
    NoFolder(PathBuf),
    /// The key is too wide.
    #[error("flows can't be added up by so much at once: leave some out")]
    TooWide,
    /// There are more groups than memory should hold.
    #[error("there are more than {GROUPS_MAX} groups: narrow the filter or the time, or add up by less")]
    TooManyGroups,
    /// A thread broke.
    #[error("a thread that read them broke, as a damaged file may make it")]
    Broken,
    /// It was stopped.
    #[error("it was stopped")]
    Stopped,
}

/// A file that is to be read.
struct Opened {
    path: PathBuf,
    reader: SerializedFileReader<Source>,
    /// The file's octets, for each row group.
    share: u64,
}

/// Answers a question from a folder of flows, on so many threads.
///
/// # Errors
/// Fails where a file is damaged: an answer that lacks it would be wrong in silence.
pub fn ask(
    folder: &Path,
    question: &Question,
    threads: NonZeroUsize,
    progress: &Progress,
) -> Result<Answer, QueryError> {
    if !folder.is_dir() {
        return Err(QueryError::NoFolder(folder.to_owned()));
    }
    let width = question.by.iter().map(|by| by.lanes().len()).sum();
    match width {
        0..=1 => Scan::<1>::new(question, progress).answer(folder, threads),
        2 => Scan::<2>::new(question, progress).answer(folder, threads),
        3..=4 => Scan::<4>::new(question, progress).answer(folder, threads),
        5..=WIDTH_MAX => Scan::<WIDTH_MAX>::new(question, progress).answer(folder, threads),
        _ => Err(QueryError::TooWide),
    }
}

struct Scan<'a, const WIDTH: usize> {
    question: &'a Question,
    filter: Filter,
    progress: &'a Progress,
    key_lanes: Vec<Lane>,
}

/// What one thread found.
#[derive(Default)]
struct Found<const WIDTH: usize> {
    groups: Groups<WIDTH>,
    total: Sums,
}

impl<'a, const WIDTH: usize> Scan<'a, WIDTH> {
    fn new(question: &'a Question, progress: &'a Progress) -> Self {
        let filter = question.filter.clone().received(question.from.micros(), question.to.micros());
        let key_lanes = question.by.iter().flat_map(By::lanes).collect();
        Self { question, filter, progress, key_lanes }
    }

    fn answer(&self, folder: &Path, threads: NonZeroUsize) -> Result<Answer, QueryError> {
        let (catalog, pieces) = self.list(folder)?;
        let bytes = catalog.pieces.iter().chain(&catalog.files).map(|stored| stored.bytes).sum();
        self.progress.bytes.store(bytes, Relaxed);
        let mut answer = Answer::default();
        let mut found: Vec<Found<WIDTH>> = (0..threads.get()).map(|_| Found::default()).collect();
        self.read_wave(&pieces, &mut found, &mut answer)?;
        for files in catalog.files.chunks(FILES_AT_ONCE) {
            let opened = files.iter().map(open).collect::<Result<Vec<_>, _>>()?;
            answer.vanished += opened.iter().filter(|file| file.is_none()).count();
            self.read_wave(&opened.into_iter().flatten().collect::<Vec<_>>(), &mut found, &mut answer)?;
        }
        let mut groups = Groups::default();
        for found in found {
            answer.total.add(&found.total);
            groups.merge(found.groups);
        }
        if groups.len() > GROUPS_MAX {
            return Err(QueryError::TooManyGroups);
        }
        answer.groups_in_all = groups.len();
        let measure = |sums: &Sums| match self.question.order {
            Counts::Bytes => sums.bytes,
            Counts::Packets => sums.packets,
            Counts::Flows => sums.flows,
        };
        let greatest = groups.greatest(self.question.top, measure).into_iter().map(|(key, sums)| {
            let mut parts = key.into_iter();
            Group { key: self.question.by.iter().map(|by| by.written(&mut parts)).collect(), sums }
        });
        answer.groups = greatest.collect();
        Ok(answer)
    }

    /// Lists the files, and opens the pieces: those are gone as soon as they are a file, which another listing then has.
    fn list(&self, folder: &Path) -> Result<(Catalog, Vec<Opened>), QueryError> {
        loop {
            let mut catalog = Catalog::read(folder)?;
            catalog.within(self.question.from, self.question.to);
            let pieces = catalog.pieces.iter().map(open).collect::<Result<Option<Vec<_>>, _>>()?;
            if let Some(pieces) = pieces {
                return Ok((catalog, pieces));
            }
        }
    }

    /// Reads some files, each of their row groups on the next thread that is free.
    fn read_wave(
        &self,
        files: &[Opened],
        found: &mut [Found<WIDTH>],
        answer: &mut Answer,
    ) -> Result<(), QueryError> {
        let groups = |file: &Opened| file.reader.metadata().num_row_groups();
        let units: Vec<(&Opened, usize)> =
            files.iter().flat_map(|file| (0..groups(file)).map(move |group| (file, group))).collect();
        let flows = files.iter().map(|file| file.reader.metadata().file_metadata().num_rows());
        answer.scanned += u64::try_from(flows.sum::<i64>()).unwrap_or(0);
        answer.files += files.len();
        let (next, fault) = (AtomicUsize::new(0), Mutex::new(None));
        let read = |found: &mut Found<WIDTH>| {
            while let Some((file, group)) = units.get(next.fetch_add(1, Relaxed)) {
                if let Err(error) = self.read_group(file, *group, found) {
                    // the others end at their next row group
                    next.store(units.len(), Relaxed);
                    fault.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                }
            }
        };
        let whole = thread::scope(|scope| {
            let running: Vec<_> = found.iter_mut().map(|found| scope.spawn(|| read(found))).collect();
            // all are waited for, also when one broke
            running.into_iter().filter_map(|thread| thread.join().err()).count() == 0
        });
        match fault.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(error) => Err(error),
            None if !whole => Err(QueryError::Broken),
            None => Ok(()),
        }
    }

    fn read_group(&self, file: &Opened, group: usize, found: &mut Found<WIDTH>) -> Result<(), QueryError> {
        let metadata = file.reader.metadata().row_group(group);
        let predicate = self.filter.predicate.simplified(&|lane| Bounds::of(metadata, lane));
        if predicate != Predicate::Constant(false) {
            let fault = |source: ParquetError| ArchiveError::parquet("read", &file.path)(source);
            let reader = file.reader.get_row_group(group).map_err(fault)?;
            let mut lanes = Lanes::open(&*reader, &self.lanes(&predicate)).map_err(fault)?;
            let mut meant = Vec::new();
            loop {
                let rows = lanes.next().map_err(fault)?;
                if rows == 0 {
                    break;
                }
                meant.clear();
                meant.resize(rows, true);
                predicate.narrow(&lanes, &mut meant);
                self.add(&lanes, &meant, found);
                if found.groups.len() > GROUPS_MAX {
                    return Err(QueryError::TooManyGroups);
                }
                if self.progress.stop.load(Relaxed) {
                    return Err(QueryError::Stopped);
                }
            }
        }
        self.progress.done.fetch_add(file.share, Relaxed);
        Ok(())
    }

    /// Gives the lanes that are needed: the filter's, the key's, the counts'.
    fn lanes(&self, predicate: &Predicate) -> Vec<Lane> {
        let mut lanes = self.key_lanes.clone();
        lanes.extend([Lane::Bytes, Lane::Packets]);
        if !self.question.unscaled {
            lanes.push(Lane::Sampling);
        }
        predicate.lanes(&mut lanes);
        lanes.sort_unstable();
        lanes.dedup();
        lanes
    }

    fn add(&self, lanes: &Lanes, meant: &[bool], found: &mut Found<WIDTH>) {
        let (bytes, packets) = (self.counted(lanes, Lane::Bytes), self.counted(lanes, Lane::Packets));
        let sum = |counts: &[i64]| {
            let meant = counts.iter().zip(meant).filter(|(count, meant)| **meant && **count != NOT_TOLD);
            meant.fold(0_u64, |sum, (count, _)| sum.saturating_add(count.cast_unsigned()))
        };
        found.total.add(&Sums {
            bytes: sum(&bytes),
            packets: sum(&packets),
            flows: meant.iter().filter(|meant| **meant).count() as u64,
        });
        if self.key_lanes.is_empty() {
            return;
        }
        let mut keys: Vec<Vec<i64>> = Vec::new();
        for by in &self.question.by {
            let mut own: Vec<Vec<i64>> = by
                .lanes()
                .iter()
                .map(|lane| lanes.lane(*lane).iter().take(meant.len()).copied().collect())
                .collect();
            by.reduce(&mut own);
            keys.extend(own);
        }
        let keys: Vec<&[i64]> = keys.iter().map(Vec::as_slice).collect();
        found.groups.add(meant, &keys, [&bytes, &packets]);
    }

    /// Gives counts, scaled unless they are wanted as exported.
    fn counted<'l>(&self, lanes: &'l Lanes, lane: Lane) -> std::borrow::Cow<'l, [i64]> {
        let counts = lanes.lane(lane);
        let factors = lanes.lane(Lane::Sampling);
        let sampled = |factor: &i64| f64::from_bits(factor.cast_unsigned()) != 1.0;
        if self.question.unscaled || !factors.iter().any(sampled) {
            return counts.into();
        }
        let scaled = counts.iter().zip(factors);
        scaled.map(|(count, factor)| scale(*count, f64::from_bits(factor.cast_unsigned()))).collect()
    }
}

/// Scales a count by a factor, rounded to the nearest; exactly, where the factor is whole.
#[expect(clippy::cast_possible_truncation, reason = "a float's `as` saturates, which is meant")]
fn scale(count: i64, factor: f64) -> i64 {
    if count == NOT_TOLD {
        return NOT_TOLD;
    }
    let whole = factor as i64;
    if whole as f64 == factor { count.saturating_mul(whole) } else { (count as f64 * factor).round() as i64 }
}

/// Opens a file; `None` if it has been deleted since it was listed.
fn open(stored: &Stored) -> Result<Option<Opened>, QueryError> {
    let path = &stored.path;
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(ArchiveError::file("open", path)(error).into()),
    };
    let source = Source::new(file).map_err(ArchiveError::file("read", path))?;
    let reader = SerializedFileReader::new(source).map_err(ArchiveError::parquet("read", path))?;
    let share = stored.bytes / reader.metadata().num_row_groups().max(1) as u64;
    Ok(Some(Opened { path: path.clone(), reader, share }))
}
