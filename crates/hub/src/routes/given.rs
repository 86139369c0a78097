//! Values as a request gives them: a list of `{"p": path, "t": seconds, "v": number}`.
//!
//! Each is checked as soon as it is read, so that a body full of nonsense costs no memory; the first that is wrong
//! is named with its place, and then none of the request is stored.

use std::{borrow::Cow, collections::HashMap, fmt};

use grafolean_collector::{
    model::{Sample, SeriesPath},
    time::Timestamp,
};
use serde::{
    Deserialize, Deserializer,
    de::{self, DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use crate::answer::ApiError;

/// The first moment that is taken: the beginning of the year 1.
const FIRST_TIME: Timestamp = Timestamp::from_seconds(-62_135_596_800);

/// Whose clock stamps the values.
#[derive(Clone, Copy, Debug)]
pub(super) enum Stamp {
    /// Each value's own `t`.
    Given,
    /// This one; a value that brings a `t` is refused.
    At(Timestamp),
}

/// Reads a body.
pub(super) fn samples(body: &[u8], stamp: Stamp) -> Result<Vec<Sample>, ApiError> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let samples = Items(stamp).deserialize(&mut json).map_err(|error| ApiError::input(error.to_string()))?;
    json.end().map_err(|error| ApiError::input(error.to_string()))?;
    refuse_contradictions(&samples)?;
    Ok(samples)
}

/// Creates a value of texts, as they stand in a query.
pub(super) fn sample_of_texts(path: &str, value: &str, now: Timestamp) -> Result<Sample, ApiError> {
    let (p, v) = (Given::Text(path.into()), Given::Text(value.into()));
    Item { p, v, t: Given::Missing }.checked(Stamp::At(now)).map_err(ApiError::input)
}

/// Two values at one time of one path cannot both be stored: which one was meant is not ours to guess.
fn refuse_contradictions(samples: &[Sample]) -> Result<(), ApiError> {
    let mut seen = HashMap::with_capacity(samples.len());
    for sample in samples {
        let Sample { path, time, value } = sample;
        match seen.insert((path.as_str(), time), value) {
            Some(other) if other.total_cmp(value).is_ne() => {
                return Err(ApiError::input(format!(
                    "path {path:?} has two values at the time {time}: {other} and {value}"
                )));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Reads a time in seconds, to a microsecond.
pub(super) fn timestamp(seconds: f64) -> Result<Timestamp, String> {
    const RANGE: std::ops::RangeInclusive<f64> = -62_135_596_800.0..=253_402_300_799.0;
    if !RANGE.contains(&seconds) {
        return Err(format!(
            "the time {seconds} lies outside the years 1 to 9999: expected seconds (not milliseconds)"
        ));
    }
    // Apart, since the product of all of it rounds once more: from 2041 on some times would be a microsecond off.
    let (whole, fraction) = (seconds.floor(), seconds - seconds.floor());
    #[expect(clippy::cast_possible_truncation, reason = "within the years 1 to 9999 it fits")]
    let (whole, fraction) = (whole as i64, (fraction * 1e6).round() as i64);
    Ok(Timestamp::from_micros(whole * 1_000_000 + fraction).clamp(FIRST_TIME, Sample::LAST_TIME))
}

struct Items(Stamp);

impl<'de> DeserializeSeed<'de> for Items {
    type Value = Vec<Sample>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<Sample>, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Items {
    type Value = Vec<Sample>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a list of values, each an object with p and v")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<Sample>, A::Error> {
        let mut samples = Vec::new();
        while let Some(item) = items.next_element::<Item<'_>>()? {
            let number = samples.len() + 1;
            let checked = item.checked(self.0);
            samples.push(checked.map_err(|reason| de::Error::custom(format!("value {number}: {reason}")))?);
        }
        Ok(samples)
    }
}

/// One value, before it is checked.
struct Item<'a> {
    p: Given<'a>,
    t: Given<'a>,
    v: Given<'a>,
}

impl Item<'_> {
    fn checked(&self, stamp: Stamp) -> Result<Sample, String> {
        let Given::Text(path) = &self.p else { return Err(format!("a path p is a text, not {}", self.p)) };
        let path = SeriesPath::parse(path).map_err(|error| error.to_string())?;
        let time = match stamp {
            Stamp::Given => self.t.time()?,
            Stamp::At(now) if self.t.is_nothing() => now,
            Stamp::At(_) => return Err("parameter t shouldn't be specified with POST, use PUT".to_owned()),
        };
        Ok(Sample { path, time, value: self.v.value()? })
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Item<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ItemVisitor)
    }
}

struct ItemVisitor;

impl<'de> Visitor<'de> for ItemVisitor {
    type Value = Item<'de>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object with p and v")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Item<'de>, A::Error> {
        #[derive(Deserialize)]
        #[serde(field_identifier, rename_all = "lowercase")]
        enum Name {
            P,
            T,
            V,
            #[serde(other)]
            Other,
        }
        let mut item = Item { p: Given::Missing, t: Given::Missing, v: Given::Missing };
        while let Some(name) = fields.next_key()? {
            match name {
                Name::P => item.p = fields.next_value()?,
                Name::T => item.t = fields.next_value()?,
                Name::V => item.v = fields.next_value()?,
                Name::Other => drop(fields.next_value::<IgnoredAny>()?),
            }
        }
        Ok(item)
    }
}

/// A field as it came.
enum Given<'a> {
    Missing,
    Null,
    Boolean(bool),
    Number(f64),
    Text(Cow<'a, str>),
    List,
    Object,
}

impl Given<'_> {
    /// Reads a measured value: a finite number, or a text that Python's `float()` takes and that is finite.
    fn value(&self) -> Result<f64, String> {
        let number = match self {
            Self::Number(number) => Some(*number),
            Self::Text(text) => text.trim().parse().ok(),
            _ => None,
        };
        match number {
            Some(number) if number.is_finite() => Ok(number),
            _ => Err(format!("a value v is a finite number, not {self}")),
        }
    }

    /// Reads a time: any number of seconds, or a text of up to ten digits and six after the point.
    fn time(&self) -> Result<Timestamp, String> {
        match self {
            Self::Number(seconds) => timestamp(*seconds),
            // As Grafolean does, for which true is 1.
            Self::Boolean(flag) => timestamp(f64::from(u8::from(*flag))),
            Self::Text(text) if is_plain_time(text) => {
                text.parse().map_err(|_| format!("{text} is no number")).and_then(timestamp)
            }
            _ => Err(format!("a time t is a number of seconds with at most 6 decimal places, not {self}")),
        }
    }

    /// Whether it is what Python takes for false.
    fn is_nothing(&self) -> bool {
        match self {
            Self::Missing | Self::Null | Self::Boolean(false) => true,
            Self::Number(number) => *number == 0.0,
            Self::Text(text) => text.is_empty(),
            Self::Boolean(true) | Self::List | Self::Object => false,
        }
    }
}

