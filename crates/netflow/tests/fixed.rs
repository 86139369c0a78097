//! Records of NetFlow v1, v5 and v7, built from Cisco's layouts.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

#[path = "fixture/short.rs"]
mod short;
#[path = "fixture/wire.rs"]
mod wire;

use grafolean_netflow::decoder::Decoder;
use short::short;
use wire::{take, words};

fn lines(datagrams: &[Vec<u8>]) -> Vec<String> {
    let mut decoder = Decoder::default();
    let flows = datagrams.iter().flat_map(|datagram| take(&mut decoder, 1, datagram));
    flows.map(|(_, flow)| short(&flow)).collect()
}

#[test]
fn records_of_netflow_5_are_as_many_as_announced_and_there() {
    let record = |source: u8| {
        let mut record = vec![0; 48];
        record[..8].copy_from_slice(&[10, 0, 0, source, 10, 0, 0, 9]);
        record[12..16].copy_from_slice(&[0, 3, 0, 4]);
        record[16..24].copy_from_slice(&[0, 0, 0, 2, 0, 0, 0, 99]);
        record[32..40].copy_from_slice(&[0x13, 0x88, 0, 53, 0xFF, 0x1B, 17, 0]);
        record
    };
    let line = |source: u8| format!("10.0.0.{source}:5000 > 10.0.0.9:53 17 99/2 3>4");
    for (name, count, records, trailing, flows) in [
        ("as many as there are", 2_u16, 2_u8, 0_usize, 2_u8),
        ("padding behind", 2, 2, 13, 2),
        ("more announced", 5, 2, 0, 2),
        ("fewer announced", 1, 2, 0, 1),
        ("a part of one", 3, 2, 47, 2),
        ("more than a router sends", 40, 40, 0, 40),
    ] {
        let header = [words(&[5, count]), vec![0; 20]].concat();
        let records: Vec<u8> = (0..records).flat_map(record).collect();
        let expected: Vec<String> = (0..flows).map(line).collect();
        assert_eq!(lines(&[[header, records, vec![0; trailing]].concat()]), expected, "{name}");
    }
}

#[test]
fn records_of_netflow_1_and_7_tell_what_their_layouts_have() {
    let mut record = vec![0; 52];
    record[..8].copy_from_slice(&[10, 0, 0, 1, 10, 0, 0, 9]);
    record[12..16].copy_from_slice(&[0, 3, 0, 4]);
    record[16..24].copy_from_slice(&[0, 0, 0, 2, 0, 0, 0, 99]);
    record[24..32].copy_from_slice(&[0, 0, 0, 100, 0, 0, 3, 0xE8]);
    record[32..36].copy_from_slice(&[0x13, 0x88, 0, 53]);
    record[38..40].copy_from_slice(&[6, 0xB8]);
    let clock = [words(&[0, 2_000]), 1_700_000_000_u32.to_be_bytes().to_vec(), vec![0; 4]].concat();
    let mut first = record.clone();
    first[40] = 0x1B;
    let mut seventh = record;
    seventh[37] = 0x1B;
    seventh[40..46].copy_from_slice(&[0xFD, 0xE8, 0xFD, 0xE9, 24, 16]);
    seventh[48..].copy_from_slice(&[192, 0, 2, 1]);
    let v1 = [words(&[1, 2]), clock.clone(), first.repeat(2)].concat();
    let v7 = [words(&[7, 2]), clock, vec![0; 8], seventh.repeat(2)].concat();
    for (datagram, system) in [(v1, None), (v7, Some(65_000))] {
        let flows = take(&mut Decoder::default(), 1, &datagram);
        assert_eq!(flows.len(), 2);
        for (_, flow) in flows {
            assert_eq!(short(&flow), "10.0.0.1:5000 > 10.0.0.9:53 6 99/2 3>4");
            assert_eq!((flow.tcp_flags, flow.tos, flow.source_as), (Some(0x1B), Some(0xB8), system));
            assert_eq!(flow.first.map(|first| first.micros()), Some(1_699_999_998_100_000));
        }
    }
}
