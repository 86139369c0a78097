//! Where a result belongs: a template with places for a row's index and for values of the device.

use std::fmt;

use deunicode::deunicode_with_tofu;
use thiserror::Error;

use super::oid::write_arcs;

/// A checked template, as `if.in-octets.{$index}.{$1}`.
#[derive(Clone, PartialEq)]
pub struct OutputPath {
    text: Box<str>,
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq)]
enum Part {
    Literal(String),
    Index,
    /// The number of an OID, from 1.
    Value(usize),
}

/// Why a text is no template, and where.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("output path {shown:?}, character {position}: {fault}")]
pub struct OutputPathError {
    shown: String,
    /// The character it is about, from 1.
    pub position: usize,
    fault: Fault,
}

#[derive(Clone, Debug, PartialEq, Eq, Error)]
enum Fault {
    #[error(
        "a path is made of A-Z a-z 0-9 _ - %2e %3a, dots and places as {{$index}} and {{$1}}, not of {0:?}"
    )]
    Character(char),
    #[error("a segment is empty here")]
    EmptySegment,
    #[error("{0} is not a placeholder: expected {{$index}} or {{$1}} to {{${1}}}")]
    Place(String, usize),
    #[error("{{$index}} is the row of a walked OID, and none of this sensor's is walked")]
    NothingWalked,
    #[error("it is longer than {MAX_LENGTH} characters")]
    Length,
}

/// The longest template: a path has at most 200 characters, and a place may be longer than what comes in it.
const MAX_LENGTH: usize = 1_000;

/// Which rows a sensor's results have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rows {
    /// One for each index of a walked OID.
    Walked,
    /// One result and no index.
    None,
}

/// A path, and how many of its values were empty and became `_`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filled {
    /// The path.
    pub path: String,
    /// Values that came to nothing.
    pub empty: usize,
}

impl OutputPath {
    /// Checks a template of a sensor with this many OIDs.
    ///
    /// # Errors
    /// Names the character at which it stops making sense, and what would be right.
    pub fn compile(text: &str, oids: usize, rows: Rows) -> Result<Self, OutputPathError> {
        let parts = parts(text, oids, rows).map_err(|(position, fault)| OutputPathError {
            shown: text.chars().take(80).collect(),
            position,
            fault,
        })?;
        Ok(Self { text: text.into(), parts })
    }

    /// Puts a row's index and the values of OIDs in; None if a value it needs is absent.
    pub fn fill<'v, V: AsRef<str>>(
        &self,
        index: &[u32],
        value: impl Fn(usize) -> Option<V> + 'v,
    ) -> Option<Filled> {
        let mut path = String::with_capacity(self.text.len() + 16);
        let mut empty = 0;
        for part in &self.parts {
            match part {
                Part::Literal(literal) => path.push_str(literal),
                Part::Index => write_arcs(index, &mut path).ok()?,
                Part::Value(number) => {
                    let slug = slug(value(*number)?.as_ref());
                    if slug.is_empty() {
                        path.push('_');
                        empty += 1;
                    } else {
                        path.push_str(&slug);
                    }
                }
            }
        }
        Some(Filled { path, empty })
    }

    /// Whether the value of an OID is part of the path.
    pub fn names(&self, number: usize) -> bool {
        self.parts.contains(&Part::Value(number))
    }

    /// Whether a row's index is part of the path.
    pub fn names_index(&self) -> bool {
        self.parts.contains(&Part::Index)
    }

    /// Returns the template.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for OutputPath {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:?}", self.text)
    }
}

/// Returns any text as a part of a segment: transliterated to ASCII, every run of what a path may not have one `-`, none
/// outside. It may come to nothing.
pub fn slug(text: &str) -> String {
    let mut slug = String::with_capacity(text.len());
    // What has no letters in ASCII counts as a character that a path may not have.
    for character in deunicode_with_tofu(text, " ").chars() {
        match character {
            'A'..='Z' | 'a'..='z' | '0'..='9' | '_' | '-' => slug.push(character),
            _ if slug.ends_with('\n') => {}
            _ => slug.push('\n'),
        }
    }
    slug.replace('\n', "-").trim_matches('-').to_owned()
}

fn parts(text: &str, oids: usize, rows: Rows) -> Result<Vec<Part>, (usize, Fault)> {
    if let Some((position, _)) = text.chars().enumerate().nth(MAX_LENGTH) {
        return Err((position + 1, Fault::Length));
    }
    let mut parts = Vec::new();
    let mut literal = String::new();
    let mut segment_is_empty = true;
    let (mut rest, mut position) = (text, 1);
    while let Some(character) = rest.chars().next() {
        let mut length = character.len_utf8();
        match character {
            'A'..='Z' | 'a'..='z' | '0'..='9' | '_' | '-' => literal.push(character),
            '%' if rest.starts_with("%2e") || rest.starts_with("%3a") => {
                length = 3;
                literal.push_str(rest.get(..length).unwrap_or_default());
            }
            '.' if segment_is_empty => return Err((position, Fault::EmptySegment)),
            '.' => literal.push('.'),
            '{' => {
                if !literal.is_empty() {
                    parts.push(Part::Literal(std::mem::take(&mut literal)));
                }
                let place = rest.split_inclusive('}').next().unwrap_or(rest);
                parts.push(part(place, oids, rows).map_err(|fault| (position, fault))?);
                length = place.len();
            }
            _ => return Err((position, Fault::Character(character))),
        }
        segment_is_empty = character == '.';
        let (taken, left) = rest.split_at_checked(length).unwrap_or((rest, ""));
        position += taken.chars().count();
        rest = left;
    }
    if segment_is_empty {
        return Err((position, Fault::EmptySegment));
    }
    if !literal.is_empty() {
        parts.push(Part::Literal(literal));
    }
    Ok(parts)
}

