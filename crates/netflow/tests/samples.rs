//! Samples of sFlow as agents of many makes write them, built from sflow_version_5.txt's layouts.
#![allow(clippy::unwrap_used, clippy::cast_possible_truncation, missing_docs)]

#[path = "fixture/short.rs"]
mod short;
#[path = "fixture/wire.rs"]
mod wire;

use grafolean_netflow::{
    decoder::Decoder,
    record::{Factor, Flow},
};
use short::short;
use wire::take;

const DEVICE_ITSELF: u32 = 0x3FFF_FFFF;
/// From 10.0.0.1:5000 to 10.0.0.2:53 by UDP.
const FRAME: &[u8] = &[
    2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x08, 0x00, 0x45, 0, 0, 40, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1,
    10, 0, 0, 2, 0x13, 0x88, 0, 53, 0, 20, 0, 0,
];
const ARP: &[u8] = &[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x08, 0x06, 0, 1];

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// What names its format and its length, filled up to four octets.
fn block(format: u32, data: &[u8]) -> Vec<u8> {
    let mut out = [words(&[format, data.len() as u32]).as_slice(), data].concat();
    out.resize(out.len().next_multiple_of(4), 0);
    out
}

fn header(frame: &[u8]) -> Vec<u8> {
    block(1, &[words(&[1, 100, 4, frame.len() as u32]).as_slice(), frame].concat())
}

fn ethernet() -> Vec<u8> {
    block(2, &[words(&[96]).as_slice(), &[2; 12], &words(&[0x0800])].concat())
}

fn ipv4() -> Vec<u8> {
    block(3, &[words(&[82, 6]).as_slice(), &[10, 0, 0, 7, 10, 0, 0, 8], &words(&[9, 80, 0x12, 4])].concat())
}

fn ipv6() -> Vec<u8> {
    let end = |last: u8| [&[0x20, 1, 0xD, 0xB8][..], &[0; 11], &[last]].concat();
    block(4, &[words(&[62, 17]), end(7), end(8), words(&[9, 53, 0, 0])].concat())
}

fn gateway() -> Vec<u8> {
    block(1003, &words(&[1, 0xC000_0201, 65_000, 64_500, 64_501, 1, 2, 2, 64_510, 64_511, 0, 100]))
}

fn flow_sample(input: u32, output: u32, records: &[Vec<u8>]) -> Vec<u8> {
    sample_of(7, 400, 2, input, output, records)
}

/// A sample with its number, its rate, and what the agent dropped.
fn sample_of(number: u32, rate: u32, drops: u32, input: u32, output: u32, records: &[Vec<u8>]) -> Vec<u8> {
    let head = words(&[number, 3, rate, 4_000, drops, input, output, records.len() as u32]);
    block(1, &[head, records.concat()].concat())
}

fn expanded_sample(input: (u32, u32), output: (u32, u32), records: &[Vec<u8>]) -> Vec<u8> {
    let head = words(&[7, 0, 3, 400, 4_000, 2, input.0, input.1, output.0, output.1, records.len() as u32]);
    block(3, &[head, records.concat()].concat())
}

fn datagram(samples: &[Vec<u8>]) -> Vec<u8> {
    let head = words(&[5, 1, 0xC000_0201, 9, 1, 60_000, samples.len() as u32]);
    [head, samples.concat()].concat()
}

fn flows(samples: &[Vec<u8>]) -> Vec<Flow> {
    take(&mut Decoder::default(), 1, &datagram(samples)).into_iter().map(|(_, flow)| flow).collect()
}

fn check(name: &str, samples: &[Vec<u8>], expected: &[&str]) {
    assert_eq!(flows(samples).iter().map(short).collect::<Vec<_>>(), expected, "{name}");
}

/// Name, records, flows.
type Case<'a> = (&'a str, Vec<Vec<u8>>, Vec<&'a str>);

#[test]
fn a_packet_is_told_by_its_header_first_whichever_record_comes_first() {
    let by_header = "10.0.0.1:5000 > 10.0.0.2:53 17 100/1 3>4";
    let cases: Vec<Case<'_>> = vec![
        ("a header", vec![header(FRAME)], vec![by_header]),
        ("a header, then the rest", vec![header(FRAME), ethernet(), ipv4()], vec![by_header]),
        ("the rest, then a header", vec![ipv4(), ethernet(), header(FRAME)], vec![by_header]),
        (
            "a switch's and unknown ones between",
            vec![block(1001, &words(&[1, 0, 2, 0])), block(4_413 << 12 | 1, &[1; 5]), header(FRAME)],
            vec![by_header],
        ),
        ("IPv4 without a header", vec![ipv4()], vec!["10.0.0.7:9 > 10.0.0.8:80 6 82/1 3>4"]),
        ("IPv6 without a header", vec![ipv6()], vec!["2001:db8::7:9 > 2001:db8::8:53 17 62/1 3>4"]),
        ("IPv4 in a frame", vec![ethernet(), ipv4()], vec!["10.0.0.7:9 > 10.0.0.8:80 6 96/1 3>4"]),
        ("IPv4, then its frame", vec![ipv4(), ethernet()], vec!["10.0.0.7:9 > 10.0.0.8:80 6 96/1 3>4"]),
        (
            "IPv4 beside a header that is none of IP",
            vec![header(ARP), ipv4()],
            vec!["10.0.0.7:9 > 10.0.0.8:80 6 100/1 3>4"],
        ),
        ("a frame alone", vec![ethernet()], vec!["- > - - 96/1 3>4"]),
        ("a header without IP", vec![header(ARP)], vec!["- > - - 100/1 3>4"]),
        (
            "a header cut within its ports",
            vec![header(FRAME.get(..36).unwrap())],
            vec!["10.0.0.1 > 10.0.0.2 17 100/1 3>4"],
        ),
        ("nothing of the packet", vec![block(1001, &words(&[1, 0, 2, 0]))], vec![]),
        (
            "translated ends, users and addresses on the web are passed over",
            vec![
                block(1007, &words(&[1, 1, 1, 2])),
                block(1004, &words(&[0, 0])),
                block(1005, &words(&[1, 0, 0])),
                header(FRAME),
            ],
            vec![by_header],
        ),
    ];
    for (name, records, expected) in &cases {
        check(name, &[flow_sample(3, 4, records)], expected);
        check(name, &[expanded_sample((0, 3), (0, 4), records)], expected);
    }
}

