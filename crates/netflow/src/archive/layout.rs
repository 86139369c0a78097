//! Where files stand, by name.

use std::{
    collections::{BTreeMap, HashSet},
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, UNIX_EPOCH},
};

use grafolean_time::Timestamp;

use super::{ArchiveError, WINDOW};

const OPEN: &str = "open";
const ENDING: &str = ".parquet";
/// The ending of a file that is being written.
pub(super) const UNFINISHED: &str = "part";
/// Data that waited for its template is that much older than its file at most.
const WAITED: Duration = crate::template::PARKED_AGE_MAX;

/// Returns the folder of pieces.
pub(super) fn open_folder(folder: &Path) -> PathBuf {
    folder.join(OPEN)
}

/// The file of one window of time, while it is being put together and when it is whole.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Stem(String);

impl Stem {
    /// Returns the stem of a window; a later file of the same window, after a restart, has a further number.
    pub(super) fn new(start: Timestamp, further: u32) -> Self {
        let [year, month, day, hour, minute, second] = calendar(start);
        let name = format!("flows-{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z");
        Self(if further == 0 { name } else { format!("{name}-{further}") })
    }

    /// Returns where the whole file stands, if its name is one of ours.
    pub(super) fn path(&self, folder: &Path) -> Option<PathBuf> {
        let digits = self.0.strip_prefix("flows-")?;
        let (year, month, day) = (digits.get(..4)?, digits.get(4..6)?, digits.get(6..8)?);
        let hour = digits.get(9..11)?;
        let name = format!("{}{ENDING}", self.0);
        Some(folder.join(format!("date={year}-{month}-{day}/hour={hour}")).join(name))
    }

    /// Returns the path of a group of flows, or of the n-th part of one.
    pub(super) fn piece(&self, folder: &Path, group: u32, part: Option<u32>) -> PathBuf {
        let name = match part {
            None => format!("{}.{group:04}{ENDING}", self.0),
            Some(part) => format!("{}.{group:04}.{part:04}{ENDING}", self.0),
        };
        open_folder(folder).join(name)
    }
}

/// The pieces of one file: its groups in order, each whole or in parts.
pub(super) type Parts = BTreeMap<u32, Group>;

#[derive(Clone, Debug, Default)]
pub(super) struct Group {
    whole: Option<PathBuf>,
    parts: BTreeMap<u32, PathBuf>,
}

impl Group {
    /// Returns what holds its flows: the whole where it is there, else the parts, in order.
    pub(super) fn files(&self) -> Vec<PathBuf> {
        match &self.whole {
            Some(whole) => vec![whole.clone()],
            None => self.parts.values().cloned().collect(),
        }
    }

    /// Returns all its files.
    pub(super) fn all(&self) -> impl Iterator<Item = &PathBuf> {
        self.whole.iter().chain(self.parts.values())
    }
}

/// Lists what is under way, by file.
pub(super) fn pieces(folder: &Path) -> Result<BTreeMap<Stem, Parts>, ArchiveError> {
    let mut found = BTreeMap::<Stem, Parts>::new();
    for path in entries(&open_folder(folder))? {
        let name = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(ENDING));
        let Some((stem, places)) = name.and_then(|name| name.split_once('.')) else { continue };
        let (group, part) =
            places.split_once('.').map_or((places, None), |(group, part)| (group, Some(part)));
        let (Ok(group), Ok(part)) = (group.parse(), part.map(str::parse).transpose()) else { continue };
        let group: &mut Group = found.entry(Stem(stem.to_owned())).or_default().entry(group).or_default();
        match part {
            None => group.whole = Some(path),
            Some(part) => {
                group.parts.insert(part, path);
            }
        }
    }
    Ok(found)
}

/// Deletes what was being written when it all stopped: files that never got their name.
pub(super) fn remove_unfinished(folder: &Path) -> Result<(), ArchiveError> {
    let mut folders = vec![open_folder(folder)];
    for day in entries(folder)?.into_iter().filter(|path| named(path, "date=")) {
        folders.extend(entries(&day)?);
    }
    for folder in folders.iter().filter(|folder| folder.is_dir()) {
        for path in entries(folder)?.iter().filter(|path| path.extension().is_some_and(|it| it == UNFINISHED))
        {
            fs::remove_file(path).map_err(ArchiveError::file("delete", path))?;
        }
    }
    Ok(())
}

