//! One flow, whatever protocol told it.

use std::net::IpAddr;

use grafolean_time::Timestamp;

use super::Factor;

/// What an exporter said about one flow, and how much it stands for.
///
/// `None` means the exporter did not say it, which is not the same as zero. Counters are as exported; the
/// [`factor`](Self::factor) makes them estimates of what really passed ([`Flow::scaled_bytes`]).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Flow {
    /// Where the packets came from.
    pub source: Option<IpAddr>,
    /// Where the packets went, before any translation of addresses.
    pub destination: Option<IpAddr>,
    /// TCP, UDP or SCTP port of the source.
    pub source_port: Option<u16>,
    /// TCP, UDP or SCTP port of the destination.
    pub destination_port: Option<u16>,
    /// IP protocol number.
    pub protocol: Option<u8>,
    /// TCP's control bits seen in any packet of the flow; bits 8 and above are those of IPFIX (RFC 7125).
    pub tcp_flags: Option<u16>,
    /// IPv4's type of service or IPv6's traffic class.
    pub tos: Option<u8>,
    /// Autonomous system of the source, origin or peer as the exporter is set up; of sFlow the origin.
    pub source_as: Option<u32>,
    /// Autonomous system of the destination.
    pub destination_as: Option<u32>,
    /// Octets of the flow's IP packets (of sFlow: of the sampled frame), not scaled.
    pub bytes: Option<u64>,
    /// Packets of the flow, not scaled.
    pub packets: Option<u64>,
    /// Which information element [`bytes`](Self::bytes) is.
    pub counter: Counter,
    /// SNMP index of the interface by which the packets came in.
    pub input: Option<u32>,
    /// SNMP index of the interface by which the packets went out.
    pub output: Option<u32>,
    /// On which side of its interface the flow was observed.
    pub direction: Option<Direction>,
    /// When the first packet was switched, by the exporter's clock.
    pub first: Option<Timestamp>,
    /// When the last packet was switched, by the exporter's clock.
    pub last: Option<Timestamp>,
    /// The sampler (or selector) that the exporter named for this flow.
    pub sampler: Option<u64>,
    /// The sampling that the record itself names.
    pub sampling: Option<Factor>,
    /// The sampling that holds for this flow: an operator's word, else the record's, else what options data said.
    pub factor: Factor,
    /// Which direction of a record that describes both this is.
    pub biflow: BiflowDirection,
}

impl Flow {
    /// Returns the bytes that really passed, by estimate: exported bytes times the sampling factor, 0 where not exported.
    pub fn scaled_bytes(&self) -> u64 {
        self.factor.scale(self.bytes.unwrap_or(0))
    }

    /// Returns the packets that really passed, by estimate, 0 where not exported.
    pub fn scaled_packets(&self) -> u64 {
        self.factor.scale(self.packets.unwrap_or(0))
    }

    /// Returns the reverse direction of a record that describes both (RFC 5103; initiator and responder of a firewall):
    /// ends and interfaces change places.
    pub(crate) fn reversed(&self, bytes: Option<u64>, packets: Option<u64>) -> Self {
        Self {
            source: self.destination,
            destination: self.source,
            source_port: self.destination_port,
            destination_port: self.source_port,
            // they were of the other direction's packets
            tcp_flags: None,
            source_as: self.destination_as,
            destination_as: self.source_as,
            input: self.output,
            output: self.input,
            bytes,
            packets,
            biflow: BiflowDirection::Reverse,
            ..*self
        }
    }
}

/// On which side of its interface a flow was observed (information element 61).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Coming in: the interface is [`Flow::input`].
    Ingress,
    /// Going out: the interface is [`Flow::output`].
    Egress,
    /// A value that no standard gives a meaning.
    Other(u8),
}

impl Direction {
    /// Parses the value of information element 61.
    pub const fn from_number(number: u8) -> Self {
        match number {
            0 => Self::Ingress,
            1 => Self::Egress,
            other => Self::Other(other),
        }
    }

    /// Returns the value of information element 61.
    pub const fn number(self) -> u8 {
        match self {
            Self::Ingress => 0,
            Self::Egress => 1,
            Self::Other(number) => number,
        }
    }
}

/// Which counter of a record [`Flow::bytes`] was taken from; the table in `decode::element` has the order of choice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Counter {
    /// octetDeltaCount (1), NetFlow v5's octets, or an sFlow sample's length.
    #[default]
    Delta,
    /// octetTotalCount (85), a permanent flow's whole count.
    Total,
    /// postOctetDeltaCount (23) or postOctetTotalCount (171), counted as the packets left.
    Post,
    /// initiatorOctets and responderOctets (231, 232): each direction is a flow of its own.
    Initiator,
    /// layer2OctetDeltaCount (352) or layer2OctetTotalCount (353), with the frames' headers.
    Layer2,
}

impl Counter {
    /// Returns its name, in one word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Delta => "delta",
            Self::Total => "total",
            Self::Post => "post",
            Self::Initiator => "initiator",
            Self::Layer2 => "layer2",
        }
    }
}

/// Which direction of a record that describes both (RFC 5103) a flow is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum BiflowDirection {
    /// As recorded.
    #[default]
    Forward,
    /// The reverse of what was recorded.
    Reverse,
}

impl BiflowDirection {
    /// Returns its name, in one word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Forward => "forward",
            Self::Reverse => "reverse",
        }
    }
}
