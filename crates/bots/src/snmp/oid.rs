//! Object identifiers.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

/// The name of an object: 2 to 128 arcs (RFC 2578, section 3.5), ordered as agents order them.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Oid(Box<[u32]>);

/// Why a text or a row of arcs is no object identifier.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum OidError {
    /// Something between the dots is no number, or one beyond 2^32 - 1.
    #[error(
        "{0:?} is not an object identifier: expected numbers with dots between them, as 1.3.6.1.2.1.1.3.0"
    )]
    Text(String),
    /// Fewer than 2 arcs, or more than 128.
    #[error("an object identifier of {0} arcs: it has to have 2 to {max}", max = Oid::MAX_ARCS)]
    Length(usize),
    /// The first two arcs share an octet on the wire, which holds only 0 to 2 and, below 2, 0 to 39.
    #[error("an object identifier that begins with {0}.{1}: no agent can have it")]
    Beginning(u32, u32),
}

impl Oid {
    /// The most arcs.
    pub const MAX_ARCS: usize = 128;

    /// Checks a row of arcs.
    pub fn new(arcs: impl Into<Box<[u32]>>) -> Result<Self, OidError> {
        let arcs = arcs.into();
        match *arcs {
            [first, second, ..] if first > 2 || (first < 2 && second > 39) => {
                Err(OidError::Beginning(first, second))
            }
            [_, _, ..] if arcs.len() <= Self::MAX_ARCS => Ok(Self(arcs)),
            _ => Err(OidError::Length(arcs.len())),
        }
    }

    /// Checks a row of arcs below which objects are to be walked: it may be a single one, a name that no object has.
    ///
    /// # Errors
    /// As [`Oid::new`].
    pub fn root(arcs: impl Into<Box<[u32]>>) -> Result<Self, OidError> {
        let arcs = arcs.into();
        match *arcs {
            [0..=2] => Ok(Self(arcs)),
            _ => Self::new(arcs),
        }
    }

    /// Returns the arcs.
    pub fn arcs(&self) -> &[u32] {
        &self.0
    }

    /// Returns what follows a prefix; None if it does not begin so.
    pub fn below(&self, prefix: &Self) -> Option<&[u32]> {
        self.0.strip_prefix(&*prefix.0)
    }
}

impl FromStr for Oid {
    type Err = OidError;

    /// Reads numbers with dots between them; one before the first is allowed.
    fn from_str(text: &str) -> Result<Self, OidError> {
        let trimmed = text.trim();
        let numbers = trimmed.strip_prefix('.').unwrap_or(trimmed).split('.');
        let number =
            |part: &str| part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse().ok())?;
        let arcs: Option<Vec<u32>> = numbers.take(Self::MAX_ARCS + 1).map(number).collect();
        let shown = || text.chars().take(60).collect();
        Self::new(arcs.ok_or_else(|| OidError::Text(shown()))?)
    }
}

impl fmt::Display for Oid {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_arcs(&self.0, out)
    }
}

impl fmt::Debug for Oid {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_arcs(&self.0, out)
    }
}

/// Writes arcs with dots between them.
pub(super) fn write_arcs(arcs: &[u32], out: &mut impl fmt::Write) -> fmt::Result {
    for (place, arc) in arcs.iter().enumerate() {
        if place > 0 {
            out.write_char('.')?;
        }
        write!(out, "{arc}")?;
    }
    Ok(())
}

impl Serialize for Oid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Oid {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn oid(text: &str) -> Oid {
        text.parse().unwrap()
    }

    #[test]
    fn a_leading_dot_is_allowed() {
        assert_eq!(oid(".1.3.6.1"), oid(" 1.3.6.1 "));
        assert_eq!(oid("1.3.6.4294967295").to_string(), "1.3.6.4294967295");
    }

    #[test]
    fn what_no_agent_can_have_is_refused() {
        for text in
            ["", ".", "1", "1.", "1..3", "1.3.x", "1.3.-1", "1.3.4294967296", "3.1", "1.40", "sysUpTime.0"]
        {
            assert!(text.parse::<Oid>().is_err(), "{text}");
        }
        assert!(Oid::new(vec![1; 128]).is_ok());
        assert_eq!(Oid::new(vec![1; 129]), Err(OidError::Length(129)));
        assert!("1.".repeat(100_000).parse::<Oid>().is_err());
    }

    #[test]
    fn order_is_that_of_agents_and_not_of_text() {
        assert!(oid("1.3.6.2") < oid("1.3.6.10"));
        assert!(oid("1.3.6") < oid("1.3.6.0"));
        assert_eq!(oid("1.3.6.7.8").below(&oid("1.3.6")), Some(&[7, 8][..]));
        assert_eq!(oid("1.3.6").below(&oid("1.3.6")), Some(&[][..]));
        assert_eq!(oid("1.3.60.7").below(&oid("1.3.6")), None);
    }
}
