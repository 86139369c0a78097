//! Why a datagram could not be read.

use thiserror::Error;

/// Why a datagram, or the rest of one, could not be decoded. What was decoded before the fault stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// Not a protocol that is known here.
    #[error(
        "a datagram of {length} octets begins with version {version}; NetFlow 1, 5, 7 and 9, IPFIX (10) and sFlow 5 are read"
    )]
    Version {
        /// What stands in the first two octets.
        version: u16,
        /// Length of the datagram.
        length: usize,
    },
    /// Ended within something that must be whole.
    #[error("the datagram ends within {what}: {length} octets are left")]
    Truncated {
        /// What was being read.
        what: &'static str,
        /// Octets that were left for it.
        length: usize,
    },
    /// A set whose length cannot be.
    #[error("set {id} says it is {length} octets long, {left} are left")]
    SetLength {
        /// The set's id.
        id: u16,
        /// The length it names, header included.
        length: u16,
        /// Octets left in the message.
        left: usize,
    },
    /// A sampling that is not believed. Nothing is lost by it: the counts are taken as they were exported.
    #[error(
        "a sampling by algorithm {algorithm} is not believed, since IANA's registry has no such: counts stay unscaled"
    )]
    Sampling {
        /// The algorithm's number.
        algorithm: u64,
    },
    /// A template that cannot be used.
    #[error("template {id} cannot be used: {why}")]
    Template {
        /// The template's id.
        id: u16,
        /// What is wrong with it.
        why: &'static str,
    },
}

impl DecodeError {
    /// Whether something of the datagram was lost by it.
    pub const fn loses_data(self) -> bool {
        !matches!(self, Self::Sampling { .. })
    }
}
