//! Autonomous systems, countries and networks of one's own: which lists are made, and whose word counts.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    missing_docs
)]

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr},
    path::Path,
    sync::Arc,
};

use grafolean_collector::model::EntityId;
use grafolean_netflow::{
    Timestamp,
    aggregate::{Exporters, LevelCheckpoint, Minutes, Rollup, Span, values},
    places::{Contents, Database, DatabaseError, Lists, Places, Prefer},
    record::{Direction, Flow, Origin, Protocol, Stream},
};

/// The second minute of a quarter of an hour.
const START: i64 = 1_699_999_260;
const EXPORTER: [u8; 4] = [192, 0, 2, 1];
const ALL: Lists = Lists { systems: true, countries: true, networks: true };

/// Writes a database of IPv4 prefixes, each with a table of words and numbers (MaxMind DB file format 2.0).
fn database(entries: &[([u8; 4], u32, Vec<u8>)]) -> Vec<u8> {
    #[derive(Clone, Copy)]
    enum Record {
        Nothing,
        Node(usize),
        Data(usize),
    }
    let (mut nodes, mut data) = (vec![[Record::Nothing; 2]], Vec::<u8>::new());
    for (address, length, table) in entries {
        let (bits, mut node) = (u32::from_be_bytes(*address), 0);
        for depth in 0..*length {
            let bit = (bits >> (31 - depth) & 1) as usize;
            if depth + 1 == *length {
                nodes[node][bit] = Record::Data(data.len());
            } else if let Record::Node(next) = nodes[node][bit] {
                node = next;
            } else {
                nodes.push([Record::Nothing; 2]);
                nodes[node][bit] = Record::Node(nodes.len() - 1);
                node = nodes.len() - 1;
            }
        }
        data.extend(table);
    }
    let mut out = Vec::new();
    for record in nodes.iter().flatten() {
        let number = match record {
            Record::Nothing => nodes.len(),
            Record::Node(node) => *node,
            Record::Data(offset) => nodes.len() + 16 + offset,
        };
        out.extend(&(number as u32).to_be_bytes()[1..]);
    }
    out.extend([0; 16]);
    out.extend(data);
    out.extend(b"\xAB\xCD\xEFMaxMind.com");
    let described = |name: &str, value: Vec<u8>| [text(name), value].concat();
    out.push(0xE0 | 9);
    out.extend(described("node_count", number(nodes.len() as u32)));
    out.extend(described("record_size", vec![0xA1, 24]));
    out.extend(described("ip_version", vec![0xA1, 4]));
    out.extend(described("database_type", text("test")));
    out.extend(described("languages", vec![0x00, 0x04]));
    out.extend(described("binary_format_major_version", vec![0xA1, 2]));
    out.extend(described("binary_format_minor_version", vec![0xA0]));
    out.extend(described("build_epoch", vec![0x01, 0x02, 1]));
    out.extend(described("description", [vec![0xE1], text("en"), text("a test")].concat()));
    out
}

fn text(text: &str) -> Vec<u8> {
    [&[0x40 | text.len() as u8], text.as_bytes()].concat()
}

fn number(number: u32) -> Vec<u8> {
    [&[0xC4][..], &number.to_be_bytes()].concat()
}

/// A table as GeoLite2-ASN and ip-location-db have it.
fn system(system: u32, organization: &str) -> Vec<u8> {
    let organization = [text("autonomous_system_organization"), text(organization)].concat();
    // names longer than 28 octets have their length in an octet more
    let long = |mut name: Vec<u8>| {
        if name[0] & 0x1F > 28 || name[0] >= 0x60 {
            let length = name[0] - 0x40 - 29;
            name.splice(0..1, [0x5D, length]);
        }
        name
    };
    let key = long(organization);
    [vec![0xE2], text("autonomous_system_number"), number(system), key].concat()
}

fn open(octets: &[u8]) -> Arc<Database> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), octets).unwrap();
    Arc::new(Database::open(file.path(), Contents::Systems).unwrap())
}

fn flow(source: [u8; 4], destination: [u8; 4], bytes: u64, systems: [u32; 2], direction: Direction) -> Flow {
    Flow {
        source: Some(Ipv4Addr::from(source).into()),
        destination: Some(Ipv4Addr::from(destination).into()),
        bytes: Some(bytes),
        source_as: Some(systems[0]).filter(|system| *system != 0),
        destination_as: Some(systems[1]).filter(|system| *system != 0),
        direction: Some(direction),
        ..Flow::default()
    }
}

