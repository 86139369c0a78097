//! Expressions: what a sensor makes of the values it reads, in MathJS as Grafolean's users have it.
//!
//! [`Expression`] is compiled once, by a Pratt parser (`parse`) over tokens (`token`), into a flat program in postfix
//! order (`program`), which is run without allocating. `function` knows the names. [`ExpressionError`] names the place.
//!
//! Existing sensors were written against an evaluator with a mind of its own, and their series hang on what it says. So,
//! from the tightest: comparisons, `^`, `%`, `/`, `*`, then `+` and `-`, then what that evaluator refuses and MathJS knows
//! (`and`, `xor`, `or`), then `? :`. All but `? :` associate to the left: `2^3^2` is 64, `$1*8/1000` is `$1*(8/1000)`,
//! `$1*8 > 50` is `$1*(8 > 50)`: put parentheses around what is compared. `x / 0` is 0, `=` compares, `round` goes to
//! the even one, nothing at all (also between parentheses) is 0, and of two operands side by side the last one counts.

mod error;
mod function;
mod parse;
mod program;
mod token;

use std::fmt;

use self::program::Program;

pub use self::error::{ExpressionError, Fault};

/// A checked expression over the values `$1` to `$N`.
#[derive(Clone)]
pub struct Expression {
    text: Box<str>,
    program: Program,
}

impl Expression {
    /// The longest text that is taken, in characters: far more than a person types, and it bounds the program.
    pub const MAX_LENGTH: usize = 4_096;

    /// Compiles a text that may speak of `$1` to `$<values>`.
    ///
    /// # Errors
    /// Names the character at which the text stops making sense, and why.
    pub fn compile(text: &str, values: usize) -> Result<Self, ExpressionError> {
        let program = parse::parse(text, values)
            .map_err(|(position, fault)| ExpressionError::new(text, position, fault))?;
        Ok(Self { text: text.into(), program })
    }

    /// Returns the result for the values `$1`, `$2`, ...; None if it is not finite or a value it needs is absent.
    pub fn evaluate(&self, values: &[f64]) -> Option<f64> {
        self.program.run(values).filter(|result| result.is_finite())
    }

    /// Whether the result depends on the value `$<number>`.
    pub fn reads(&self, number: usize) -> bool {
        self.program.reads(number)
    }

    /// Whether it says itself when it has no result, by a term that is 0 or the root of a negative number, as profiles write
    /// it: `$1 + 0 * sqrt($1 - 1)` has none below 1.
    pub fn is_guarded(&self) -> bool {
        self.text.contains("0 * sqrt(")
    }

    /// Returns the text it was compiled from.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:?}", self.text)
    }
}