/// `[1-9]\d{1,9}(\.\d{1,6})?`
fn is_plain_time(text: &str) -> bool {
    let (whole, fraction) = match text.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (text, None),
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    digits(whole)
        && !whole.starts_with('0')
        && (2..=10).contains(&whole.len())
        && fraction.is_none_or(|fraction| digits(fraction) && (1..=6).contains(&fraction.len()))
}

impl fmt::Display for Given<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => out.write_str("missing"),
            Self::Null => out.write_str("null"),
            Self::Boolean(flag) => write!(out, "{flag}"),
            Self::Number(number) => write!(out, "{number}"),
            Self::Text(text) => write!(out, "{:?}", text.chars().take(100).collect::<String>()),
            Self::List => out.write_str("a list"),
            Self::Object => out.write_str("an object"),
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Given<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(GivenVisitor)
    }
}

struct GivenVisitor;

impl<'de> Visitor<'de> for GivenVisitor {
    type Value = Given<'de>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a number or a text")
    }

    fn visit_unit<E>(self) -> Result<Given<'de>, E> {
        Ok(Given::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Given<'de>, E> {
        Ok(Given::Boolean(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Given<'de>, E> {
        Ok(Given::Number(number as f64))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Given<'de>, E> {
        Ok(Given::Number(number as f64))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Given<'de>, E> {
        Ok(Given::Number(number))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Given<'de>, E> {
        Ok(Given::Text(text.into()))
    }

    fn visit_str<E>(self, text: &str) -> Result<Given<'de>, E> {
        Ok(Given::Text(text.to_owned().into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Given<'de>, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Given::List)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Given<'de>, A::Error> {
        while fields.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Given::Object)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refused(body: &str, stamp: Stamp) -> String {
        match samples(body.as_bytes(), stamp) {
            Err(ApiError::Input(reason)) => reason,
            other => panic!("{body}: {other:?}"),
        }
    }

    fn value(written: &str) -> Result<f64, String> {
        let body = format!(r#"[{{"p":"a","v":{written}}}]"#);
        match samples(body.as_bytes(), Stamp::At(Timestamp::default())) {
            Ok(samples) => Ok(samples[0].value),
            Err(error) => Err(format!("{error:?}")),
        }
    }

    fn time(written: &str) -> Option<i64> {
        let body = format!(r#"[{{"p":"a","v":1,"t":{written}}}]"#);
        samples(body.as_bytes(), Stamp::Given).ok().map(|samples| samples[0].time.micros())
    }

    #[test]
    fn a_value_is_a_finite_number_or_a_text_that_holds_one() {
        for (written, read) in [
            ("1", 1.0),
            ("-0", -0.0),
            ("1E-400", 0.0),
            ("1e308", 1e308),
            ("1000000000000000000000000000000", 1e30),
            (r#""1.5""#, 1.5),
            (r#"" 5 ""#, 5.0),
            (r#""1e5""#, 1e5),
            (r#""+.5""#, 0.5),
        ] {
            assert_eq!(value(written), Ok(read), "{written}");
        }
        for written in [
            "NaN",
            "Infinity",
            "1e400",
            "null",
            "true",
            "[]",
            "{}",
            r#""""#,
            r#""nan""#,
            r#""-inf""#,
            r#""1e400""#,
            r#""1_000""#,
            r#""0x10""#,
            r#""1,5""#,
            r#""١""#,
            r#""abc""#,
        ] {
            assert!(value(written).is_err(), "{written}");
        }
    }

    #[test]
    fn a_time_is_rounded_to_a_microsecond_and_never_guessed() {
        for (written, micros) in [
            ("1700000000", 1_700_000_000_000_000),
            ("1700000000.1234567", 1_700_000_000_123_457),
            (r#""1234567890.123456""#, 1_234_567_890_123_456),
            ("0", 0),
            ("-5", -5_000_000),
            ("true", 1_000_000),
            ("123456789012", 123_456_789_012_000_000),
        ] {
            assert_eq!(time(written), Some(micros), "{written}");
        }
        for written in [
            "1795333490687.9",
            "1e300",
            "null",
            "[]",
            r#""abc""#,
            r#""0123""#,
            r#""1234567890.1234567""#,
            r#""12345678901""#,
            r#"" 12""#,
            r#""5""#,
            r#""12.""#,
            r#""-12""#,
        ] {
            assert_eq!(time(written), None, "{written}");
        }
    }

    proptest! {
        /// Until 2106 a double of seconds tells microseconds apart.
        #[test]
        fn a_time_comes_back_to_the_microsecond(micros in 0..(1_i64 << 32) * 1_000_000) {
            let written = serde_json::to_string(&Timestamp::from_micros(micros).as_seconds_f64()).unwrap();
            prop_assert_eq!(time(&written), Some(micros));
        }

        #[test]
        fn a_number_is_read_to_the_last_bit(bits in any::<u64>().prop_filter("finite", |&bits| f64::from_bits(bits).is_finite())) {
            let number = f64::from_bits(bits);
            let written = serde_json::to_string(&number).unwrap();
            prop_assert_eq!(value(&written).unwrap().to_bits(), bits);
            prop_assert_eq!(value(&format!("\"{written}\"")).unwrap().to_bits(), bits);
            prop_assert_eq!(value(&format!("{number:.17e}")).unwrap().to_bits(), bits, "as printf does");
        }
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        assert_eq!(
            refused(r#"[{"p":"a","t":1,"v":1},{"p":"a b","t":1,"v":1}]"#, Stamp::Given),
            "value 2: path \"a b\" has ' ' at character 2: allowed are A-Z a-z 0-9 _ - %2e %3a and the dot \
             at line 1 column 47"
        );
        assert!(refused(r#"{"p":"a","v":1}"#, Stamp::Given).contains("expected a list of values"));
        assert!(refused(r#"[["a",1]]"#, Stamp::Given).contains("expected an object with p and v"));
        assert!(refused(r#"[{"v":1,"t":1}]"#, Stamp::Given).contains("a path p is a text, not missing"));
        assert!(refused(r#"[{"p":"a","v":1}]"#, Stamp::Given).contains("not missing"));
        assert!(refused(r#"[{"p":"a\n","v":1,"t":1}]"#, Stamp::Given).contains("'\\n' at character 2"));
        assert!(refused(r#"[{"p":"#, Stamp::Given).contains("EOF"));
        assert!(refused(r#"[] []"#, Stamp::Given).contains("trailing characters"));
    }

    #[test]
    fn a_post_brings_no_time() {
        let now = Stamp::At(Timestamp::from_seconds(9));
        for nothing in ["0", "null", "false", r#""""#] {
            let body = format!(r#"[{{"p":"a","v":1,"t":{nothing},"x":[{{}}]}}]"#);
            assert_eq!(samples(body.as_bytes(), now).unwrap()[0].time, Timestamp::from_seconds(9));
        }
        assert!(refused(r#"[{"p":"a","v":1,"t":5}]"#, now).contains("shouldn't be specified with POST"));
    }

    #[test]
    fn two_values_at_one_time_of_one_path_are_refused_unless_they_are_equal() {
        let twice = r#"[{"p":"a","t":1,"v":1},{"p":"b","t":1,"v":1},{"p":"a","t":1.0,"v":2}]"#;
        assert_eq!(refused(twice, Stamp::Given), "path \"a\" has two values at the time 1.000000: 1 and 2");
        let same = r#"[{"p":"a","t":1,"v":1},{"p":"a","t":1,"v":1.0}]"#;
        assert!(samples(same.as_bytes(), Stamp::Given).is_ok());
    }
}
