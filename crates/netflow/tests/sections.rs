//! Records that bring the beginning of a packet, built from RFC 5476, RFC 5477 and RFC 7133.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

#[path = "fixture/short.rs"]
mod short;
#[path = "fixture/wire.rs"]
mod wire;

use grafolean_netflow::decoder::Decoder;
use short::short;
use wire::{ipfix, set, take, template};

type Fields<'a> = &'a [(u16, &'a [u8])];

/// From 10.0.0.1:5000 to 10.0.0.2:53 by UDP, 1480 octets by its header.
const IP: &[u8] =
    &[0x45, 0, 5, 0xC8, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 0x13, 0x88, 0, 53, 5, 0xB4, 0, 0];
const ETHERNET: &[u8] = &[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x81, 0, 0, 9, 0x08, 0x00];

fn lines(fields: Fields<'_>) -> Vec<String> {
    let lengths: Vec<_> = fields.iter().map(|(e, value)| (*e, u16::try_from(value.len()).unwrap())).collect();
    let record: Vec<u8> = fields.iter().flat_map(|(_, value)| value.to_vec()).collect();
    let datagram = ipfix(0, 5, &[set(2, &template(256, &lengths)), set(256, &record)]);
    take(&mut Decoder::default(), 1, &datagram).iter().map(|(_, flow)| short(flow)).collect()
}

#[test]
fn a_section_of_a_packet_gives_its_ends_and_its_bytes() {
    let frame = [ETHERNET, IP].concat();
    let padded = [frame.as_slice(), &[0; 20]].concat();
    let octets = u16::try_from(frame.len()).unwrap().to_be_bytes();
    let wireless = [&[0x08, 1][..], &[0; 22], &[0xAA, 0xAA, 3, 0, 0, 0, 0x08, 0x00], IP].concat();
    for (name, fields, expected) in [
        (
            "a frame with its size",
            &[(10, &[0, 11][..]), (14, &[0, 12]), (312, &[5, 0xD6]), (315, &frame)][..],
            "10.0.0.1:5000 > 10.0.0.2:53 17 1494/1 11>12 layer2",
        ),
        ("a frame alone", &[(315, &frame)], "10.0.0.1:5000 > 10.0.0.2:53 17 1480/1 ->-"),
        ("as it was written before", &[(104, &frame)], "10.0.0.1:5000 > 10.0.0.2:53 17 1480/1 ->-"),
        (
            "a frame that is shorter than its field",
            &[(410, &octets), (315, &padded)],
            "10.0.0.1:5000 > 10.0.0.2:53 17 1480/1 ->-",
        ),
        (
            "a packet with its length",
            &[(224, &[5, 0xC9]), (313, IP)],
            "10.0.0.1:5000 > 10.0.0.2:53 17 1481/1 ->-",
        ),
        ("a packet alone", &[(313, IP)], "10.0.0.1:5000 > 10.0.0.2:53 17 1480/1 ->-"),
        ("what labels of MPLS carry", &[(317, IP)], "10.0.0.1:5000 > 10.0.0.2:53 17 1480/1 ->-"),
        (
            "a frame of 802.11",
            &[(408, &[0, 2]), (315, &wireless)],
            "10.0.0.1:5000 > 10.0.0.2:53 17 1480/1 ->-",
        ),
        ("what begins behind the header", &[(409, &[0, 14]), (315, &frame)], "- > - - -/1 ->-"),
        (
            "counts of the flow are not the packet's",
            &[(1, &[9]), (2, &[3]), (313, IP)],
            "10.0.0.1:5000 > 10.0.0.2:53 17 9/3 ->-",
        ),
        (
            "ends that the record tells itself come first",
            &[(8, &[10, 0, 0, 9]), (12, &[10, 0, 0, 8]), (313, IP)],
            "10.0.0.9:5000 > 10.0.0.8:53 17 1480/1 ->-",
        ),
    ] {
        assert_eq!(lines(fields), [expected], "{name}");
    }
}

#[test]
fn a_section_cut_anywhere_harms_nothing() {
    let frame = [ETHERNET, IP].concat();
    for length in 1..frame.len() {
        assert_eq!(lines(&[(315, &frame[..length])]).len(), 1);
        assert_eq!(lines(&[(313, &IP[..length.min(IP.len())])]).len(), 1);
    }
}