/// A whole file, or a piece of one.
#[derive(Clone, Debug)]
pub struct Stored {
    /// Where it stands.
    pub path: PathBuf,
    /// How many octets it has.
    pub bytes: u64,
    /// When its window began; a piece says that of its file.
    pub start: Timestamp,
}

/// The files of a folder.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    /// Whole files, oldest first.
    pub files: Vec<Stored>,
    /// Parts of the files that are under way, in order.
    pub pieces: Vec<Stored>,
}

impl Catalog {
    /// Lists the files that are there. What becomes a file meanwhile is listed once: as that, or as pieces that may be gone
    /// when they are looked for, and then another listing has the file.
    ///
    /// # Errors
    /// Fails when a folder cannot be read.
    pub fn read(folder: &Path) -> Result<Self, ArchiveError> {
        let pieces = pieces(folder)?;
        let mut catalog = Self::default();
        for day in entries(folder)?.into_iter().filter(|path| named(path, "date=")) {
            for hour in entries(&day)?.into_iter().filter(|path| named(path, "hour=")) {
                let files = entries(&hour)?.into_iter().filter(|path| named(path, "flows-"));
                catalog.files.extend(files.filter_map(stored));
            }
        }
        catalog.files.sort_by(|a, b| (a.start, &a.path).cmp(&(b.start, &b.path)));
        let listed: HashSet<&PathBuf> = catalog.files.iter().map(|stored| &stored.path).collect();
        let open = pieces
            .into_iter()
            .filter(|(stem, _)| stem.path(folder).is_some_and(|path| !listed.contains(&path)));
        let open: Vec<Parts> = open.map(|(_, groups)| groups).collect();
        for groups in open {
            catalog.pieces.extend(groups.values().flat_map(Group::files).filter_map(stored));
        }
        Ok(catalog)
    }

    /// Leaves out what, by its name, holds no flow of this time.
    pub fn within(&mut self, from: Timestamp, to: Timestamp) {
        let overlaps =
            |stored: &Stored| stored.start + WINDOW * 2 > from && stored.start < to + WAITED + WINDOW;
        self.files.retain(overlaps);
        self.pieces.retain(overlaps);
    }
}

fn named(path: &Path, prefix: &str) -> bool {
    path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(prefix))
}

/// Returns what a file is, unless it is gone or none of ours.
fn stored(path: PathBuf) -> Option<Stored> {
    let name = path.file_name()?.to_str()?.strip_suffix(ENDING)?;
    let start = start_of(name)?;
    Some(Stored { bytes: fs::metadata(&path).ok()?.len(), path, start })
}

fn start_of(name: &str) -> Option<Timestamp> {
    let digits = name.strip_prefix("flows-")?;
    let field = |from: usize, to: usize| digits.get(from..to);
    let (day, hour) = (field(0, 8)?, field(9, 15)?);
    let text = format!(
        "{}-{}-{}T{}:{}:{}Z",
        day.get(..4)?,
        day.get(4..6)?,
        day.get(6..)?,
        hour.get(..2)?,
        hour.get(2..4)?,
        hour.get(4..)?
    );
    let moment = humantime::parse_rfc3339(&text).ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(Timestamp::default() + moment)
}

/// Year, month, day, hour, minute and second of UTC.
fn calendar(moment: Timestamp) -> [u32; 6] {
    let since = Duration::from_secs(u64::try_from(moment.seconds()).unwrap_or(0));
    let text = humantime::format_rfc3339_seconds(UNIX_EPOCH + since).to_string();
    let mut parts = text.split(['-', 'T', ':', 'Z']).map(|part| part.parse().unwrap_or(0));
    std::array::from_fn(|_| parts.next().unwrap_or(0))
}

/// Lists a folder; one that is not there is empty.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, ArchiveError> {
    let fault = || ArchiveError::file("read the folder", folder);
    let listing = match fs::read_dir(folder) {
        Ok(listing) => listing,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(fault()(error)),
    };
    listing.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>().map_err(fault())
}
