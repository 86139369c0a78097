//! Who sent a datagram, and when.

use std::net::{IpAddr, SocketAddr};

use grafolean_time::Timestamp;
use serde::{Deserialize, Serialize};

/// The protocols by which flows are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// NetFlow version 5: a fixed record of 48 octets.
    Netflow5,
    /// NetFlow version 9, RFC 3954.
    Netflow9,
    /// IPFIX, RFC 7011.
    Ipfix,
    /// sFlow version 5.
    Sflow5,
    /// NetFlow version 1: as version 5, without numbers and autonomous systems.
    Netflow1,
    /// NetFlow version 7 of Catalyst switches: as version 5, with the router whose work the switch did.
    Netflow7,
}

impl Protocol {
    /// Returns its name, in one word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Netflow5 => "netflow5",
            Self::Netflow9 => "netflow9",
            Self::Ipfix => "ipfix",
            Self::Sflow5 => "sflow5",
            Self::Netflow1 => "netflow1",
            Self::Netflow7 => "netflow7",
        }
    }
}

/// One numbered stream of datagrams: a transport session, and within it an observation domain.
///
/// The domain is v5's engine type and number (`type << 8 | number`), v9's source id, IPFIX's observation domain id or
/// sFlow's sub-agent id. The agent is the address that an sFlow datagram names, which relays leave as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Stream {
    /// Address and port that the datagram came from.
    pub exporter: SocketAddr,
    /// What it spoke.
    pub protocol: Protocol,
    /// Observation domain within the session.
    pub domain: u32,
    /// sFlow's agent address.
    pub agent: Option<IpAddr>,
}

/// Where a flow came from: the stream, and the datagram's times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The stream that the datagram belongs to.
    pub stream: Stream,
    /// When the datagram was received, by our clock; for flows that waited for their template, when they came.
    pub received: Timestamp,
    /// When the datagram was sent, by the exporter's clock; sFlow does not say.
    pub exported: Option<Timestamp>,
}

/// A datagram as received.
#[derive(Clone, Copy, Debug)]
pub struct Datagram<'a> {
    /// Address and port that it came from; IPv4 addresses are IPv4 here, also on a dual-stack socket.
    pub exporter: SocketAddr,
    /// When the kernel took it in.
    pub received: Timestamp,
    /// The UDP payload.
    pub payload: &'a [u8],
}
