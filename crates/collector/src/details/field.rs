//! Fields with bounds, and text that is not shown.

use std::{borrow::Cow, fmt, hash, marker::PhantomData, time::Duration};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use secrecy::{ExposeSecret, SecretString};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, Unexpected, Visitor},
};

/// A whole number from `MIN` to `MAX`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Whole<const MIN: u32, const MAX: u32>(u32);

impl<const MIN: u32, const MAX: u32> Whole<MIN, MAX> {
    /// Returns a number that is known when this is compiled; out of its bounds it does not compile.
    pub const fn of<const NUMBER: u32>() -> Self {
        const { assert!(MIN <= NUMBER && NUMBER <= MAX, "out of its bounds") };
        Self(NUMBER)
    }

    /// Returns the number.
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl<'de, const MIN: u32, const MAX: u32> Deserialize<'de> for Whole<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = |number: f64| {
            let is_whole = number.fract() == 0.0 && (f64::from(MIN)..=f64::from(MAX)).contains(&number);
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a whole number within the bounds"
            )]
            is_whole.then_some(Self(number as u32))
        };
        let expected = format!("a whole number from {MIN} to {MAX}");
        deserializer.deserialize_any(Number { expected, read: number, value: PhantomData })
    }
}

impl<const MIN: u32, const MAX: u32> JsonSchema for Whole<MIN, MAX> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Whole{MIN}To{MAX}").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "integer", "minimum": MIN, "maximum": MAX})
    }
}

/// A span of time in seconds, with its bounds in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seconds<const MIN_MS: u32, const MAX_MS: u32>(Duration);

impl<const MIN_MS: u32, const MAX_MS: u32> Seconds<MIN_MS, MAX_MS> {
    /// Returns a span of milliseconds that is known when this is compiled; out of its bounds it does not compile.
    pub const fn of_ms<const MS: u32>() -> Self {
        const { assert!(MIN_MS <= MS && MS <= MAX_MS, "out of its bounds") };
        Self(Duration::from_millis(MS as u64))
    }

    /// Returns the span.
    pub const fn duration(self) -> Duration {
        self.0
    }

    fn bounds() -> (f64, f64) {
        (f64::from(MIN_MS) / 1e3, f64::from(MAX_MS) / 1e3)
    }
}

impl<'de, const MIN_MS: u32, const MAX_MS: u32> Deserialize<'de> for Seconds<MIN_MS, MAX_MS> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (min, max) = Self::bounds();
        let span = |seconds: f64| {
            let within = (min..=max).contains(&seconds);
            within.then(|| Duration::try_from_secs_f64(seconds).ok()).flatten().map(Self)
        };
        let expected = format!("a number of seconds from {min} to {max}");
        deserializer.deserialize_any(Number { expected, read: span, value: PhantomData })
    }
}

impl<const MIN_MS: u32, const MAX_MS: u32> Serialize for Seconds<MIN_MS, MAX_MS> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.0.as_secs_f64())
    }
}

impl<const MIN_MS: u32, const MAX_MS: u32> JsonSchema for Seconds<MIN_MS, MAX_MS> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Seconds{MIN_MS}To{MAX_MS}ms").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let (min, max) = Self::bounds();
        json_schema!({"type": "number", "minimum": min, "maximum": max, "x-unit": "s"})
    }
}

/// A number, or text that holds one: these types know it themselves, so that they also read it where serde has
/// buffered a value, as it does below `tag` and `flatten`.
struct Number<T, F> {
    expected: String,
    read: F,
    value: PhantomData<T>,
}

impl<T, F: Fn(f64) -> Option<T>> Number<T, F> {
    fn checked<E: Error>(&self, number: f64, found: Unexpected<'_>) -> Result<T, E> {
        (self.read)(number).ok_or_else(|| E::invalid_value(found, &self.expected.as_str()))
    }
}

impl<T, F: Fn(f64) -> Option<T>> Visitor<'_> for Number<T, F> {
    type Value = T;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.expected)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<T, E> {
        // A bound is far below what a float no longer holds exactly.
        self.checked(number as f64, Unexpected::Unsigned(number))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<T, E> {
        self.checked(number as f64, Unexpected::Signed(number))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<T, E> {
        self.checked(number, Unexpected::Float(number))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        self.checked(text.trim().parse().unwrap_or(f64::NAN), Unexpected::Str(text))
    }
}

/// A password, community or key: compared, never shown. Spaces around it count.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Returns the text, for the wire alone.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl<T: Into<String>> From<T> for Secret {
    fn from(text: T) -> Self {
        Self(SecretString::from(text.into()))
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

impl Eq for Secret {}

impl hash::Hash for Secret {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        self.expose().hash(state);
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("(secret)")
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Secret;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("text")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Secret, E> {
                Ok(Secret::from(text))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Secret, E> {
                Ok(Secret::from(number.to_string()))
            }
        }
        deserializer.deserialize_any(Text)
    }
}

impl JsonSchema for Secret {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Secret".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "format": "password", "writeOnly": true})
    }
}

/// No fields: for a protocol that reads nothing of a credential, a sensor or an entity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NoFields {}