fn part(place: &str, oids: usize, rows: Rows) -> Result<Part, Fault> {
    let name = place.strip_prefix("{$").and_then(|place| place.strip_suffix('}'));
    let number = |name: &str| name.parse().ok().filter(|number| (1..=oids).contains(number));
    match name {
        Some("index") if rows == Rows::None => Err(Fault::NothingWalked),
        Some("index") => Ok(Part::Index),
        name => name.and_then(number).map(Part::Value).ok_or_else(|| Fault::Place(place.to_owned(), oids)),
    }
}

#[cfg(test)]
mod tests {
    use grafolean_collector::model::SeriesPath;
    use proptest::prelude::*;

    use super::*;

    fn fill(template: &str, index: &[u32], values: &[&str]) -> Option<Filled> {
        let template = OutputPath::compile(template, values.len(), Rows::Walked).unwrap();
        template.fill(index, |number| values.get(number - 1))
    }

    #[test]
    fn places_are_filled_with_the_row_and_with_values() {
        let filled = fill("if.in-octets.{$index}.{$1}", &[7], &["eth0/1.100 (uplink) ß_é"]).unwrap();
        assert_eq!(filled.path, "if.in-octets.7.eth0-1-100-uplink-ss_e");
        assert_eq!(fill("a-{$index}-{$2}.b%2ec", &[1, 2], &["", "x"]).unwrap().path, "a-1.2-x.b%2ec");
    }

    #[test]
    fn slugs_are_ascii_with_single_dashes() {
        for (text, expected) in [
            ("GigabitEthernet0/0/1", "GigabitEthernet0-0-1"),
            ("--a -- b--", "a----b"),
            ("a - b", "a---b"),
            ("C:\\ Label:\u{1f600}", "C-Label-grinning"),
            ("Größe", "Grosse"),
            ("北京", "Bei-Jing"),
            ("\n\t ", ""),
            ("...", ""),
        ] {
            assert_eq!(slug(text), expected, "{text:?}");
        }
    }

    #[test]
    fn what_comes_to_nothing_is_a_dash_below_and_is_counted() {
        assert_eq!(fill("a.{$1}", &[1], &["..."]), Some(Filled { path: "a._".to_owned(), empty: 1 }));
    }

    #[test]
    fn a_value_that_is_absent_leaves_no_path() {
        let template = OutputPath::compile("a.{$2}", 2, Rows::None).unwrap();
        assert_eq!(template.fill(&[], |_| None::<&str>), None);
        assert!(template.names(2) && !template.names(1) && !template.names_index());
    }

    #[test]
    fn what_is_refused_is_named_with_its_place() {
        for (template, position, said) in [
            ("", 1, "a segment is empty"),
            ("a..b", 3, "a segment is empty"),
            (".a", 1, "a segment is empty"),
            ("a.", 3, "a segment is empty"),
            ("a b", 2, "not of ' '"),
            ("ä.{$1}", 1, "not of 'ä'"),
            ("a%2E", 2, "not of '%'"),
            ("a.{$3}", 3, "{$3} is not a placeholder: expected {$index} or {$1} to {$2}"),
            ("a.{$0}", 3, "not a placeholder"),
            ("a.{$1", 3, "not a placeholder"),
            ("a.{ $1 }", 3, "not a placeholder"),
            ("a.}", 3, "not of '}'"),
        ] {
            let error = OutputPath::compile(template, 2, Rows::Walked).unwrap_err();
            assert_eq!(error.position, position, "{template}: {error}");
            assert!(error.to_string().contains(said), "{template}: {error}");
        }
        let unwalked = OutputPath::compile("a.{$index}", 2, Rows::None).unwrap_err();
        assert!(unwalked.to_string().contains("none of this sensor's is walked"), "{unwalked}");
        assert!(OutputPath::compile(&"a".repeat(100_000), 1, Rows::None).is_err());
    }

    proptest! {
        #[test]
        fn any_value_makes_a_path_that_the_backend_takes(value in "\\PC{0,20}") {
            let path = fill("a.{$1}.{$index}", &[3], &[&value]).unwrap().path;
            prop_assert!(path.len() > 200 || SeriesPath::parse(&path).is_ok(), "{}", path);
        }

        #[test]
        fn a_template_that_is_taken_gives_paths_that_are_taken(template in "[a-z.{}$0-9%]{0,12}|[a-z.]{0,4}[{][$][1i][}]") {
            if let Ok(template) = OutputPath::compile(&template, 1, Rows::Walked) {
                let filled = template.fill(&[1], |_| Some("x")).unwrap();
                let path = format!("e.{}", filled.path);
                prop_assert!(SeriesPath::parse(&path).is_ok());
            }
        }
    }
}
