//! What comes in: replies, and errors that quote what they are about.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use thiserror::Error;

use super::{Family, IcmpError, checksum};

/// An ICMP message, as far as it concerns us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// An answer, ours or anybody's.
    Reply(Echo<'a>),
    /// An error, and the request it quotes.
    Error(IcmpError, Quoted<'a>),
    /// Anything else that is well formed: requests, redirects, errors about other traffic.
    Other,
}

/// Identifier, sequence and payload of an echo message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Echo<'a> {
    /// The identifier.
    pub id: u16,
    /// The sequence number.
    pub sequence: u16,
    /// The payload, as much of it as there is.
    pub payload: &'a [u8],
}

/// The echo request that an error is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quoted<'a> {
    /// To whom it went.
    pub destination: IpAddr,
    /// What it was; routers quote at least its first eight bytes, so the payload may be cut or missing.
    pub request: Echo<'a>,
}

/// Why bytes are no ICMP message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Malformed {
    /// Cut before the end of its headers.
    #[error("cut short: {0} bytes")]
    Short(usize),
    /// The IP header is none of version 4 that carries ICMP.
    #[error("no IPv4 header that carries ICMP")]
    Header,
    /// Changed on the way.
    #[error("the checksum does not fit")]
    Checksum,
}

/// An IPv4 packet that carries ICMP, as a raw socket gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ipv4Packet<'a> {
    /// Hops it had left.
    pub ttl: u8,
    /// From whom.
    pub source: Ipv4Addr,
    /// To whom.
    pub destination: Ipv4Addr,
    /// What it carries, as much of it as there is.
    pub icmp: &'a [u8],
}

impl<'a> Ipv4Packet<'a> {
    /// Reads the header (RFC 791, section 3.1).
    pub fn read(packet: &'a [u8]) -> Result<Self, Malformed> {
        const SHORTEST: usize = 20;
        const ICMP: u8 = 1;
        let short = Malformed::Short(packet.len());
        let &[version_and_words, _, _, _, _, _, _, _, ttl, protocol, _, _, s0, s1, s2, s3, d0, d1, d2, d3] =
            packet.first_chunk::<SHORTEST>().ok_or(short)?;
        let header = usize::from(version_and_words & 0x0f) * 4;
        if version_and_words >> 4 != 4 || header < SHORTEST || protocol != ICMP {
            return Err(Malformed::Header);
        }
        Ok(Self {
            ttl,
            source: Ipv4Addr::new(s0, s1, s2, s3),
            destination: Ipv4Addr::new(d0, d1, d2, d3),
            icmp: packet.get(header..).ok_or(short)?,
        })
    }
}

impl<'a> Message<'a> {
    /// Reads what a raw IPv4 socket gives, whose kernel has checked nothing: the checksum is verified.
    pub fn read_verified(icmp: &'a [u8]) -> Result<Self, Malformed> {
        if icmp.len() < HEADER {
            return Err(Malformed::Short(icmp.len()));
        }
        if checksum(icmp) != 0 {
            return Err(Malformed::Checksum);
        }
        Self::read(Family::V4, icmp)
    }

    /// Reads a message whose checksum the kernel has verified.
    pub fn read(family: Family, icmp: &'a [u8]) -> Result<Self, Malformed> {
        let (&[message_type, code, ..], body) =
            icmp.split_first_chunk::<HEADER>().ok_or(Malformed::Short(icmp.len()))?;
        if message_type == family.echo_reply() {
            return Echo::read(icmp).map(Self::Reply).ok_or(Malformed::Short(icmp.len()));
        }
        let Some(error) = IcmpError::read(family, message_type, code) else { return Ok(Self::Other) };
        Ok(Quoted::read(family, body).map_or(Self::Other, |quoted| Self::Error(error, quoted)))
    }
}

/// Type, code, checksum, identifier and sequence.
const HEADER: usize = 8;

impl<'a> Echo<'a> {
    /// Reads identifier, sequence and payload of an echo message, whatever its type.
    pub fn read(icmp: &'a [u8]) -> Option<Self> {
        let (&[_, _, _, _, id_high, id_low, high, low], payload) = icmp.split_first_chunk::<HEADER>()?;
        let id = u16::from_be_bytes([id_high, id_low]);
        Some(Self { id, sequence: u16::from_be_bytes([high, low]), payload })
    }

    /// Reads a quoted echo request; None if it is anything else.
    fn read_request(family: Family, icmp: &'a [u8]) -> Option<Self> {
        (icmp.first() == Some(&family.echo_request())).then(|| Self::read(icmp)).flatten()
    }
}

impl<'a> Quoted<'a> {
    /// Reads the packet quoted by an error; None if it is no echo request.
    fn read(family: Family, packet: &'a [u8]) -> Option<Self> {
        match family {
            Family::V4 => {
                let packet = Ipv4Packet::read(packet).ok()?;
                let request = Echo::read_request(family, packet.icmp)?;
                Some(Self { destination: packet.destination.into(), request })
            }
            Family::V6 => {
                // RFC 8200, section 3. Our requests carry no extension headers, so a quote with some is not ours.
                const DESTINATION: usize = 24;
                const ICMPV6: u8 = 58;
                let (header, icmp) = packet.split_first_chunk::<40>()?;
                let &[version, _, _, _, _, _, next_header, ..] = header;
                let (_, destination) = header.split_at_checked(DESTINATION)?;
                let destination = Ipv6Addr::from(*destination.first_chunk::<16>()?);
                if version >> 4 != 6 || next_header != ICMPV6 {
                    return None;
                }
                let request = Echo::read_request(family, icmp)?;
                Some(Self { destination: destination.into(), request })
            }
        }
    }
}
