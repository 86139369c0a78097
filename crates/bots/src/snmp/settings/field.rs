//! One key of the free-form details that people type.

use std::{ops::RangeInclusive, time::Duration};

use grafolean_collector::model::Details;
use serde_json::Value;
use thiserror::Error;

/// A setting that is missing or invalid. What stands there is not repeated, since it may be a password.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{whose} `{key}` {fault}: expected {expected}")]
pub struct SettingsError {
    whose: &'static str,
    key: &'static str,
    fault: &'static str,
    expected: String,
}

/// The details of a credential or an entity.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a> {
    pub(super) details: &'a Details,
    /// For messages: `the credential's`.
    pub(super) whose: &'static str,
}

impl<'a> Fields<'a> {
    /// Returns what stands at a key; absent, null and blank are nothing.
    pub(super) fn given(self, key: &str) -> Option<&'a Value> {
        self.details.get(key).filter(|value| match value {
            Value::Null => false,
            Value::String(text) => !text.trim().is_empty(),
            _ => true,
        })
    }

    /// Returns text that must not be absent.
    pub(super) fn text(self, key: &'static str, expected: &str) -> Result<&'a str, SettingsError> {
        self.optional_text(key, expected)?.ok_or_else(|| self.error(key, "is missing", expected))
    }

    pub(super) fn optional_text(
        self,
        key: &'static str,
        expected: &str,
    ) -> Result<Option<&'a str>, SettingsError> {
        match self.given(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.error(key, "is not text", expected)),
        }
    }

    /// Returns a whole number within a range.
    pub(super) fn whole(
        self,
        key: &'static str,
        range: &RangeInclusive<u32>,
    ) -> Result<Option<u32>, SettingsError> {
        let Some(value) = self.given(key) else { return Ok(None) };
        let number = match value {
            // 2.0 is a whole number too.
            Value::Number(number) => {
                let whole = || number.as_f64().filter(|number| number.fract() == 0.0);
                number.as_u64().or_else(|| format!("{:.0}", whole()?).parse().ok())
            }
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        let number =
            number.and_then(|number| u32::try_from(number).ok()).filter(|number| range.contains(number));
        let expected = || format!("a whole number from {} to {}", range.start(), range.end());
        number.map(Some).ok_or_else(|| self.error(key, "is invalid", expected()))
    }

    /// Returns seconds within a range.
    pub(super) fn seconds(
        self,
        key: &'static str,
        range: &RangeInclusive<f64>,
    ) -> Result<Option<Duration>, SettingsError> {
        let Some(value) = self.given(key) else { return Ok(None) };
        let number = match value {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        let expected = || format!("seconds from {} to {}", range.start(), range.end());
        number
            .filter(|number| range.contains(number))
            .map(|number| Some(Duration::from_secs_f64(number)))
            .ok_or_else(|| self.error(key, "is invalid", expected()))
    }

    /// Returns whether something is wanted.
    pub(super) fn yes_or_no(self, key: &'static str) -> Result<Option<bool>, SettingsError> {
        let Some(value) = self.given(key) else { return Ok(None) };
        let is_wanted = match value {
            Value::Bool(is_wanted) => Some(*is_wanted),
            Value::String(text) => match text.trim().to_ascii_lowercase().as_str() {
                "true" | "yes" | "1" => Some(true),
                "false" | "no" | "0" => Some(false),
                _ => None,
            },
            _ => None,
        };
        is_wanted.map(Some).ok_or_else(|| self.error(key, "is invalid", "true or false"))
    }

    pub(super) fn error(
        self,
        key: &'static str,
        fault: &'static str,
        expected: impl Into<String>,
    ) -> SettingsError {
        SettingsError { whose: self.whose, key, fault, expected: expected.into() }
    }
}
