//! Objects as text, or as JSON lines.

use std::{
    fmt::Write as _,
    io::{self, Write},
};

use grafolean_bots::snmp::{Exception, Oid, Value, Varbind, mib::Names};
use serde_json::json;

/// How to print.
#[derive(Clone, Copy)]
pub(super) struct Printer<'n> {
    /// None shows numbers.
    pub(super) names: Option<&'n Names>,
    pub(super) as_json: bool,
}

impl Printer<'_> {
    /// Returns an object's name, or its number.
    pub(super) fn name(self, oid: &Oid) -> String {
        self.names.map_or_else(|| oid.to_string(), |names| names.name_of(oid))
    }

    /// Prints one object: `NAME = TYPE: VALUE unit`, or `{"oid","name","type","value","text","unit"}`.
    pub(super) fn print(self, out: &mut impl Write, varbind: &Varbind) -> io::Result<()> {
        let Varbind { oid, value } = varbind;
        if self.as_json {
            let (kind, value) = match value {
                Ok(Value::Unreadable(kind)) => (format!("unreadable {kind}"), serde_json::Value::Null),
                Ok(value) => (value.kind().to_owned(), json_value(value)),
                Err(exception) => (exception.to_string(), serde_json::Value::Null),
            };
            return writeln!(out, "{}", self.object(varbind, &kind, &value));
        }
        let name = self.name(oid);
        match (value, self.names) {
            (Ok(value), Some(names)) => {
                let shown = names.show(oid, value);
                let unit = shown.unit.map(|unit| format!(" {unit}")).unwrap_or_default();
                writeln!(out, "{name} = {}{unit}", shown.text)
            }
            (Err(exception), Some(_)) => writeln!(out, "{name} = {exception}"),
            (value, None) => numeric(out, oid, value.as_ref()),
        }
    }

    fn object(self, varbind: &Varbind, kind: &str, value: &serde_json::Value) -> serde_json::Value {
        let Varbind { oid, value: came } = varbind;
        let mut object = serde_json::Map::new();
        object.insert("oid".to_owned(), json!(oid.to_string()));
        let shown = came.as_ref().ok().and_then(|came| Some(self.names?.show(oid, came)));
        object.extend(self.names.map(|names| ("name".to_owned(), json!(names.name_of(oid)))));
        object.insert("type".to_owned(), json!(kind));
        object.insert("value".to_owned(), value.clone());
        let (text, unit) = shown.map_or((None, None), |shown| (shown.meaning, shown.unit));
        object.extend(text.map(|text| ("text".to_owned(), json!(text))));
        object.extend(unit.map(|unit| ("unit".to_owned(), json!(unit))));
        object.into()
    }
}

/// Prints the numbers and octets as they are.
fn numeric(out: &mut impl Write, oid: &Oid, value: Result<&Value, &Exception>) -> io::Result<()> {
    match value {
        Ok(Value::Octets(octets)) => writeln!(out, "{oid} = OCTET STRING: {}", octets_text(octets)),
        Ok(Value::Unreadable(kind)) => {
            writeln!(out, "{oid} = {kind}: unreadable, its octets say nothing that this type can be")
        }
        Ok(value) => writeln!(out, "{oid} = {value}"),
        Err(exception) => writeln!(out, "{oid} = {exception}"),
    }
}

fn json_value(value: &Value) -> serde_json::Value {
    match value {
        Value::Integer(number) => json!(number),
        Value::Counter32(number) | Value::Gauge32(number) | Value::TimeTicks(number) => json!(number),
        Value::Counter64(number) => json!(number),
        Value::Octets(octets) => match std::str::from_utf8(octets) {
            Ok(text) => json!(text),
            Err(_) => json!({"hex": hex(octets)}),
        },
        Value::Opaque(octets) => match value.number() {
            Some(number) => json!(number),
            None => json!({"hex": hex(octets)}),
        },
        Value::Oid(_) | Value::Address(_) => json!(value.text()),
        Value::Unknown | Value::Unreadable(_) => serde_json::Value::Null,
    }
}

/// Text where it is text that a terminal can show, else hexadecimal.
fn octets_text(octets: &[u8]) -> String {
    match std::str::from_utf8(octets) {
        Ok(text) if !text.chars().any(|letter| letter.is_control() && !letter.is_whitespace()) => {
            format!("{text:?}")
        }
        _ => format!("0x{}", hex(octets)),
    }
}

fn hex(octets: &[u8]) -> String {
    octets.iter().fold(String::with_capacity(octets.len() * 2), |mut text, octet| {
        let _infallible = write!(text, "{octet:02x}");
        text
    })
}
