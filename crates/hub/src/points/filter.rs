//! Which paths are meant: `?` stands for one segment, `*` for one or more.

use std::str::FromStr;

use grafolean_collector::model::{EntityId, MAX_PATH_LENGTH, SeriesPath};
use thiserror::Error;

/// A pattern over the segments of a path: `entity.7.ping.*`, `*.success`, `entity.?.ping.p0.rtt`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathFilter(Vec<Element>);

/// Why a text is no filter.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "{0:?} is no path filter: it takes segments of A-Z a-z 0-9 _ - %2e %3a, joined by dots; ? is one segment, * one or more"
)]
pub struct FilterError(String);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Element {
    /// This segment.
    Exactly(String),
    /// A segment that starts so.
    Starting(String),
    /// Any one segment.
    One,
    /// Any number of segments, none too.
    Rest,
}

impl PathFilter {
    /// Means every path.
    pub fn any() -> Self {
        Self(vec![Element::Rest])
    }

    /// Reads a text of which the end is still being typed: `entity.7.pi` means all paths that go on in some way.
    pub fn parse_beginning(text: &str) -> Result<Self, FilterError> {
        let (whole, last) = text.rsplit_once('.').map_or((None, text), |(whole, last)| (Some(whole), last));
        let mut elements = match whole {
            Some(whole) => whole.parse::<Self>()?.0,
            None => Vec::new(),
        };
        match last {
            "?" | "*" => elements.push(Element::One),
            _ if last.chars().all(is_segment_character) => elements.push(Element::Starting(last.to_owned())),
            _ => return Err(FilterError(text.to_owned())),
        }
        elements.push(Element::Rest);
        Ok(Self(elements))
    }

    /// Whether a path is meant.
    pub fn matches(&self, path: &str) -> bool {
        if self.0 == [Element::Rest] {
            return true;
        }
        let segments: Vec<&str> = path.split('.').collect();
        let mut rest = (&self.0[..], &segments[..]);
        // Where to go on when what followed the last Rest does not fit: it takes one segment more.
        let mut retry = None;
        loop {
            rest = match rest {
                ([], []) => return true,
                ([Element::Rest, pattern @ ..], segments) => {
                    retry = Some((pattern, segments));
                    (pattern, segments)
                }
                ([element, pattern @ ..], [segment, segments @ ..]) if element.fits(segment) => {
                    (pattern, segments)
                }
                _ => match retry {
                    Some((pattern, [_, segments @ ..])) => {
                        retry = Some((pattern, segments));
                        (pattern, segments)
                    }
                    _ => return false,
                },
            };
        }
    }

    /// Returns the entity of every path that is meant, if the filter names one: the segment after the first `entity`.
    pub(crate) fn entity(&self) -> Option<EntityId> {
        let is_exact = |element: &&Element| matches!(element, Element::Exactly(_) | Element::One);
        let mut exact = self.0.iter().take_while(is_exact);
        exact.find(|element| **element == Element::Exactly("entity".to_owned()))?;
        match exact.next()? {
            Element::Exactly(id) => id.parse().ok().map(EntityId::new),
            _ => None,
        }
    }

    /// Returns what every path that is meant starts with.
    pub(super) fn prefix(&self) -> String {
        let mut prefix = String::new();
        for element in &self.0 {
            match element {
                Element::Exactly(segment) => {
                    prefix.push_str(segment);
                    prefix.push('.');
                }
                Element::Starting(start) => {
                    prefix.push_str(start);
                    return prefix;
                }
                Element::One | Element::Rest => return prefix,
            }
        }
        // All are exact: the path itself has no dot behind it.
        prefix.pop();
        prefix
    }
}

impl Element {
    fn fits(&self, segment: &str) -> bool {
        match self {
            Self::Exactly(wanted) => wanted == segment,
            Self::Starting(start) => segment.starts_with(start),
            Self::One => true,
            Self::Rest => false,
        }
    }
}

fn is_segment_character(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '_' | '-' | '%')
}

impl FromStr for PathFilter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        let mut elements = Vec::new();
        for segment in text.split('.') {
            match segment {
                "?" => elements.push(Element::One),
                "*" => elements.extend([Element::One, Element::Rest]),
                // A segment is written as a path of one segment is.
                _ if SeriesPath::parse(segment).is_ok() => {
                    elements.push(Element::Exactly(segment.to_owned()));
                }
                _ => return Err(FilterError(text.to_owned())),
            }
        }
        if text.len() > MAX_PATH_LENGTH {
            return Err(FilterError(text.to_owned()));
        }
        Ok(Self(elements))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(filter: &str, taken: &[&str], left: &[&str]) {
        let filter: PathFilter = filter.parse().unwrap();
        for path in taken {
            assert!(filter.matches(path), "{filter:?} should match {path}");
            assert!(path.starts_with(&filter.prefix()), "{path} should start with {}", filter.prefix());
        }
        for path in left {
            assert!(!filter.matches(path), "{filter:?} should not match {path}");
        }
    }

    #[test]
    fn a_question_mark_is_one_segment_and_a_star_one_or_more() {
        check("a.b", &["a.b"], &["a", "a.b.c", "b.a", "a.bb"]);
        check("a.?", &["a.b", "a.c%2ed"], &["a", "a.b.c"]);
        check("a.*", &["a.b", "a.b.c.d"], &["a", "ab"]);
        check("*", &["a", "a.b"], &[]);
        check("*.rtt", &["a.rtt", "a.b.rtt"], &["rtt", "a.rtt.b"]);
        check("a.*.b.*.c", &["a.x.b.y.c", "a.b.b.b.c", "a.x.y.b.b.z.c"], &["a.b.y.c", "a.x.b.c"]);
        check("?.*", &["a.b", "a.b.c"], &["a"]);
    }

    #[test]
    fn a_beginning_matches_whatever_follows() {
        let filter = PathFilter::parse_beginning("a.b").unwrap();
        assert_eq!(
            ["a.b", "a.bc", "a.b.c", "a.c", "a"].map(|path| filter.matches(path)),
            [true, true, true, false, false]
        );
        assert!(PathFilter::parse_beginning("a.").unwrap().matches("a.b.c"));
        assert!(PathFilter::parse_beginning("").unwrap().matches("a.b.c"));
        assert!(PathFilter::parse_beginning("a..b").is_err());
        assert!(PathFilter::parse_beginning("a b").is_err());
    }

    #[test]
    fn what_is_no_filter_is_refused() {
        for text in ["", ".", "a.", ".a", "a..b", "a*", "a b", "a.?b", "é"] {
            assert!(text.parse::<PathFilter>().is_err(), "{text:?}");
        }
    }

    /// The rule, written down as plainly as can be.
    fn naive(filter: &[&str], path: &[&str]) -> bool {
        match (filter, path) {
            ([], []) => true,
            (["*", rest @ ..], [_, segments @ ..]) => naive(rest, segments) || naive(filter, segments),
            ([wanted, rest @ ..], [segment, segments @ ..]) => {
                (*wanted == "?" || wanted == segment) && naive(rest, segments)
            }
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn it_matches_what_the_plain_rule_matches(
            filter in prop::collection::vec(prop::sample::select(vec!["a", "b", "?", "*"]), 1..6),
            path in prop::collection::vec(prop::sample::select(vec!["a", "b"]), 1..8),
        ) {
            let parsed: PathFilter = filter.join(".").parse().unwrap();
            prop_assert_eq!(parsed.matches(&path.join(".")), naive(&filter, &path));
        }
    }
}
