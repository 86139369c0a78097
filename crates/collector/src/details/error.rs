//! What is wrong with a field.

use std::fmt;

use serde::de::{self, Expected, Unexpected};
use thiserror::Error;

/// The longest text of a user that an error repeats.
const MAX_SHOWN: usize = 40;

/// A field that is missing or invalid.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub struct DetailsError {
    /// Whose details these are, where that is not the entity itself.
    owner: Option<String>,
    /// From the outermost field inwards, as `oids[0].oid`.
    field: String,
    fault: Fault,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Fault {
    Missing,
    Invalid { found: String, expected: String },
    Other(String),
}

impl DetailsError {
    /// Names whose details these are, e.g. `credential 3 (slow)`.
    #[must_use]
    pub fn of(self, owner: String) -> Self {
        Self { owner: Some(owner), ..self }
    }

    /// Creates the error of a field that has to be there.
    pub fn missing(field: &str) -> Self {
        Self::new(Fault::Missing).inside(field)
    }

    /// Creates the error of a field that holds something else than what is expected. What it holds is not shown: it may
    /// be a secret.
    pub fn invalid(field: &str, expected: impl fmt::Display) -> Self {
        Self::new(Fault::Other(format!("expected {expected}"))).inside(field)
    }

    /// Returns the field, as `oids[0].oid`; empty where the details as a whole are meant.
    pub fn field(&self) -> &str {
        &self.field
    }

    /// Puts the field in front in which the error arose.
    pub(super) fn inside(mut self, field: &str) -> Self {
        let joint = if self.field.is_empty() || self.field.starts_with('[') { "" } else { "." };
        self.field = format!("{field}{joint}{}", self.field);
        self
    }

    fn new(fault: Fault) -> Self {
        Self { owner: None, field: String::new(), fault }
    }

    fn unexpected(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let found = match unexpected {
            Unexpected::Bool(flag) => flag.to_string(),
            Unexpected::Unsigned(number) => number.to_string(),
            Unexpected::Signed(number) => number.to_string(),
            Unexpected::Float(number) => shown_number(number),
            Unexpected::Char(letter) => shown(&letter.to_string()),
            Unexpected::Str(text) => shown(text),
            Unexpected::Unit | Unexpected::Option => "null".to_owned(),
            Unexpected::Seq => "a list".to_owned(),
            Unexpected::Map => "an object".to_owned(),
            other => other.to_string(),
        };
        Self::new(Fault::Invalid { found, expected: expected.to_string() })
    }
}

/// Returns names as a sentence has them: `a`, `b` or `c`.
pub(super) fn one_of(names: &[&str]) -> String {
    let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    match names.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => "nothing".to_owned(),
    }
}

fn shown(text: &str) -> String {
    match text.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => format!("{:?}...", text.get(..end).unwrap_or_default()),
        None => format!("{text:?}"),
    }
}

fn shown_number(number: f64) -> String {
    if number.abs() < 1e15 { number.to_string() } else { format!("{number:e}") }
}

impl fmt::Display for DetailsError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(owner) = &self.owner {
            write!(out, "{owner}: ")?;
        }
        if !self.field.is_empty() {
            write!(out, "`{}` ", self.field)?;
        }
        match &self.fault {
            Fault::Missing => out.write_str("is missing"),
            Fault::Invalid { found, expected } => {
                write!(out, "is invalid: found {found}, expected {expected}")
            }
            Fault::Other(reason) => write!(out, "is invalid: {reason}"),
        }
    }
}

impl de::Error for DetailsError {
    fn custom<T: fmt::Display>(reason: T) -> Self {
        Self::new(Fault::Other(reason.to_string()))
    }

    fn invalid_type(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::unexpected(unexpected, expected)
    }

    fn invalid_value(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::unexpected(unexpected, expected)
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self::new(Fault::Invalid { found: shown(variant), expected: one_of(expected) })
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(Fault::Missing).inside(field)
    }
}