/// Flows of two minutes, with a restart between them; what is told of the quarter, without what every list has.
fn told(places: &Places, flows: &[Flow]) -> BTreeMap<String, f64> {
    let stream =
        Stream { exporter: (EXPORTER, 9).into(), protocol: Protocol::Netflow9, domain: 0, agent: None };
    let mut rollup = Rollup::default();
    for minute in 0..2 {
        let mut minutes = Minutes::default().for_lists(places.lists);
        let received = Timestamp::from_seconds(START + minute * 60 + 30);
        let origin = Origin { stream, received, exported: Some(received) };
        flows.iter().for_each(|flow| minutes.add(&origin, flow));
        let end = START + (minute + 1) * 60;
        rollup.settle_placed(minutes.close(end), end, places);
        let mut restarted = Rollup::default();
        for span in Span::ALL.into_iter().rev().filter(|span| *span != Span::Minute) {
            let Some(level) = rollup.checkpoint(span) else { continue };
            let written = postcard::to_stdvec(&level).unwrap();
            let read: LevelCheckpoint<'_> = postcard::from_bytes(&written).unwrap();
            restarted.restore(span, read);
        }
        rollup = restarted;
    }
    let end = Span::Quarter.bin_of(START) + 900;
    rollup.settle_placed(Vec::new(), end, places);
    let exporters = Exporters::from([(EntityId::new(7), vec![IpAddr::from(EXPORTER)])]);
    let bin = rollup.closed(Span::Quarter, end - 900);
    let values = values(Span::Quarter, &exporters, bin.as_deref(), &rollup);
    let lists = ["topas", "topcountry", "topnet"];
    let is_wanted = |path: &String| lists.iter().any(|list| path.contains(list));
    let short = |path: String| path.replace("netflow.15min.", "").replace("entity.7.", "");
    values.into_iter().filter(|(path, _)| is_wanted(path)).map(|(path, value)| (short(path), value)).collect()
}

fn expected(values: &[(&str, f64)]) -> BTreeMap<String, f64> {
    values.iter().map(|(path, value)| ((*path).to_owned(), *value)).collect()
}

fn traffic() -> Vec<Flow> {
    vec![
        flow([10, 1, 0, 5], [198, 51, 100, 1], 100, [0, 64_500], Direction::Egress),
        flow([198, 51, 100, 1], [10, 1, 0, 5], 1_000, [64_500, 0], Direction::Ingress),
        flow([203, 0, 113, 9], [10, 2, 0, 5], 500, [64_501, 0], Direction::Ingress),
    ]
}

fn systems() -> Arc<Database> {
    open(&database(&[
        ([198, 51, 100, 0], 24, system(65_001, "Ours")),
        ([203, 0, 113, 0], 24, system(65_002, "Theirs")),
    ]))
}

#[test]
fn nothing_is_listed_unless_it_is_asked_for() {
    let places = Places { systems: Some(systems()), ..Places::default() };
    assert!(told(&places, &traffic()).is_empty());
}

#[test]
fn the_exporters_word_counts_and_that_of_the_database_where_it_has_none() {
    let lists = Lists { systems: true, ..Lists::default() };
    let by_exporter = expected(&[
        ("ingress.topas.64500", 2_000.0),
        ("ingress.topas.64501", 1_000.0),
        ("egress.topas.64500", 200.0),
    ]);
    let by_database = expected(&[
        ("ingress.topas.65001", 2_000.0),
        ("ingress.topas.65002", 1_000.0),
        ("egress.topas.65001", 200.0),
    ]);
    let silent: Vec<_> =
        traffic().into_iter().map(|flow| Flow { source_as: None, destination_as: None, ..flow }).collect();
    let places = |prefer, systems| Places { lists, prefer, systems, ..Places::default() };
    assert_eq!(told(&places(Prefer::Exporter, Some(systems())), &traffic()), by_exporter);
    assert_eq!(told(&places(Prefer::Exporter, Some(systems())), &silent), by_database);
    assert_eq!(told(&places(Prefer::Database, Some(systems())), &traffic()), by_database);
    assert_eq!(told(&places(Prefer::Database, None), &traffic()), by_exporter);
}

#[test]
fn networks_of_ones_own_are_listed_by_name() {
    let networks =
        Arc::new("10.1.0.0/16 office\n10.2.0.0/16 lab.2\n198.51.100.0/24 partner".parse().unwrap());
    let lists = Lists { networks: true, ..Lists::default() };
    let places = Places { networks, lists, ..Places::default() };
    assert_eq!(
        told(&places, &traffic()),
        expected(&[("ingress.topnet.partner", 2_000.0), ("egress.topnet.partner", 200.0)])
    );
}

#[test]
fn countries_are_listed_by_a_free_database() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/mmdb/country.mmdb");
    if !path.exists() {
        return println!("skipped: ./test fetches a database of countries from npm");
    }
    let countries = Some(Arc::new(Database::open(&path, Contents::Countries).unwrap()));
    let places = Places { countries, lists: ALL, ..Places::default() };
    let flows = [
        flow([8, 8, 8, 8], [10, 0, 0, 1], 300, [0; 2], Direction::Ingress),
        flow([10, 0, 0, 1], [193, 2, 1, 66], 50, [0; 2], Direction::Egress),
    ];
    assert_eq!(
        told(&places, &flows),
        expected(&[("ingress.topcountry.US", 600.0), ("egress.topcountry.SI", 100.0)])
    );
}

