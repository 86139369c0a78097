//! An object as a person writes it: numbers, or a name with what follows it.

use thiserror::Error;

use crate::snmp::{Oid, OidError};

/// Why a text is no object.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NameError {
    /// Neither numbers nor a name.
    #[error(
        "{0:?} is no object: expected numbers with dots between them, as 1.3.6.1.2.1.1.3.0, or a name, as sysUpTime.0 or \
         IF-MIB::ifInOctets.3"
    )]
    Text(String),
    /// A name that nobody knows.
    #[error("no object is called {name:?}{}", near.as_ref().map(|near| format!(": did you mean {near}?")).unwrap_or_default())]
    Unknown {
        /// What was written.
        name: String,
        /// The nearest name.
        near: Option<String>,
    },
    /// What follows a name is neither a number nor a name below it.
    #[error("{part:?} after {after} is invalid: expected a number, a name below it, or an index as \"text\"")]
    Part {
        /// What was written.
        part: String,
        /// After which part.
        after: String,
    },
    /// The numbers make no object identifier.
    #[error(transparent)]
    Oid(#[from] OidError),
}

/// A part of what a person writes between dots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Number(u32),
    Name(String),
    /// `"text"`, an index with its length before it, or `'text'`, one without (RFC 2578, section 7.7).
    Index(Vec<u32>),
}

/// Reads `MODULE::name.3."text"` as its module and its parts.
pub(super) fn read(text: &str) -> Result<(Option<&str>, Vec<Part>), NameError> {
    let wrong = || NameError::Text(text.chars().take(80).collect());
    let trimmed = text.trim();
    let (module, rest) = match trimmed.split_once("::") {
        Some((module, rest)) if !module.is_empty() && module.chars().all(is_of_name) => (Some(module), rest),
        Some(_) => return Err(wrong()),
        None => (None, trimmed),
    };
    let mut rest = rest.strip_prefix('.').unwrap_or(rest);
    let mut parts = Vec::new();
    while parts.len() <= Oid::MAX_ARCS {
        let quote = rest.chars().next().filter(|first| matches!(first, '"' | '\''));
        let (part, after) = match quote {
            Some(quote) => {
                let (index, after) = rest.get(1..).and_then(|it| it.split_once(quote)).ok_or_else(wrong)?;
                let octets = index.bytes().map(u32::from);
                let length = u32::try_from(index.len()).ok().filter(|_| quote == '"');
                (Part::Index(length.into_iter().chain(octets).collect()), after)
            }
            None => {
                let end = rest.find('.').unwrap_or(rest.len());
                let (part, after) = rest.split_at_checked(end).ok_or_else(wrong)?;
                let is_number = !part.is_empty() && part.bytes().all(|octet| octet.is_ascii_digit());
                let is_name = part.starts_with(|first: char| first.is_ascii_alphabetic())
                    && part.chars().all(is_of_name);
                let part = match (is_number, is_name) {
                    (true, _) => Part::Number(part.parse().map_err(|_| wrong())?),
                    (_, true) => Part::Name(part.to_owned()),
                    _ => return Err(wrong()),
                };
                (part, after)
            }
        };
        parts.push(part);
        rest = match after.strip_prefix('.') {
            Some(after) => after,
            None if after.is_empty() => return Ok((module, parts)),
            None => return Err(wrong()),
        };
    }
    Err(NameError::Oid(OidError::Length(parts.len())))
}

const fn is_of_name(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_names_numbers_and_indices_are_told_apart() {
        let name = |name: &str| Part::Name(name.to_owned());
        for (text, expected) in [
            (" .1.3 ", (None, vec![Part::Number(1), Part::Number(3)])),
            ("mib-2.1", (None, vec![name("mib-2"), Part::Number(1)])),
            ("IF-MIB::ifName.7", (Some("IF-MIB"), vec![name("ifName"), Part::Number(7)])),
            ("a.\"b.c\".1", (None, vec![name("a"), Part::Index(vec![3, 98, 46, 99]), Part::Number(1)])),
            ("a.'bc'", (None, vec![name("a"), Part::Index(vec![98, 99])])),
        ] {
            assert_eq!(read(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_neither_is_refused() {
        for text in [
            "",
            ".",
            "1.",
            "1..3",
            "a b",
            "::x",
            "IF-MIB::",
            "a.\"b",
            "a.\"b\"c",
            "1.4294967296",
            "1.-1",
            "é",
        ] {
            assert!(matches!(read(text), Err(NameError::Text(_))), "{text}");
        }
        assert!(matches!(read(&"1.".repeat(1_000)), Err(NameError::Oid(_))));
    }
}
