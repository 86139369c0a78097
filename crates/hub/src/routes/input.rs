//! Bodies, checked as strictly as Grafolean does, in its words.

use grafolean_collector::model::{Details, Id};
use serde_json::{Map, Value};

use crate::answer::ApiError;

/// The longest piece of a refused value that an answer repeats, in characters.
const SHOWN: usize = 100;

/// The fields of a JSON object whose names were checked.
pub(crate) struct Fields(Map<String, Value>);

/// Reads a body as JSON.
pub(crate) fn json(body: &[u8]) -> Result<Value, ApiError> {
    serde_json::from_slice(body).map_err(|error| ApiError::input(format!("the body is not JSON: {error}")))
}

impl Fields {
    /// Reads a body that has to be an object with these fields, and may have those.
    pub(crate) fn of_body(body: &[u8], required: &[&str], optional: &[&str]) -> Result<Self, ApiError> {
        Self::of(json(body)?, required, optional)
    }

    /// Parses a value that has to be an object with these fields, and may have those.
    pub(crate) fn of(value: Value, required: &[&str], optional: &[&str]) -> Result<Self, ApiError> {
        let Value::Object(fields) = value else { return Err(not_of_type(&value, "'object'")) };
        let unknown: Vec<&str> = fields
            .keys()
            .map(String::as_str)
            .filter(|name| !required.contains(name) && !optional.contains(name))
            .collect();
        if !unknown.is_empty() {
            return Err(unexpected(&unknown));
        }
        match required.iter().find(|&&name| !fields.contains_key(name)) {
            Some(missing) => Err(ApiError::input(format!("'{missing}' is a required property"))),
            None => Ok(Self(fields)),
        }
    }

    /// Whether a field was given at all.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Removes and returns a field; null if it was not given.
    pub(crate) fn take(&mut self, name: &str) -> Value {
        self.0.get_mut(name).map(Value::take).unwrap_or_default()
    }

    pub(crate) fn text(&mut self, name: &str) -> Result<String, ApiError> {
        match self.take(name) {
            Value::String(text) => Ok(text),
            other => Err(not_of_type(&other, "'string'")),
        }
    }

    /// A text that may be null or left out.
    pub(crate) fn optional_text(&mut self, name: &str) -> Result<Option<String>, ApiError> {
        match self.take(name) {
            Value::Null => Ok(None),
            Value::String(text) => Ok(Some(text)),
            other => Err(not_of_type(&other, "'string', 'null'")),
        }
    }

    /// A text that may be left out, but not be null.
    pub(crate) fn text_if_given(&mut self, name: &str) -> Result<Option<String>, ApiError> {
        if self.has(name) { self.text(name).map(Some) } else { Ok(None) }
    }

    /// A truth that may be left out, but not be null.
    pub(crate) fn flag_if_given(&mut self, name: &str) -> Result<Option<bool>, ApiError> {
        match self.take(name) {
            Value::Null if !self.has(name) => Ok(None),
            Value::Bool(flag) => Ok(Some(flag)),
            other => Err(not_of_type(&other, "'boolean'")),
        }
    }

    pub(crate) fn details(&mut self, name: &str) -> Result<Details, ApiError> {
        match self.take(name) {
            Value::Object(details) => Ok(details),
            other => Err(not_of_type(&other, "'object'")),
        }
    }

    pub(crate) fn list(&mut self, name: &str) -> Result<Vec<Value>, ApiError> {
        match self.take(name) {
            Value::Array(list) => Ok(list),
            other => Err(not_of_type(&other, "'array'")),
        }
    }

    /// A number of a grid's cells; a fraction is rounded.
    pub(crate) fn cells(&mut self, name: &str) -> Result<i64, ApiError> {
        /// No grid is larger, and sums of two stay small.
        const MOST: f64 = 1_000_000.0;
        let value = self.take(name);
        match value.as_f64().map(f64::round) {
            #[expect(clippy::cast_possible_truncation, reason = "a whole number below a million")]
            Some(cells) if (0.0..=MOST).contains(&cells) => Ok(cells as i64),
            Some(_) => {
                Err(ApiError::input(format!("{} is not between 0 and {MOST}, for '{name}'", shown(&value))))
            }
            None => Err(not_of_type(&value, "'number'")),
        }
    }

    /// An id, as a number or as a text that holds one.
    pub(crate) fn id<Of>(&mut self, name: &str) -> Result<Id<Of>, ApiError> {
        let value = self.take(name);
        let number = match &value {
            Value::Number(number) => number.as_i64(),
            Value::String(text) => text.trim().parse().ok(),
            other => return Err(not_of_type(other, "'string', 'number'")),
        };
        let refused = || {
            ApiError::input(format!("{} is not an id, for '{name}': expected a whole number", shown(&value)))
        };
        number.map(Id::new).ok_or_else(refused)
    }

    /// An id, as a number or as a text that holds one, or null.
    pub(crate) fn id_or_null<Of>(&mut self, name: &str) -> Result<Option<Id<Of>>, ApiError> {
        if self.0.get(name).is_some_and(Value::is_null) { Ok(None) } else { self.id(name).map(Some) }
    }

    /// An id as a number, that may be null or left out.
    pub(crate) fn optional_id<Of>(&mut self, name: &str) -> Result<Option<Id<Of>>, ApiError> {
        match self.take(name) {
            Value::Null => Ok(None),
            Value::Number(number) => match number.as_i64() {
                Some(number) => Ok(Some(Id::new(number))),
                None => Err(ApiError::input(format!(
                    "{number} is not an id, for '{name}': expected a whole number"
                ))),
            },
            other => Err(not_of_type(&other, "'number', 'null'")),
        }
    }

    /// A number of seconds, null for none. A fraction is rounded, as Grafolean does; below 1 it is refused.
    pub(crate) fn interval(&mut self, name: &str) -> Result<Option<i64>, ApiError> {
        const LONGEST: f64 = i32::MAX as f64;
        let value = self.take(name);
        let seconds = match &value {
            Value::Null => return Ok(None),
            Value::Number(number) => number.as_f64().map(f64::round),
            other => return Err(not_of_type(other, "'number', 'null'")),
        };
        match seconds {
            #[expect(clippy::cast_possible_truncation, reason = "a whole number between 1 and 2^31")]
            Some(seconds) if (1.0..=LONGEST).contains(&seconds) => Ok(Some(seconds as i64)),
            _ => Err(ApiError::input(format!(
                "{} s is no interval, for '{name}': expected at least 1 and at most {LONGEST}",
                shown(&value)
            ))),
        }
    }
}

fn unexpected(names: &[&str]) -> ApiError {
    let quoted = names.iter().map(|name| format!("'{}'", cut(name))).collect::<Vec<_>>().join(", ");
    let were = if names.len() == 1 { "was" } else { "were" };
    ApiError::input(format!("Additional properties are not allowed ({quoted} {were} unexpected)"))
}

/// A value that is not of the type it has to be.
pub(crate) fn not_of_type(value: &Value, types: &str) -> ApiError {
    ApiError::input(format!("{} is not of type {types}", shown(value)))
}

/// A value as Grafolean, a Python program, prints it; long ones are cut.
pub(crate) fn shown(value: &Value) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::String(text) => format!("'{}'", cut(text)),
        other => cut(&other.to_string()),
    }
}

fn cut(text: &str) -> String {
    let mut characters = text.chars();
    let start: String = characters.by_ref().take(SHOWN).collect();
    if characters.next().is_none() { start } else { format!("{start}...") }
}
