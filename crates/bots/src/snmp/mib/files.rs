//! MIB files of folders, as objects.

use std::{
    collections::BTreeMap,
    fmt, fs,
    path::{Path, PathBuf},
};

use mib_rs::{
    BaseType, DiagnosticConfig, Loader, Mib, Node, Severity,
    source::{self, DEFAULT_EXTENSIONS},
};

use super::{
    object::{Base, Kind, Object, Syntax, Text},
    table::Table,
};

/// Files beyond that size are no MIB: the largest that vendors publish has 3 MB.
const LARGEST: u64 = 16 << 20;

/// Files of all folders; what comes after them is not read, and said.
const MOST_FILES: usize = 20_000;

/// Folders within folders.
const DEEPEST: usize = 6;

/// A MIB file, or a folder of them, that could not be used, or only in part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadFile {
    /// Which one.
    pub path: PathBuf,
    /// What is wrong with it.
    pub why: String,
}

impl fmt::Display for BadFile {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.path.display(), self.why)
    }
}

/// Reads all files of folders. What is wrong with one costs that one.
pub(super) fn load(folders: &[PathBuf]) -> (Table, Vec<BadFile>) {
    let mut bad = Vec::new();
    let mut files = Vec::new();
    for folder in folders {
        gather(folder, 0, &mut files, &mut bad);
    }
    let mut sources = Vec::new();
    for path in files {
        match source::file(&path) {
            Ok(source) => sources.push(source),
            Err(error) => bad.push(BadFile { path, why: error.to_string() }),
        }
    }
    if sources.is_empty() {
        return (Table::default(), bad);
    }
    let config = DiagnosticConfig { fail_at: Severity::Fatal, ..DiagnosticConfig::quiet() };
    match Loader::new().sources(sources).diagnostic_config(config).load() {
        Ok(mib) => {
            bad.extend(faults(&mib));
            (Table::of(mib.nodes().filter_map(object).collect()), bad)
        }
        Err(error) => {
            let path = folders.first().cloned().unwrap_or_default();
            bad.push(BadFile { path, why: format!("no MIB file could be used: {error}") });
            (Table::default(), bad)
        }
    }
}

fn gather(folder: &Path, depth: usize, files: &mut Vec<PathBuf>, bad: &mut Vec<BadFile>) {
    let mut refuse = |path: &Path, why: String| bad.push(BadFile { path: path.to_owned(), why });
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => return refuse(folder, error.to_string()),
    };
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    for path in paths {
        let is_hidden = path.file_name().is_none_or(|name| name.as_encoded_bytes().starts_with(b"."));
        let extension = path.extension().map_or_else(String::new, |it| format!(".{}", it.display()));
        match fs::metadata(&path) {
            _ if is_hidden => {}
            Ok(about) if about.is_dir() && depth < DEEPEST => gather(&path, depth + 1, files, bad),
            Ok(about)
                if about.is_file() && DEFAULT_EXTENSIONS.contains(&extension.to_lowercase().as_str()) =>
            {
                if about.len() > LARGEST {
                    bad.push(BadFile {
                        path,
                        why: format!("it has {} octets: expected up to {LARGEST}", about.len()),
                    });
                } else if files.len() < MOST_FILES {
                    files.push(path);
                } else {
                    return bad
                        .push(BadFile { path, why: format!("not read: {MOST_FILES} files came before it") });
                }
            }
            Ok(_) => {}
            Err(error) => bad.push(BadFile { path, why: error.to_string() }),
        }
    }
}

/// Returns what is wrong with files, a line each.
fn faults(mib: &Mib) -> Vec<BadFile> {
    let report = mib.diagnostic_report();
    let mut by_file: BTreeMap<PathBuf, (String, usize)> = BTreeMap::new();
    for entry in report.iter().filter(|entry| entry.diagnostic().severity.at_least(Severity::Error)) {
        let Ok(Some((document, range))) = entry.range() else { continue };
        let line = document.line_column(range.start()).map_or(0, |(line, _)| line);
        let first = || format!("line {line}: {}", entry.diagnostic().message);
        by_file.entry(PathBuf::from(document.label())).or_insert_with(|| (first(), 0)).1 += 1;
    }
    let told = |(path, (first, faults)): (PathBuf, (String, usize))| {
        let more = if faults > 1 { format!(", and {} more", faults - 1) } else { String::new() };
        BadFile { path, why: format!("used in part: {first}{more}") }
    };
    by_file.into_iter().map(told).collect()
}

fn object(node: Node<'_>) -> Option<Object> {
    let module = node.module()?;
    let kind = match node.kind() {
        mib_rs::Kind::Scalar => Kind::Scalar,
        mib_rs::Kind::Table => Kind::Table,
        mib_rs::Kind::Row => Kind::Row,
        mib_rs::Kind::Column => Kind::Column,
        mib_rs::Kind::Notification => Kind::Notification,
        mib_rs::Kind::Group | mib_rs::Kind::Compliance | mib_rs::Kind::Capability => return None,
        _ => Kind::Node,
    };
    let syntax = node.object().filter(|_| matches!(kind, Kind::Scalar | Kind::Column)).and_then(syntax);
    let name = Text::Owned(node.name().to_owned());
    let arcs: &[u32] = node.oid();
    (!name.is_empty()).then(|| Object {
        module: module.name().to_owned().into(),
        name,
        arcs: arcs.into(),
        kind,
        syntax,
    })
}

