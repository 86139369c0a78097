//! What stands before a packet's IP header on the wire: frames, tags, labels and sessions.
//!
//! Each layer comes down to the EtherType of what is behind it.

use super::{
    details::mpls_label,
    packet::{Ends, ip},
    reader::Reader,
};
use crate::record::MacAddress;

/// Tags, labels and frames in frames that are followed. Real packets have a handful.
const LAYERS_MAX: usize = 16;

const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86DD;
const MPLS: u16 = 0x8847;

/// Reads the outermost IP header of a packet that begins with the given protocol (sFlow's header_protocol). `None` where
/// there is no IP in it.
pub(super) fn ends(header_protocol: u32, header: &[u8]) -> Option<Ends> {
    let mut reader = Reader::new(header);
    let ether_type = match header_protocol {
        // Ethernet, and a subframe of 802.11 that looks like it
        1 | 17 => behind(&mut reader, 12)?,
        // PPP, and PPP over SONET
        7 | 14 => ppp(&mut reader)?,
        // ATM, with LLC and without
        9 => logical_link(&mut reader)?,
        10..=12 => IPV4,
        13 => MPLS,
        15 => wireless(&mut reader)?,
        _ => return None,
    };
    by_ether_type(ether_type, reader)
}

/// What the layers before IP say of a packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) source_mac: Option<MacAddress>,
    pub(super) destination_mac: Option<MacAddress>,
    /// The outermost tag's VLAN.
    pub(super) vlan: Option<u16>,
    /// The outermost label.
    pub(super) mpls_top_label: Option<u32>,
}

/// Reads the outermost frame of a packet that begins with the given protocol; of any but Ethernet and MPLS nothing is read.
pub(super) fn link(header_protocol: u32, header: &[u8]) -> Link {
    let mut reader = Reader::new(header);
    let mut link = Link::default();
    if header_protocol == 13 {
        link.mpls_top_label = mpls_label(header);
    }
    if header_protocol != 1 {
        return link;
    }
    link.destination_mac = reader.array().map(MacAddress);
    link.source_mac = reader.array().map(MacAddress);
    for _ in 0..LAYERS_MAX {
        match reader.u16() {
            Some(0x8100 | 0x88A8 | 0x9100 | 0x9200) => {
                let tag = reader.u16().map(|tag| tag & 0x0FFF);
                link.vlan = link.vlan.or(tag);
            }
            Some(MPLS | 0x8848) => {
                link.mpls_top_label = mpls_label(reader.rest());
                break;
            }
            _ => break,
        }
    }
    link
}

fn by_ether_type(mut ether_type: u16, mut reader: Reader<'_>) -> Option<Ends> {
    for _ in 0..LAYERS_MAX {
        ether_type = match ether_type {
            // the header itself says which
            IPV4 | IPV6 => return ip(reader),
            MPLS | 0x8848 => labels(&mut reader)?,
            // VLAN tags: 802.1Q, 802.1ad, and what came before it
            0x8100 | 0x88A8 | 0x9100 | 0x9200 => behind(&mut reader, 2)?,
            // tags of an extended bridge's port (802.1BR) and of Cisco's security groups
            0x893F | 0x8909 => behind(&mut reader, 6)?,
            // frames in frames: provider backbones (802.1ah), FabricPath, TRILL
            0x88E7 => behind(&mut reader, 4 + 12)?,
            0x8903 => behind(&mut reader, 2 + 12)?,
            0x22F3 => {
                let options = usize::from(reader.u16()? >> 6 & 0x1F) * 4;
                behind(&mut reader, 4 + options + 12)?
            }
            // a PPPoE session
            0x8864 => {
                reader.take(6)?;
                ppp(&mut reader)?
            }
            // a length
            0..=0x05DC => logical_link(&mut reader)?,
            _ => return None,
        };
    }
    None
}

/// Reads the EtherType behind so many octets.
fn behind(reader: &mut Reader<'_>, octets: usize) -> Option<u16> {
    reader.take(octets)?;
    reader.u16()
}

/// LLC with SNAP, whose type is an EtherType.
fn logical_link(reader: &mut Reader<'_>) -> Option<u16> {
    match reader.take(6)? {
        [0xAA, 0xAA, 0x03, ..] => reader.u16(),
        _ => None,
    }
}

