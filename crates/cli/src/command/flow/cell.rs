//! What stands in a column: one value, written for people, for spreadsheets and as JSON.

use std::{fmt::Display, net::IpAddr, time::Duration};

use grafolean_collector::time::Timestamp;
use grafolean_netflow::{protocol_name::protocol_name, query::flag_letters};
use serde_json::{Value, json};

/// A value of a flow or group; what is not told is [`Nothing`](Self::Nothing).
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cell {
    /// It was not told.
    Nothing,
    /// A word or an address.
    Text(String),
    /// How much there is of something.
    Count(u64),
    /// A number that counts nothing.
    Number(u64),
    /// A factor.
    Factor(f64),
    /// A moment.
    Time(Timestamp),
    /// Microseconds.
    Span(u64),
    /// An IP protocol.
    Protocol(u8),
    /// TCP's control bits.
    Flags(u16),
}

impl Cell {
    pub(super) fn text_of(text: Option<impl Display>) -> Self {
        text.map_or(Self::Nothing, |text| Self::Text(text.to_string()))
    }

    pub(super) fn address(address: Option<IpAddr>) -> Self {
        Self::text_of(address)
    }

    pub(super) fn number(number: Option<impl Into<u64>>) -> Self {
        number.map_or(Self::Nothing, |number| Self::Number(number.into()))
    }

    pub(super) fn count(count: Option<u64>) -> Self {
        count.map_or(Self::Nothing, Self::Count)
    }

    pub(super) fn time(time: Option<Timestamp>) -> Self {
        time.map_or(Self::Nothing, Self::Time)
    }

    pub(super) fn span(micros: Option<u64>) -> Self {
        micros.map_or(Self::Nothing, Self::Span)
    }

    pub(super) const fn is_told(&self) -> bool {
        !matches!(self, Self::Nothing)
    }

    /// Whether it is put to the right of its column.
    pub(super) const fn is_right(&self) -> bool {
        matches!(self, Self::Count(_) | Self::Factor(_) | Self::Span(_))
    }

    /// Writes it for people.
    pub(super) fn for_people(&self) -> String {
        match self {
            Self::Nothing => "-".to_owned(),
            Self::Count(count) => grouped(*count),
            Self::Time(time) => written(*time, humantime::format_rfc3339_millis),
            Self::Span(micros) => format!("{:.3}s", Duration::from_micros(*micros).as_secs_f64()),
            _ => self.plain(),
        }
    }

    /// Writes it without commas or units.
    pub(super) fn plain(&self) -> String {
        match self {
            Self::Nothing => String::new(),
            Self::Text(text) => text.clone(),
            Self::Count(number) | Self::Number(number) => number.to_string(),
            Self::Factor(factor) => factor.to_string(),
            Self::Time(time) => written(*time, humantime::format_rfc3339_micros),
            Self::Span(micros) => Duration::from_micros(*micros).as_secs_f64().to_string(),
            Self::Protocol(number) => protocol_name(*number).into_owned(),
            Self::Flags(bits) => flag_letters(i64::from(*bits)),
        }
    }

    /// Returns it as JSON: times and spans in seconds, a protocol by its number.
    pub(super) fn json(&self) -> Value {
        match self {
            Self::Nothing => Value::Null,
            Self::Count(number) | Self::Number(number) => json!(number),
            Self::Factor(factor) => json!(factor),
            Self::Time(time) => json!(time.as_seconds_f64()),
            Self::Span(micros) => json!(Duration::from_micros(*micros).as_secs_f64()),
            Self::Protocol(number) => json!(number),
            _ => json!(self.plain()),
        }
    }
}

fn written(time: Timestamp, format: fn(std::time::SystemTime) -> humantime::Rfc3339Timestamp) -> String {
    let since = Duration::from_micros(u64::try_from(time.micros()).unwrap_or(0));
    format(std::time::UNIX_EPOCH + since).to_string()
}

/// Writes a number with its thousands apart.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let first = digits.len() % 3;
    digits.char_indices().fold(String::new(), |mut out, (at, digit)| {
        if at > 0 && at % 3 == first {
            out.push(',');
        }
        out.push(digit);
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_in_thousands() {
        for (number, text) in
            [(0, "0"), (999, "999"), (1_000, "1,000"), (12_345, "12,345"), (1_234_567, "1,234,567")]
        {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn a_value_is_written_as_its_reader_needs_it() {
        let time = Timestamp::from_micros(1_700_000_000_123_456);
        for (cell, people, plain, json) in [
            (Cell::Nothing, "-", "", Value::Null),
            (Cell::Count(12_345), "12,345", "12345", json!(12_345)),
            (Cell::Span(1_234_567), "1.235s", "1.234567", json!(1.234_567)),
            (Cell::Protocol(6), "TCP", "TCP", json!(6)),
            (Cell::Flags(0x12), "SA", "SA", json!("SA")),
            (
                Cell::Time(time),
                "2023-11-14T22:13:20.123Z",
                "2023-11-14T22:13:20.123456Z",
                json!(1_700_000_000.123_456),
            ),
        ] {
            assert_eq!(
                (cell.for_people().as_str(), cell.plain().as_str(), cell.json()),
                (people, plain, json)
            );
        }
    }
}