#[test]
fn an_interface_is_an_index_and_neither_a_reason_nor_a_number_of_them() {
    let cases = [
        ("dropped", (0, 9), (1, 258), "9>-"),
        ("to several", (0, 9), (2, 7), "9>-"),
        ("unknown", (0, 0), (0, 4), "0>4"),
        ("from the device itself", (0, DEVICE_ITSELF), (0, 4), "1073741823>4"),
    ];
    for (name, input, output, expected) in cases {
        let line = format!("10.0.0.1:5000 > 10.0.0.2:53 17 100/1 {expected}");
        let compact = |(format, value): (u32, u32)| format << 30 | value;
        check(name, &[flow_sample(compact(input), compact(output), &[header(FRAME)])], &[&line]);
        check(name, &[expanded_sample(input, output, &[header(FRAME)])], &[&line]);
    }
    let wide = "10.0.0.1:5000 > 10.0.0.2:53 17 100/1 3221225473>4";
    check("an index beyond 30 bits", &[expanded_sample((0, 0xC000_0001), (0, 4), &[header(FRAME)])], &[wide]);
}

#[test]
fn autonomous_systems_come_from_the_gateways_record_wherever_it_stands() {
    for records in [vec![gateway(), header(FRAME)], vec![header(FRAME), gateway()], vec![ipv4(), gateway()]] {
        let systems: Vec<_> = flows(&[flow_sample(3, 4, &records)])
            .iter()
            .map(|flow| (flow.source_as, flow.destination_as))
            .collect();
        assert_eq!(systems, [(Some(64_500), Some(64_511))]);
    }
    assert!(flows(&[flow_sample(3, 4, &[header(FRAME)])]).iter().all(|flow| flow.source_as.is_none()));
}

#[test]
fn samples_that_are_not_understood_cost_only_themselves() {
    let good = flow_sample(3, 4, &[header(FRAME)]);
    let line = "10.0.0.1:5000 > 10.0.0.2:53 17 100/1 3>4";
    for (name, odd) in [
        ("counters", block(2, &words(&[1, 3, 0]))),
        ("expanded counters", block(4, &words(&[1, 0, 3, 0]))),
        ("dropped packets", block(5, &words(&[1, 0, 3, 0, 1, 2, 258, 0]))),
        ("a vendor's own", block(8_800 << 12 | 1, &[1; 37])),
        ("a flow sample cut short", block(1, &words(&[1, 3]))),
        ("a flow sample without records", flow_sample(3, 4, &[])),
        ("a record longer than its sample", flow_sample(3, 4, &[words(&[1, 999])])),
    ] {
        check(name, &[odd, good.clone()], &[line]);
    }
}

#[test]
fn a_rate_of_zero_scales_nothing() {
    let mut sample = flow_sample(3, 4, &[header(FRAME)]);
    assert!(flows(&[sample.clone()]).iter().all(|flow| flow.factor == Factor::one_in(400)));
    // behind format, length, sequence and source
    sample.splice(16..20, [0; 4]);
    assert_eq!(flows(&[sample]).iter().map(|flow| flow.scaled_bytes()).collect::<Vec<_>>(), [100]);
}

#[test]
fn samples_that_the_agent_dropped_itself_lower_the_coverage() {
    let mut decoder = Decoder::default();
    let numbered = |number: u32, drops| {
        let sample = sample_of(number, 400, drops, 3, 4, &[header(FRAME)]);
        [words(&[5, 1, 0xC000_0201, 9, number, 60_000, 1]), sample].concat()
    };
    for (number, drops) in [(1, 1_000), (2, 1_000), (3, 1_003), (4, 1_004)] {
        assert_eq!(take(&mut decoder, 1, &numbered(number, drops)).len(), 1);
    }
    let window = decoder.ledger_mut().close_window();
    assert_eq!((window[0].1.lost, window[0].1.dropped), (0, 4));
    assert_eq!(window[0].1.ratio(), Some(0.5), "four of eight");
}

#[test]
fn samples_of_no_rate_are_counted_as_unscaled() {
    let mut decoder = Decoder::default();
    let sample = sample_of(1, 0, 0, 3, 4, &[header(FRAME)]);
    assert_eq!(take(&mut decoder, 1, &datagram(&[sample]))[0].1.factor, Factor::NONE);
    assert_eq!(decoder.ledger().accounts().next().unwrap().1.coverage.unscaled, 1);
}
