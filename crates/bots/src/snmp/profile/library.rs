//! All profiles: those that are built in, and those of a folder.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    sync::{Arc, LazyLock},
};

use include_dir::{Dir, include_dir};

use super::{Criteria, Metric, file};
use crate::snmp::{Oid, mib::Names, settings::Fetch};

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

    /// Returns the profiles but those of a maker: what a device is measured by whose maker nobody knows.
    #[must_use]
    pub fn without_vendor(&self, vendor: &str) -> Self {
        let is_other = |profile: &&Arc<Profile>| profile.vendor.as_deref() != Some(vendor);
        Self { profiles: self.profiles.iter().filter(is_other).cloned().collect() }
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
    /// Returns the parts of which it measures something.
    pub fn measures(&self) -> Vec<&str> {
        let mut parts: Vec<&str> = self.metrics.iter().map(|metric| metric.part.as_str()).collect();
        parts.sort_unstable();
        parts.dedup();
        parts
    }

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
        for oid in self.metrics.iter().flat_map(Metric::needs).map(Fetch::oid) {
            if let [1, 3, 6, 1, 4, 1, ..] = oid.arcs() {
                roots.extend(oid.arcs().get(..7).and_then(|arcs| Oid::new(arcs).ok()));
            }
        }
        roots.sort();
        roots.dedup();
        roots
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snmp::profile::series;

    #[test]
    fn every_built_in_file_is_a_profile_and_measures_what_the_vocabulary_knows() {
        for file in FILES.files() {
            let name = file.path().file_stem().unwrap().to_str().unwrap();
            let profile = file::read(name, file.contents_utf8().unwrap(), Names::builtin());
            let profile = profile.unwrap_or_else(|error| panic!("{name}: {error}"));
            for metric in &profile.metrics {
                let path = metric.sensor.output_path.as_str();
                let known =
                    series::of(path).unwrap_or_else(|| panic!("{name}: {path} is not in the vocabulary"));
                assert_eq!(
                    (metric.unit.as_str(), metric.part.as_str()),
                    (known.unit, known.part),
                    "{name}: {path}"
                );
            }
        }
        assert_eq!(Library::builtin().profiles().len(), FILES.files().count());
    }

    #[test]
    fn the_longest_beginning_of_a_sys_object_id_counts_and_words_of_sys_descr() {
        let matching = |object: &str, descr: &str| {
            let object = object.parse().unwrap();
            Library::builtin().matching(Some(&object), descr).map(|profile| profile.name.as_str())
        };
        for (object, descr, name) in [
            ("1.3.6.1.4.1.9.1.1208", "Cisco IOS Software", Some("cisco")),
            ("1.3.6.1.4.1.9.12.3.1.3.1812", "Cisco NX-OS(tm) n9000", Some("cisco-nxos")),
            ("1.3.6.1.4.1.9.6.1.80", "", Some("cisco-small-business")),
            ("1.3.6.1.4.1.2636.1.1.1.2.29", "Juniper Networks", Some("juniper")),
            ("1.3.6.1.4.1.14988.1", "RouterOS RB750Gr3", Some("mikrotik")),
            ("1.3.6.1.4.1.311.1.1.3.1.2", "Hardware: x86 Software: Windows", Some("windows")),
            ("1.3.6.1.4.1.424242.1", "something else", None),
        ] {
            assert_eq!(matching(object, descr), name, "{object}");
        }
    }

    #[test]
    fn a_file_of_a_folder_takes_the_place_of_a_built_in_one_and_a_bad_one_costs_itself() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        let mine = "title = \"Mine\"\n[[match]]\nsys_object_id = [\"enterprises.424242\"]\n[[metric]]\nobjects = [\"enterprises.424242.1.0\"]\npath = \"cpu.load\"\n";
        write("mine.toml", mine);
        write("cisco.toml", &mine.replace("Mine", "Other"));
        for (name, text, said) in [
            ("a.toml", "title = 1", "invalid type"),
            ("b.toml", "title = \"B\"", "it has no metric"),
            ("c.toml", &mine.replace("cpu.load", "my.own"), "or a `unit` beside it"),
            ("d.toml", &mine.replace("enterprises.424242.1.0", "ifDescrs"), "did you mean ifDescr?"),
            ("e.toml", &mine.replace("enterprises.424242.1.0", "ifDescr"), "its path has to have {$index}"),
            ("f.toml", &mine.replace("enterprises.424242.1.0", "sysUpTime"), "write sysUpTime.0"),
        ] {
            write(name, text);
            let (_, bad) = Library::with_folder(folder.path(), Names::builtin());
            let bad = bad.iter().find(|bad| bad.path.ends_with(name)).unwrap();
            assert!(bad.why.contains(said), "{bad}");
        }
        let (library, _) = Library::with_folder(folder.path(), Names::builtin());
        assert_eq!(library.named("cisco").unwrap().title, "Other");
        assert_eq!(library.named("mine").unwrap().metrics[0].unit, "%");
        assert_eq!(library.profiles().len(), Library::builtin().profiles().len() + 1);
    }
}
