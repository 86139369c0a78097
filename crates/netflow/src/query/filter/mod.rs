//! Which flows are meant: the language of `tcpdump` and `nfdump`, where they agree.
//!
//! ```text
//! filter    = all { "or" all }            "||" too
//! all       = one { "and" one }           "&&" too
//! one       = "not" one | "(" filter ")" | primitive        "!" too
//! primitive = [ "src" | "dst" ] ( ["host"] addresses | ["net"] addresses | "port" number | "as" number )
//!           | "exporter" addresses | "proto" NAME-or-NUMBER | NAME | ["in" | "out"] "if" number
//!           | ( "bytes" | "packets" | "tos" | "dscp" | "domain" | "bps" | "pps" | "bpp" ) number | "duration" number-of-seconds
//!           | ["in" | "out"] ( "vlan" number | "ifname" NAME ) | ["src" | "dst"] ( "mac" MAC | "mask" number )
//!           | "nat" ["src" | "dst"] ( ["host"] addresses | "port" number ) | ( "nexthop" | "bgpnexthop" ) addresses
//!           | ( "vrf" | "mpls" | "fwstatus" | "fwevent" | "natevent" ) number | "app" ENGINE:NUMBER-or-NAME
//!           | "flags" ["="] LETTERS | "format" NAME | "ipv4" | "ipv6" | "ingress" | "egress" | "forward" | "reverse" | "any"
//! addresses = ADDRESS | NETWORK | "in" "[" ADDRESS-or-NETWORK { ADDRESS-or-NETWORK } "]"
//! number    = [ "=" | "!=" | "<" | "<=" | ">" | ">=" ] N | N "-" M | "in" "[" N { N } "]"
//! ```
//! A port may be a service's name (`https`), a `dscp` that of a class (`ef`); a duration has a unit (`500ms`, `10s`, `2m`).
//! Without `src` or `dst` either is meant. What a flow does not tell is equal to nothing, so only `not` finds it.

mod address;
mod number;
mod parse;
mod predicate;
mod primitive;
mod token;

pub(super) use predicate::Predicate;

use thiserror::Error;

use super::FlowRow;

/// Which flows are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    pub(super) predicate: Predicate,
}

/// A filter that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the filter is wrong at character {}: {message}\n  {text}\n  {:>width$}", .place + 1, "^", width = .place + 1)]
pub struct FilterError {
    /// The filter.
    pub text: String,
    /// Characters before the place that is wrong.
    pub place: usize,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl Filter {
    /// Selects every flow.
    pub const fn any() -> Self {
        Self { predicate: Predicate::Constant(true) }
    }

    /// Parses a filter; an empty one selects every flow.
    ///
    /// # Errors
    /// Fails with the place that is wrong, and what would be right.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        parse::parse(text).map(|predicate| Self { predicate })
    }

    /// Whether it selects a flow.
    pub fn selects(&self, row: &FlowRow) -> bool {
        self.predicate.holds(row)
    }
}
