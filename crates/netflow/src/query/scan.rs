//! Reading kept flows, on all cores.

use std::{
    borrow::Cow,
    fs::File,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    thread,
};

use parquet::{
    errors::ParquetError,
    file::{reader::FileReader, serialized_reader::SerializedFileReader},
};

use super::{
    FlowTime, Query, QueryError, Scanned, Sums,
    attribute::{Attribute, NOT_TOLD},
    bounds::Bounds,
    filter::Predicate,
    reader::Chunks,
    source::Source,
};
use crate::archive::{ArchiveError, Catalog, Stored};

/// Files that are open at once, beside the pieces of the one under way.
const FILES_AT_ONCE: usize = 64;

/// How far a scan is; for whoever shows it.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Progress {
    /// Octets of the files to be looked at.
    pub bytes: AtomicU64,
    /// Octets of those looked at, or passed over.
    pub done: AtomicU64,
    /// Set by whoever does not want the answer any more.
    pub stop: AtomicBool,
}

/// What one thread makes of the flows that are selected.
pub(super) trait Findings: Send {
    /// Adds the selected flows of a chunk.
    fn add(&mut self, chunk: &Chunks, selected: &[bool]) -> Result<(), QueryError>;
}

/// A file that is to be read.
struct Opened {
    path: PathBuf,
    reader: SerializedFileReader<Source>,
    /// The file's octets, for each row group.
    share: u64,
}

pub(super) struct Scan<'a> {
    query: &'a Query,
    /// The filter and the time.
    predicate: Predicate,
    /// What selects flows that do not tell the time they are looked for by.
    untimed: Option<Predicate>,
    progress: &'a Progress,
    /// What the findings need.
    attributes: Vec<Attribute>,
    /// Flows that it selected.
    untimed_flows: AtomicU64,
}

impl<'a> Scan<'a> {
    /// Plans a scan whose findings need these attributes.
    pub(super) fn new(query: &'a Query, attributes: Vec<Attribute>, progress: &'a Progress) -> Self {
        let (from, to) = (query.from.micros(), query.to.micros());
        let filter = &query.filter.predicate;
        let within = |attribute| Predicate::Number { attribute, least: from, greatest: to.saturating_sub(1) };
        let time = query.time.attribute();
        let predicate = Predicate::All(vec![within(time), filter.clone()]);
        let told = Predicate::Number { attribute: time, least: 0, greatest: i64::MAX };
        let untimed = (query.time != FlowTime::Received).then(|| {
            let silent = Predicate::Not(Box::new(told));
            Predicate::All(vec![silent, within(Attribute::Received), filter.clone()])
        });
        Self { query, predicate, untimed, progress, attributes, untimed_flows: AtomicU64::new(0) }
    }

    /// Reads all files of a folder that may hold selected flows, on a thread for each of the findings.
    ///
    /// # Errors
    /// Fails where a file is damaged: an answer that lacks it would be wrong in silence.
    pub(super) fn read<F: Findings>(&self, folder: &Path, findings: &mut [F]) -> Result<Scanned, QueryError> {
        if !folder.is_dir() {
            return Err(QueryError::NoFolder(folder.to_owned()));
        }
        let (catalog, pieces) = self.list(folder)?;
        let bytes = catalog.pieces.iter().chain(&catalog.files).map(|stored| stored.bytes).sum();
        self.progress.bytes.store(bytes, Relaxed);
        let mut scanned = Scanned::default();
        self.read_wave(&pieces, findings, &mut scanned)?;
        for files in catalog.files.chunks(FILES_AT_ONCE) {
            let opened = files.iter().map(open).collect::<Result<Vec<_>, _>>()?;
            scanned.vanished += opened.iter().filter(|file| file.is_none()).count();
            self.read_wave(&opened.into_iter().flatten().collect::<Vec<_>>(), findings, &mut scanned)?;
        }
        scanned.untimed = self.untimed_flows.load(Relaxed);
        Ok(scanned)
    }

    /// Lists the files, and opens the pieces: those are gone as soon as they are a file, which another listing then has.
    /// What a file's name tells is when its flows were received; by another time each file is asked for its bounds.
    fn list(&self, folder: &Path) -> Result<(Catalog, Vec<Opened>), QueryError> {
        loop {
            let mut catalog = Catalog::read(folder)?;
            if self.query.time == FlowTime::Received {
                catalog.within(self.query.from, self.query.to);
            }
            let pieces = catalog.pieces.iter().map(open).collect::<Result<Option<Vec<_>>, _>>()?;
            if let Some(pieces) = pieces {
                return Ok((catalog, pieces));
            }
        }
    }

