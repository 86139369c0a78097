//! Files that say where addresses belong, read anew when they change.

use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use thiserror::Error;

use super::{Contents, Database, DatabaseError, Lists, Networks, NetworksError, Places, Prefer};

/// Which files, and what is made of them.
#[derive(Clone, Debug, Default)]
pub struct PlaceFiles {
    /// Networks of one's own.
    pub networks: Option<PathBuf>,
    /// A database of autonomous systems.
    pub systems: Option<PathBuf>,
    /// A database of countries.
    pub countries: Option<PathBuf>,
    /// Whose word counts about autonomous systems.
    pub prefer: Prefer,
    /// Which lists are reported.
    pub lists: Lists,
}

/// Why a file says nothing.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PlacesError {
    /// The file of networks cannot be read.
    #[error("could not read the networks of {}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// A line of it is no network.
    #[error("{}:{fault}", path.display())]
    Networks {
        /// Which file.
        path: PathBuf,
        /// Which line, and why; it is part of the message.
        fault: NetworksError,
    },
    /// A database cannot be used.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// What files say, and which ones were read.
#[derive(Debug, Default)]
pub struct WatchedPlaces {
    files: PlaceFiles,
    places: Places,
    /// Of networks, systems and countries: what was seen of the file when it was last read, whatever came of it.
    seen: [Option<Stamp>; 3],
    /// Of the same: whether the file says nothing since then, and what it said before is used.
    is_faulty: [bool; 3],
}

/// What tells a file from the one that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    length: u64,
    inode: u64,
    modified: (i64, i64),
}

impl Stamp {
    fn of(path: &Path) -> Option<Self> {
        let file = fs::metadata(path).ok()?;
        Some(Self { length: file.len(), inode: file.ino(), modified: (file.mtime(), file.mtime_nsec()) })
    }
}

impl WatchedPlaces {
    /// Reads all files.
    ///
    /// # Errors
    /// Fails with the first that cannot be read, and why.
    pub fn open(files: PlaceFiles) -> Result<Self, PlacesError> {
        let places = Places { prefer: files.prefer, lists: files.lists, ..Places::default() };
        let mut watched = Self { files, places, ..Self::default() };
        match watched.refresh().into_iter().find_map(Result::err) {
            Some(error) => Err(error),
            None => Ok(watched),
        }
    }

    /// Reads files that changed, and returns those that were read or could not be, once for each change: of those that could
    /// not be what was read before stays in use.
    pub fn refresh(&mut self) -> Vec<Result<PathBuf, PlacesError>> {
        let PlaceFiles { networks, systems, countries, .. } = &self.files;
        let mut changed = Vec::new();
        let paths = [networks, systems, countries].map(Clone::clone);
        for (place, path) in paths.into_iter().enumerate() {
            let (Some(path), Some(seen)) = (path, self.seen.get_mut(place)) else { continue };
            let stamp = Stamp::of(&path);
            if stamp.is_some() && *seen == stamp {
                continue;
            }
            let was_there = std::mem::replace(seen, stamp).is_some();
            let read = self.read(place, &path);
            let Some(is_faulty) = self.is_faulty.get_mut(place) else { continue };
            // that it is away is said once
            let is_known = *is_faulty && stamp.is_none() && !was_there;
            *is_faulty = read.is_err();
            if !is_known {
                changed.push(read.map(|()| path));
            }
        }
        changed
    }

    fn read(&mut self, place: usize, path: &Path) -> Result<(), PlacesError> {
        match place {
            0 => self.places.networks = Arc::new(read_networks(path)?),
            1 => self.places.systems = Some(Arc::new(Database::open(path, Contents::Systems)?)),
            _ => self.places.countries = Some(Arc::new(Database::open(path, Contents::Countries)?)),
        }
        Ok(())
    }

    /// Returns what they say.
    pub fn places(&self) -> &Places {
        &self.places
    }

    /// Returns how many files could not be read when they last changed.
    pub fn faulty(&self) -> usize {
        self.is_faulty.iter().filter(|is_faulty| **is_faulty).count()
    }
}

/// Reads a file of networks.
///
/// # Errors
/// Fails where it cannot be read, and with the first line that is no network.
pub(super) fn read_networks(path: &Path) -> Result<Networks, PlacesError> {
    let text =
        fs::read_to_string(path).map_err(|source| PlacesError::File { path: path.to_owned(), source })?;
    text.parse().map_err(|fault| PlacesError::Networks { path: path.to_owned(), fault })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(watched: &WatchedPlaces) -> Option<String> {
        let name = watched.places().networks.name("10.1.2.3".parse().unwrap());
        name.map(|name| name.as_str().to_owned())
    }

    #[test]
    fn a_file_that_changes_is_read_anew_and_one_that_is_damaged_or_away_is_said_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("networks.txt");
        let files = || PlaceFiles { networks: Some(path.clone()), ..PlaceFiles::default() };
        assert!(matches!(WatchedPlaces::open(files()), Err(PlacesError::File { .. })));
        let replace = |text: &str| {
            let beside = folder.path().join("new");
            fs::write(&beside, text).unwrap();
            fs::rename(beside, &path).unwrap();
        };
        replace("10.1.0.0/16 office");
        let mut watched = WatchedPlaces::open(files()).unwrap();
        assert!(watched.refresh().is_empty());
        replace("10.1.0.0/16 branch");
        assert!(matches!(watched.refresh().as_slice(), [Ok(_)]));
        assert_eq!(named(&watched).as_deref(), Some("branch"));
        replace("10.1.0.0/16 branch\nnonsense");
        let said = watched.refresh();
        let [Err(error)] = said.as_slice() else { panic!("{said:?}") };
        assert!(error.to_string().starts_with(&format!("{}:2: ", path.display())), "{error}");
        assert_eq!((named(&watched).as_deref(), watched.faulty()), (Some("branch"), 1));
        assert!(watched.refresh().is_empty());
        fs::remove_file(&path).unwrap();
        assert_eq!(watched.refresh().len(), 1);
        assert!(watched.refresh().is_empty());
        assert_eq!((named(&watched).as_deref(), watched.faulty()), (Some("branch"), 1));
        replace("10.0.0.0/8 all");
        assert!(matches!(watched.refresh().as_slice(), [Ok(_)]));
        assert_eq!((named(&watched).as_deref(), watched.faulty()), (Some("all"), 0));
    }
}
