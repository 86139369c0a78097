//! Questions to kept flows, held to what a naive reading of the same flows answers.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

#[path = "fixture/archive.rs"]
mod archive;

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    time::Duration,
};

use archive::{Kept, NOW, ask_in, flows, list_in, origin, query};
use grafolean_collector::time::Timestamp;
use grafolean_netflow::{
    protocol_name::protocol_name,
    query::{By, FlowRow, FlowTime, LIST_MAX, Order, Progress, Query, QueryError, list},
    record::{Flow, FlowDetails},
};
use proptest::prelude::*;

/// When the flow of a place is received: ten a second.
fn received(place: u64) -> Timestamp {
    NOW + Duration::from_millis(place * 100)
}

fn kept(flows: &[Flow]) -> Kept {
    let kept = Kept::new();
    kept.keep(flows, received);
    kept
}

/// Flows that also differ in when they passed: invented ones all have the same moment.
fn spread(count: usize) -> Vec<Flow> {
    let later = |(place, flow): (usize, Flow)| {
        let shift = Duration::from_micros(place as u64 * 1_234_567 % 900_000_000);
        let longer = Duration::from_micros(place as u64 % 7 * 500_000);
        Flow {
            first: flow.first.map(|first| first + shift),
            last: flow.last.map(|last| last + shift + longer),
            tos: Some(u8::try_from(place % 5 * 46).unwrap()),
            ..flow
        }
    };
    flows(count).into_iter().enumerate().map(later).collect()
}

fn row(place: usize, flow: &Flow) -> FlowRow {
    FlowRow::of(&origin(received(place as u64)), flow, &FlowDetails::default())
}

/// Bytes of each group, where each flow counts once for each of its keys.
fn naive<K: Ord>(flows: &[Flow], keys: impl Fn(&Flow) -> Vec<K>) -> BTreeMap<K, (u64, u64)> {
    let mut groups = BTreeMap::new();
    for flow in flows {
        for key in keys(flow).into_iter().collect::<BTreeSet<_>>() {
            let sums: &mut (u64, u64) = groups.entry(key).or_default();
            *sums = (sums.0 + flow.scaled_bytes(), sums.1 + 1);
        }
    }
    groups
}

/// What both ends have, the end left out that tells nothing where the other does.
fn either<T: Copy>(source: Option<T>, destination: Option<T>) -> Vec<Option<T>> {
    match (source, destination) {
        (Some(_), None) => vec![source],
        (None, Some(_)) => vec![destination],
        _ => vec![source, destination],
    }
}

fn found(kept: &Kept, by: &[&str]) -> BTreeMap<Vec<Option<String>>, (u64, u64)> {
    let answer = ask_in(&kept.settings, &query("any", by));
    answer.groups.into_iter().map(|group| (group.key, (group.sums.bytes, group.sums.flows))).collect()
}

fn texts<T: ToString>(value: Option<T>) -> Option<String> {
    value.map(|value| value.to_string())
}