    /// Reads some files, each of their row groups on the next thread that is free.
    fn read_wave<F: Findings>(
        &self,
        files: &[Opened],
        findings: &mut [F],
        scanned: &mut Scanned,
    ) -> Result<(), QueryError> {
        let groups = |file: &Opened| file.reader.metadata().num_row_groups();
        let units: Vec<(&Opened, usize)> =
            files.iter().flat_map(|file| (0..groups(file)).map(move |group| (file, group))).collect();
        let flows = files.iter().map(|file| file.reader.metadata().file_metadata().num_rows());
        scanned.flows += u64::try_from(flows.sum::<i64>()).unwrap_or(0);
        scanned.files += files.len();
        let (next, fault) = (AtomicUsize::new(0), Mutex::new(None));
        let read = |findings: &mut F| {
            while let Some((file, group)) = units.get(next.fetch_add(1, Relaxed)) {
                if let Err(error) = self.read_group(file, *group, findings) {
                    // the others end at their next row group
                    next.store(units.len(), Relaxed);
                    fault.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                }
            }
        };
        let whole = thread::scope(|scope| {
            let running: Vec<_> =
                findings.iter_mut().map(|findings| scope.spawn(|| read(findings))).collect();
            // all are waited for, also when one panicked
            running.into_iter().filter_map(|thread| thread.join().err()).count() == 0
        });
        match fault.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(error) => Err(error),
            None if !whole => Err(QueryError::Panicked),
            None => Ok(()),
        }
    }

    fn read_group(
        &self,
        file: &Opened,
        group: usize,
        findings: &mut impl Findings,
    ) -> Result<(), QueryError> {
        let metadata = file.reader.metadata().row_group(group);
        let simplified = |predicate: &Predicate| predicate.simplified(&|of| Bounds::of(metadata, of));
        let predicate = simplified(&self.predicate);
        let untimed = self.untimed.as_ref().map_or(Predicate::Constant(false), simplified);
        let nothing = Predicate::Constant(false);
        if predicate != nothing || untimed != nothing {
            let fault = |source: ParquetError| ArchiveError::parquet("read", &file.path)(source);
            let reader = file.reader.get_row_group(group).map_err(fault)?;
            let wanted = self.attributes(&predicate, &untimed);
            let mut chunks = Chunks::open(&*reader, &wanted).map_err(fault)?;
            let mut selected = Vec::new();
            loop {
                let rows = chunks.next().map_err(fault)?;
                if rows == 0 {
                    break;
                }
                select(&untimed, &chunks, rows, &mut selected);
                self.untimed_flows.fetch_add(selected_of(&selected), Relaxed);
                select(&predicate, &chunks, rows, &mut selected);
                findings.add(&chunks, &selected)?;
                if self.progress.stop.load(Relaxed) {
                    return Err(QueryError::Stopped);
                }
            }
        }
        self.progress.done.fetch_add(file.share, Relaxed);
        Ok(())
    }

    /// Returns the attributes that are needed: those of the predicates and of the findings.
    fn attributes(&self, predicate: &Predicate, untimed: &Predicate) -> Vec<Attribute> {
        let mut attributes = self.attributes.clone();
        predicate.attributes(&mut attributes);
        untimed.attributes(&mut attributes);
        attributes.sort_unstable();
        attributes.dedup();
        attributes
    }
}

/// Selects the flows of a chunk for which a predicate holds.
fn select(predicate: &Predicate, chunk: &Chunks, rows: usize, selected: &mut Vec<bool>) {
    selected.clear();
    selected.resize(rows, *predicate != Predicate::Constant(false));
    predicate.narrow(chunk, selected);
}

/// Returns what a chunk's selected flows add up to.
pub(super) fn sums(bytes: &[i64], packets: &[i64], selected: &[bool]) -> Sums {
    let sum = |counts: &[i64]| {
        let told = counts.iter().zip(selected).filter(|(count, selected)| **selected && **count != NOT_TOLD);
        told.fold(0_u64, |sum, (count, _)| sum.saturating_add(count.cast_unsigned()))
    };
    Sums { bytes: sum(bytes), packets: sum(packets), flows: selected_of(selected) }
}

/// Returns how many flows are selected.
pub(super) fn selected_of(selected: &[bool]) -> u64 {
    selected.iter().filter(|selected| **selected).count() as u64
}

/// Returns a count of each flow, scaled by the sampling unless it is wanted as exported.
pub(super) fn counted<'c>(chunk: &'c Chunks, query: &Query, attribute: Attribute) -> Cow<'c, [i64]> {
    let counts = chunk.of(attribute);
    let factors = chunk.of(Attribute::Sampling);
    let sampled = |factor: &i64| f64::from_bits(factor.cast_unsigned()) != 1.0;
    if query.unscaled || !factors.iter().any(sampled) {
        return counts.into();
    }
    let scaled = counts.iter().zip(factors);
    scaled.map(|(count, factor)| scale(*count, f64::from_bits(factor.cast_unsigned()))).collect()
}

/// Returns findings for so many threads.
pub(super) fn for_each_thread<F>(threads: NonZeroUsize, findings: impl Fn() -> F) -> Vec<F> {
    (0..threads.get()).map(|_| findings()).collect()
}

/// Scales a count by a factor, rounded to the nearest; exactly, where the factor is whole.
#[expect(clippy::cast_possible_truncation, reason = "a float's `as` saturates, which is meant")]
pub fn scale(count: i64, factor: f64) -> i64 {
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
