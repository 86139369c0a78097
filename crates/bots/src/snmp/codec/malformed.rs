//! Why a datagram is no reply.

use thiserror::Error;

/// Why a datagram is no reply that could be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Malformed {
    /// It ends within something that must be whole.
    #[error("it ends within {what}: {left} octets are left")]
    Truncated {
        /// What was being read.
        what: &'static str,
        /// Octets that were left for it.
        left: usize,
    },
    /// A length without end, which SNMP does not have, or of more octets than any message needs.
    #[error("the length of {what} cannot be: it begins with {first:#04x}")]
    Length {
        /// What was being read.
        what: &'static str,
        /// The first octet of the length.
        first: u8,
    },
    /// Something else stands where this must stand.
    #[error("{what} is expected, a type {tag:#04x} stands there")]
    Tag {
        /// What was expected.
        what: &'static str,
        /// The type that stands there.
        tag: u8,
    },
    /// A number that does not fit where it stands.
    #[error("{what} is no number that can stand there")]
    Number {
        /// What was being read.
        what: &'static str,
    },
    /// The name of an object that no agent can have: more than 128 arcs, one beyond 2^32 - 1, or one that does not end.
    #[error("an object's name is no object identifier")]
    Name,
    /// A message of another version, as v3.
    #[error("a message of version number {0}")]
    Version(i32),
    /// A message that is no reply, as a request or a trap.
    #[error("a message of type {0:#04x}, no reply")]
    NoReply(u8),
}

impl Malformed {
    /// Whether it is SNMP all the same, only nothing that answers a request of v1 or v2c.
    pub const fn is_other_message(self) -> bool {
        matches!(self, Self::Version(_) | Self::NoReply(_))
    }
}
