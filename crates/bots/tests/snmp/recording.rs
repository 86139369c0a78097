//! Recordings of real devices that lie beside the workspace, read as what the devices said.

use std::{fs, process::Command};

use grafolean_bots::snmp::{Oid, Value};

pub(crate) const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data");

/// What a device said of all its objects, in their order.
pub(crate) struct Recording {
    pub(crate) name: String,
    pub(crate) objects: Vec<(Oid, Value)>,
    /// Lines that no agent could have sent: whoever published them put a word in place of a number.
    pub(crate) left_out: usize,
    /// Whether its lines are in the order in which agents have objects.
    pub(crate) is_in_order: bool,
}

/// Returns the files of all recordings; `None`, with a word on stderr, where there are none.
#[allow(clippy::print_stderr, reason = "a test that finds no recordings says so")]
pub(crate) fn files() -> Option<Vec<String>> {
    let mut files = Vec::new();
    for source in ["librenms", "snmpsim-data", "thola", "centreon"] {
        let Ok(entries) = fs::read_dir(format!("{DATA}/snmp/{source}")) else {
            eprintln!("skipped: no recordings in {DATA}/snmp/{source}");
            return None;
        };
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let is_recording = |name: &String| name.ends_with(".bz2") || name.ends_with(".xz");
        files.extend(names.filter(is_recording).map(|name| format!("{DATA}/snmp/{source}/{name}")));
    }
    files.sort();
    Some(files)
}

pub(crate) fn read(file: &str) -> Recording {
    let cat = if file.ends_with(".xz") { "xzcat" } else { "bzcat" };
    let output = Command::new(cat).arg(file).output().unwrap();
    assert!(output.status.success(), "{cat} {file}");
    let name = file.rsplit('/').next().unwrap().split(".snmp").next().unwrap().to_owned();
    let is_walk = file.contains(".snmpwalk");
    let mut objects: Vec<(Oid, Value)> = Vec::new();
    let mut left_out = 0;
    let is_comment = |line: &[u8]| line.is_empty() || line.starts_with(b"#");
    for line in output.stdout.split(|octet| *octet == b'\n').filter(|line| !is_comment(line)) {
        let read = if is_walk { walked(line) } else { recorded(line) };
        match (read, objects.last_mut()) {
            (Some(object), _) => objects.push(object),
            (None, _) if line.windows(2).any(|pair| pair == b".<") => left_out += 1,
            // Text of several lines.
            (None, Some((_, Value::Octets(text)))) => *text = [text, &b"\n"[..], line].concat().into(),
            (None, _) => panic!("{file}: {}", String::from_utf8_lossy(line)),
        }
    }
    // Some are several walks, one behind the other; an agent has each object once.
    let is_in_order = objects.is_sorted_by(|(a, _), (b, _)| a < b);
    objects.sort_by(|(a, _), (b, _)| a.cmp(b));
    objects.dedup_by(|(a, _), (b, _)| a == b);
    Recording { name, objects, left_out, is_in_order }
}

fn text(octets: &[u8]) -> Option<&str> {
    std::str::from_utf8(octets).ok().map(str::trim)
}

fn hex(octets: &[u8]) -> Option<Box<[u8]>> {
    let digits: Vec<u8> = octets.iter().copied().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(text(pair)?, 16).ok()).collect()
}

fn address(octets: &[u8]) -> Option<Value> {
    let numbers: Option<Vec<u8>> = text(octets)?.split('.').map(|part| part.parse().ok()).collect();
    Some(Value::Address(numbers?.try_into().ok()?))
}

/// A line of snmpsim: `OID|TAG|VALUE`. Of what it would vary the first value stands.
fn recorded(line: &[u8]) -> Option<(Oid, Value)> {
    let mut parts = line.splitn(3, |octet| *octet == b'|');
    let (oid, tag, value) = (text(parts.next()?)?.parse().ok()?, text(parts.next()?)?, parts.next()?);
    let (tag, value) = match tag.split_once(':') {
        Some((tag, _)) => (tag, first(value)?),
        None => (tag, value),
    };
    let number = || text(value);
    let value = match tag {
        "2" => Value::Integer(number()?.parse().ok()?),
        "4" => Value::Octets(value.into()),
        "4x" => Value::Octets(hex(value)?),
        "4e" => Value::Octets(unescaped(value)),
        "5" => Value::Unknown,
        "6" => Value::Oid(number()?.parse().ok()?),
        "64" => address(value)?,
        "64x" => Value::Address((*hex(value)?).try_into().ok()?),
        "64e" => Value::Address((*unescaped(value)).try_into().ok()?),
        "65" => Value::Counter32(number()?.parse().ok()?),
        "66" => Value::Gauge32(number()?.parse().ok()?),
        "67" => Value::TimeTicks(number()?.parse().ok()?),
        "68x" => Value::Opaque(hex(value)?),
        "70" => Value::Counter64(number()?.parse().ok()?),
        _ => return None,
    };
    Some((oid, value))
}

