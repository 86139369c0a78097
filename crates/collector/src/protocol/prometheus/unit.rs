//! Units: what a series is counted in by UCUM, as names end, and what makes base units of it.

use crate::protocol::{Output, Role};

/// What makes a value one in the base unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scale {
    /// It is multiplied.
    Times(f64),
    /// It is divided: 57 % are 0.57, which a product with 0.01 is not.
    Over(f64),
}

impl Scale {
    /// That of what is in base units already.
    pub const NONE: Self = Self::Times(1.0);

    /// Returns a value in the base unit.
    pub fn of(self, value: f64) -> f64 {
        match self {
            Self::Times(factor) => value * factor,
            Self::Over(divisor) => value / divisor,
        }
    }
}

/// Symbols, the words that end a name, and the scale.
const UNITS: [(&str, &str, Scale); 35] = [
    ("s", "seconds", Scale::NONE),
    ("ms", "seconds", Scale::Over(1e3)),
    ("us", "seconds", Scale::Over(1e6)),
    ("ns", "seconds", Scale::Over(1e9)),
    ("min", "seconds", Scale::Times(60.0)),
    ("h", "seconds", Scale::Times(3_600.0)),
    ("d", "seconds", Scale::Times(86_400.0)),
    ("By", "bytes", Scale::NONE),
    ("kBy", "bytes", Scale::Times(1e3)),
    ("MBy", "bytes", Scale::Times(1e6)),
    ("GBy", "bytes", Scale::Times(1e9)),
    ("KiBy", "bytes", Scale::Times(1_024.0)),
    ("MiBy", "bytes", Scale::Times(1_048_576.0)),
    ("GiBy", "bytes", Scale::Times(1_073_741_824.0)),
    ("By/s", "bytes_per_second", Scale::NONE),
    ("bit", "bits", Scale::NONE),
    ("bit/s", "bits_per_second", Scale::NONE),
    ("kbit/s", "bits_per_second", Scale::Times(1e3)),
    ("Mbit/s", "bits_per_second", Scale::Times(1e6)),
    ("Gbit/s", "bits_per_second", Scale::Times(1e9)),
    ("/s", "per_second", Scale::NONE),
    ("1/s", "per_second", Scale::NONE),
    ("%", "ratio", Scale::Over(100.0)),
    ("Cel", "celsius", Scale::NONE),
    ("K", "kelvin", Scale::NONE),
    ("V", "volts", Scale::NONE),
    ("mV", "volts", Scale::Over(1e3)),
    ("A", "amperes", Scale::NONE),
    ("mA", "amperes", Scale::Over(1e3)),
    ("W", "watts", Scale::NONE),
    ("J", "joules", Scale::NONE),
    ("Hz", "hertz", Scale::NONE),
    ("m", "meters", Scale::NONE),
    ("dB", "decibels", Scale::NONE),
    ("dB[mW]", "dbm", Scale::NONE),
];

/// Spans that something may be counted by.
const SPANS: [(&str, &str); 4] = [("s", "second"), ("min", "minute"), ("h", "hour"), ("d", "day")];

/// Returns the unit of a series in words, and its scale. Numbers of things have none.
pub(super) fn of(output: &Output) -> (String, Scale) {
    let symbol = &*output.unit;
    if let Some((_, words, scale)) = UNITS.iter().find(|(known, ..)| *known == symbol) {
        return ((*words).to_owned(), *scale);
    }
    let words = match symbol {
        "1" if output.role.is_some_and(is_share) => "ratio".to_owned(),
        "" | "1" | "bool" => String::new(),
        other => thing(other).unwrap_or_else(|| super::metric::word(other).trim_matches('_').to_owned()),
    };
    (words, Scale::NONE)
}

/// Returns the words of things that UCUM has no unit for: `{packet}/s` are `packets_per_second`, `{packet}` is a number.
fn thing(symbol: &str) -> Option<String> {
    let (name, rest) = symbol.strip_prefix('{')?.split_once('}')?;
    if rest.is_empty() {
        return Some(String::new());
    }
    let span = rest.strip_prefix('/')?;
    let (_, span) = SPANS.iter().find(|(known, _)| *known == span)?;
    let name = super::metric::word(name);
    let plural = if name.ends_with('s') { name } else { format!("{name}s") };
    Some(format!("{plural}_per_{span}"))
}

/// Whether what plays this part is a share of something, 0 to 1.
fn is_share(role: Role) -> bool {
    match role {
        Role::Reachability | Role::Loss | Role::Completeness | Role::Coverage => true,
        Role::RoundTrip | Role::TrafficIn | Role::TrafficOut => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_in_base_units() {
        let check = |unit: &'static str, words: &str, value: f64, scaled: f64| {
            let (found, scale) = of(&Output::new("x", unit, "", ""));
            assert_eq!((found.as_str(), scale.of(value)), (words, scaled), "{unit}");
        };
        check("s", "seconds", 0.25, 0.25);
        check("ms", "seconds", 12.5, 0.0125);
        check("d", "seconds", 2.0, 172_800.0);
        check("%", "ratio", 57.0, 0.57);
        check("1", "", 5.0, 5.0);
        check("bool", "", 1.0, 1.0);
        check("{packet}/s", "packets_per_second", 3.0, 3.0);
        check("{rotation}/min", "rotations_per_minute", 900.0, 900.0);
        check("{session}", "", 3.0, 3.0);
        check("furlong/s", "furlong_s", 1.0, 1.0);
    }
}
