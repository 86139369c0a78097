//! Objects as text, or as JSON lines.

use std::{
    fmt::Write as _,
    io::{self, Write},
};

use grafolean_bots::snmp::{Value, Varbind};
use serde_json::json;

/// How to print.
#[derive(Clone, Copy)]
pub(super) struct Printer {
    pub(super) as_json: bool,
}

impl Printer {
    /// Prints one object: `OID = TYPE: VALUE`, or `{"oid","type","value"}`.
    pub(super) fn print(self, out: &mut impl Write, varbind: &Varbind) -> io::Result<()> {
        let Varbind { oid, value } = varbind;
        if self.as_json {
            let (kind, value) = match value {
                Ok(Value::Unreadable(kind)) => (format!("unreadable {kind}"), serde_json::Value::Null),
                Ok(value) => (value.kind().to_owned(), json_value(value)),
                Err(exception) => (exception.to_string(), serde_json::Value::Null),
            };
            return writeln!(out, "{}", json!({"oid": oid.to_string(), "type": kind, "value": value}));
        }
        match value {
            Ok(Value::Octets(octets)) => writeln!(out, "{oid} = OCTET STRING: {}", octets_text(octets)),
            Ok(Value::Unreadable(kind)) => {
                writeln!(out, "{oid} = {kind}: unreadable, its octets say nothing that this type can be")
            }
            Ok(value) => writeln!(out, "{oid} = {value}"),
            Err(exception) => writeln!(out, "{oid} = {exception}"),
        }
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
