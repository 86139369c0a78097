//! Columns as numbers.

use crate::archive::{self, End};

/// A column that a question may need. Its numbers are not negative; -1 stands for what was not told, all ones for an address
/// that was not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Lane {
    Received,
    Domain,
    SourcePort,
    DestinationPort,
    Protocol,
    TcpFlags,
    Tos,
    Bytes,
    Packets,
    Input,
    Output,
    Direction,
    SourceAs,
    DestinationAs,
    /// The bits of a float.
    Sampling,
    High(End),
    Low(End),
}

/// What stands for a number that was not told.
pub(super) const NOT_TOLD: i64 = -1;

impl Lane {
    /// Gives the name of its column.
    pub(super) const fn column(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Domain => "domain",
            Self::SourcePort => "src_port",
            Self::DestinationPort => "dst_port",
            Self::Protocol => "proto",
            Self::TcpFlags => "tcp_flags",
            Self::Tos => "tos",
            Self::Bytes => "bytes",
            Self::Packets => "packets",
            Self::Input => "in_if",
            Self::Output => "out_if",
            Self::Direction => "direction",
            Self::SourceAs => "src_as",
            Self::DestinationAs => "dst_as",
            Self::Sampling => "sampling",
            Self::High(End::Source) => "src_high",
            Self::Low(End::Source) => "src_low",
            Self::High(End::Destination) => "dst_high",
            Self::Low(End::Destination) => "dst_low",
            Self::High(End::Exporter) => "exporter_high",
            Self::Low(End::Exporter) => "exporter_low",
        }
    }

    /// What a file that lacks the column is taken to say.
    pub(super) const fn when_absent(self) -> i64 {
        match self {
            // 1.0: what was not sampled
            Self::Sampling => 0x3FF0_0000_0000_0000,
            _ => NOT_TOLD,
        }
    }
}

/// Splits an address into its lanes.
pub(super) fn halves(address: u128) -> (i64, i64) {
    let (high, low) = archive::halves(address);
    (high.cast_signed(), low.cast_signed())
}

/// Puts an address together again.
pub(super) fn joined(high: i64, low: i64) -> u128 {
    (u128::from(high.cast_unsigned()) << 64) | u128::from(low.cast_unsigned())
}
