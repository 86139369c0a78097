//! What is written, read again by the library's own reader, a row at a time.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use grafolean_time::Timestamp;
use parquet::{
    file::reader::{FileReader, SerializedFileReader},
    record::Field,
};
use proptest::prelude::*;

use super::*;
use crate::{
    archive::column::Column,
    archive::file,
    record::{ApplicationId, Factor, Flow, FlowDetails, MacAddress, Origin, Protocol, Stream},
};

/// How a column's values are spread.
#[derive(Clone, Copy, Debug)]
struct Spread {
    flows: u64,
    /// How many are distinct.
    distinct: u64,
    /// One in so many is not told; none at 0.
    gap: u64,
}

fn records(spread: Spread) -> Vec<Record> {
    let stream = Stream {
        exporter: "192.0.2.7:9995".parse().unwrap(),
        protocol: Protocol::Ipfix,
        domain: u32::MAX,
        agent: None,
    };
    (0..spread.flows)
        .map(|place| {
            let number = (place * 2_654_435_761) % spread.distinct;
            let told = spread.gap == 0 || place % spread.gap != spread.gap - 1;
            let address = if number.is_multiple_of(3) {
                IpAddr::V6(Ipv6Addr::from_bits(u128::MAX - 1 - u128::from(number) * (1 << 70)))
            } else {
                IpAddr::V4(Ipv4Addr::from_bits(u32::try_from(number).unwrap()))
            };
            let moment = Timestamp::from_micros(1_700_000_000_000_000 + i64::try_from(number * 77).unwrap());
            let flow = Flow {
                source: told.then_some(address),
                destination: Some(address),
                source_port: u16::try_from(number % 65_536).ok().filter(|_| told),
                destination_port: None,
                tcp_flags: Some(0x1B),
                bytes: told.then_some(number << 20),
                packets: Some(number),
                last: told.then_some(moment),
                factor: Factor::one_in(u32::try_from(number % 5 + 1).unwrap()),
                ..Flow::default()
            };
            Record::new(&Origin { stream, received: moment, exported: None }, &flow, &details(number, spread))
        })
        .collect()
}

/// Details that some flows tell, each of its own.
fn details(number: u64, spread: Spread) -> FlowDetails<'static> {
    if spread.gap == 0 || number % 3 == 1 {
        return FlowDetails::default();
    }
    const NAMES: [&str; 4] = ["Gi0/1", "Gi0/2", "ge-0/0/0.0", "lo"];
    let (octet, port) = (u8::try_from(number % 200).unwrap(), u16::try_from(number % 65_000).unwrap());
    let name = |shift: u64| usize::try_from((number + shift) % 5).ok().and_then(|at| NAMES.get(at)).copied();
    FlowDetails {
        nat_source: Some(IpAddr::from([203, 0, 113, octet])),
        nat_destination: number
            .is_multiple_of(2)
            .then(|| IpAddr::V6(Ipv6Addr::from_bits(u128::from(number) << 80))),
        nat_source_port: Some(port),
        input_vlan: Some(port % 4_095),
        source_mac: Some(MacAddress::from_number(number << 20 & 0xFFFF_FFFF_FFFF)),
        next_hop: Some(IpAddr::from([192, 0, 2, octet])),
        source_mask: Some(octet % 129),
        ingress_vrf: Some(u32::MAX - u32::from(port)),
        mpls_top_label: Some(u32::from(port)),
        forwarding_status: Some(64),
        firewall_event: Some(octet % 6),
        application: Some(ApplicationId { engine: 13, selector: number }),
        input_name: name(0),
        application_name: name(1),
        ..FlowDetails::default()
    }
}

#[test]
fn what_no_flow_tells_costs_next_to_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flows.parquet");
    let records = records(Spread { flows: 40_000, distinct: 500, gap: 0 });
    file::write(&path, |out| Encoder::default().add_group(out, &records)).unwrap();
    let reader = SerializedFileReader::new(std::fs::File::open(&path).unwrap()).unwrap();
    let (mut absent, mut octets) = (0, 0);
    for column in reader.metadata().row_group(0).columns() {
        let name = column.column_path().string();
        if name.starts_with("nat_") || name.starts_with("in_") && name != "in_if" || name.contains("hop") {
            absent += 1;
            octets += column.compressed_size();
        }
    }
    assert!(absent >= 15, "{absent}");
    assert!(octets < 64 * absent, "{octets} octets of {absent} columns for {} flows", records.len());
}

