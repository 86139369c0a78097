//! What an agent says an object is.

use std::{borrow::Cow, fmt};

use thiserror::Error;

use super::{Oid, numeral::numeral};

/// An object and what the agent says of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Varbind {
    /// Which object.
    pub oid: Oid,
    /// Its value, or why there is none.
    pub value: Result<Value, Exception>,
}

/// A value as it came (RFC 2578, section 7.1).
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// INTEGER, Integer32.
    Integer(i32),
    /// OCTET STRING: text, or anything.
    Octets(Box<[u8]>),
    /// OBJECT IDENTIFIER.
    Oid(Oid),
    /// IpAddress.
    Address([u8; 4]),
    /// Counter32.
    Counter32(u32),
    /// Gauge32, Unsigned32.
    Gauge32(u32),
    /// TimeTicks: hundredths of a second.
    TimeTicks(u32),
    /// Opaque: BER within octets; net-snmp keeps floats there.
    Opaque(Box<[u8]>),
    /// Counter64.
    Counter64(u64),
    /// NULL, or a type that no standard knows.
    Unknown,
}

/// Why an object has no value (RFC 3416, section 4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum Exception {
    /// The agent knows no such kind of object.
    #[error("noSuchObject")]
    NoSuchObject,
    /// It knows the kind, but has no such row.
    #[error("noSuchInstance")]
    NoSuchInstance,
    /// Nothing comes after it.
    #[error("endOfMibView")]
    EndOfMibView,
}

impl Value {
    /// Gives the number; None of what is none. Counters are numbers too, though not rates, and so is text that begins
    /// with a number and ends with its unit, as many agents tell temperatures.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Integer(number) => Some(f64::from(*number)),
            Self::Counter32(number) | Self::Gauge32(number) | Self::TimeTicks(number) => {
                Some(f64::from(*number))
            }
            Self::Counter64(number) => Some(*number as f64),
            Self::Opaque(octets) => float(octets),
            Self::Octets(octets) => numeral(octets),
            Self::Oid(_) | Self::Address(_) | Self::Unknown => None,
        }
    }

    /// Gives the value as a person reads it; octets that are no UTF-8 lose what is none.
    pub fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Octets(octets) => String::from_utf8_lossy(octets.strip_suffix(b"\0").unwrap_or(octets)),
            Self::Integer(number) => number.to_string().into(),
            Self::Counter32(number) | Self::Gauge32(number) | Self::TimeTicks(number) => {
                number.to_string().into()
            }
            Self::Counter64(number) => number.to_string().into(),
            Self::Oid(oid) => oid.to_string().into(),
            Self::Address([a, b, c, d]) => format!("{a}.{b}.{c}.{d}").into(),
            Self::Opaque(octets) => float(octets).map_or("".into(), |number| number.to_string().into()),
            Self::Unknown => "".into(),
        }
    }

    /// Gives the type's name as standards write it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Integer(_) => "INTEGER",
            Self::Octets(_) => "OCTET STRING",
            Self::Oid(_) => "OBJECT IDENTIFIER",
            Self::Address(_) => "IpAddress",
            Self::Counter32(_) => "Counter32",
            Self::Gauge32(_) => "Gauge32",
            Self::TimeTicks(_) => "TimeTicks",
            Self::Opaque(_) => "Opaque",
            Self::Counter64(_) => "Counter64",
            Self::Unknown => "NULL",
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.kind(), self.text())
    }
}

/// A float or a double within Opaque:
/// ```text
/// | 9f | 78 | 04 | 4 octets |   or   | 9f | 79 | 08 | 8 octets |     big-endian IEEE 754
/// ```
fn float(octets: &[u8]) -> Option<f64> {
    match octets {
        [0x9f, 0x78, 4, rest @ ..] => Some(f64::from(f32::from_be_bytes(rest.try_into().ok()?))),
        [0x9f, 0x79, 8, rest @ ..] => Some(f64::from_be_bytes(rest.try_into().ok()?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_numbers_and_names_are_none() {
        assert_eq!(Value::Integer(-5).number(), Some(-5.0));
        assert_eq!(Value::Counter64(1 << 60).number(), Some((1_u64 << 60) as f64));
        assert_eq!(Value::Opaque([0x9f, 0x78, 4, 0x3f, 0xc0, 0, 0].into()).number(), Some(1.5));
        assert_eq!(Value::Opaque([0x9f, 0x78, 4, 0x3f].into()).number(), None);
        assert_eq!(Value::Octets((*b"42.5 C").into()).number(), Some(42.5));
        assert_eq!(Value::Octets((*b"eth0").into()).number(), None);
        assert_eq!(Value::Address([1, 2, 3, 4]).number(), None);
    }

    #[test]
    fn text_is_what_a_person_reads() {
        assert_eq!(Value::Octets((*b"eth0\0").into()).text(), "eth0");
        assert_eq!(Value::Address([192, 0, 2, 1]).text(), "192.0.2.1");
        assert_eq!(Value::Octets((*b"\xff\xfea").into()).text(), "\u{fffd}\u{fffd}a");
        assert_eq!(Value::TimeTicks(12).to_string(), "TimeTicks: 12");
    }
}