#[test]
fn either_end_of_a_flow_counts_once_for_each_flow() {
    let mut flows = spread(6_000);
    // some from an address and port to the same
    for flow in flows.iter_mut().step_by(11) {
        (flow.destination, flow.destination_port) = (flow.source, flow.source_port);
    }
    let kept = kept(&flows);
    let of = |keys: &dyn Fn(&Flow) -> Vec<Vec<Option<String>>>| naive(&flows, keys);
    let ip =
        of(&|flow| either(flow.source, flow.destination).into_iter().map(|it| vec![texts(it)]).collect());
    assert_eq!(found(&kept, &["ip"]), ip);
    let port = of(&|flow| {
        either(flow.source_port, flow.destination_port).into_iter().map(|it| vec![texts(it)]).collect()
    });
    assert_eq!(found(&kept, &["port"]), port);
    let together = of(&|flow| {
        let end = |address: Option<IpAddr>, port: Option<u16>| {
            Some((address, port)).filter(|_| address.is_some() || port.is_some())
        };
        let ends = either(end(flow.source, flow.source_port), end(flow.destination, flow.destination_port));
        let keys = ends.into_iter().map(|end| end.unwrap_or((None, None)));
        keys.map(|(address, port)| vec![texts(address), texts(port)]).collect()
    });
    assert_eq!(found(&kept, &["ip", "port"]), together, "a port goes with its own address");
    let interfaces =
        of(&|flow| either(flow.input, flow.output).into_iter().map(|it| vec![texts(it)]).collect());
    assert_eq!(found(&kept, &["if"]), interfaces);
    let with_protocol = of(&|flow| {
        let protocol = flow.protocol.map(|it| protocol_name(it).into_owned());
        either(flow.source, flow.destination)
            .into_iter()
            .map(|it| vec![protocol.clone(), texts(it)])
            .collect()
    });
    assert_eq!(found(&kept, &["proto", "ip"]), with_protocol);
}

#[test]
fn flags_classes_and_spans_of_time_are_keys() {
    let flows = spread(6_000);
    let kept = kept(&flows);
    let letters = |flags: u16| {
        let all = "FSRPAUECN".chars().enumerate();
        let set: String = all.filter(|(bit, _)| flags >> bit & 1 == 1).map(|(_, letter)| letter).collect();
        if set.is_empty() { ".".to_owned() } else { set }
    };
    assert_eq!(found(&kept, &["flags"]), naive(&flows, |flow| vec![vec![flow.tcp_flags.map(letters)]]));
    let class = |tos: u8| match tos >> 2 {
        0 => "cs0".to_owned(),
        46 => "ef".to_owned(),
        other => [(11, "11"), (23, "23"), (34, "af41")]
            .iter()
            .find(|(number, _)| *number == other)
            .unwrap()
            .1
            .to_owned(),
    };
    assert_eq!(found(&kept, &["dscp"]), naive(&flows, |flow| vec![vec![flow.tos.map(class)]]));
    for (name, seconds) in [("5m", 300), ("90s", 90), ("minute", 60), ("1h", 3_600)] {
        let bins = ask_in(&kept.settings, &query("any", &[name])).groups;
        let mut expected = BTreeMap::<i64, u64>::new();
        for (place, _) in flows.iter().enumerate() {
            let time = received(place as u64).seconds();
            *expected.entry(time - time.rem_euclid(seconds)).or_default() += 1;
        }
        let written = |time: i64| {
            let since = Duration::from_secs(u64::try_from(time).unwrap());
            humantime::format_rfc3339_seconds(std::time::UNIX_EPOCH + since).to_string()
        };
        let found: BTreeMap<_, _> =
            bins.into_iter().map(|group| (group.key[0].clone().unwrap(), group.sums.flows)).collect();
        assert_eq!(
            found,
            expected.into_iter().map(|(time, flows)| (written(time), flows)).collect(),
            "{name}"
        );
    }
}