fn syntax(object: mib_rs::Object<'_>) -> Option<Syntax> {
    let of_type = object.ty()?;
    let base = match of_type.effective_base() {
        BaseType::Integer32 | BaseType::Integer64 => Base::Integer,
        BaseType::Unsigned32 | BaseType::Gauge32 => Base::Gauge32,
        BaseType::Counter32 => Base::Counter32,
        BaseType::Counter64 | BaseType::Unsigned64 => Base::Counter64,
        BaseType::TimeTicks => Base::TimeTicks,
        BaseType::IpAddress => Base::IpAddress,
        BaseType::OctetString | BaseType::Opaque => Base::Octets,
        BaseType::ObjectIdentifier => Base::Oid,
        BaseType::Bits => Base::Bits,
        _ => return None,
    };
    let text = |text: &str| (!text.is_empty()).then(|| Text::Owned(text.to_owned()));
    let words = object.effective_enums().iter().chain(object.effective_bits());
    Some(Syntax {
        type_name: of_type.name().to_owned().into(),
        base,
        hint: text(object.effective_display_hint()),
        unit: text(object.units()),
        words: words.map(|word| (word.value, Text::Owned(word.label.clone()))).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snmp::{Value, mib::Names};

    const GOOD: &str = "ACME-MIB DEFINITIONS ::= BEGIN
IMPORTS MODULE-IDENTITY, OBJECT-TYPE, Integer32, enterprises FROM SNMPv2-SMI DisplayString FROM SNMPv2-TC;
acme MODULE-IDENTITY LAST-UPDATED \"202601010000Z\" ORGANIZATION \"A\" CONTACT-INFO \"A\" DESCRIPTION \"A\"
  REVISION \"202601010000Z\" DESCRIPTION \"A\" ::= { enterprises 424242 }
acmeTemperature OBJECT-TYPE SYNTAX Temperature UNITS \"degrees\" MAX-ACCESS read-only STATUS current DESCRIPTION \"A\"
  ::= { acme 1 }
Temperature ::= TEXTUAL-CONVENTION DISPLAY-HINT \"d-1\" STATUS current DESCRIPTION \"A\" SYNTAX Integer32
acmeDoor OBJECT-TYPE SYNTAX INTEGER { open(1), closed(2) } MAX-ACCESS read-only STATUS current DESCRIPTION \"A\"
  ::= { acme 2 }
END";

    #[test]
    fn a_bad_file_costs_itself_and_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &[u8]| fs::write(folder.path().join(name), text).unwrap();
        write("ACME-MIB.txt", GOOD.as_bytes());
        write("cut.mib", GOOD.replace("ACME", "CUT").split_at(460).0.as_bytes());
        write("noise.my", &[0, 159, 146, 150].repeat(100));
        write("huge.txt", b"");
        fs::File::options()
            .write(true)
            .open(folder.path().join("huge.txt"))
            .unwrap()
            .set_len(LARGEST + 1)
            .unwrap();
        write("README.md", b"not meant to be one");
        let names = Names::with_folders(vec![folder.path().to_owned(), folder.path().join("gone")]);
        assert_eq!(names.parse("sysUpTime.0").unwrap().to_string(), "1.3.6.1.2.1.1.3.0");
        assert!(names.bad_files_so_far().is_empty(), "files are read when they are needed");
        let oid = names.parse("ACME-MIB::acmeTemperature.0").unwrap();
        assert_eq!(oid.to_string(), "1.3.6.1.4.1.424242.1.0");
        assert_eq!(names.name_of(&oid), "ACME-MIB::acmeTemperature.0");
        assert_eq!(names.show(&oid, &Value::Integer(235)).text, "INTEGER: 23.5");
        let door = names.parse("acmeDoor.0").unwrap();
        assert_eq!(names.show(&door, &Value::Integer(2)).text, "INTEGER: closed(2)");
        let mut named: Vec<_> =
            names.bad_files().iter().map(|bad| bad.path.file_name().unwrap().to_owned()).collect();
        named.sort();
        assert_eq!(named, ["cut.mib", "gone", "huge.txt", "noise.my"], "{:?}", names.bad_files());
    }

    #[test]
    fn modules_that_import_each_other_in_a_circle_are_read_all_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: String| fs::write(folder.path().join(name), text).unwrap();
        let importing = |own: &str, number: &str, other: &str| {
            let text =
                GOOD.replace("ACME", own).replace("424242", number).replace("acme", &own.to_lowercase());
            let other_name = format!("{}Door", other.to_lowercase());
            text.replace("DisplayString FROM SNMPv2-TC;", &format!("{other_name} FROM {other}-MIB;"))
        };
        write("ONE-MIB.txt", importing("ONE", "424243", "TWO"));
        write("TWO-MIB.txt", importing("TWO", "424244", "ONE"));
        write("SELF-MIB.txt", importing("SELF", "424245", "SELF"));
        write("LOST-MIB.txt", importing("LOST", "424246", "NOWHERE"));
        let names = Names::with_folders(vec![folder.path().to_owned()]);
        for (name, number) in
            [("oneDoor.0", "424243"), ("TWO-MIB::twoDoor.0", "424244"), ("selfDoor.0", "424245")]
        {
            assert_eq!(
                names.parse(name).map(|oid| oid.to_string()),
                Ok(format!("1.3.6.1.4.1.{number}.2.0")),
                "{name}"
            );
        }
        assert!(
            names.parse("lostDoor.0").is_ok(),
            "what a module lacks costs what is made of it: {:?}",
            names.bad_files()
        );
    }
}