/// PPP, with HDLC's address and control before its protocol or without (RFC 1661, RFC 1662).
fn ppp(reader: &mut Reader<'_>) -> Option<u16> {
    let mut protocol = reader.u16()?;
    if protocol == 0xFF03 {
        protocol = reader.u16()?;
    }
    match protocol {
        0x0021 => Some(IPV4),
        0x0057 => Some(IPV6),
        0x0281 | 0x0283 => Some(MPLS),
        // Cisco's HDLC has an EtherType
        0x0F00 | 0x8F00 => reader.u16(),
        _ => None,
    }
}

/// Goes past the labels of MPLS, and a pseudowire's control word and frame (RFC 4448).
fn labels(reader: &mut Reader<'_>) -> Option<u16> {
    for _ in 0..LAYERS_MAX {
        let bottom_of_stack = reader.u32()? & 0x100 != 0;
        if bottom_of_stack {
            return match reader.rest() {
                [first, ..] if matches!(first >> 4, 4 | 6) => Some(IPV4),
                [0, 0, _, _, ..] => behind(reader, 4 + 12),
                _ => behind(reader, 12),
            };
        }
    }
    None
}

/// A data frame of 802.11 whose body is in the clear: its header's length depends on its flags.
fn wireless(reader: &mut Reader<'_>) -> Option<u16> {
    let [kind, flags] = reader.array()?;
    let (is_data, has_no_body, has_quality) = (kind & 0x0C == 0x08, kind & 0x40 != 0, kind & 0x80 != 0);
    let (between_stations, is_protected, is_ordered) = (flags & 3 == 3, flags & 0x40 != 0, flags & 0x80 != 0);
    if !is_data || has_no_body || is_protected {
        return None;
    }
    let fourth_address = if between_stations { 6 } else { 0 };
    let quality = if has_quality { 2 } else { 0 };
    let throughput = if has_quality && is_ordered { 4 } else { 0 };
    reader.take(22 + fourth_address + quality + throughput)?;
    logical_link(reader)
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    const UDP: [u8; 28] = [
        0x45, 0, 0, 40, 0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2, 0x13, 0x88, 0, 53, 0, 20, 0, 0,
    ];
    const ADDRESSES: [u8; 12] = [0x01, 0, 0x5E, 0, 0, 1, 2, 0, 0, 0, 0, 1];

    #[test]
    fn ports_are_found_behind_whatever_stands_before_ip() {
        let frame = |tags: &[u8]| [&ADDRESSES, tags].concat();
        let wireless = |kind: u8, flags: u8, rest: usize| {
            [&[kind, flags][..], &vec![0; rest], &[0xAA, 0xAA, 3, 0, 0, 0, 0x08, 0x00]].concat()
        };
        let cases: [(&str, u32, Vec<u8>); 26] = [
            ("plain", 1, frame(&[0x08, 0x00])),
            ("a tag in a tag", 1, frame(&[0x88, 0xA8, 0, 5, 0x81, 0, 0, 6, 0x08, 0x00])),
            ("two labels", 1, frame(&[0x88, 0x47, 0, 1, 0, 64, 0, 1, 1, 64])),
            ("a PPPoE session", 1, frame(&[0x88, 0x64, 0x11, 0, 0, 1, 0, 42, 0x00, 0x21])),
            ("LLC", 1, frame(&[0, 60, 0xAA, 0xAA, 3, 0, 0, 0, 0x08, 0x00])),
            ("LLC behind a tag", 1, frame(&[0x81, 0, 0, 6, 0, 60, 0xAA, 0xAA, 3, 0, 0, 0, 0x08, 0x00])),
            ("802.1BR", 1, frame(&[0x89, 0x3F, 0, 0, 0, 1, 0, 0, 0x08, 0x00])),
            ("a security group", 1, frame(&[0x89, 0x09, 1, 1, 0, 1, 0, 9, 0x08, 0x00])),
            ("802.1ah", 1, frame(&[&[0x88, 0xE7, 0, 0, 0, 9][..], &frame(&[0x08, 0x00])].concat())),
            ("FabricPath", 1, frame(&[&[0x89, 0x03, 0, 9][..], &frame(&[0x08, 0x00])].concat())),
            ("TRILL", 1, frame(&[&[0x22, 0xF3, 0, 9, 0, 1, 0, 2][..], &frame(&[0x08, 0x00])].concat())),
            (
                "TRILL with options",
                1,
                frame(&[&[0x22, 0xF3, 0, 0x49, 0, 1, 0, 2, 0, 0, 0, 0][..], &frame(&[0x08, 0x00])].concat()),
            ),
            ("a pseudowire", 1, frame(&[&[0x88, 0x47, 0, 1, 1, 64][..], &frame(&[0x08, 0x00])].concat())),
            (
                "a pseudowire with a control word",
                1,
                frame(
                    &[&[0x88, 0x47, 0, 1, 1, 64, 0, 0, 0, 7][..], &frame(&[0x81, 0, 0, 6, 0x08, 0])].concat(),
                ),
            ),
            ("PPP", 7, vec![0x00, 0x21]),
            ("PPP in HDLC", 7, vec![0xFF, 0x03, 0x00, 0x21]),
            ("labels over PPP", 7, vec![0x02, 0x81, 0, 1, 1, 64]),
            ("SONET", 14, vec![0xFF, 0x03, 0x00, 0x21]),
            ("Cisco's HDLC", 14, vec![0x0F, 0x00, 0x08, 0x00]),
            ("ATM with LLC", 9, vec![0xAA, 0xAA, 3, 0, 0, 0, 0x08, 0x00]),
            ("ATM", 10, vec![]),
            ("IP", 11, vec![]),
            ("labels", 13, vec![0, 1, 0, 64, 0, 1, 1, 64]),
            ("802.11", 15, wireless(0x08, 1, 22)),
            ("802.11 between stations, with quality and throughput", 15, wireless(0x88, 0x83, 34)),
            ("802.11's subframe", 17, frame(&[0, 60, 0xAA, 0xAA, 3, 0, 0, 0, 0x08, 0x00])),
        ];
        for (name, protocol, before) in cases {
            let found = ends(protocol, &[before.as_slice(), &UDP].concat());
            let told = found.map(|found| (found.source, found.protocol, found.ports));
            assert_eq!(
                told,
                Some((Some(IpAddr::from([192, 0, 2, 1])), Some(17), Some((5_000, 53)))),
                "{name}"
            );
        }
    }

    #[test]
    fn what_holds_no_ip_in_the_clear_has_no_ends() {
        let cases: [(&str, u32, &[u8]); 8] = [
            ("ARP", 1, &[0x08, 0x06]),
            ("spanning tree", 1, &[0, 38, 0x42, 0x42, 3, 0, 0, 0, 0, 0]),
            ("MACsec", 1, &[0x88, 0xE5, 0x0C, 0, 0, 0, 0, 1]),
            ("a beacon", 15, &[0x80, 0]),
            ("802.11, protected", 15, &[0x08, 0x41]),
            ("802.11, without a body", 15, &[0x48, 0x01]),
            ("LCP", 7, &[0xC0, 0x21]),
            ("X.25", 6, &[]),
        ];
        for (name, protocol, before) in cases {
            let before = if protocol == 1 { [&ADDRESSES, before].concat() } else { before.to_vec() };
            assert_eq!(ends(protocol, &[before.as_slice(), &UDP].concat()), None, "{name}");
        }
    }

    #[test]
    fn the_outermost_tag_and_label_are_told_with_the_frames_addresses() {
        let tagged =
            [&ADDRESSES[..], &[0x88, 0xA8, 0x20, 5, 0x81, 0, 0, 6, 0x88, 0x47, 0, 1, 0x71, 64]].concat();
        let expected = Link {
            source_mac: Some(MacAddress([2, 0, 0, 0, 0, 1])),
            destination_mac: Some(MacAddress([1, 0, 0x5E, 0, 0, 1])),
            vlan: Some(5),
            mpls_top_label: Some(23),
        };
        assert_eq!(link(1, &tagged), expected);
        assert_eq!(link(1, &tagged[..5]), Link::default());
        assert_eq!(link(13, &[0, 1, 0x71, 64]).mpls_top_label, Some(23));
    }

    #[test]
    fn frames_without_end_are_given_up() {
        let nested = [&ADDRESSES[..], &[0x81, 0, 0, 6].repeat(10_000)].concat();
        assert_eq!(ends(1, &nested), None);
    }

    #[test]
    fn a_header_cut_anywhere_never_panics_and_never_invents_ports() {
        let whole = [&ADDRESSES[..], &[0x88, 0xA8, 0, 5, 0x08, 0x00], &UDP].concat();
        for length in 0..whole.len() - 4 {
            let found = ends(1, &whole[..length]).unwrap_or_default();
            assert!(found.ports.is_none() || length >= 42, "{length}");
        }
    }
}
