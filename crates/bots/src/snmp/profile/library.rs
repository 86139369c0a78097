//! All profiles: those that are built in, and those of a folder.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    sync::{Arc, LazyLock},
};

use include_dir::{Dir, include_dir};

use super::{Criteria, Metric, file};
use crate::snmp::{Oid, mib::Names};

static FILES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/src/snmp/profile/builtin");

static BUILTIN: LazyLock<Library> = LazyLock::new(|| {
    let text = |file: &include_dir::File<'_>| {
        let name = file.path().file_stem()?.to_str()?;
        file::read(name, file.contents_utf8()?, Names::builtin()).ok().map(Arc::new)
    };
    let mut profiles: Vec<_> = FILES.files().filter_map(text).collect();
    profiles.sort_by(|one, other| one.name.cmp(&other.name));
    Library { profiles }
});

/// What to poll on a kind of device.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// Its name: that of its file.
    pub name: String,
    /// What it is for.
    pub title: String,
    /// Who makes such devices.
    pub vendor: Option<String>,
    /// The parts that its devices have; all where none are said.
    pub parts: Option<Vec<String>>,
    /// Which devices it is for; without any it is of a standard, and for all.
    pub matches: Vec<Criteria>,
    /// What it measures.
    pub metrics: Vec<Metric>,
}

/// A file that is no profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadProfile {
    /// Which file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub why: String,
}

impl fmt::Display for BadProfile {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.path.display(), self.why)
    }
}

/// All profiles, in the order in which one of equal right stands before another.
#[derive(Clone, Debug, Default)]
pub struct Library {
    profiles: Vec<Arc<Profile>>,
}

impl Library {
    /// Returns the profiles that are built in.
    pub fn builtin() -> &'static Self {
        &BUILTIN
    }

    /// Returns the profiles that are built in and those of a folder's TOML files; one of the same name takes the place of
    /// a built-in one. A file that is no profile costs itself.
    pub fn with_folder(folder: &Path, names: &Names) -> (Self, Vec<BadProfile>) {
        let mut bad = Vec::new();
        let mut own = Vec::new();
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) => {
                bad.push(BadProfile { path: folder.to_owned(), why: error.to_string() });
                return (Self::builtin().clone(), bad);
            }
        };
        let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
        paths.sort();
        for path in paths {
            let name = path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let text = fs::read_to_string(&path).map_err(|error| error.to_string());
            match text.and_then(|text| file::read(&name, &text, names).map_err(|error| error.to_string())) {
                Ok(profile) => own.push(Arc::new(profile)),
                Err(why) => bad.push(BadProfile { path, why }),
            }
        }
        let is_replaced = |profile: &&Arc<Profile>| own.iter().any(|it| it.name == profile.name);
        let rest: Vec<_> = Self::builtin().profiles.iter().filter(|it| !is_replaced(it)).cloned().collect();
        (Self { profiles: own.into_iter().chain(rest).collect() }, bad)
    }

    /// Returns all profiles.
    pub fn profiles(&self) -> &[Arc<Profile>] {
        &self.profiles
    }

    /// Returns the profile of a name.
    pub fn named(&self, name: &str) -> Option<&Arc<Profile>> {
        self.profiles.iter().find(|profile| profile.name == name)
    }

    /// Returns the profile that says most of a device with this sysObjectID and sysDescr.
    pub fn matching(&self, sys_object_id: Option<&Oid>, sys_descr: &str) -> Option<&Profile> {
        let fits = self.profiles.iter().filter_map(|it| Some((it.of_system(sys_object_id, sys_descr)?, it)));
        // The first of those that say as much.
        fits.rev().max_by_key(|(weight, _)| *weight).map(|(_, profile)| &**profile)
    }
}

impl Profile {
    /// Whether it is of a standard, and for all devices.
    pub const fn is_standard(&self) -> bool {
        self.matches.is_empty()
    }

    /// How much of the system group fits, if it does.
    pub(super) fn of_system(&self, object: Option<&Oid>, descr: &str) -> Option<usize> {
        let criteria =
            self.matches.iter().filter(|criteria| criteria.is_of_system() && criteria.answers.is_empty());
        criteria.filter_map(|criteria| criteria.of_system(object, descr)).max()
    }

    /// Returns the vendors' subtrees that its metrics are of, and the objects that its criteria ask for: a device that
    /// answers below one of them may have it, whoever it says that it is.
    pub(super) fn roots(&self) -> Vec<Oid> {
        let mut roots: Vec<Oid> =
            self.matches.iter().flat_map(|criteria| criteria.answers.iter().cloned()).collect();
        for oid in self.metrics.iter().flat_map(Metric::needs) {
            if let [1, 3, 6, 1, 4, 1, ..] = oid.arcs() {
                roots.extend(oid.arcs().get(..7).and_then(|arcs| Oid::new(arcs).ok()));
            }
        }
        roots.sort();
        roots.dedup();
        roots
    }
}
