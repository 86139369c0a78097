//! The names an expression may use: constants and functions.

use std::{
    f64::consts::{E, PI, TAU},
    fmt::Write,
};

/// What a function does with its arguments.
#[derive(Clone, Copy)]
pub(super) enum Function {
    One(fn(f64) -> f64),
    Two(fn(f64, f64) -> f64),
    /// The same, or with its second argument left out.
    OneOrTwo(fn(f64) -> f64, fn(f64, f64) -> f64),
    /// Folded over at least one argument.
    Fold(fn(f64, f64) -> f64),
    /// The sum by the number of arguments.
    Mean,
    /// The second argument if the first is not 0, else the third.
    Choose,
}

impl Function {
    /// Whether it takes this many arguments.
    pub(super) fn takes(self, arguments: usize) -> bool {
        match self {
            Self::One(_) => arguments == 1,
            Self::Two(_) => arguments == 2,
            Self::OneOrTwo(..) => (1..=2).contains(&arguments),
            Self::Fold(_) | Self::Mean => arguments >= 1,
            Self::Choose => arguments == 3,
        }
    }

    /// Returns how many arguments it takes.
    pub(super) fn arity(self) -> &'static str {
        match self {
            Self::One(_) => "1",
            Self::Two(_) => "2",
            Self::OneOrTwo(..) => "1 or 2",
            Self::Fold(_) | Self::Mean => "1 or more",
            Self::Choose => "3",
        }
    }
}

/// Returns a constant by its name.
pub(super) fn constant(name: &str) -> Option<f64> {
    Some(match name {
        "pi" => PI,
        "e" => E,
        "tau" => TAU,
        "true" => 1.0,
        "false" => 0.0,
        _ => return None,
    })
}

/// Returns a function and its name.
pub(super) fn function(name: &str) -> Option<(&'static str, Function)> {
    FUNCTIONS.iter().find(|(known, _)| *known == name).copied()
}

const FUNCTIONS: &[(&str, Function)] = &[
    ("abs", Function::One(f64::abs)),
    ("acos", Function::One(f64::acos)),
    ("add", Function::Two(|a, b| a + b)),
    ("asin", Function::One(f64::asin)),
    ("atan", Function::One(f64::atan)),
    ("atan2", Function::Two(f64::atan2)),
    ("cbrt", Function::One(f64::cbrt)),
    ("ceil", Function::One(f64::ceil)),
    ("cos", Function::One(f64::cos)),
    ("cube", Function::One(|a| a * a * a)),
    ("div", Function::Two(divide)),
    ("divide", Function::Two(divide)),
    ("exp", Function::One(f64::exp)),
    ("fix", Function::One(f64::trunc)),
    ("floor", Function::One(f64::floor)),
    ("ifElse", Function::Choose),
    ("ifElseAlt", Function::Choose),
    ("log", Function::OneOrTwo(f64::ln, |a, base| a.ln() / base.ln())),
    ("log10", Function::One(f64::log10)),
    ("log2", Function::One(f64::log2)),
    ("max", Function::Fold(f64::max)),
    ("mean", Function::Mean),
    ("min", Function::Fold(f64::min)),
    ("mod", Function::Two(|a, b| a % b)),
    ("mul", Function::Two(|a, b| a * b)),
    ("multiply", Function::Two(|a, b| a * b)),
    ("pow", Function::Two(f64::powf)),
    ("round", Function::OneOrTwo(f64::round_ties_even, round)),
    ("sgn", Function::One(sign)),
    ("sign", Function::One(sign)),
    ("sin", Function::One(f64::sin)),
    ("sqrt", Function::One(f64::sqrt)),
    ("square", Function::One(|a| a * a)),
    ("sub", Function::Two(|a, b| a - b)),
    ("subtract", Function::Two(|a, b| a - b)),
    ("sum", Function::Fold(|a, b| a + b)),
    ("tan", Function::One(f64::tan)),
    ("trunc", Function::One(f64::trunc)),
];

/// Divides; by zero gives zero.
pub(super) fn divide(a: f64, b: f64) -> f64 {
    if b == 0.0 { 0.0 } else { a / b }
}

fn sign(a: f64) -> f64 {
    const AS_GOOD_AS_ZERO: f64 = 1e-12;
    if a.abs() <= AS_GOOD_AS_ZERO { 0.0 } else { a.signum() }
}

/// Rounds to decimal places: exactly, as a decimal would be, not by way of a product that is inexact itself.
fn round(a: f64, places: f64) -> f64 {
    // Beyond 2^53 there are no fractions; beyond 20 places of a smaller number none that rounding would change.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let places = places.trunc();
    if places < 0.0 {
        let unit = 10f64.powf(-places);
        return (a / unit).round_ties_even() * unit;
    }
    if a.is_nan() || places.is_nan() {
        return f64::NAN;
    }
    if a.abs() >= EXACT || places > 20.0 {
        return a;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked: 0 to 20")]
    let places = places as usize;
    let mut digits = Digits { bytes: [0; 48], length: 0 };
    write!(digits, "{a:.places$}").ok().and_then(|()| digits.number()).unwrap_or(a)
}

/// Text on the stack: a sign, 16 digits, a point and 20 places fit.
struct Digits {
    bytes: [u8; 48],
    length: usize,
}

impl Digits {
    fn number(&self) -> Option<f64> {
        std::str::from_utf8(self.bytes.get(..self.length)?).ok()?.parse().ok()
    }
}

impl Write for Digits {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let end = self.length + text.len();
        self.bytes.get_mut(self.length..end).ok_or(std::fmt::Error)?.copy_from_slice(text.as_bytes());
        self.length = end;
        Ok(())
    }
}
