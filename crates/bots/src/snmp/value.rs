//! What an agent says an object is.

use std::{borrow::Cow, fmt};

use thiserror::Error;

use super::{Oid, numeral::numeral, text};

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
    /// Of this type, but its octets say nothing that the type can be: none at all, or more than fit.
    Unreadable(&'static str),
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
    /// Returns the number; None of what is none. Counters are numbers too, though not rates, and so is text that begins
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
            Self::Oid(_) | Self::Address(_) | Self::Unknown | Self::Unreadable(_) => None,
        }
    }

    /// Returns a number that is whole and not negative, whatever numeric type the agent chose for it.
    pub fn whole_number(&self) -> Option<u64> {
        match self {
            Self::Integer(number) => u64::try_from(*number).ok(),
            Self::Counter32(number) | Self::Gauge32(number) | Self::TimeTicks(number) => {
                Some(u64::from(*number))
            }
            Self::Counter64(number) => Some(*number),
            // By way of text, since no conversion of floating numbers is exact.
            Self::Opaque(_) | Self::Octets(_) => {
                let number = self.number().filter(|number| *number >= 0.0 && number.is_finite())?;
                format!("{number:.0}").parse().ok()
            }
            Self::Oid(_) | Self::Address(_) | Self::Unknown | Self::Unreadable(_) => None,
        }
    }

    /// Returns the value as a person reads it; octets that are no text as hexadecimal numbers with `-` between them.
    pub fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Octets(octets) => text::of_octets(octets),
            Self::Integer(number) => number.to_string().into(),
            Self::Counter32(number) | Self::Gauge32(number) | Self::TimeTicks(number) => {
                number.to_string().into()
            }
            Self::Counter64(number) => number.to_string().into(),
            Self::Oid(oid) => oid.to_string().into(),
            Self::Address([a, b, c, d]) => format!("{a}.{b}.{c}.{d}").into(),
            Self::Opaque(octets) => {
                float(octets).map_or_else(|| text::hex(octets), |number| number.to_string()).into()
            }
            Self::Unknown | Self::Unreadable(_) => "".into(),
        }
    }

    /// Returns the value of an object as a person reads it: of one that holds addresses of hardware all octets, even
    /// where they happen to be letters.
    pub fn text_of(&self, oid: &Oid) -> Cow<'_, str> {
        match self {
            Self::Octets(octets) if text::is_hardware_address(oid.arcs()) => text::hex(octets).into(),
            value => value.text(),
        }
    }

    /// Returns the type's name as standards write it.
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
            Self::Unreadable(kind) => kind,
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
        assert_eq!(Value::Octets((*b"\xff\xfe\x01").into()).text(), "ff-fe-01");
        assert_eq!(Value::TimeTicks(12).to_string(), "TimeTicks: 12");
    }

    #[test]
    fn a_whole_number_may_have_any_numeric_type() {
        for value in [
            Value::Integer(7),
            Value::Gauge32(7),
            Value::Counter32(7),
            Value::TimeTicks(7),
            Value::Counter64(7),
            Value::Octets((*b"7").into()),
            Value::Opaque([0x9f, 0x78, 4, 0x40, 0xe0, 0, 0].into()),
        ] {
            assert_eq!(value.whole_number(), Some(7), "{value:?}");
        }
        for value in
            [Value::Integer(-1), Value::Unknown, Value::Unreadable("Gauge32"), Value::Octets((*b"a").into())]
        {
            assert_eq!(value.whole_number(), None, "{value:?}");
        }
    }

    #[test]
    fn a_float_that_has_other_octets_than_it_needs_is_none() {
        for octets in [
            &[][..],
            &[0x9f],
            &[0x9f, 0x78],
            &[0x9f, 0x78, 4],
            &[0x9f, 0x78, 4, 1, 2, 3],
            &[0x9f, 0x78, 4, 1, 2, 3, 4, 5],
            &[0x9f, 0x78, 3, 1, 2, 3],
            &[0x9f, 0x79, 8, 1, 2, 3, 4, 5, 6, 7],
            &[0x9f, 0x79, 4, 1, 2, 3, 4],
            &[0x9f, 0x78, 8, 1, 2, 3, 4, 5, 6, 7, 8],
        ] {
            assert_eq!(Value::Opaque(octets.into()).number(), None, "{octets:?}");
        }
    }
}