#[test]
fn groups_tell_when_they_passed_and_how_much_a_second() {
    let flows = spread(6_000);
    let kept = kept(&flows);
    let asked = Query { timed: true, order: Order::BitRate, ..query("any", &["src"]) };
    let answer = ask_in(&kept.settings, &asked);
    let mut naive = BTreeMap::<Option<IpAddr>, Vec<&Flow>>::new();
    flows.iter().for_each(|flow| naive.entry(flow.source).or_default().push(flow));
    assert_eq!(answer.groups.len(), naive.len());
    let mut rates = Vec::new();
    for group in &answer.groups {
        let members = &naive[&group.key[0].as_ref().map(|text| text.parse().unwrap())];
        let times = group.times.unwrap();
        let first = members.iter().filter_map(|flow| flow.first).min();
        let last = members.iter().filter_map(|flow| flow.last).max();
        assert_eq!((times.first, times.last), (first, last), "{:?}", group.key);
        let all_told = members.iter().all(|flow| flow.first.is_some() && flow.last.is_some());
        let duration =
            first.zip(last).filter(|_| all_told).map(|(first, last)| last.micros() - first.micros());
        assert_eq!(times.duration, duration.map(|micros| u64::try_from(micros).unwrap()));
        let bits = members.iter().map(|flow| flow.scaled_bytes()).sum::<u64>() * 8;
        let rate = duration.filter(|micros| *micros > 0).map(|micros| {
            u64::try_from(u128::from(bits) * 1_000_000 / u128::try_from(micros).unwrap()).unwrap()
        });
        assert_eq!(times.rate(bits), rate);
        rates.push(rate);
    }
    assert!(
        rates.iter().flatten().count() > 10 && rates.is_sorted_by(|a, b| a >= b),
        "the unknown last: {rates:?}"
    );
    let total = answer.times.unwrap();
    assert_eq!(total.first, flows.iter().filter_map(|flow| flow.first).min());
    assert_eq!(total.duration, None, "some flows told no first packet's time");
}

#[test]
fn flows_are_looked_for_by_the_times_of_their_packets_too() {
    let flows = spread(6_000);
    let kept = kept(&flows);
    let (from, to) = (NOW + Duration::from_secs(100), NOW + Duration::from_secs(400));
    type Of = fn(&Flow) -> Option<Timestamp>;
    let times: [(FlowTime, Of); 2] =
        [(FlowTime::First, |flow| flow.first), (FlowTime::Last, |flow| flow.last)];
    for (time, of) in times {
        let within = |flow: &&Flow| of(flow).is_some_and(|it| it >= from && it < to);
        let meant: Vec<_> = flows.iter().filter(within).collect();
        let asked = Query { from, to, time, ..query("udp or tcp", &["minute"]) };
        let answer = ask_in(&kept.settings, &asked);
        let chosen = |flow: &&&Flow| matches!(flow.protocol, Some(6 | 17));
        assert_eq!(answer.total.flows, meant.iter().filter(chosen).count() as u64, "{time:?}");
        assert!(answer.total.flows > 500, "{time:?}: {}", answer.total.flows);
        let silent = flows.iter().enumerate().filter(|(place, flow)| {
            let received = received(*place as u64);
            of(flow).is_none() && received >= from && received < to && matches!(flow.protocol, Some(6 | 17))
        });
        assert_eq!(answer.scanned.untimed, silent.count() as u64, "{time:?}: what is missing is told");
    }
}

