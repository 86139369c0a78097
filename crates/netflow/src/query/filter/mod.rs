//! Which flows are meant: the language of `tcpdump` and `nfdump`, where they agree.
//!
//! ```text
//! filter    = all { "or" all }            "||" too
//! all       = one { "and" one }           "&&" too
//! one       = "not" one | "(" filter ")" | primitive        "!" too
//! primitive = [ "src" | "dst" ] ( ["host"] ADDRESS | ["net"] NETWORK | "port" number | "as" number )
//!           | "exporter" ADDRESS-or-NETWORK | "proto" NAME-or-NUMBER | NAME | ["in" | "out"] "if" number
//!           | ( "bytes" | "packets" | "tos" | "domain" ) number | "flags" LETTERS
//!           | "ipv4" | "ipv6" | "ingress" | "egress" | "any"
//! number    = [ "=" | "!=" | "<" | "<=" | ">" | ">=" ] N | N "-" M | "in" "[" N { N } "]"
//! ```
//! Without `src` or `dst` either is meant. What a flow does not tell is equal to nothing, so only `not` finds it.

mod error;
mod parse;
mod predicate;
mod primitive;
mod token;

pub use error::FilterError;
pub(super) use predicate::Predicate;

use super::lane::Lane;

/// Which flows are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    pub(super) predicate: Predicate,
}

impl Filter {
    /// Means every flow.
    pub const fn any() -> Self {
        Self { predicate: Predicate::Constant(true) }
    }

    /// Reads a filter; an empty one means every flow.
    ///
    /// # Errors
    /// Tells the place that is wrong, and what would be right.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        parse::parse(text).map(|predicate| Self { predicate })
    }

    /// Means those of its flows that were received in this time, in microseconds, the end not included.
    pub(super) fn received(self, from: i64, to: i64) -> Self {
        let time = Predicate::Number { lane: Lane::Received, least: from, greatest: to.saturating_sub(1) };
        Self { predicate: Predicate::All(vec![time, self.predicate]) }
    }
}
