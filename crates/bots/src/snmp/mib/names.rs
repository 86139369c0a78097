//! Numbers to names and names to numbers.

use std::{
    path::PathBuf,
    sync::{LazyLock, OnceLock},
};

use tracing::debug;

use super::{
    Object, compact,
    files::{self, BadFile},
    object::Kind,
    table::Table,
    written::{NameError, Part, read},
};
use crate::snmp::{Oid, OidError, oid::write_arcs};

/// Numbers to names and names to numbers.
///
/// MIB files are read once, when a name or a number is asked for that the built-in table does not have.
#[derive(Debug, Default)]
pub struct Names {
    folders: Vec<PathBuf>,
    system_folders: Vec<PathBuf>,
    files: OnceLock<(Table, Vec<BadFile>)>,
}

/// An object, and what follows its number: the index of a row, or 0.
#[derive(Clone, Debug, PartialEq)]
pub struct Named<'n, 'o> {
    /// The object.
    pub object: &'n Object,
    /// What follows its number.
    pub index: &'o [u32],
}

static BUILTIN: LazyLock<Names> = LazyLock::new(Names::default);

impl Names {
    /// Returns the names that are built in.
    pub fn builtin() -> &'static Self {
        &BUILTIN
    }

    /// Creates names of the built-in table and of the MIB files in folders, the first that has a name first.
    pub fn with_folders(folders: Vec<PathBuf>) -> Self {
        Self { folders, system_folders: Vec::new(), files: OnceLock::new() }
    }

    /// Adds the folders where net-snmp and libsmi are set up to look for MIB files. What is wrong with those is in the log of
    /// level debug alone: distributions leave out the modules on which others build.
    #[must_use]
    pub fn with_system_folders(self) -> Self {
        let found = mib_rs::searchpath::discover_system_paths().into_iter().map(PathBuf::from);
        Self { system_folders: found.filter(|folder| !self.folders.contains(folder)).collect(), ..self }
    }

    /// Returns the object of a name or of numbers: `1.3.6.1.2.1.1.3.0`, `sysUpTime.0`, `IF-MIB::ifInOctets.3`,
    /// `system.sysName.0`, `ifTable`, `nsExtendOutLine."name".1`.
    ///
    /// # Errors
    /// What is wrong with the text, and which name is near.
    pub fn parse(&self, text: &str) -> Result<Oid, NameError> {
        Ok(Oid::new(self.arcs(text)?)?)
    }

    /// Returns the object below which a person wants to walk: as [`Names::parse`], or a single arc.
    ///
    /// # Errors
    /// As [`Names::parse`].
    pub fn parse_root(&self, text: &str) -> Result<Oid, NameError> {
        Ok(Oid::root(self.arcs(text)?)?)
    }

    fn arcs(&self, text: &str) -> Result<Vec<u32>, NameError> {
        let (module, parts) = read(text)?;
        let mut parts = parts.into_iter();
        let (mut arcs, mut after) = match parts.next() {
            Some(Part::Number(arc)) if module.is_none() => (vec![arc], arc.to_string()),
            Some(Part::Name(name)) => {
                let object = self.named(module, &name).ok_or_else(|| self.unknown(module, &name))?;
                (object.arcs().to_vec(), name)
            }
            _ => return Err(NameError::Text(text.chars().take(80).collect())),
        };
        for part in parts {
            match part {
                Part::Number(arc) => {
                    arcs.push(arc);
                    after = arc.to_string();
                }
                Part::Index(index) => arcs.extend(index),
                Part::Name(name) => {
                    let below = self.tables().find_map(|table| table.child(&arcs, &name));
                    let below = below.ok_or_else(|| NameError::Part { part: name.clone(), after })?;
                    arcs = below.arcs().to_vec();
                    after = name;
                }
            }
            if arcs.len() > Oid::MAX_ARCS {
                return Err(OidError::Length(arcs.len()).into());
            }
        }
        Ok(arcs)
    }

    /// Returns the object of a name, in a module where one is said.
    pub fn named(&self, module: Option<&str>, name: &str) -> Option<&Object> {
        compact::table().named(module, name).or_else(|| self.files()?.named(module, name))
    }

    fn unknown(&self, module: Option<&str>, name: &str) -> NameError {
        let shown = |module: Option<&str>, name: &str| match module {
            Some(module) => format!("{module}::{name}"),
            None => name.to_owned(),
        };
        let has_module = |it: &Object| module.is_none_or(|module| it.module() == module);
        let is_known = module.is_none_or(|module| self.tables().any(|table| table.has_module(module)));
        let objects = self.tables().flat_map(Table::objects).filter(|object| !is_known || has_module(object));
        // Whoever writes SYSUPTIME means sysUpTime, though no such name is one.
        let written = name.to_ascii_lowercase();
        let likeness =
            |it: &Object| strsim::normalized_damerau_levenshtein(&it.name.to_ascii_lowercase(), &written);
        let nearest = objects.map(|object| (likeness(object), object)).max_by(|a, b| a.0.total_cmp(&b.0));
        /// Two thirds of the letters have to agree.
        const NEAR: f64 = 0.66;
        let near = nearest.filter(|(likeness, _)| *likeness >= NEAR);
        let near = near.map(|(_, object)| shown(module.and(Some(object.module())), object.name()));
        NameError::Unknown { name: shown(module, name), near }
    }

    /// Returns the object of a number, or of the longest part of it that is one.
    pub fn lookup<'n, 'o>(&'n self, oid: &'o Oid) -> Option<Named<'n, 'o>> {
        let arcs = oid.arcs();
        let builtin = compact::table().nearest(arcs);
        let has_value =
            |object: &Object| matches!(object.kind, Kind::Scalar | Kind::Column | Kind::Notification);
        let object = match builtin {
            Some(object) if has_value(object) || object.arcs.len() == arcs.len() => Some(object),
            builtin => {
                let of_files = self.files().and_then(|files| files.nearest(arcs));
                let length = |object: Option<&Object>| object.map_or(0, |object| object.arcs.len());
                if length(of_files) > length(builtin) { of_files } else { builtin }
            }
        }?;
        Some(Named { object, index: arcs.get(object.arcs.len()..)? })
    }

    /// Returns the name of an object: `IF-MIB::ifInOctets.3`; its number where nobody knows a part of it.
    pub fn name_of(&self, oid: &Oid) -> String {
        match self.lookup(oid) {
            None => oid.to_string(),
            Some(Named { object, index }) => {
                let mut name = format!("{}::{}", object.module, object.name);
                if !index.is_empty() {
                    name.push('.');
                    let _infallible = write_arcs(index, &mut name);
                }
                name
            }
        }
    }

    /// Returns the files of the given folders that could not be used, or only in part, and why; reads them if nobody did so
    /// yet.
    pub fn bad_files(&self) -> &[BadFile] {
        self.loaded().map_or(&[], |(_, bad)| bad)
    }

    /// Returns the files that could not be used, if they were read.
    pub fn bad_files_so_far(&self) -> &[BadFile] {
        self.files.get().map_or(&[], |(_, bad)| bad)
    }

    fn tables(&self) -> impl Iterator<Item = &Table> {
        std::iter::once(compact::table()).chain(self.files())
    }

    fn files(&self) -> Option<&Table> {
        self.loaded().map(|(table, _)| table)
    }

    fn loaded(&self) -> Option<&(Table, Vec<BadFile>)> {
        let is_any = !self.folders.is_empty() || !self.system_folders.is_empty();
        is_any.then(|| {
            self.files.get_or_init(|| {
                let all: Vec<PathBuf> = self.folders.iter().chain(&self.system_folders).cloned().collect();
                let (table, mut bad) = files::load(&all);
                bad.retain(|file| {
                    let is_of_system = self.system_folders.iter().any(|folder| file.path.starts_with(folder));
                    if is_of_system {
                        debug!(file = %file.path.display(), why = file.why, "a MIB file of the system is not used, or only in part");
                    }
                    !is_of_system
                });
                (table, bad)
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_text_is_too_odd_to_be_read(text in "(IF-MIB::|\\PC{0,3})(ifDescr|\\PC{0,9})(\\.[0-9a-z\"'.]{0,9}){0,3}") {
            let read = Names::builtin().parse(&text);
            prop_assert!(read.is_err() || read.is_ok_and(|oid| Names::builtin().parse(&oid.to_string()) == Ok(oid)));
        }
    }

    fn parse(text: &str) -> String {
        match Names::builtin().parse(text) {
            Ok(oid) => oid.to_string(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_name_is_a_number_wherever_it_begins() {
        for (text, expected) in [
            ("sysUpTime.0", "1.3.6.1.2.1.1.3.0"),
            ("SNMPv2-MIB::sysUpTime.0", "1.3.6.1.2.1.1.3.0"),
            (".1.3.6.1.2.1.1.3.0", "1.3.6.1.2.1.1.3.0"),
            (".iso.3.6.1.2.1.1.5.0", "1.3.6.1.2.1.1.5.0"),
            ("IF-MIB::ifDescr.1", "1.3.6.1.2.1.2.2.1.2.1"),
            ("system.sysName.0", "1.3.6.1.2.1.1.5.0"),
            ("iso.org.dod.internet.2", "1.3.6.1.2"),
            ("IF-MIB::ifHCInOctets.3", "1.3.6.1.2.1.31.1.1.1.6.3"),
            ("ifTable", "1.3.6.1.2.1.2.2"),
            ("enterprises.9.9", "1.3.6.1.4.1.9.9"),
            ("nsExtendOutLine.\"up\".1", "1.3.6.1.4.1.8072.1.3.2.4.1.2.2.117.112.1"),
        ] {
            assert_eq!(parse(text), expected, "{text}");
        }
        assert_eq!(Names::builtin().parse_root("iso").unwrap().to_string(), "1");
    }

    #[test]
    fn what_is_no_name_is_told_with_one_that_is_near() {
        for (text, said) in [
            ("ifInOctetz.3", "no object is called \"ifInOctetz\": did you mean ifInOctets?"),
            ("IF-MIB::ifHCInOctet", "did you mean IF-MIB::ifHCInOctets?"),
            ("SYSUPTIME.0", "did you mean sysUpTime?"),
            ("IFMIB::ifDescr.1", "did you mean IF-MIB::ifDescr?"),
            ("NO-MIB::ifInOctets", "no object is called \"NO-MIB::ifInOctets\""),
            ("system.ifDescr", "\"ifDescr\" after system is invalid"),
            ("3.1", "begins with 3.1"),
            ("what is it", "expected numbers"),
        ] {
            assert!(parse(text).contains(said), "{}", parse(text));
        }
    }

    #[test]
    fn a_number_is_called_by_the_longest_name_there_is() {
        for (oid, name) in [
            ("1.3.6.1.2.1.2.2.1.10.3", "IF-MIB::ifInOctets.3"),
            ("1.3.6.1.2.1.1.3.0", "SNMPv2-MIB::sysUpTime.0"),
            ("1.3.6.1.4.1.424242.1", "SNMPv2-SMI::enterprises.424242.1"),
            ("1.3.6.1.6.3.1.1.5.3", "IF-MIB::linkDown"),
            ("2.999", "SNMPv2-SMI::joint-iso-ccitt.999"),
        ] {
            assert_eq!(Names::builtin().name_of(&oid.parse().unwrap()), name);
        }
    }

    #[test]
    fn every_name_leads_to_its_number_and_back() {
        for object in compact::table().objects().iter().filter(|object| object.arcs().len() > 1) {
            let name = format!("{}::{}", object.module(), object.name());
            let oid = Names::builtin().parse(&name).unwrap();
            assert_eq!(oid.arcs(), object.arcs(), "{name}");
        }
    }
}