#[test]
fn a_list_has_the_flows_that_come_first_as_they_were() {
    let flows = spread(2_000);
    let kept = kept(&flows);
    let rows: Vec<FlowRow> = flows.iter().enumerate().map(|(place, flow)| row(place, flow)).collect();
    let scaled = |row: &FlowRow, count: Option<u64>| count.map(|count| row.scaled(count));
    let descending = |value: Option<u64>| (value.is_none(), Reverse(value));
    let micros = |time: Timestamp| u64::try_from(time.micros()).unwrap();
    let place = |order: Order, row: &FlowRow| match order {
        Order::Bytes => descending(scaled(row, row.flow.bytes)),
        Order::Packets => descending(scaled(row, row.flow.packets)),
        Order::BitRate => descending(scaled(row, row.flow.bytes).and_then(|bytes| row.rate(bytes * 8))),
        Order::PacketRate => descending(scaled(row, row.flow.packets).and_then(|it| row.rate(it))),
        Order::Duration => descending(row.duration()),
        Order::Last => descending(row.flow.last.map(micros)),
        Order::First | Order::Flows => {
            descending(Some(u64::MAX - micros(row.flow.first.unwrap_or(row.received))))
        }
    };
    for order in [
        Order::Bytes,
        Order::Packets,
        Order::Flows,
        Order::BitRate,
        Order::PacketRate,
        Order::Duration,
        Order::First,
        Order::Last,
    ] {
        for top in [1, 37, 2_000] {
            let asked = Query { order, top, ..query("src net 10.0.0.0/8", &[]) };
            let listing = list_in(&kept.settings, &asked);
            let is_meant = |row: &&FlowRow| matches!(row.flow.source, Some(IpAddr::V4(address)) if address.octets()[0] == 10);
            let meant: Vec<_> = rows.iter().filter(is_meant).collect();
            assert_eq!(listing.total.flows, meant.len() as u64);
            assert_eq!(listing.flows.len(), top.min(meant.len()));
            let mut expected: Vec<_> = meant.iter().map(|row| place(order, row)).collect();
            expected.sort_unstable();
            let found: Vec<_> = listing.flows.iter().map(|row| place(order, row)).collect();
            assert_eq!(found[..], expected[..found.len()], "{order:?}, {top}");
            for listed in listing.flows.iter().take(37) {
                assert!(meant.iter().any(|row| same(row, listed)), "{order:?}: {listed:?}");
            }
            let again = list_in(&kept.settings, &asked);
            assert_eq!(again.flows, listing.flows, "the same each time");
        }
    }
    let too_many = Query { top: LIST_MAX + 1, ..query("any", &[]) };
    let refused = list(&kept.settings.folder, &too_many, std::num::NonZeroUsize::MIN, &Progress::default());
    assert!(matches!(refused, Err(QueryError::TooMany(_))));
}

/// Whether what was listed is what was told, but for the words that only serve to scale.
fn same(row: &FlowRow, listed: &FlowRow) -> bool {
    let flow = Flow { factor: listed.flow.factor, sampler: None, sampling: None, ..row.flow };
    FlowRow { flow, ..*row } == *listed
}

#[test]
fn a_span_of_time_is_any_and_a_name_that_is_none_is_refused_with_those_that_are() {
    for name in ["5m", "15min", "1h", "1s", "1d", "2h 30m"] {
        assert_eq!(By::parse(name).unwrap().name(), name);
    }
    for name in ["5", "0s", "1ms", "500d", "source", "port/24", "src/129", ""] {
        let refused = By::parse(name).unwrap_err().to_string();
        assert!(refused.contains("is invalid: expected src, dst, ip, sport"), "{refused}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn any_keys_add_up_as_a_naive_reading_does(
        chosen in prop::collection::btree_set(0..6_usize, 1..3), count in 1..900_usize, from in 0..60_u64
    ) {
        let flows = spread(count);
        let kept = kept(&flows);
        type Of = fn(&Flow) -> Option<String>;
        let keys: [(&str, Of); 6] = [
            ("src", |flow| texts(flow.source)),
            ("dport", |flow| texts(flow.destination_port)),
            ("in", |flow| texts(flow.input)),
            ("dstas", |flow| texts(flow.destination_as)),
            ("tos", |flow| texts(flow.tos)),
            ("dir", |flow| texts(flow.direction.map(|direction| direction.number()))),
        ];
        let names: Vec<_> = chosen.iter().map(|at| keys[*at].0).collect();
        let from = NOW + Duration::from_secs(from);
        let asked = Query { from, ..query("any", &names) };
        let meant: Vec<Flow> = flows
            .iter()
            .enumerate()
            .filter(|(place, _)| received(*place as u64) >= from)
            .map(|(_, flow)| *flow)
            .collect();
        let answer = ask_in(&kept.settings, &asked);
        let found: BTreeMap<_, _> =
            answer.groups.into_iter().map(|group| (group.key, (group.sums.bytes, group.sums.flows))).collect();
        let expected = naive(&meant, |flow| vec![chosen.iter().map(|at| keys[*at].1(flow)).collect::<Vec<_>>()]);
        prop_assert_eq!(found, expected);
    }
}
