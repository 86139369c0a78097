//! The name of a series.

use std::{borrow::Borrow, fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize};
use thiserror::Error;

/// The longest path Grafolean documents, in characters.
pub const MAX_PATH_LENGTH: usize = 200;

/// A path that Grafolean takes: segments of `[A-Za-z0-9_-]`, `%2e` and `%3a`, joined by dots, at most 200 characters.
///
/// It is checked before it is sent, because a path that ends in a line feed hangs a real backend for good.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct SeriesPath(Arc<str>);

/// Why a text is no path.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PathError {
    /// Nothing, or nothing between two dots, or a dot at an end.
    #[error("segment {segment} of path {path:?} is empty")]
    EmptySegment {
        /// The path as given.
        path: String,
        /// Which segment, from 1.
        segment: usize,
    },
    /// A character that no path may have.
    #[error(
        "path {path:?} has {character:?} at character {position}: allowed are A-Z a-z 0-9 _ - %2e %3a and the dot"
    )]
    Character {
        /// The path as given.
        path: String,
        /// The character.
        character: char,
        /// Where it stands, from 1.
        position: usize,
    },
    /// More than [`MAX_PATH_LENGTH`] characters.
    #[error(
        "a path of {length} characters that starts with {start:?}: at most {MAX_PATH_LENGTH} are allowed"
    )]
    Long {
        /// Its length in characters.
        length: usize,
        /// Its first 40 characters.
        start: String,
    },
    /// `system` and what is below it belong to the backend.
    #[error("path {0:?}: what starts with system. belongs to the backend")]
    System(String),
}

impl SeriesPath {
    /// Checks a text.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        let length = text.chars().count();
        if length > MAX_PATH_LENGTH {
            return Err(PathError::Long { length, start: text.chars().take(40).collect() });
        }
        check_characters(text)?;
        if let Some(empty) = text.split('.').position(str::is_empty) {
            return Err(PathError::EmptySegment { path: text.to_owned(), segment: empty + 1 });
        }
        if text.starts_with("system.") {
            return Err(PathError::System(text.to_owned()));
        }
        Ok(Self(text.into()))
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn check_characters(path: &str) -> Result<(), PathError> {
    let mut characters = path.chars().enumerate();
    while let Some((place, character)) = characters.next() {
        let allowed = match character {
            'A'..='Z' | 'a'..='z' | '0'..='9' | '_' | '-' | '.' => true,
            '%' => matches!(
                (characters.next().map(|(_, c)| c), characters.next().map(|(_, c)| c)),
                (Some('2'), Some('e')) | (Some('3'), Some('a'))
            ),
            _ => false,
        };
        if !allowed {
            return Err(PathError::Character { path: path.to_owned(), character, position: place + 1 });
        }
    }
    Ok(())
}

/// Escapes any text to one segment: a dot becomes `%2e`, a colon `%3a`, what a path may not have `-`; nothing becomes `_`.
///
/// ```
/// use grafolean_collector::model::escape_segment;
/// assert_eq!(escape_segment("2001:db8::1"), "2001%3adb8%3a%3a1");
/// assert_eq!(escape_segment("IS-IS over IPv4"), "IS-IS-over-IPv4");
/// ```
pub fn escape_segment(text: &str) -> String {
    if text.is_empty() {
        return "_".to_owned();
    }
    let mut segment = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match character {
            '.' => segment.push_str("%2e"),
            ':' => segment.push_str("%3a"),
            'A'..='Z' | 'a'..='z' | '0'..='9' | '_' | '-' => segment.push(character),
            _ => segment.push('-'),
        }
    }
    segment
}

impl FromStr for SeriesPath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        Self::parse(text)
    }
}

impl<'de> Deserialize<'de> for SeriesPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

impl Borrow<str> for SeriesPath {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SeriesPath {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl fmt::Debug for SeriesPath {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:?}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_the_backend_takes_is_taken() {
        for path in
            ["a", "entity.1.ping.p0.ok", "x.10%2e0%2e0%2e1", "2001%3adb8.if-1_a", "system", "systems.a"]
        {
            assert_eq!(SeriesPath::parse(path).unwrap().as_str(), path);
        }
        assert!(SeriesPath::parse(&"a".repeat(200)).is_ok());
    }

    #[test]
    fn what_it_refuses_or_chokes_on_is_refused_with_the_place() {
        for path in
            ["", ".", "a.", ".a", "a..b", "a b", "a\n", "a.b\n", "é", "a%2E", "a%2", "%", "a/b", "system.a"]
        {
            assert!(SeriesPath::parse(path).is_err(), "{path:?}");
        }
        assert!(SeriesPath::parse(&"a".repeat(201)).is_err());
        let error = SeriesPath::parse("a.b c").unwrap_err();
        assert!(error.to_string().contains("' ' at character 4"), "{error}");
    }

    proptest! {
        #[test]
        fn any_text_escapes_to_a_segment_that_is_taken(text in "\\PC{0,30}") {
            let segment = escape_segment(&text);
            prop_assert!(SeriesPath::parse(&segment).is_ok());
            prop_assert!(!segment.contains('.'));
        }
    }
}
