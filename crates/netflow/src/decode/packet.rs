//! The beginning of an IP packet: who speaks with whom. Of a tunnel it is the outer header.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::reader::Reader;
use crate::record::Flow;

/// IPv6 extension headers that are followed. Real packets have a handful.
const EXTENSIONS_MAX: usize = 16;

/// Octets of IPv6's header, which its length does not count.
const HEADER_V6: u32 = 40;

/// Ends of a packet, as far as its header was sampled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Ends {
    pub(super) source: Option<IpAddr>,
    pub(super) destination: Option<IpAddr>,
    pub(super) protocol: Option<u8>,
    pub(super) ports: Option<(u16, u16)>,
    /// IPv4's type of service or IPv6's traffic class.
    pub(super) tos: Option<u8>,
    pub(super) tcp_flags: Option<u16>,
    /// Octets of the whole packet, its header included, by its header.
    pub(super) length: Option<u32>,
}

/// What the beginning of a packet's payload tells.
#[derive(Clone, Copy, Default)]
struct Transport {
    ports: Option<(u16, u16)>,
    tcp_flags: Option<u16>,
}

impl Ends {
    /// Fills in what a flow's record does not tell itself.
    pub(super) fn fill(&self, flow: &mut Flow) {
        if flow.source.is_none() && flow.destination.is_none() {
            (flow.source, flow.destination) = (self.source, self.destination);
        }
        if flow.source_port.is_none() && flow.destination_port.is_none() {
            (flow.source_port, flow.destination_port) = self.ports.unzip();
        }
        flow.protocol = flow.protocol.or(self.protocol);
        flow.tos = flow.tos.or(self.tos);
        flow.tcp_flags = flow.tcp_flags.or(self.tcp_flags);
    }
}

/// Reads an IP header, whose version it says itself.
pub(super) fn ip(reader: Reader<'_>) -> Option<Ends> {
    match reader.rest().first()? >> 4 {
        4 => ipv4(reader),
        6 => ipv6(reader),
        _ => None,
    }
}

fn ipv4(mut reader: Reader<'_>) -> Option<Ends> {
    let header = reader.array::<20>()?;
    let [
        version_and_length,
        tos,
        length_high,
        length_low,
        _,
        _,
        fragment_high,
        fragment_low,
        _,
        protocol,
        _,
        _,
        addresses @ ..,
    ] = header;
    let options = usize::from(version_and_length & 0x0F).checked_sub(5)? * 4;
    let [a, b, c, d, e, f, g, h] = addresses;
    let first_fragment = u16::from_be_bytes([fragment_high, fragment_low]) & 0x1FFF == 0;
    let after_options = reader.take(options);
    let transport = after_options.filter(|_| first_fragment).map(|_| transport(protocol, reader));
    let Transport { ports, tcp_flags } = transport.unwrap_or_default();
    Some(Ends {
        source: Some(IpAddr::V4(Ipv4Addr::new(a, b, c, d))),
        destination: Some(IpAddr::V4(Ipv4Addr::new(e, f, g, h))),
        protocol: Some(protocol),
        ports,
        tos: Some(tos),
        tcp_flags,
        length: Some(u32::from(u16::from_be_bytes([length_high, length_low]))),
    })
}

fn ipv6(mut reader: Reader<'_>) -> Option<Ends> {
    let [high, low, _, _, length_high, length_low] = reader.array()?;
    let traffic_class = (high << 4) | (low >> 4);
    let next_header = reader.u8()?;
    reader.take(1)?;
    let source = Ipv6Addr::from_octets(reader.array()?);
    let destination = Ipv6Addr::from_octets(reader.array()?);
    let (protocol, Transport { ports, tcp_flags }) = behind_extensions(next_header, reader);
    Some(Ends {
        source: Some(IpAddr::V6(source)),
        destination: Some(IpAddr::V6(destination)),
        protocol: Some(protocol),
        ports,
        tos: Some(traffic_class),
        tcp_flags,
        length: Some(u32::from(u16::from_be_bytes([length_high, length_low])) + HEADER_V6),
    })
}

/// Follows IPv6's extension headers as far as they were sampled.
fn behind_extensions(mut protocol: u8, mut reader: Reader<'_>) -> (u8, Transport) {
    for _ in 0..EXTENSIONS_MAX {
        let mut ahead = reader;
        let Some([next, length]) = ahead.array() else { break };
        let octets = match protocol {
            // hop by hop, routing, destination options, mobility: in units of eight octets beyond the first
            0 | 43 | 60 | 135 => (usize::from(length) + 1) * 8,
            // authentication: in units of four, less two
            51 => (usize::from(length) + 2) * 4,
            44 => {
                let later_fragment = ahead.u16().is_some_and(|offset| offset & 0xFFF8 != 0);
                if later_fragment {
                    return (next, Transport::default());
                }
                8
            }
            _ => break,
        };
        protocol = next;
        if reader.take(octets).is_none() {
            return (protocol, Transport::default());
        }
    }
    (protocol, transport(protocol, reader))
}

/// TCP, UDP, DCCP, SCTP and UDP-Lite begin with their ports; TCP's control bits stand behind two numbers of 32 bits.
fn transport(protocol: u8, mut reader: Reader<'_>) -> Transport {
    let ports = match protocol {
        6 | 17 | 33 | 132 | 136 => reader.u16().zip(reader.u16()),
        _ => None,
    };
    let tcp_flags = match protocol {
        6 if ports.is_some() => reader.take(8).and_then(|_| reader.u16()).map(|word| word & 0x01FF),
        _ => None,
    };
    Transport { ports, tcp_flags }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ipv4_udp(fragment: u16) -> Vec<u8> {
        let [high, low] = fragment.to_be_bytes();
        let mut packet = vec![0x45, 0, 0, 40, 0, 0, high, low, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2];
        packet.extend([0x13, 0x88, 0, 53, 0, 20, 0, 0]);
        packet
    }

    #[test]
    fn a_later_fragment_has_no_ports() {
        assert_eq!(ip(Reader::new(&ipv4_udp(0x0010))).unwrap().ports, None);
        assert_eq!(ip(Reader::new(&ipv4_udp(0x2000))).unwrap().ports, Some((5000, 53)));
    }

    #[test]
    fn the_protocol_behind_ipv6_extension_headers_is_named() {
        let mut packet = vec![0x60, 0, 0, 0, 0, 24, 0, 64];
        packet.extend([0x20; 32]);
        packet.extend([43, 0, 0, 0, 0, 0, 0, 0]);
        packet.extend([6, 0, 0, 0, 0, 0, 0, 0]);
        packet.extend([0, 80, 1, 187]);
        let found = ip(Reader::new(&packet)).unwrap();
        assert_eq!((found.protocol, found.ports), (Some(6), Some((80, 443))));
    }
}
