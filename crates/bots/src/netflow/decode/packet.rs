//! The beginning of a packet as it was on the wire: who speaks with whom.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::reader::Reader;

/// VLAN tags, MPLS labels and IPv6 extension headers that are followed. Real packets have a handful.
const LAYERS_MAX: usize = 16;

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
}

/// What the beginning of a packet's payload tells.
#[derive(Clone, Copy, Default)]
struct Transport {
    ports: Option<(u16, u16)>,
    tcp_flags: Option<u16>,
}

/// Reads the outermost IP header of a packet that begins with the given protocol (sFlow's header_protocol). `None` where
/// there is no IP in it.
pub(super) fn ends(header_protocol: u32, header: &[u8]) -> Option<Ends> {
    let mut reader = Reader::new(header);
    match header_protocol {
        1 => {
            reader.take(12)?;
            let ether_type = reader.u16()?;
            by_ether_type(ether_type, reader)
        }
        7 => {
            let protocol = reader.u16()?;
            by_ppp(protocol, reader)
        }
        11 => ipv4(reader),
        12 => ipv6(reader),
        13 => mpls(reader),
        _ => None,
    }
}

fn by_ether_type(mut ether_type: u16, mut reader: Reader<'_>) -> Option<Ends> {
    for _ in 0..LAYERS_MAX {
        match ether_type {
            0x0800 => return ipv4(reader),
            0x86DD => return ipv6(reader),
            0x8847 | 0x8848 => return mpls(reader),
            // VLAN tags: 802.1Q, 802.1ad, and what came before it
            0x8100 | 0x88A8 | 0x9100 | 0x9200 => {
                reader.take(2)?;
                ether_type = reader.u16()?;
            }
            // a PPPoE session
            0x8864 => {
                reader.take(6)?;
                let protocol = reader.u16()?;
                return by_ppp(protocol, reader);
            }
            // a length: LLC and SNAP come before the type
            0..=0x05DC => match reader.take(6)? {
                [0xAA, 0xAA, 0x03, ..] => ether_type = reader.u16()?,
                _ => return None,
            },
            _ => return None,
        }
    }
    None
}

fn by_ppp(protocol: u16, reader: Reader<'_>) -> Option<Ends> {
    match protocol {
        0x0021 => ipv4(reader),
        0x0057 => ipv6(reader),
        0x0281 => mpls(reader),
        _ => None,
    }
}

fn mpls(mut reader: Reader<'_>) -> Option<Ends> {
    for _ in 0..LAYERS_MAX {
        let bottom_of_stack = reader.u32()? & 0x100 != 0;
        if bottom_of_stack {
            return match reader.rest().first()? >> 4 {
                4 => ipv4(reader),
                6 => ipv6(reader),
                _ => None,
            };
        }
    }
    None
}

fn ipv4(mut reader: Reader<'_>) -> Option<Ends> {
    let header = reader.array::<20>()?;
    let [version_and_length, tos, _, _, _, _, fragment_high, fragment_low, _, protocol, _, _, addresses @ ..] =
        header;
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
    })
}

fn ipv6(mut reader: Reader<'_>) -> Option<Ends> {
    let [high, low, ..] = reader.array::<6>()?;
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
    })
}

/// Follows IPv6's extension headers as far as they were sampled.
fn behind_extensions(mut protocol: u8, mut reader: Reader<'_>) -> (u8, Transport) {
    for _ in 0..LAYERS_MAX {
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

    fn ethernet(tags: &[u8], ip: &[u8]) -> Vec<u8> {
        [&[0; 12], tags, ip].concat()
    }

    #[test]
    fn ports_are_found_behind_vlan_tags_labels_and_sessions() {
        let behind: [&[u8]; 5] = [
            &[0x08, 0x00],
            &[0x88, 0xA8, 0, 5, 0x81, 0, 0, 6, 0x08, 0x00],
            &[0x88, 0x47, 0, 1, 0, 64, 0, 1, 1, 64],
            &[0x88, 0x64, 0x11, 0, 0, 1, 0, 42, 0x00, 0x21],
            &[0, 60, 0xAA, 0xAA, 3, 0, 0, 0, 0x08, 0x00],
        ];
        for tags in behind {
            let found = ends(1, &ethernet(tags, &ipv4_udp(0))).unwrap();
            assert_eq!(found.ports, Some((5000, 53)), "{tags:02x?}");
            assert_eq!(found.source, Some(IpAddr::from([192, 0, 2, 1])), "{tags:02x?}");
        }
    }

    #[test]
    fn a_later_fragment_has_no_ports() {
        assert_eq!(ends(11, &ipv4_udp(0x0010)).unwrap().ports, None);
        assert_eq!(ends(11, &ipv4_udp(0x2000)).unwrap().ports, Some((5000, 53)));
    }

    #[test]
    fn the_protocol_behind_ipv6_extension_headers_is_named() {
        let mut packet = vec![0x60, 0, 0, 0, 0, 24, 0, 64];
        packet.extend([0x20; 32]);
        packet.extend([43, 0, 0, 0, 0, 0, 0, 0]);
        packet.extend([6, 0, 0, 0, 0, 0, 0, 0]);
        packet.extend([0, 80, 1, 187]);
        let found = ends(12, &packet).unwrap();
        assert_eq!((found.protocol, found.ports), (Some(6), Some((80, 443))));
    }

    #[test]
    fn a_header_cut_anywhere_never_panics_and_never_invents_ports() {
        let whole = ethernet(&[0x88, 0xA8, 0, 5, 0x08, 0x00], &ipv4_udp(0));
        for length in 0..whole.len() - 4 {
            let found = ends(1, &whole[..length]).unwrap_or_default();
            assert!(found.ports.is_none() || length >= 42, "{length}");
        }
    }
}