#[test]
fn a_database_names_systems_and_a_file_of_another_kind_is_refused() {
    let found = systems().system(IpAddr::from([198, 51, 100, 77])).unwrap();
    assert_eq!((found.number, found.organization.as_deref()), (65_001, Some("Ours")));
    assert_eq!(systems().system(IpAddr::from([192, 0, 2, 1])), None);
    assert_eq!(systems().system_number(IpAddr::from([203, 0, 113, 200])), Some(65_002));
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "no database").unwrap();
    let said = |contents| Database::open(file.path(), contents).unwrap_err();
    assert!(matches!(said(Contents::Systems), DatabaseError::Unreadable { .. }));
    std::fs::write(file.path(), database(&[([198, 51, 100, 0], 24, system(65_001, "Ours"))])).unwrap();
    let error = said(Contents::Countries);
    assert!(
        error.to_string().ends_with("is a database of \"test\", which says nothing of countries"),
        "{error}"
    );
}

#[test]
fn a_database_that_is_cut_anywhere_is_refused_and_one_with_changed_octets_names_nothing_but_what_it_holds() {
    let whole = database(&[
        ([198, 51, 100, 0], 24, system(65_001, "Ours")),
        ([203, 0, 113, 0], 24, system(65_002, "Theirs")),
    ]);
    let file = tempfile::NamedTempFile::new().unwrap();
    let open = |octets: &[u8]| {
        std::fs::write(file.path(), octets).unwrap();
        Database::open(file.path(), Contents::Systems)
    };
    for end in 0..whole.len() {
        assert!(open(&whole[..end]).is_err(), "cut at {end}");
    }
    let mut refused = 0;
    for place in 0..whole.len() {
        let mut changed = whole.clone();
        changed[place] ^= 0xFF;
        match open(&changed) {
            Ok(database) => drop(database.system(IpAddr::from([198, 51, 100, 77]))),
            Err(_) => refused += 1,
        }
    }
    assert!(refused > whole.len() / 10, "{refused} of {}", whole.len());
}

#[test]
fn what_an_exporter_tells_is_of_its_interface_and_a_number_that_names_nobody_is_not_told() {
    let lists = Lists { systems: true, ..Lists::default() };
    let (inside, outside) = ([10, 1, 0, 5], [198, 51, 100, 1]);
    let at = |input, system, bytes| Flow {
        input: Some(input),
        ..flow(outside, inside, bytes, [system, 0], Direction::Ingress)
    };
    // two neighbours by whom the same address is reached; 23456 is what a router with 16 bits calls all large numbers
    let flows = [at(1, 64_500, 100), at(2, 64_501, 30), at(3, 23_456, 7)];
    assert_eq!(
        told(&Places { lists, ..Places::default() }, &flows),
        expected(&[("ingress.topas.64500", 200.0), ("ingress.topas.64501", 60.0)])
    );
    assert_eq!(
        told(&Places { lists, systems: Some(systems()), ..Places::default() }, &flows),
        expected(&[
            ("ingress.topas.64500", 200.0),
            ("ingress.topas.64501", 60.0),
            ("ingress.topas.65001", 14.0)
        ])
    );
}

#[test]
fn addresses_of_ipv6_are_told_by_their_systems_too() {
    let lists = Lists { systems: true, networks: true, ..Lists::default() };
    let networks = Arc::new("2001:db8::/32 documentation".parse().unwrap());
    let flow = Flow {
        source: Some("2001:db8::1".parse().unwrap()),
        destination: Some("2001:db8::2".parse().unwrap()),
        ..flow([0; 4], [0; 4], 40, [64_500, 64_501], Direction::Egress)
    };
    assert_eq!(
        told(&Places { lists, networks, ..Places::default() }, &[flow]),
        expected(&[("egress.topas.64501", 80.0), ("egress.topnet.documentation", 80.0)])
    );
}

#[test]
fn what_an_earlier_version_wrote_is_read() {
    let stream =
        Stream { exporter: (EXPORTER, 9).into(), protocol: Protocol::Netflow9, domain: 0, agent: None };
    let mut minutes = Minutes::default();
    let received = Timestamp::from_seconds(START + 30);
    let origin = Origin { stream, received, exported: Some(received) };
    traffic().iter().for_each(|flow| minutes.add(&origin, flow));
    let mut rollup = Rollup::default();
    rollup.settle(minutes.close(START + 60), START + 60);
    let written = postcard::to_stdvec(&rollup.checkpoint(Span::Quarter).unwrap()).unwrap();
    // it ended before the lists: an empty table of them is one octet
    let (_, earlier) = written.split_last().unwrap();
    let read: LevelCheckpoint<'_> = postcard::from_bytes(earlier).unwrap();
    let mut restarted = Rollup::default();
    restarted.restore(Span::Quarter, read);
    assert_eq!(restarted.keys(Span::Quarter), rollup.keys(Span::Quarter));
}
