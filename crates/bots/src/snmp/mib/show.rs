//! A value as a person reads it: the word of a number, the unit, an address, a date.

use mib_rs::mib::display_hint::{DisplayHint, HexCase, format_integer, format_octets};

use super::{Base, Names, Syntax};
use crate::snmp::{Oid, Value, text};

/// A value as a person reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The type and the value: `INTEGER: up(1)`.
    pub text: String,
    /// The value alone where it says more than the number or the octets do: `up`, `00:1a:2b:3c:4d:5e`.
    pub meaning: Option<String>,
    /// The unit that the standard gives it.
    pub unit: Option<String>,
}

impl Names {
    /// Returns the value of an object as a person reads it.
    pub fn show(&self, oid: &Oid, value: &Value) -> Shown {
        let syntax = self.lookup(oid).and_then(|named| named.object.syntax());
        let meaning = self.meaning(syntax, value);
        let number = match value {
            Value::Integer(number) => Some(i64::from(*number)),
            Value::Gauge32(number) | Value::Counter32(number) => Some(i64::from(*number)),
            _ => None,
        };
        let is_word = number.is_some_and(|number| syntax.is_some_and(|it| it.word(number).is_some()));
        let kind = value.kind();
        let text = match (&meaning, value, number) {
            (Some(word), _, Some(number)) if is_word => format!("{kind}: {word}({number})"),
            (Some(span), Value::TimeTicks(ticks), _) => format!("{kind}: {ticks} ({span})"),
            (Some(meaning), ..) => format!("{kind}: {meaning}"),
            (None, Value::Octets(octets), _) => format!("{kind}: {}", octets_text(octets)),
            (None, Value::Unreadable(kind), _) => {
                format!("{kind}: unreadable, its octets say nothing that this type can be")
            }
            (None, value, _) => value.to_string(),
        };
        // A word has no unit.
        let unit = syntax.and_then(Syntax::unit).filter(|_| !is_word).map(str::to_owned);
        Shown { text, meaning, unit }
    }

    fn meaning(&self, syntax: Option<&Syntax>, value: &Value) -> Option<String> {
        match value {
            Value::Oid(oid) => Some(self.name_of(oid)),
            Value::TimeTicks(ticks) => Some(span(*ticks)),
            Value::Integer(number) => number_meaning(syntax?, i64::from(*number)),
            Value::Gauge32(number) | Value::Counter32(number) => number_meaning(syntax?, i64::from(*number)),
            Value::Octets(octets) if syntax?.base() == Base::Bits => Some(bits(syntax?, octets)),
            Value::Octets(octets) => {
                let hint = syntax?.hint()?;
                let is_text = DisplayHint::parse(hint)?.as_octet_string()?.is_text();
                (!is_text).then(|| format_octets(hint, octets, HexCase::Lower))?
            }
            _ => None,
        }
    }
}

fn number_meaning(syntax: &Syntax, number: i64) -> Option<String> {
    if let Some(word) = syntax.word(number) {
        return Some(word.to_owned());
    }
    let hint = syntax.hint().filter(|hint| *hint != "d")?;
    format_integer(hint, number, HexCase::Lower)
}

/// The words of the bits that are set, the first bit of the first octet being 0 (RFC 2578, section 7.1.4).
fn bits(syntax: &Syntax, octets: &[u8]) -> String {
    let set =
        (0_i64..).zip(octets.iter().flat_map(|octet| (0..8).rev().map(move |bit| octet >> bit & 1 == 1)));
    let word = |number| match syntax.word(number) {
        Some(word) => format!("{word}({number})"),
        None => number.to_string(),
    };
    let words: Vec<_> = set.filter(|(_, is_set)| *is_set).map(|(number, _)| word(number)).collect();
    if words.is_empty() { "none".to_owned() } else { words.join(" ") }
}

/// Hundredths of a second as days, hours, minutes and seconds.
fn span(ticks: u32) -> String {
    let (seconds, hundredths) = (ticks / 100, ticks % 100);
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    let clock = format!("{hours}:{minutes:02}:{:02}.{hundredths:02}", seconds % 60);
    match days {
        0 => clock,
        1 => format!("1 day, {clock}"),
        days => format!("{days} days, {clock}"),
    }
}

/// Text where it is text that a terminal can show, else hexadecimal.
fn octets_text(octets: &[u8]) -> String {
    match std::str::from_utf8(octets) {
        Ok(text) if !text.chars().any(|letter| letter.is_control() && !letter.is_whitespace()) => {
            format!("{text:?}")
        }
        _ => format!("0x{}", text::hex(octets).replace('-', "")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_dates_addresses_and_units_are_shown() {
        let date = [0x07, 0xe9, 11, 27, 17, 33, 44, 0, b'+', 1, 0];
        for (name, value, text, unit) in [
            ("ifOperStatus.3", Value::Integer(1), "INTEGER: up(1)", None),
            ("ifOperStatus.3", Value::Integer(99), "INTEGER: 99", None),
            (
                "ifPhysAddress.3",
                Value::Octets([0, 0x1a, 0x2b, 3, 4, 0x5e].into()),
                "OCTET STRING: 00:1a:2b:03:04:5e",
                None,
            ),
            ("hrSystemDate.0", Value::Octets(date.into()), "OCTET STRING: 2025-11-27,17:33:44.0,+1:0", None),
            ("ifDescr.3", Value::Octets((*b"eth0").into()), "OCTET STRING: \"eth0\"", None),
            ("sysUpTime.0", Value::TimeTicks(9_000_012), "TimeTicks: 9000012 (1 day, 1:00:00.12)", None),
            (
                "sysObjectID.0",
                Value::Oid("1.3.6.1.2.1.2.2".parse().unwrap()),
                "OBJECT IDENTIFIER: IF-MIB::ifTable",
                None,
            ),
            ("upsBatteryTemperature.0", Value::Integer(25), "INTEGER: 25", Some("degrees Centigrade")),
            (
                "lldpLocSysCapEnabled.0",
                Value::Octets([0x28].into()),
                "OCTET STRING: bridge(2) router(4)",
                None,
            ),
            ("1.3.6.1.4.1.424242.1", Value::Octets([0xff, 0].into()), "OCTET STRING: 0xff00", None),
        ] {
            let shown = Names::builtin().show(&Names::builtin().parse(name).unwrap(), &value);
            assert_eq!((shown.text.as_str(), shown.unit.as_deref()), (text, unit), "{name}");
        }
    }
}