/// What a row should hold.
fn cell(column: &Column, record: &Record) -> Field {
    let or_null = |field: Option<Field>| field.unwrap_or(Field::Null);
    let half = |address: u128| u64::try_from(address & u128::from(u64::MAX)).unwrap();
    match column.kind {
        Kind::Moment(get) => Field::TimestampMicros(get(record)),
        Kind::MomentIfTold(get) => or_null(get(record).map(Field::TimestampMicros)),
        Kind::Number(get) => or_null(get(record).map(Field::Long)),
        Kind::Known(get) => Field::Long(get(record)),
        Kind::Factor(get) => Field::Double(get(record)),
        Kind::Word(get) => Field::Str(get(record).to_owned()),
        Kind::Name(get) => or_null(get(record).map(|name| Field::Str(name.to_owned()))),
        Kind::Text(get, written) => or_null(get(record).map(|number| Field::Str(written(number)))),
        Kind::High(end) => or_null(record.address(end).map(|it| Field::ULong(half(it >> 64)))),
        Kind::Low(end) => or_null(record.address(end).map(|it| Field::ULong(half(it)))),
        Kind::Address(end) => {
            let text = |it| Field::Str(Ipv6Addr::from_bits(it).to_canonical().to_string());
            or_null(record.address(end).map(text))
        }
        Kind::Small(8, get) => or_null(get(record).map(|it| Field::UByte(u8::try_from(it).unwrap()))),
        Kind::Small(_, get) => or_null(get(record).map(|it| Field::UShort(u16::try_from(it).unwrap()))),
    }
}

fn check(groups: &[Vec<Record>]) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flows.parquet");
    let mut encoder = Encoder::default();
    file::write(&path, |out| groups.iter().try_for_each(|records| encoder.add_group(out, records))).unwrap();
    let reader = SerializedFileReader::new(std::fs::File::open(&path).unwrap()).unwrap();
    let expected: Vec<&Record> = groups.iter().flatten().collect();
    let mut rows = reader.get_row_iter(None).unwrap();
    for (place, record) in expected.iter().enumerate() {
        let row = rows.next().unwrap().unwrap();
        for ((name, field), column) in row.get_column_iter().zip(COLUMNS) {
            assert_eq!((name.as_str(), field), (column.name, &cell(column, record)), "row {place}");
        }
    }
    assert!(rows.next().is_none());
}

#[test]
fn what_all_have_in_common_and_what_none_told_is_read_again() {
    check(&[records(Spread { flows: 40_000, distinct: 1, gap: 0 })]);
    check(&[records(Spread { flows: 20_000, distinct: 1, gap: 1 })]);
    check(&[records(Spread { flows: 1, distinct: 1, gap: 0 })]);
}

#[test]
fn more_distinct_numbers_than_a_dictionary_has_are_read_again() {
    let flows = 2 * u64::try_from(DISTINCT_MAX).unwrap();
    check(&[records(Spread { flows, distinct: flows, gap: 0 })]);
    check(&[records(Spread { flows, distinct: flows, gap: 7 })]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_flows_are_read_again(
        spreads in prop::collection::vec((1..6_000_u64, 1..9_000_u64, 0..40_u64), 1..4)
    ) {
        let group = |(flows, distinct, gap)| records(Spread { flows, distinct, gap });
        check(&spreads.into_iter().map(group).collect::<Vec<_>>());
    }
}

#[test]
fn the_bounds_of_a_column_are_its_least_and_greatest_number() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flows.parquet");
    let records = records(Spread { flows: 1_000, distinct: 700, gap: 10 });
    file::write(&path, |out| Encoder::default().add_group(out, &records)).unwrap();
    let reader = SerializedFileReader::new(std::fs::File::open(&path).unwrap()).unwrap();
    let group = reader.metadata().row_group(0);
    let column = |name: &str| group.columns().iter().find(|it| it.column_path().string() == name).unwrap();
    let gaps = |name: &str| column(name).statistics().unwrap().null_count_opt();
    assert_eq!([gaps("bytes"), gaps("packets"), gaps("dst_port")], [Some(100), Some(0), Some(1_000)]);
    let wide = |name: &str| match column(name).statistics() {
        Some(Statistics::Int64(bounds)) => (*bounds.min_opt().unwrap(), *bounds.max_opt().unwrap()),
        other => panic!("{name}: {other:?}"),
    };
    // the flow of number 699 did not tell its bytes
    assert_eq!((wide("bytes"), wide("packets")), ((0, 698 << 20), (0, 699)));
    // as unsigned numbers: IPv4's high half is 0, IPv6's the greatest
    assert!(wide("src_high").0 == 0 && wide("src_high").1.cast_unsigned() > 1 << 63);
    let Some(Statistics::Double(factor)) = column("sampling").statistics() else { panic!("no floats") };
    assert_eq!((factor.min_opt(), factor.max_opt()), (Some(&1.0), Some(&5.0)));
    let Some(Statistics::Int32(flags)) = column("tcp_flags").statistics() else { panic!("no numbers") };
    assert_eq!((flags.min_opt(), flags.max_opt()), (Some(&0x1B), Some(&0x1B)));
    let Some(Statistics::Int32(port)) = column("dst_port").statistics() else { panic!("no numbers") };
    assert_eq!((port.min_opt(), port.max_opt()), (None, None));
    assert!(column("src").statistics().is_none());
}
