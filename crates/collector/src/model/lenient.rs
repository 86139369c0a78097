//! Numbers as Grafolean's inputs have them (as numbers, or as strings that hold one), and null for what is empty.

use std::fmt;

use serde::{Deserialize, Deserializer, de};
use serde_json::Value;

use super::Details;

/// Reads an integer from a number without a fraction or from a string that holds one.
pub fn integer<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    deserializer.deserialize_any(IntegerVisitor)
}

/// Reads an optional integer; absent, null and the empty string are none.
pub fn optional_integer<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Empty(EmptyText),
        Number(#[serde(deserialize_with = "integer")] i64),
    }
    #[derive(Deserialize)]
    enum EmptyText {
        #[serde(rename = "")]
        Empty,
    }
    match Option::<Written>::deserialize(deserializer)? {
        None | Some(Written::Empty(EmptyText::Empty)) => Ok(None),
        Some(Written::Number(number)) => Ok(Some(number)),
    }
}

/// Reads text; null is the empty text.
pub fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Reads the free-form part of a row; null is an empty one. The error never repeats what stands there, since it
/// may be a password.
pub fn details<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Details, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Object(details) => Ok(details),
        Value::Null => Ok(Details::new()),
        _ => Err(de::Error::custom("invalid type: expected an object or null")),
    }
}

struct IntegerVisitor;

impl de::Visitor<'_> for IntegerVisitor {
    type Value = i64;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an integer, as a number or a string")
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<i64, E> {
        Ok(number)
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<i64, E> {
        i64::try_from(number).map_err(|_| E::invalid_value(de::Unexpected::Unsigned(number), &self))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<i64, E> {
        // Beyond 2^53 a float no longer holds every integer.
        const EXACT: f64 = 9_007_199_254_740_992.0;
        if number.fract() != 0.0 || number.abs() > EXACT {
            return Err(E::invalid_value(de::Unexpected::Float(number), &self));
        }
        #[expect(
            clippy::cast_possible_truncation,
            reason = "checked to be an integer that a float holds exactly"
        )]
        Ok(number as i64)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<i64, E> {
        text.trim().parse().map_err(|_| E::invalid_value(de::Unexpected::Str(text), &self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Row {
        #[serde(default, deserialize_with = "optional_integer")]
        interval: Option<i64>,
    }

    #[test]
    fn details_are_an_object_or_null_and_an_error_does_not_repeat_them() {
        let read = |text: &str| details(&mut serde_json::Deserializer::from_str(text));
        assert_eq!(read(r#"{"a":1}"#).unwrap().len(), 1);
        assert!(read("null").unwrap().is_empty());
        let error = read(r#""hunter2""#).unwrap_err().to_string();
        assert!(error.contains("expected an object") && !error.contains("hunter2"), "{error}");
    }

    #[test]
    fn numbers_come_as_numbers_or_strings_or_not_at_all() {
        for (written, read) in [
            (r#"{"interval":60}"#, Some(60)),
            (r#"{"interval":"60"}"#, Some(60)),
            (r#"{"interval":60.0}"#, Some(60)),
            (r#"{"interval":-5}"#, Some(-5)),
            (r#"{"interval":null}"#, None),
            (r#"{"interval":""}"#, None),
            ("{}", None),
        ] {
            assert_eq!(serde_json::from_str::<Row>(written).unwrap().interval, read, "{written}");
        }
        for refused in
            [r#"{"interval":1.5}"#, r#"{"interval":"soon"}"#, r#"{"interval":[]}"#, r#"{"interval":1e300}"#]
        {
            assert!(serde_json::from_str::<Row>(refused).is_err(), "{refused}");
        }
    }
}
