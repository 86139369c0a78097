//! The table that is built in, one file a module, as we write it:
//! ```text
//! # where it is from
//! @ MODULE
//! : Type BASE 'display hint' word=1 other=2        a type
//! name 1.3.6.1.4.1                                  a node
//! name parent.4 table | row | notification
//! name parent.4 BASE-or-Type [unit] word=1 other=2  an object with values; below a row it is a column
//! ```

use std::{collections::HashMap, sync::LazyLock};

use include_dir::{Dir, include_dir};

use super::{
    object::{Base, Kind, Object, Syntax, Text},
    table::Table,
};

static MODULES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/src/snmp/mib/modules");

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let files = || MODULES.files().filter_map(|file| file.contents_utf8());
    let mut types = HashMap::new();
    files()
        .flat_map(str::lines)
        .filter_map(type_of)
        .for_each(|(name, syntax)| _ = types.insert(name, syntax));
    let resolved = resolve(&types);
    let mut objects = Vec::new();
    let mut places = HashMap::new();
    // A parent may stand in a file that comes later.
    let mut waiting: Vec<(&str, &str)> = files().flat_map(in_module).collect();
    loop {
        let before = waiting.len();
        waiting.retain(|(module, line)| match object(module, line, &places, &resolved) {
            Some(object) => {
                places.insert((Some(*module), object.name.clone()), (object.arcs.clone(), object.kind));
                places
                    .entry((None, object.name.clone()))
                    .or_insert_with(|| (object.arcs.clone(), object.kind));
                objects.push(object);
                false
            }
            None => true,
        });
        if waiting.len() == before {
            break;
        }
    }
    Table::of(objects)
});

/// Returns the table that is built in.
pub(super) fn table() -> &'static Table {
    &TABLE
}

/// Returns the lines of a file that define objects, each with its module.
fn in_module(text: &'static str) -> Vec<(&'static str, &'static str)> {
    let mut module = "";
    let mut lines = Vec::new();
    for line in text.lines() {
        match line.split_once(' ') {
            Some(("@", name)) => module = name,
            Some(("#" | ":", _)) | None => {}
            Some(_) => lines.push((module, line)),
        }
    }
    lines
}

