//! Which octets of a record become what: elements, widths, lengths, both ways, samplings.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    missing_docs
)]

#[path = "fixture/wire.rs"]
mod wire;

use std::net::IpAddr;

use grafolean_collector::time::Timestamp;
use grafolean_netflow::{
    decoder::Decoder,
    record::{BiflowDirection, Counter, Direction, Factor, Flow},
};
use wire::{ipfix, set, take, template, v9, words};

/// Elements, and the octets of each.
type Fields<'a> = &'a [(u16, &'a [u8])];

/// An element of an enterprise: number with the high bit, length, enterprise.
fn enterprise(element: u16, length: u16, number: u32) -> Vec<u8> {
    [words(&[element | 0x8000, length]).as_slice(), &number.to_be_bytes()].concat()
}

/// Decodes one record of IPFIX, with a template of these elements and octets for each.
fn decode(fields: Fields<'_>) -> Vec<Flow> {
    let lengths: Vec<(u16, u16)> =
        fields.iter().map(|(element, octets)| (*element, octets.len() as u16)).collect();
    let record: Vec<u8> = fields.iter().flat_map(|(_, octets)| octets.iter().copied()).collect();
    let sets = [set(2, &template(256, &lengths)), set(256, &record)];
    take(&mut Decoder::default(), 1, &ipfix(0, 1, &sets)).into_iter().map(|(_, flow)| flow).collect()
}

fn one(fields: Fields<'_>) -> Flow {
    let flows = decode(fields);
    assert_eq!(flows.len(), 1, "{flows:?}");
    flows[0]
}

#[test]
fn the_first_counter_of_the_table_that_a_template_has_is_taken() {
    let counters: [(u16, Counter); 5] = [
        (1, Counter::Delta),
        (85, Counter::Total),
        (23, Counter::Post),
        (231, Counter::Initiator),
        (352, Counter::Layer2),
    ];
    for first in 0..counters.len() {
        // in reverse, as the place in the template does not matter
        let fields: Vec<(u16, [u8; 1])> =
            counters[first..].iter().rev().map(|(element, _)| (*element, [*element as u8])).collect();
        let fields: Vec<(u16, &[u8])> =
            fields.iter().map(|(element, octets)| (*element, &octets[..])).collect();
        let flow = one(&fields);
        let (element, counter) = counters[first];
        assert_eq!((flow.bytes, flow.counter), (Some(u64::from(element as u8)), counter));
    }
    for (element, packets) in [(2, 1), (86, 2), (24, 3), (298, 4)] {
        assert_eq!(one(&[(element, &[packets])]).packets, Some(u64::from(packets)));
    }
    assert_eq!(one(&[(4, &[6])]).bytes, None, "not exported is not zero");
}

#[test]
fn a_firewalls_initiator_and_responder_are_two_flows_each_way_one() {
    let flows = decode(&[
        (8, &[10, 0, 0, 1]),
        (12, &[10, 0, 0, 2]),
        (7, &[0x13, 0x88]),
        (11, &[0, 53]),
        (10, &[0, 3]),
        (14, &[0, 4]),
        (231, &[0, 100]),
        (232, &[1, 0]),
        (298, &[2]),
        (299, &[3]),
        // translated ends are not the flow's
        (225, &[203, 0, 113, 9]),
        (227, &[0, 9]),
    ]);
    let [there, back] = flows.as_slice() else { panic!("{flows:?}") };
    let ends = |flow: &Flow| {
        (flow.source.unwrap(), flow.source_port, flow.input, flow.bytes, flow.packets, flow.biflow)
    };
    let a = IpAddr::from([10, 0, 0, 1]);
    let b = IpAddr::from([10, 0, 0, 2]);
    assert_eq!(ends(there), (a, Some(5_000), Some(3), Some(100), Some(2), BiflowDirection::Forward));
    assert_eq!(ends(back), (b, Some(53), Some(4), Some(256), Some(3), BiflowDirection::Reverse));
    assert_eq!((back.destination, back.destination_port, back.output), (Some(a), Some(5_000), Some(3)));

    let silent = decode(&[(8, &[10, 0, 0, 1]), (231, &[0, 100]), (232, &[0, 0])]);
    assert_eq!(silent.len(), 1, "nothing came back");
    let ordinary = decode(&[(1, &[7]), (231, &[100]), (232, &[50])]);
    assert_eq!((ordinary.len(), ordinary[0].bytes), (1, Some(7)), "a plain counter counts alone");
}

#[test]
fn reverse_elements_of_rfc_5103_are_a_second_flow() {
    let fields = [words(&[256, 4, 8, 4, 1, 4]), enterprise(1, 4, 29_305), enterprise(2, 2, 29_305)].concat();
    let record = [[10, 0, 0, 1], 500_u32.to_be_bytes(), 900_u32.to_be_bytes()].concat();
    let record = [record, vec![0, 6]].concat();
    let flows = take(&mut Decoder::default(), 1, &ipfix(0, 1, &[set(2, &fields), set(256, &record)]));
    let told: Vec<_> =
        flows.iter().map(|(_, flow)| (flow.source, flow.destination, flow.bytes, flow.packets)).collect();
    let end = Some(IpAddr::from([10, 0, 0, 1]));
    assert_eq!(told, [(end, None, Some(500), None), (None, end, Some(900), Some(6))]);
}

#[test]
fn records_of_variable_length_are_walked_and_padding_is_none() {
    // a text, source, another vendor's text, bytes
    let fields = [words(&[256, 4, 82, u16::MAX, 8, 4]), enterprise(1, u16::MAX, 9), words(&[1, 8])].concat();
    let mut records = Vec::new();
    for (source, text) in [(1_u8, 0_usize), (2, 254), (3, 300)] {
        let value = vec![b'x'; text];
        match u8::try_from(text).ok().filter(|length| *length < 255) {
            Some(short) => records.push(short),
            None => records.extend([&[255][..], &(text as u16).to_be_bytes()].concat()),
        }
        records.extend(value);
        records.extend([10, 0, 0, source, 2, b'y', b'z']);
        records.extend(u64::from(source).to_be_bytes());
    }
    records.extend([0; 3]);
    let mut decoder = Decoder::default();
    let flows = take(&mut decoder, 1, &ipfix(0, 1, &[set(2, &fields), set(256, &records)]));
    let told: Vec<_> = flows.iter().map(|(_, flow)| (flow.source.unwrap(), flow.bytes.unwrap())).collect();
    assert_eq!(told, [1, 2, 3].map(|source| (IpAddr::from([10, 0, 0, source]), u64::from(source))));
    assert!(decoder.ledger().accounts().all(|(_, account)| account.undecodable == 0));
    // a record cut short is told
    let cut = &records[..records.len() - 6];
    take(&mut decoder, 1, &ipfix(3, 1, &[set(256, cut)]));
    assert!(decoder.ledger().accounts().all(|(_, account)| account.undecodable == 1));
}

#[test]
fn numbers_may_be_sent_in_fewer_octets_and_addresses_may_not() {
    let flow =
        one(&[(1, &[1, 2, 3]), (2, &[0; 8]), (10, &[7]), (14, &[0, 0, 0, 0, 0, 0, 0, 9]), (8, &[10, 0])]);
    assert_eq!((flow.bytes, flow.packets), (Some(0x01_02_03), Some(0)));
    assert_eq!((flow.input, flow.output, flow.source), (Some(7), Some(9), None));
}

#[test]
fn of_two_families_in_one_template_the_one_that_is_told_is_meant() {
    let v6 = |last: u8| [0x20, 1, 0xD, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last];
    let only_v4 = one(&[(27, &[0; 16]), (8, &[10, 0, 0, 1])]);
    let only_v6 = one(&[(8, &[0; 4]), (27, &v6(7))]);
    assert_eq!(only_v4.source, Some(IpAddr::from([10, 0, 0, 1])));
    assert_eq!(only_v6.source, Some(IpAddr::from(v6(7))));
    assert_eq!(one(&[(8, &[0; 4])]).source, Some(IpAddr::from([0; 4])), "told, though it is zero");
}

#[test]
fn directions_are_kept_as_told() {
    for (number, direction) in [(0, Direction::Ingress), (1, Direction::Egress), (255, Direction::Other(255))]
    {
        assert_eq!(one(&[(61, &[number])]).direction, Some(direction));
    }
}

#[test]
fn times_are_absolute_whichever_way_they_are_told() {
    // exported at 1,700,000,000 s
    let ms = |value: u64| value.to_be_bytes();
    let ntp = ((1_699_999_990_u64 + 2_208_988_800) << 32).to_be_bytes();
    let told: [(Fields<'_>, i64, i64); 6] = [
        (&[(150, &1_699_999_990_u32.to_be_bytes()), (151, &1_699_999_995_u32.to_be_bytes())], -10, -5),
        (&[(152, &ms(1_699_999_990_000)), (153, &ms(1_699_999_995_000)), (150, &[0; 4])], -10, -5),
        (&[(154, &ntp), (161, &[0x13, 0x88])], -10, -5),
        (&[(158, &10_000_000_u32.to_be_bytes()), (159, &5_000_000_u32.to_be_bytes())], -10, -5),
        (
            &[
                (160, &ms(1_699_999_000_000)),
                (22, &990_000_u32.to_be_bytes()),
                (21, &995_000_u32.to_be_bytes()),
            ],
            -10,
            -5,
        ),
        (&[(323, &ms(1_699_999_990_000))], -10, -10),
    ];
    for (fields, first, last) in told {
        let flow = one(fields);
        let at = |offset: i64| Some(Timestamp::from_seconds(1_700_000_000 + offset));
        assert_eq!((flow.first, flow.last), (at(first), at(last)), "{fields:?}");
    }
}

#[test]
fn a_sampling_in_the_record_itself_holds_for_it() {
    let hundred = 100_u32.to_be_bytes();
    let told: [(Fields<'_>, Factor); 7] = [
        (&[(34, &hundred)], Factor::one_in(100)),
        (&[(50, &hundred)], Factor::one_in(100)),
        (&[(306, &[0, 90]), (305, &[10])], Factor::of(10, 100)),
        (&[(310, &hundred), (309, &[2])], Factor::of(2, 100)),
        (&[(311, &0.01_f64.to_be_bytes())], Factor::one_in(100)),
        (&[(34, &[0; 4])], Factor::NONE),
        (&[(306, &hundred)], Factor::NONE),
    ];
    for (fields, factor) in told {
        let fields: Vec<_> = fields.iter().copied().chain([(1_u16, &[50_u8][..])]).collect();
        let flow = one(&fields);
        assert_eq!((flow.factor, flow.scaled_bytes()), (factor, factor.scale(50)), "{fields:?}");
    }
}

#[test]
fn options_data_tells_samplings_by_sampler_by_interface_and_for_all() {
    let mut decoder = Decoder::default();
    let options = |id: u16, scope: (u16, u16), fields: &[(u16, u16)]| {
        let head = words(&[id, 4, fields.len() as u16 * 4, scope.0, scope.1]);
        let fields: Vec<u8> =
            fields.iter().flat_map(|(element, length)| words(&[*element, *length])).collect();
        set(1, &[head, fields].concat())
    };
    let sets = [
        options(300, (1, 4), &[(48, 2), (50, 2)]),
        options(301, (2, 2), &[(34, 2)]),
        options(302, (1, 0), &[(34, 2)]),
        set(300, &[0, 0, 0, 0, 0, 7, 0, 100]),
        set(301, &[0, 3, 0, 10]),
        set(302, &[0, 2]),
        set(0, &template(256, &[(48, 2), (10, 2), (14, 2), (61, 1)])),
        set(256, &words(&[7, 3, 4])[..].iter().copied().chain([0]).collect::<Vec<_>>()),
        set(256, &[0, 0, 0, 3, 0, 4, 0]),
        set(256, &[0, 0, 0, 4, 0, 3, 1]),
        set(256, &[0, 8, 0, 9, 0, 3, 0]),
    ];
    let flows = take(&mut decoder, 1, &v9(0, 1, &sets));
    let factors: Vec<f64> = flows.iter().map(|(_, flow)| flow.factor.as_f64()).collect();
    assert_eq!(factors, [100.0, 10.0, 10.0, 2.0]);
    // another domain of the same exporter was told nothing
    let elsewhere = take(&mut decoder, 1, &v9(0, 2, &sets[6..8]));
    assert_eq!(elsewhere[0].1.factor, Factor::NONE);
}

#[test]
fn the_reverse_direction_of_a_biflow_has_its_own_times_flags_and_counts() {
    let millis = |millis: u64| millis.to_be_bytes();
    let base = 1_700_000_000_000_u64;
    let reverse = |element: u16, length: u16| enterprise(element, length, 29_305);
    let fields = [
        words(&[256, 13]),
        words(&[8, 4, 12, 4, 7, 2, 11, 2, 6, 1, 1, 4, 152, 8, 153, 8]),
        reverse(1, 4),
        reverse(6, 1),
        reverse(152, 8),
        reverse(153, 8),
        reverse(5, 1),
    ]
    .concat();
    let record = |forward: u32| -> Vec<u8> {
        [
            &[10, 0, 0, 1, 10, 0, 0, 2, 0x13, 0x88, 0, 53, 0x02][..],
            &forward.to_be_bytes(),
            &millis(base),
            &millis(base + 5_000),
            &70_000_u32.to_be_bytes(),
            &[0x12],
            &millis(base + 100),
            &millis(base + 5_100),
            &[0xB8],
        ]
        .concat()
    };
    let read = |forward| {
        let sets = [set(2, &fields), set(256, &record(forward))];
        take(&mut Decoder::default(), 1, &ipfix(0, 1, &sets))
    };
    let flows = read(1_000);
    let at = |moment: u64| Some(Timestamp::from_micros(i64::try_from(moment).unwrap() * 1_000));
    let [(_, forward), (_, back)] = flows.as_slice() else { panic!("{flows:?}") };
    assert_eq!((forward.bytes, forward.tcp_flags, forward.first), (Some(1_000), Some(0x02), at(base)));
    assert_eq!((back.bytes, back.tcp_flags, back.tos), (Some(70_000), Some(0x12), Some(0xB8)));
    assert_eq!((back.first, back.last), (at(base + 100), at(base + 5_100)));
    assert_eq!(back.source_port, Some(53));
    // a forward direction without a packet is no flow
    let flows = read(0);
    assert_eq!(flows.iter().map(|(_, flow)| flow.biflow).collect::<Vec<_>>(), [BiflowDirection::Reverse]);
}

#[test]
fn a_total_that_is_repeated_while_a_flow_lives_counts_once() {
    let fields = [(8, 4), (12, 4), (152, 8), (85, 4), (86, 4)];
    let record = |started: u64, bytes: u32, packets: u32| -> Vec<u8> {
        let started = (1_700_000_000_000 + started).to_be_bytes();
        [&[10, 0, 0, 1, 10, 0, 0, 2][..], &started, &bytes.to_be_bytes(), &packets.to_be_bytes()].concat()
    };
    let mut decoder = Decoder::default();
    let mut counted = Vec::new();
    for (started, bytes, packets) in
        [(0, 6_076, 4), (0, 7_594, 5), (0, 9_112, 6), (0, 9_112, 6), (0, 12_148, 8), (60_000, 500, 1)]
    {
        let sets = [set(2, &template(256, &fields)), set(256, &record(started, bytes, packets))];
        counted.extend(take(&mut decoder, 1, &ipfix(0, 1, &sets)).into_iter().map(|(_, flow)| flow));
    }
    let told: Vec<_> = counted.iter().map(|flow| (flow.bytes.unwrap(), flow.packets.unwrap())).collect();
    assert_eq!(told, [(6_076, 4), (1_518, 1), (1_518, 1), (3_036, 2), (500, 1)]);
}
