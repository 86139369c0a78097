//! Records as exporters of many makes write them, built from the standards' layouts.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::cast_possible_truncation, missing_docs)]

#[path = "fixture/short.rs"]
mod short;
#[path = "fixture/wire.rs"]
mod wire;

use grafolean_netflow::decoder::Decoder;
use short::short;
use wire::{SMALL, ipfix, set, small, take, template, v9, words};

/// Elements and the octets of each.
type Fields<'a> = &'a [(u16, &'a [u8])];

const A: &[u8] = &[10, 0, 0, 1];
const B: &[u8] = &[10, 0, 0, 2];
const NO_V6: &[u8] = &[0; 16];
const V6_A: &[u8] = &[0x20, 1, 0xD, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
const V6_B: &[u8] = &[0xFF, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
const MAPPED: &[u8] = &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 10, 0, 0, 1];

fn lines(datagrams: &[Vec<u8>]) -> Vec<String> {
    let mut decoder = Decoder::default();
    datagrams
        .iter()
        .flat_map(|datagram| take(&mut decoder, 1, datagram))
        .map(|(_, flow)| short(&flow))
        .collect()
}

fn check(name: &str, datagrams: &[Vec<u8>], expected: &[&str]) {
    assert_eq!(lines(datagrams), expected, "{name}");
}

/// One record and its template, as NetFlow v9 and as IPFIX: both must be read alike.
fn check_record(name: &str, fields: Fields<'_>, expected: &[&str]) {
    let lengths: Vec<_> = fields.iter().map(|(element, octets)| (*element, octets.len() as u16)).collect();
    let record: Vec<u8> = fields.iter().flat_map(|(_, octets)| octets.iter().copied()).collect();
    let (template, data) = (template(256, &lengths), set(256, &record));
    check(name, &[v9(0, 1, &[set(0, &template), data.clone()])], expected);
    if fields.iter().all(|(element, _)| *element < 0x8000) {
        check(name, &[ipfix(0, 1, &[set(2, &template), data])], expected);
    }
}

/// Name, record, flows.
const RECORDS: &[(&str, Fields<'_>, &[&str])] = &[
    (
        "a firewall's session that begins: no octets yet, translated ends beside the real ones",
        &[
            (148, &[0, 0, 0, 9]),
            (8, A),
            (7, &[0x13, 0x88]),
            (10, &[0, 3]),
            (12, B),
            (11, &[0, 53]),
            (14, &[0, 4]),
            (4, &[17]),
            (176, &[0]),
            (177, &[0]),
            (225, &[203, 0, 113, 1]),
            (226, B),
            (227, &[0, 1]),
            (228, &[0, 2]),
            (233, &[1]),
            (323, &[0; 8]),
            (231, &[0; 4]),
            (232, &[0; 4]),
            (40_000, &[7; 20]),
        ],
        &["10.0.0.1:5000 > 10.0.0.2:53 17 0/- 3>4 initiator"],
    ),
    (
        "a firewall's session that ends",
        &[
            (8, A),
            (12, B),
            (4, &[6]),
            (231, &[0, 100]),
            (232, &[0, 40]),
            (298, &[3]),
            (299, &[2]),
            (233, &[2]),
        ],
        &["10.0.0.1 > 10.0.0.2 6 100/3 ->- initiator", "10.0.0.2 > 10.0.0.1 6 40/2 ->- initiator reverse"],
    ),
    (
        "an event of address translation counts nothing",
        &[(230, &[1]), (8, A), (225, &[203, 0, 113, 1]), (7, &[0x13, 0x88]), (227, &[0, 1]), (4, &[6])],
        &["10.0.0.1:5000 > - 6 -/- ->-"],
    ),
    (
        "ICMP's type and code are no ports",
        &[(8, A), (12, B), (4, &[1]), (176, &[3]), (177, &[1]), (32, &[3, 1]), (1, &[84])],
        &["10.0.0.1 > 10.0.0.2 1 84/- ->-"],
    ),
    (
        "ICMP's type and code in a port are kept there, as told",
        &[(8, A), (12, B), (4, &[1]), (7, &[0, 0]), (11, &[3, 1]), (1, &[84])],
        &["10.0.0.1:0 > 10.0.0.2:769 1 84/- ->-"],
    ),
    (
        "ports in four octets, a protocol in two, counters in three and sixteen, an interface in eight",
        &[
            (7, &[0, 0, 0x13, 0x88]),
            (11, &[53]),
            (4, &[0, 17]),
            (1, &[1, 0, 0]),
            (2, &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7]),
            (10, &[0, 0, 0, 0, 0, 0, 0, 3]),
            (14, &[4]),
        ],
        &["-:5000 > -:53 17 65536/7 3>4"],
    ),
    (
        "counters in five octets and six",
        &[(1, &[1, 0, 0, 0, 0]), (2, &[0, 1, 0, 0, 0, 0])],
        &["- > - - 4294967296/4294967296 ->-"],
    ),
    ("a counter in seven octets", &[(1, &[1, 0, 0, 0, 0, 0, 0])], &["- > - - 281474976710656/- ->-"]),
    (
        "ports by the transport's own elements",
        &[(4, &[17]), (180, &[0, 9]), (181, &[0, 53])],
        &["-:9 > -:53 17 -/- ->-"],
    ),
    ("ports of TCP alone", &[(4, &[6]), (182, &[0, 9]), (183, &[0, 80])], &["-:9 > -:80 6 -/- ->-"]),
    (
        "physical interfaces where there are no others",
        &[(252, &[0, 0, 0, 5]), (253, &[0, 0, 0, 6])],
        &["- > - - -/- 5>6"],
    ),
    (
        "an interface of zero is told",
        &[(10, &[0, 0]), (252, &[0, 5]), (14, &[0, 2]), (253, &[0, 6])],
        &["- > - - -/- 0>2"],
    ),
    ("totals", &[(85, &[9]), (86, &[2])], &["- > - - 9/2 ->- total"]),
    ("totals on leaving", &[(171, &[9]), (172, &[2])], &["- > - - 9/2 ->- post"]),
    (
        "frames, without any address",
        &[(56, &[2; 6]), (80, &[4; 6]), (256, &[8, 6]), (58, &[0, 7]), (352, &[64]), (2, &[1])],
        &["- > - - 64/1 ->- layer2"],
    ),
    ("frames in total", &[(353, &[64])], &["- > - - 64/- ->- layer2"]),
    ("labels alone", &[(70, &[0, 1, 0]), (71, &[0, 2, 1]), (1, &[9])], &["- > - - 9/- ->-"]),
    (
        "a field of no octets is not there",
        &[(1, &[]), (85, &[9]), (10, &[]), (252, &[5]), (7, &[])],
        &["- > - - 9/- 5>- total"],
    ),
    (
        "an address of another width is none",
        &[(8, &[10, 0]), (12, V6_A), (28, B), (1, &[9])],
        &["- > - - 9/- ->-"],
    ),
    (
        "prefixes are no addresses",
        &[(44, A), (45, B), (9, &[24]), (13, &[24]), (1, &[9])],
        &["- > - - 9/- ->-"],
    ),
    ("IPv4 in IPv6 is kept so", &[(27, MAPPED), (28, V6_A)], &["::ffff:10.0.0.1 > 2001:db8::1 - -/- ->-"]),
    (
        "room for both families, IPv4 told",
        &[(27, NO_V6), (28, NO_V6), (8, A), (12, B)],
        &["10.0.0.1 > 10.0.0.2 - -/- ->-"],
    ),
    (
        "room for both families, IPv6 told",
        &[(8, &[0; 4]), (12, &[0; 4]), (27, V6_A), (28, V6_B)],
        &["2001:db8::1 > ff02::1 - -/- ->-"],
    ),
    (
        "room for both families, from nobody in IPv6",
        &[(8, &[0; 4]), (12, &[0; 4]), (27, NO_V6), (28, V6_B)],
        &[":: > ff02::1 - -/- ->-"],
    ),
    (
        "room for both families, from nobody in IPv4",
        &[(8, &[0; 4]), (12, &[255; 4]), (27, NO_V6), (28, NO_V6)],
        &["0.0.0.0 > 255.255.255.255 - -/- ->-"],
    ),
    (
        "a tunnel's headers, the inner last; the first of two counters",
        &[(8, B), (4, &[4]), (1, &[9]), (8, A), (4, &[17]), (1, &[5])],
        &["10.0.0.1 > - 17 9/- ->-"],
    ),
    ("who began a flow is not its direction", &[(239, &[2]), (1, &[9])], &["- > - - 9/- ->-"]),
    ("a direction in two octets", &[(61, &[0, 1]), (14, &[7])], &["- > - - -/- ->7 Egress"]),
    (
        "elements above 32,767 in NetFlow v9",
        &[(57_590, &[0, 7]), (1, &[9]), (57_659, &[1; 40]), (2, &[3]), (0x8000 | 8, A)],
        &["- > - - 9/3 ->-"],
    ),
    (
        "what left is not what came back",
        &[(1, &[9]), (2, &[3]), (23, &[5]), (24, &[1])],
        &["- > - - 9/3 ->-"],
    ),
];

#[test]
fn what_a_record_leaves_out_or_writes_oddly_is_read_as_the_registry_says() {
    for (name, fields, expected) in RECORDS {
        check_record(name, fields, expected);
    }
}

/// A field of IPFIX: element, length, enterprise.
fn field(element: u16, length: u16, enterprise: Option<u32>) -> Vec<u8> {
    match enterprise {
        None => words(&[element, length]),
        Some(number) => [words(&[element | 0x8000, length]).as_slice(), &number.to_be_bytes()].concat(),
    }
}

/// The length of a field whose length varies.
const VARIES: u16 = u16::MAX;
/// Element, length, enterprise.
type Declared = (u16, u16, Option<u32>);
/// Name, template, record, flows.
type RecordOfIpfix = (&'static str, &'static [Declared], &'static [&'static [u8]], &'static [&'static str]);

const RECORDS_OF_IPFIX: &[RecordOfIpfix] = &[
    (
        "a tenant's ends in a hypervisor's own elements are not the flow's",
        &[(8, 4, None), (8, 4, Some(6_876)), (888, 4, Some(6_876)), (1, 2, None)],
        &[A, B, B, &[0, 9]],
        &["10.0.0.1 > - - 9/- ->-"],
    ),
    (
        "both ways, and lists of further records behind (RFC 6313)",
        &[
            (8, 4, None),
            (12, 4, None),
            (1, 2, None),
            (1, 2, Some(29_305)),
            (2, 1, None),
            (2, 1, Some(29_305)),
            (293, VARIES, None),
        ],
        &[A, B, &[0, 9], &[0, 5], &[2], &[1], &[7, 3, 1, 0, 0, 7, 1, 2]],
        &["10.0.0.1 > 10.0.0.2 - 9/2 ->-", "10.0.0.2 > 10.0.0.1 - 5/1 ->- reverse"],
    ),
    (
        "nothing came back",
        &[(8, 4, None), (85, 2, None), (85, 2, Some(29_305)), (86, 1, Some(29_305))],
        &[A, &[0, 9], &[0, 0], &[0]],
        &["10.0.0.1 > - - 9/- ->- total"],
    ),
    (
        "frames both ways",
        &[(8, 4, None), (352, 2, None), (352, 2, Some(29_305))],
        &[A, &[0, 9], &[0, 5]],
        &["10.0.0.1 > - - 9/- ->- layer2", "- > 10.0.0.1 - 5/- ->- layer2 reverse"],
    ),
    (
        "numbers and addresses whose length each record names, short and long",
        &[(1, VARIES, None), (8, VARIES, None), (27, VARIES, None), (12, VARIES, None), (2, VARIES, None)],
        &[&[3, 1, 0, 0], &[4], A, &[0], &[255, 0, 4], B, &[255, 0, 1, 7]],
        &["10.0.0.1 > 10.0.0.2 - 65536/7 ->-"],
    ),
    (
        "an address of a length that is none",
        &[(8, VARIES, None), (1, 1, None)],
        &[&[5, 10, 0, 0, 1, 0], &[9]],
        &["- > - - 9/- ->-"],
    ),
];

#[test]
fn enterprises_lists_and_lengths_that_vary_cost_nothing_else() {
    for (name, fields, record, expected) in RECORDS_OF_IPFIX {
        let declared: Vec<u8> = fields
            .iter()
            .flat_map(|&(element, length, enterprise)| field(element, length, enterprise))
            .collect();
        let template = [words(&[256, fields.len() as u16]), declared].concat();
        check(name, &[ipfix(0, 1, &[set(2, &template), set(256, &record.concat())])], expected);
    }
}

/// Name, sets, flows.
type CaseOfSets<'a> = (&'a str, Vec<Vec<u8>>, Vec<&'a str>);

/// A set that names another length than it has.
fn lying_set(id: u16, length: usize, body: &[u8]) -> Vec<u8> {
    [words(&[id, length as u16]).as_slice(), body].concat()
}

const SEVEN: &str = "10.0.0.1 > 10.0.0.2 - 7/- ->-";
const ODD_LINE: &str = "10.0.0.1 > 10.0.0.2 17 7/- ->-";
/// [`SMALL`] and a protocol: 13 octets.
const ODD: &[(u16, u16)] = &[(8, 4), (12, 4), (1, 4), (4, 1)];

fn odd_record() -> Vec<u8> {
    [small(7), vec![17]].concat()
}

fn declared(id: u16) -> Vec<u8> {
    set(0, &template(id, SMALL))
}

fn data(id: u16) -> Vec<u8> {
    set(id, &small(7))
}

/// Sets in one datagram of NetFlow v9, whatever its header says of their number.
fn check_sets(cases: &[CaseOfSets<'_>]) {
    for (name, sets, expected) in cases {
        check(name, &[v9(0, 1, sets)], expected);
        for count in [0_u16, 1, 999] {
            let mut miscounted = v9(0, 1, sets);
            miscounted[2..4].copy_from_slice(&count.to_be_bytes());
            check(name, &[miscounted], expected);
        }
    }
}

#[test]
fn sets_are_found_whatever_padding_an_exporter_has() {
    let padded = |record: &[u8], zeros: usize| set(257, &[record, &vec![0; zeros]].concat());
    check_sets(&[
        (
            "several templates in one set",
            vec![
                set(0, &[template(256, SMALL), template(257, ODD)].concat()),
                data(256),
                padded(&odd_record(), 3),
            ],
            vec![SEVEN, ODD_LINE],
        ),
        (
            "no padding at all",
            vec![
                set(0, &template(257, ODD)),
                padded(&odd_record(), 0),
                padded(&odd_record(), 0),
                declared(256),
                data(256),
            ],
            vec![ODD_LINE, ODD_LINE, SEVEN],
        ),
        (
            "no padding before templates, whose set begins with zeros as padding would",
            vec![
                set(0, &[template(257, ODD), template(258, &[(8, 4), (12, 4), (1, 4), (5, 2)])].concat()),
                set(258, &[small(7), vec![0; 2]].concat()),
                declared(256),
                padded(&odd_record(), 0),
                declared(300),
                data(256),
                data(300),
            ],
            vec![SEVEN, ODD_LINE, SEVEN, SEVEN],
        ),
        (
            "padding of an odd length",
            vec![
                set(0, &template(257, ODD)),
                padded(&odd_record(), 7),
                padded(&[], 9),
                declared(256),
                data(256),
            ],
            vec![ODD_LINE, SEVEN],
        ),
        (
            "padding that the length leaves out, before data and before templates",
            vec![
                set(0, &template(257, ODD)),
                [padded(&odd_record(), 0), vec![0; 3]].concat(),
                [padded(&odd_record(), 0), vec![0; 3]].concat(),
                declared(256),
                [padded(&[odd_record(), odd_record()].concat(), 0), vec![0; 2]].concat(),
                data(256),
            ],
            vec![ODD_LINE, ODD_LINE, ODD_LINE, ODD_LINE, SEVEN],
        ),
    ]);
}

#[test]
fn sets_are_found_in_any_order_beside_odd_ones() {
    check_sets(&[
        (
            "a template of no fields and one of no octets before a good one",
            vec![
                set(0, &[template(300, &[]), template(301, &[(8, 0)]), template(256, SMALL)].concat()),
                data(256),
            ],
            vec![SEVEN],
        ),
        (
            "padding behind templates",
            vec![set(0, &[template(256, SMALL), vec![0; 6]].concat()), data(256)],
            vec![SEVEN],
        ),
        (
            "data, its template changed, data",
            vec![declared(256), data(256), set(0, &template(256, ODD)), set(256, &odd_record())],
            vec![SEVEN, ODD_LINE],
        ),
        ("data before its template in one datagram", vec![data(256), declared(256)], vec![SEVEN]),
        (
            "reserved sets and unknown data",
            vec![set(77, &[1; 9]), set(400, &[1; 8]), declared(256), data(256)],
            vec![SEVEN],
        ),
        ("a set of nothing", vec![declared(256), set(256, &[]), data(256)], vec![SEVEN]),
        ("less than a set at the end", vec![declared(256), data(256), vec![1, 2, 3]], vec![SEVEN]),
        ("zeros at the end", vec![declared(256), data(256), vec![0; 40]], vec![SEVEN]),
        (
            "a length of zero ends it, and what came before stands",
            vec![declared(256), data(256), lying_set(256, 0, &small(7))],
            vec![SEVEN],
        ),
        (
            "a length beyond the datagram ends it",
            vec![declared(256), data(256), lying_set(256, 999, &small(7))],
            vec![SEVEN],
        ),
    ]);
}

#[test]
fn a_message_of_ipfix_whose_length_cannot_be_is_as_long_as_its_datagram() {
    let whole = ipfix(0, 1, &[set(2, &template(256, SMALL)), set(256, &small(7))]);
    for length in [0_u16, 2, 15, 9_999] {
        let mut lying = whole.clone();
        lying[2..4].copy_from_slice(&length.to_be_bytes());
        check(&format!("{length} octets"), &[lying], &["10.0.0.1 > 10.0.0.2 - 7/- ->-"]);
    }
    let beyond = [whole.as_slice(), &set(256, &small(8))].concat();
    check("what stands behind a message is not of it", &[beyond], &["10.0.0.1 > 10.0.0.2 - 7/- ->-"]);
}

#[test]
fn templates_of_options_of_any_shape_leave_flows_alone() {
    let flows = [set(2, &template(256, SMALL)), set(256, &small(7))];
    let cases: &[(&str, Vec<Vec<u8>>)] = &[
        ("no scopes", vec![set(3, &words(&[300, 1, 0, 41, 8])), set(300, &[0; 8])]),
        ("more scopes than fields", vec![set(3, &words(&[300, 1, 9, 41, 8])), set(300, &[0; 8])]),
        ("a scope of no octets", vec![set(3, &words(&[300, 2, 1, 144, 0, 41, 8])), set(300, &[0; 8])]),
        (
            "withdrawn",
            vec![set(3, &words(&[300, 1, 1, 41, 8])), set(3, &words(&[300, 0])), set(300, &[0; 8])],
        ),
        ("all of options withdrawn", vec![set(3, &words(&[300, 1, 1, 41, 8])), set(3, &words(&[3, 0]))]),
        (
            "as NetFlow v9 writes them",
            vec![set(1, &words(&[300, 4, 4, 1, 0, 34, 4])), set(300, &[0, 0, 0, 1])],
        ),
        ("fewer octets than a field has", vec![set(1, &words(&[300, 2, 6, 1, 0, 34, 4])), set(300, &[0; 4])]),
    ];
    for (name, options) in cases {
        let sets = [flows[..1].to_vec(), options.clone(), flows[1..].to_vec()].concat();
        check(name, &[ipfix(0, 1, &sets)], &["10.0.0.1 > 10.0.0.2 - 7/- ->-"]);
    }
}