type Types = HashMap<&'static str, Syntax>;
type Places = HashMap<(Option<&'static str>, Text), (Box<[u32]>, Kind)>;

fn type_of(line: &'static str) -> Option<(&'static str, (&'static str, Syntax))> {
    let (name, rest) = line.strip_prefix(": ")?.split_once(' ')?;
    let (base, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    let (hint, rest) = match rest.strip_prefix('\'').and_then(|rest| rest.split_once('\'')) {
        Some((hint, rest)) => (Some(Text::from(hint)), rest),
        None => (None, rest),
    };
    let words = words(rest).into();
    Some((name, (base, Syntax { type_name: name.into(), base: Base::Octets, hint, unit: None, words })))
}

/// Follows each type to its base.
fn resolve(written: &HashMap<&'static str, (&'static str, Syntax)>) -> Types {
    /// A type of a type of a type: nobody has more.
    const DEPTH: usize = 5;
    let resolved = |name: &&'static str| {
        let (mut above, mut syntax) = written.get(name).cloned()?;
        for _ in 0..DEPTH {
            if let Some(base) = base(above) {
                return Some((*name, Syntax { base, ..syntax }));
            }
            let (next, parent) = written.get(above)?;
            above = next;
            syntax.hint = syntax.hint.or_else(|| parent.hint.clone());
            if syntax.words.is_empty() {
                syntax.words = parent.words.clone();
            }
        }
        None
    };
    written.keys().filter_map(resolved).collect()
}

fn base(name: &str) -> Option<Base> {
    Some(match name {
        "INTEGER" => Base::Integer,
        "OCTETS" => Base::Octets,
        "OID" => Base::Oid,
        "BITS" => Base::Bits,
        "IpAddress" => Base::IpAddress,
        "Counter32" => Base::Counter32,
        "Counter64" => Base::Counter64,
        "Gauge32" => Base::Gauge32,
        "TimeTicks" => Base::TimeTicks,
        _ => return None,
    })
}

fn object(module: &'static str, line: &'static str, places: &Places, types: &Types) -> Option<Object> {
    let mut parts = line.splitn(4, ' ');
    let (name, place, what) = (parts.next()?, parts.next()?, parts.next());
    let (first, rest) = place.split_once('.').unwrap_or((place, ""));
    let mut above = Kind::Node;
    let mut arcs = match first.parse() {
        Ok(arc) => vec![arc],
        Err(_) => {
            let known = |module| places.get(&(module, Text::from(first)));
            let (arcs, kind) = known(Some(module)).or_else(|| known(None))?;
            above = *kind;
            arcs.to_vec()
        }
    };
    arcs.extend(rest.split('.').filter_map(|arc| arc.parse::<u32>().ok()));
    let kind = match what {
        None => Kind::Node,
        Some("table") => Kind::Table,
        Some("row") => Kind::Row,
        Some("notification") => Kind::Notification,
        Some(_) if above == Kind::Row => Kind::Column,
        Some(_) => Kind::Scalar,
    };
    let syntax = match (kind, what) {
        (Kind::Column | Kind::Scalar, Some(what)) => Some(syntax(what, parts.next().unwrap_or(""), types)?),
        _ => None,
    };
    Some(Object { module: module.into(), name: name.into(), arcs: arcs.into(), kind, syntax })
}

fn syntax(what: &'static str, rest: &'static str, types: &Types) -> Option<Syntax> {
    let (unit, rest) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((unit, rest)) => (Some(Text::from(unit)), rest),
        None => (None, rest),
    };
    let mut syntax = match base(what) {
        Some(base) => {
            let words = [].into();
            Syntax { type_name: base.label().into(), base, hint: None, unit: None, words }
        }
        None => types.get(what)?.clone(),
    };
    let words = words(rest);
    if !words.is_empty() {
        syntax.words = words.into();
    }
    Some(Syntax { unit, ..syntax })
}

fn words(text: &'static str) -> Vec<(i64, Text)> {
    let word = |word: &'static str| {
        let (word, number) = word.rsplit_once('=')?;
        Some((number.parse().ok()?, Text::from(word)))
    };
    text.split_ascii_whitespace().filter_map(word).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_is_understood() {
        let lines = MODULES.files().filter_map(|file| file.contents_utf8()).flat_map(in_module).count();
        let known: Vec<_> = table().objects().iter().map(|object| (&object.module, &object.name)).collect();
        for file in MODULES.files() {
            let text = file.contents_utf8().unwrap();
            let module = file.path().file_stem().unwrap().to_str().unwrap();
            assert!(text.starts_with("# "), "{module}: say where it is from");
            for (said, line) in in_module(text) {
                let name = line.split(' ').next().unwrap();
                assert!(known.iter().any(|it| it.0 == said && it.1 == name), "{module}: {line}");
            }
        }
        assert_eq!(table().objects().len(), lines);
        assert!(lines > 2_000, "{lines}");
    }

    #[test]
    fn each_type_is_used_with_its_words_and_hint() {
        let of = |name| table().named(None, name).unwrap().syntax().unwrap();
        assert_eq!(of("ifOperStatus").word(7), Some("lowerLayerDown"));
        assert_eq!(of("ifType").word(6), Some("ethernetCsmacd"));
        assert_eq!(of("ifPhysAddress").hint(), Some("1x:"));
        assert_eq!(of("upsBatteryTemperature").unit(), Some("degrees Centigrade"));
        assert_eq!(of("entPhySensorScale").number("milli"), Some(8));
        let kind = |name| table().named(None, name).unwrap().kind();
        assert_eq!(
            [kind("ifNumber"), kind("ifDescr"), kind("ifTable")],
            [Kind::Scalar, Kind::Column, Kind::Table]
        );
    }
}
