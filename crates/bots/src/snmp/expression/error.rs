//! Where an expression stops making sense.

use thiserror::Error;

use super::Expression;

/// How much of a refused expression is repeated.
const SHOWN: usize = 80;

/// Why a text is no expression, and where.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("expression {shown:?}, character {position}: {fault}")]
pub struct ExpressionError {
    shown: String,
    /// The character it is about, from 1.
    pub position: usize,
    /// What is wrong there.
    pub fault: Fault,
}

impl ExpressionError {
    pub(super) fn new(text: &str, position: usize, fault: Fault) -> Self {
        Self { shown: text.chars().take(SHOWN).collect(), position, fault }
    }
}

/// What is wrong in an expression.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Fault {
    /// A character that means nothing.
    #[error("{0:?} means nothing in an expression")]
    Character(char),
    /// A number that runs on into something else, as `1.2.3` or `2x`.
    #[error("this is not a number: expected one like 12, 0.5 or 1e3")]
    Number,
    /// `$0`, or a value that the sensor does not read.
    #[error("${number} is not among the sensor's values, $1 to ${values}")]
    Value {
        /// Which value.
        number: usize,
        /// How many the sensor reads.
        values: usize,
    },
    /// A `$` without its number.
    #[error("a $ has to be followed by the number of a value, as in $1")]
    NoNumber,
    /// A name that is neither a function nor a constant.
    #[error("nothing is called {0:?}")]
    Name(String),
    /// A function with too few or too many arguments.
    #[error("{name} takes {expected} arguments, {given} are given")]
    Arguments {
        /// Which function.
        name: &'static str,
        /// How many it takes.
        expected: &'static str,
        /// How many there are.
        given: usize,
    },
    /// An operand that is not there.
    #[error("a value is missing here")]
    Operand,
    /// Something else than what has to follow.
    #[error("{0} is missing here")]
    Expected(&'static str),
    /// More after the end of an expression.
    #[error("the expression should have ended here")]
    Surplus,
    /// Parentheses and signs in each other, more than a sane person writes.
    #[error("it is nested deeper than {0} levels")]
    Depth(usize),
    /// A text beyond the limit.
    #[error("it is longer than {max} characters", max = Expression::MAX_LENGTH)]
    Length,
}
