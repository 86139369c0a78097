//! What an ICMP error says is wrong.

use std::fmt;

use super::Family;

/// An ICMP error about one of our requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct IcmpError {
    /// What is wrong, in one word for both protocols.
    pub kind: IcmpErrorKind,
    /// The code as it came.
    pub code: u8,
}

/// The kinds of error, the same for both protocols.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IcmpErrorKind {
    /// No route to the network.
    NetUnreachable,
    /// The last router gets no answer from the host.
    HostUnreachable,
    /// The host does not speak the protocol.
    ProtocolUnreachable,
    /// Nobody listens at the port.
    PortUnreachable,
    /// A filter or a policy forbids it.
    Prohibited,
    /// Unreachable for another reason: see the code.
    Unreachable,
    /// The packet would have to be cut into fragments and must not be.
    PacketTooBig,
    /// It crossed too many routers.
    TtlExceeded,
    /// Not all of its fragments arrived in time.
    ReassemblyTimeout,
    /// A router could not read its header.
    ParameterProblem,
    /// A router asks for fewer packets (RFC 792, long deprecated).
    SourceQuench,
}

impl IcmpError {
    /// Reads type and code (RFC 792, RFC 1812 section 5.2.7.1; RFC 4443 section 3); None if the type is no error.
    pub const fn read(family: Family, message_type: u8, code: u8) -> Option<Self> {
        use IcmpErrorKind as Kind;
        let kind = match (family, message_type, code) {
            (Family::V4, 3, 0 | 6 | 8 | 11) | (Family::V6, 1, 0) => Kind::NetUnreachable,
            (Family::V4, 3, 1 | 7 | 12) | (Family::V6, 1, 3) => Kind::HostUnreachable,
            (Family::V4, 3, 2) => Kind::ProtocolUnreachable,
            (Family::V4, 3, 3) | (Family::V6, 1, 4) => Kind::PortUnreachable,
            (Family::V4, 3, 4) | (Family::V6, 2, _) => Kind::PacketTooBig,
            (Family::V4, 3, 9 | 10 | 13) | (Family::V6, 1, 1 | 5 | 6) => Kind::Prohibited,
            (Family::V4, 3, _) | (Family::V6, 1, _) => Kind::Unreachable,
            (Family::V4, 4, _) => Kind::SourceQuench,
            (Family::V4, 11, 1) | (Family::V6, 3, 1) => Kind::ReassemblyTimeout,
            (Family::V4, 11, _) | (Family::V6, 3, _) => Kind::TtlExceeded,
            (Family::V4, 12, _) | (Family::V6, 4, _) => Kind::ParameterProblem,
            _ => return None,
        };
        Some(Self { kind, code })
    }
}

impl IcmpErrorKind {
    /// Returns the word under which it is counted.
    pub const fn label(self) -> &'static str {
        match self {
            Self::NetUnreachable => "net-unreachable",
            Self::HostUnreachable => "host-unreachable",
            Self::ProtocolUnreachable => "protocol-unreachable",
            Self::PortUnreachable => "port-unreachable",
            Self::Prohibited => "prohibited",
            Self::Unreachable => "unreachable",
            Self::PacketTooBig => "packet-too-big",
            Self::TtlExceeded => "ttl-exceeded",
            Self::ReassemblyTimeout => "reassembly-timeout",
            Self::ParameterProblem => "parameter-problem",
            Self::SourceQuench => "source-quench",
        }
    }
}

impl fmt::Display for IcmpError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} (code {})", self.kind.label(), self.code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_protocols_name_the_same_trouble_by_the_same_word() {
        for (v4, v6, label) in [
            ((3, 0), (1, 0), "net-unreachable"),
            ((3, 1), (1, 3), "host-unreachable"),
            ((3, 3), (1, 4), "port-unreachable"),
            ((3, 4), (2, 0), "packet-too-big"),
            ((3, 13), (1, 1), "prohibited"),
            ((3, 200), (1, 200), "unreachable"),
            ((11, 0), (3, 0), "ttl-exceeded"),
            ((11, 1), (3, 1), "reassembly-timeout"),
            ((12, 0), (4, 0), "parameter-problem"),
        ] {
            assert_eq!(IcmpError::read(Family::V4, v4.0, v4.1).unwrap().kind.label(), label);
            assert_eq!(IcmpError::read(Family::V6, v6.0, v6.1).unwrap().kind.label(), label);
        }
        for no_error in [0, 5, 8, 13, 14] {
            assert_eq!(IcmpError::read(Family::V4, no_error, 0), None);
        }
        for no_error in [128, 129, 134, 135, 137] {
            assert_eq!(IcmpError::read(Family::V6, no_error, 0), None);
        }
    }
}