fn first(variation: &[u8]) -> Option<&[u8]> {
    let of = |key: &str| {
        let mut parts = variation.split(|octet| *octet == b',');
        parts.find_map(|part| part.strip_prefix(key.as_bytes()))
    };
    Some(of("value=").or_else(|| of("initial=")).unwrap_or(b"0"))
}

/// Python's escapes.
fn unescaped(value: &[u8]) -> Box<[u8]> {
    let (mut octets, mut rest) = (Vec::new(), value);
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        let plain = |octet| (octet, 1);
        let (octet, taken) = match (first, after) {
            (b'\\', [b'x', high, low, ..]) => {
                (u8::from_str_radix(text(&[*high, *low]).unwrap(), 16).unwrap(), 3)
            }
            (b'\\', [b't', ..]) => plain(b'\t'),
            (b'\\', [b'n', ..]) => plain(b'\n'),
            (b'\\', [b'r', ..]) => plain(b'\r'),
            (b'\\', [other, ..]) => plain(*other),
            _ => (*first, 0),
        };
        octets.push(octet);
        rest = &rest[taken..];
    }
    octets.into()
}

/// A line of net-snmp's snmpwalk -On: `.OID = TYPE: VALUE`.
fn walked(line: &[u8]) -> Option<(Oid, Value)> {
    let place = line.windows(3).position(|window| window == b" = ")?;
    let (oid, said) = (text(&line[..place])?.parse().ok()?, &line[place + 3..]);
    let Some(colon) = said.iter().position(|octet| *octet == b':') else {
        return Some((oid, untyped(said)?));
    };
    let (kind, value) = (text(&said[..colon])?.to_ascii_uppercase(), said[colon + 1..].trim_ascii());
    // As in `up(1)` and `(378496828) 43 days`.
    let number = || {
        let begin = value.iter().rposition(|octet| *octet == b'(').map_or(0, |place| place + 1);
        let number: Vec<u8> =
            value[begin..].iter().copied().take_while(|octet| b"-0123456789".contains(octet)).collect();
        String::from_utf8(number).ok()
    };
    let value = match kind.as_str() {
        "INTEGER" => Value::Integer(number()?.parse().ok()?),
        "STRING" => Value::Octets(unquoted(value)),
        "HEX-STRING" => Value::Octets(hex(value)?),
        "BITS" => {
            let is_octet = |word: &&[u8]| word.len() == 2 && word.iter().all(u8::is_ascii_hexdigit);
            let words = value.split(|octet| *octet == b' ').take_while(is_octet);
            Value::Octets(hex(&words.collect::<Vec<_>>().concat())?)
        }
        "OID" => text(value)?.parse().map_or(Value::Octets(value.into()), Value::Oid),
        "IPADDRESS" => address(value)?,
        "COUNTER32" => Value::Counter32(number()?.parse().ok()?),
        "COUNTER64" => Value::Counter64(number()?.parse().ok()?),
        "GAUGE32" => Value::Gauge32(number()?.parse().ok()?),
        "TIMETICKS" => Value::TimeTicks(number()?.parse().ok()?),
        "NULL" => Value::Unknown,
        "OPAQUE" => {
            let float: f32 = text(value)?.strip_prefix("Float: ")?.parse().ok()?;
            Value::Opaque([&[0x9f, 0x78, 4][..], &float.to_be_bytes()].concat().into())
        }
        _ => Value::Octets(unquoted(said)),
    };
    Some((oid, value))
}

/// Without a type: text in quotes, or hundredths of a second.
fn untyped(said: &[u8]) -> Option<Value> {
    Some(match text(said)?.parse() {
        Ok(ticks) => Value::TimeTicks(ticks),
        Err(_) => Value::Octets(unquoted(said)),
    })
}

fn unquoted(value: &[u8]) -> Box<[u8]> {
    let inside = value.strip_prefix(b"\"").map(|value| value.strip_suffix(b"\"").unwrap_or(value));
    inside.unwrap_or(value).into()
}
