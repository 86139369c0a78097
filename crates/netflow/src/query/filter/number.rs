//! Conditions on numbers.

use std::time::Duration;

use super::{
    FilterError,
    parse::Parser,
    predicate::Predicate,
    primitive::{exactly, nearest},
    token::Token,
};
use crate::query::{
    attribute::Attribute,
    named::{dscp_number, service_names, service_port},
};

/// How a number is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// With a factor of a thousand or more, where it has one.
    Plain,
    /// As a port, or the name of a service.
    Port,
    /// As a code point, or the name of a class of traffic.
    Dscp,
    /// As a span of time, in microseconds.
    Span,
}

/// Parses what a number has to be, in any of some attributes.
pub(super) fn read(
    parser: &mut Parser<'_>,
    attributes: &[Attribute],
    unit: Unit,
) -> Result<Predicate, FilterError> {
    let of = |least, greatest| {
        Predicate::any_of(attributes.iter().map(|&attribute| Predicate::Number {
            attribute,
            least,
            greatest,
        }))
    };
    if parser.take_word(&["in"]) {
        let choices = parser.list("in [80 443]", |parser, token| {
            let (least, greatest) = range(parser, token, unit)?;
            Ok(of(least, greatest))
        })?;
        return Ok(Predicate::Any(choices));
    }
    const SIGNS: [&str; 7] = ["=", "==", "!=", "<=", ">=", "<", ">"];
    let sign = parser.peek().filter(|token| SIGNS.contains(&token.text)).map(|token| token.text);
    if sign.is_some() {
        parser.next();
    }
    let token = parser.expect(unit.expected())?;
    let (least, greatest) = range(parser, token, unit)?;
    if sign.is_some() && least != greatest {
        return Err(parser.wrong(token, "a range can't be compared: leave the sign out"));
    }
    Ok(match sign {
        Some("<") => of(0, least - 1),
        Some("<=") => of(0, least),
        Some(">") => of(least.saturating_add(1), i64::MAX),
        Some(">=") => of(least, i64::MAX),
        // told, and another: of both ends where both are meant
        Some("!=") => {
            let differs = |&attribute: &Attribute| {
                let told = Predicate::Number { attribute, least: 0, greatest: i64::MAX };
                Predicate::All(vec![told, Predicate::Not(Box::new(exactly(attribute, least)))])
            };
            Predicate::All(attributes.iter().map(differs).collect())
        }
        _ => of(least, greatest),
    })
}

/// Parses `443`, `1024-65535`, `10k`, `https`.
fn range(parser: &Parser<'_>, token: Token<'_>, unit: Unit) -> Result<(i64, i64), FilterError> {
    let wrong = || parser.wrong(token, &unit.refusal(token.text));
    if let Some(number) = unit.number(token.text) {
        return Ok((number, number));
    }
    let (least, greatest) = token.text.split_once('-').ok_or_else(wrong)?;
    let (least, greatest) = (unit.number(least).ok_or_else(wrong)?, unit.number(greatest).ok_or_else(wrong)?);
    if least > greatest {
        return Err(parser.wrong(token, "the range ends before it begins"));
    }
    Ok((least, greatest))
}

impl Unit {
    const fn expected(self) -> &'static str {
        match self {
            Self::Plain => "a number",
            Self::Port => "a number or the name of a service",
            Self::Dscp => "a number from 0 to 63 or the name of a class",
            Self::Span => "a span of time",
        }
    }

    fn number(self, text: &str) -> Option<i64> {
        match self {
            Self::Plain => scaled(text),
            Self::Port => scaled(text).or_else(|| service_port(text)),
            Self::Dscp => scaled(text).filter(|number| *number < 64).or_else(|| dscp_number(text)),
            Self::Span if text == "0" => Some(0),
            Self::Span => {
                let span: Duration = humantime::parse_duration(text).ok()?;
                i64::try_from(span.as_micros()).ok()
            }
        }
    }

    fn refusal(self, text: &str) -> String {
        match self {
            Self::Plain => format!("{text:?} is not a number: expected 443, 1024-65535, 10k or 5M"),
            Self::Port => {
                let like = nearest(text, service_names())
                    .filter(|_| !text.starts_with(|first: char| first.is_ascii_digit()));
                let hint = like.map(|name| format!("; did you mean {name:?}?")).unwrap_or_default();
                format!(
                    "{text:?} is not a port: expected 443, 1024-65535 or the name of a service (https){hint}"
                )
            }
            Self::Dscp => {
                format!(
                    "{text:?} is not a class: expected a number from 0 to 63, or a name as ef, af41, cs1 or be"
                )
            }
            Self::Span => format!("{text:?} is not a span of time: expected one as 500ms, 10s or 2m"),
        }
    }
}

/// Parses a number with its unit.
fn scaled(text: &str) -> Option<i64> {
    let digits = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(digits)?;
    let unit = match unit {
        "" => 1,
        "k" | "K" => 1_000,
        "m" | "M" => 1_000_000,
        "g" | "G" => 1_000_000_000,
        "t" | "T" => 1_000_000_000_000,
        _ => return None,
    };
    number.parse::<i64>().ok()?.checked_mul(unit)
}
