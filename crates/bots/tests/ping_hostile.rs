//! Bytes that nobody should send: whatever comes in, nothing panics, and nothing but an answer is taken for one.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout
)]

use std::{fs, net::Ipv4Addr, path::Path};

use grafolean_bots::ping::codec::{
    EchoRequest, Family, Ipv4Packet, MIN_PAYLOAD, Malformed, Message, Tag, checksum,
};
use proptest::prelude::*;

fn reply(request: EchoRequest) -> Vec<u8> {
    let mut bytes = Vec::new();
    request.encode(&mut bytes);
    bytes[0] = if request.family == Family::V4 { 0 } else { 129 };
    if request.family == Family::V4 {
        bytes[2..4].fill(0);
        let sum = checksum(&bytes);
        bytes[2..4].copy_from_slice(&sum.to_be_bytes());
    }
    bytes
}

fn requests() -> impl Strategy<Value = EchoRequest> {
    let tag = (any::<u32>(), any::<u32>(), any::<u64>()).prop_map(|(slot, generation, cookie)| Tag {
        slot,
        generation,
        cookie,
    });
    (prop_oneof![Just(Family::V4), Just(Family::V6)], any::<u16>(), any::<u16>(), tag, 0..1_452_usize)
        .prop_map(|(family, id, sequence, tag, payload)| EchoRequest { family, id, sequence, tag, payload })
}

fn read_all_ways(bytes: &[u8]) {
    let _ = Message::read_verified(bytes);
    for family in [Family::V4, Family::V6] {
        let _ = Message::read(family, bytes);
    }
    if let Ok(packet) = Ipv4Packet::read(bytes) {
        let _ = Message::read_verified(packet.icmp);
        let _ = Message::read(Family::V4, packet.icmp);
    }
}

proptest! {
    #[test]
    fn what_was_asked_is_read_from_its_answer(request in requests()) {
        let bytes = reply(request);
        let message = if request.family == Family::V4 { Message::read_verified(&bytes) } else { Message::read(Family::V6, &bytes) };
        let Ok(Message::Reply(echo)) = message else { panic!("{message:?}") };
        prop_assert_eq!((echo.id, echo.sequence), (request.id, request.sequence));
        prop_assert_eq!(Tag::read(echo.payload), Some(request.tag));
        let sent = request.payload.max(MIN_PAYLOAD);
        prop_assert!(Tag::is_followed_by_filler(echo.payload, request.payload));
        prop_assert!(!Tag::is_followed_by_filler(echo.payload, sent + 1));
    }

    #[test]
    fn a_bit_that_tips_over_is_noticed(request in requests(), bit in any::<prop::sample::Index>()) {
        let mut bytes = reply(EchoRequest { family: Family::V4, ..request });
        let bit = bit.index(bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        prop_assert_eq!(Message::read_verified(&bytes), Err(Malformed::Checksum));
    }

    #[test]
    fn an_error_quotes_the_request_however_much_of_it_there_is(request in requests(), cut in any::<prop::sample::Index>()) {
        let mut quoted = Vec::new();
        let header = match request.family {
            Family::V4 => [&[0x45, 0, 0, 0, 0, 0, 0, 0, 64, 1, 0, 0, 192, 0, 2, 1][..], &[198, 51, 100, 7]].concat(),
            Family::V6 => [&[0x60, 0, 0, 0, 0, 0, 58, 64][..], &[0xfd; 16], &[0xfe; 16]].concat(),
        };
        quoted.extend(&header);
        request.encode(&mut quoted);
        quoted.truncate(header.len() + 8 + cut.index(quoted.len() - header.len() - 7));
        let bytes = [&[if request.family == Family::V4 { 3 } else { 1 }, 4, 0, 0, 0, 0, 0, 0][..], &quoted].concat();
        let message = Message::read(request.family, &bytes);
        let Ok(Message::Error(_, told)) = message else { panic!("{message:?}") };
        prop_assert_eq!((told.request.id, told.request.sequence), (request.id, request.sequence));
        if request.family == Family::V4 {
            prop_assert_eq!(told.destination, Ipv4Addr::new(198, 51, 100, 7));
        }
        prop_assert!(Tag::read(told.request.payload).is_none_or(|tag| tag == request.tag));
    }

    #[test]
    fn no_bytes_make_the_codec_panic(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
        read_all_ways(&bytes);
    }

    #[test]
    fn no_bytes_that_begin_like_a_message_make_the_codec_panic(
        begin in prop::sample::select(vec![0_u8, 3, 4, 5, 11, 12, 1, 2, 129, 0x45, 0x4f, 0x60]),
        rest in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        read_all_ways(&[&[begin][..], &rest].concat());
    }
}

/// The frames of a pcap file, or every offset of one that is none (pcapng): hostile either way.
fn frames(file: &[u8]) -> Vec<&[u8]> {
    let is_little = file.starts_with(&[0xd4, 0xc3, 0xb2, 0xa1]);
    let is_big = file.starts_with(&[0xa1, 0xb2, 0xc3, 0xd4]);
    if !(is_little || is_big) {
        return vec![file];
    }
    let mut frames = Vec::new();
    let mut rest = file.get(24..).unwrap_or_default();
    while let Some((header, after)) = rest.split_first_chunk::<16>() {
        let length = [header[8], header[9], header[10], header[11]];
        let length = if is_little { u32::from_le_bytes(length) } else { u32::from_be_bytes(length) };
        let (frame, after) = after.split_at(after.len().min(length as usize));
        frames.push(frame);
        rest = after;
    }
    frames
}

#[test]
fn recorded_packets_make_nothing_panic_wherever_they_are_cut() {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/icmp"));
    let Ok(files) = fs::read_dir(folder) else {
        println!("skipped: no recorded packets at {}", folder.display());
        return;
    };
    let mut read = 0;
    for file in files {
        let bytes = fs::read(file.unwrap().path()).unwrap();
        for frame in frames(&bytes) {
            for start in 0..frame.len().min(80) {
                read_all_ways(&frame[start..]);
                read_all_ways(&frame[..start]);
            }
            read += 1;
        }
    }
    assert!(read > 0);
}
