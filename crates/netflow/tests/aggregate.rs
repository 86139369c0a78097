//! Aggregation against a naive model, and through restarts, leaps of the clock and floods of keys.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

use std::{
    cmp::Reverse,
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use grafolean_collector::{
    model::{EntityId, SeriesPath, escape_segment},
    time::Timestamp,
};
use grafolean_netflow::{
    aggregate::{Exporters, GRACE_SECONDS, Minutes, Rollup, Span, values},
    protocol_name::protocol_name,
    record::{Direction, Factor, Flow, Origin, Protocol, Stream},
};
use proptest::prelude::*;

/// Five minutes before midnight of a day of UTC.
const START: i64 = 1_700_006_400 - 300;
const EXPORTERS: [IpAddr; 2] =
    [IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2))];

type Sums = BTreeMap<String, u64>;

fn exporters() -> Exporters {
    BTreeMap::from([(EntityId::new(7), vec![EXPORTERS[0]]), (EntityId::new(8), vec![EXPORTERS[1]])])
}

fn origin(exporter: usize, received: Timestamp) -> Origin {
    let exporter = (EXPORTERS[exporter], 4_000).into();
    let stream = Stream { exporter, protocol: Protocol::Netflow9, domain: 0, agent: None };
    Origin { stream, received, exported: Some(received) }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_seconds(second)
}

fn flow(source: u8, bytes: u64) -> Flow {
    Flow {
        source: Some([10, 0, 0, source].into()),
        destination: Some("2001:db8::1".parse().unwrap()),
        destination_port: Some(443),
        protocol: Some(6),
        bytes: Some(bytes),
        input: Some(3),
        ..Flow::default()
    }
}

/// Closes what ended `GRACE_SECONDS` before a moment and gives the values of one interval's bin that ended then.
fn report(minutes: &mut Minutes, rollup: &mut Rollup, span: Span, end: i64) -> BTreeMap<String, f64> {
    rollup.settle(minutes.close(end), end);
    let bin = rollup.closed(span, end - span.seconds());
    values(span, &exporters(), bin.as_deref(), rollup).into_iter().collect()
}

/// All that the contract wants of some flows, written down one path at a time. Bins hold the flows received in them.
fn naive(span: Span, flows: &[(usize, Flow)]) -> BTreeMap<String, f64> {
    let (mut totals, mut lists) = (Sums::new(), BTreeMap::<String, Sums>::new());
    for way in ["ingress", "egress"] {
        let prefix = format!("netflow.{}.{way}", span.label());
        for path in ["", ".entity.7", ".entity.8"] {
            totals.insert(format!("{prefix}{path}"), 0);
        }
    }
    for (exporter, flow) in flows {
        let egress = flow.direction == Some(Direction::Egress);
        let prefix = format!("netflow.{}.{}", span.label(), if egress { "egress" } else { "ingress" });
        let entity = format!("{prefix}.entity.{}", 7 + exporter);
        let interface = if egress { flow.output } else { flow.input }.unwrap_or(0);
        let interface = format!("{entity}.if.{interface}");
        let bytes = flow.scaled_bytes();
        for path in [&prefix, &entity, &interface] {
            *totals.entry(path.clone()).or_default() += bytes;
        }
        let mut add = |list: String, key: String| {
            *lists.entry(list).or_default().entry(key).or_default() += bytes;
        };
        for prefix in [&entity, &interface] {
            if let Some(address) = if egress { flow.destination } else { flow.source } {
                add(format!("{prefix}.topip"), escape_segment(&address.to_string()));
            }
            if let Some(protocol) = flow.protocol {
                add(format!("{prefix}.topprotocol"), escape_segment(&protocol_name(protocol)));
            }
        }
        if let (Some(source), Some(destination)) = (flow.source, flow.destination) {
            let pair = [source, destination].map(|address| escape_segment(&address.to_string())).join(".");
            add(format!("{entity}.topconn"), pair);
        }
        if let Some(port) = flow.destination_port {
            add(format!("{entity}.topdstports"), port.to_string());
        }
    }
    for (list, sums) in lists {
        let mut rows: Vec<_> = sums.into_iter().filter(|(_, bytes)| *bytes > 0).collect();
        rows.sort_by_key(|(_, bytes)| Reverse(*bytes));
        totals.extend(rows.into_iter().take(10).map(|(key, bytes)| (format!("{list}.{key}"), bytes)));
    }
    totals.into_iter().map(|(path, bytes)| (path, bytes as f64)).collect()
}

fn any_flow() -> impl Strategy<Value = Flow> {
    let ends = (prop::option::weighted(0.9, 0_u8..30), prop::option::weighted(0.9, 0_u8..30));
    let kind = (prop::option::of(0_u8..=255), prop::option::of(0_u16..20), prop::option::of(0_u8..3));
    (ends, kind, prop::option::of(1_u32..4), prop::option::of(1_u32..4), any::<u32>(), 1_u32..3).prop_map(
        |((source, destination), (protocol, port, direction), input, output, bytes, sampling)| Flow {
            source: source.map(|last| [10, 0, 0, last].into()),
            destination: destination.map(|last| [0x2001, 0xDB8, 0, 0, 0, 0, 0, u16::from(last)].into()),
            protocol,
            destination_port: port,
            direction: direction.map(Direction::from_number),
            input,
            output,
            // no two sums are equal, so that the ten largest are told apart
            bytes: Some(u64::from(bytes) << 16 | u64::from(bytes >> 7)),
            factor: Factor::one_in(sampling),
            ..Flow::default()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn every_interval_has_the_paths_and_bytes_of_a_naive_model(
        flows in prop::collection::vec((0_usize..2, 0_i64..300, any_flow()), 1..120),
        restart in 1_i64..6,
    ) {
        let (mut minutes, mut rollup) = (Minutes::default(), Rollup::default());
        // every interval ends with the day, five minutes on
        for minute in 1..=5_i64 {
            let received: Vec<_> = flows.iter().filter(|(_, second, _)| second / 60 + 1 == minute).collect();
            for (exporter, second, flow) in &received {
                // late ones of the minute before would count in it while it is open
                let second = START + second.max(&((minute - 1) * 60 + GRACE_SECONDS));
                minutes.add(&origin(*exporter, at(second)), flow);
            }
            if minute == restart {
                let kept: Vec<_> = Span::ALL
                    .into_iter()
                    .rev()
                    .filter_map(|span| rollup.checkpoint(span).map(|it| (span, postcard(&it))))
                    .collect();
                minutes = from_postcard(&postcard(&minutes));
                rollup = Rollup::default();
                for (span, bytes) in kept {
                    rollup.restore(span, from_postcard(&bytes));
                }
                minutes.go_on_from(rollup.settled_until());
            }
            let end = START + minute * 60;
            let told = report(&mut minutes, &mut rollup, Span::Minute, end);
            let only: Vec<_> = received.iter().map(|(exporter, _, flow)| (*exporter, *flow)).collect();
            let expected = naive(Span::Minute, &only);
            for (path, bytes) in &expected {
                prop_assert_eq!(told.get(path), Some(bytes), "{} in minute {}", path, minute);
            }
            // beyond these there are only the interfaces that are idle
            for (path, bytes) in &told {
                prop_assert!(expected.contains_key(path) || (path.contains(".if.") && *bytes == 0.0), "{}", path);
                prop_assert!(SeriesPath::parse(path).is_ok());
            }
        }
        let all: Vec<_> = flows.iter().map(|(exporter, _, flow)| (*exporter, *flow)).collect();
        for span in [Span::Quarter, Span::Hour, Span::FourHours, Span::Day] {
            let told = report(&mut minutes, &mut rollup, span, START + 300);
            prop_assert_eq!(told, naive(span, &all));
        }
    }

    #[test]
    fn spreading_never_loses_nor_makes_a_byte(
        flows in prop::collection::vec((0_i64..400, 0_u64..900, 0_u64..900, any::<u64>()), 1..60),
    ) {
        let (mut minutes, mut rollup, mut sent, mut told) =
            (Minutes::default(), Rollup::default(), 0.0, 0.0);
        let mut flows = flows;
        flows.sort_by_key(|flow| flow.0);
        let mut flows = flows.into_iter().peekable();
        for second in 0..=600 {
            while let Some((_, age, length, bytes)) = flows.next_if(|flow| flow.0 == second) {
                let (now, bytes) = (at(START + second), bytes >> 20);
                let last = now - Duration::from_secs(age);
                let first = Some(last - Duration::from_secs(length));
                minutes.add(&origin(0, now), &Flow { first, last: Some(last), ..flow(1, bytes) });
                sent += bytes as f64;
            }
            if second % 60 == GRACE_SECONDS {
                let end = START + second - GRACE_SECONDS;
                let values = report(&mut minutes, &mut rollup, Span::Minute, end);
                told += values["netflow.1min.ingress"];
            }
        }
        // below 2^53, so that doubles hold each sum exactly
        prop_assert_eq!(sent, told);
    }
}

fn postcard(value: &impl serde::Serialize) -> Vec<u8> {
    ::postcard::to_stdvec(value).unwrap()
}

fn from_postcard<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> T {
    ::postcard::from_bytes(bytes).unwrap()
}

#[test]
fn a_flow_told_just_after_a_minute_is_spread_over_what_is_open() {
    let (mut minutes, mut rollup) = (Minutes::default(), Rollup::default());
    let now = at(START + 62);
    let lasting = Flow { first: Some(at(START + 32)), last: Some(at(START + 62)), ..flow(1, 3_000) };
    minutes.add(&origin(0, now), &lasting);
    // by then the first minute is closed
    minutes.add(&origin(0, at(START + 66)), &lasting);
    let total = "netflow.1min.ingress.entity.7";
    assert_eq!(report(&mut minutes, &mut rollup, Span::Minute, START + 60)[total], 2_800.0);
    assert_eq!(report(&mut minutes, &mut rollup, Span::Minute, START + 120)[total], 3_200.0);
}

#[test]
fn the_exporters_clock_may_be_years_off() {
    let (mut minutes, mut rollup) = (Minutes::default(), Rollup::default());
    let past = |second: i64| Timestamp::from_seconds(86_400 * 365 + second);
    let origin = Origin { exported: Some(past(62)), ..origin(0, at(START + 62)) };
    let lasting = Flow { first: Some(past(32)), last: Some(past(62)), ..flow(1, 3_000) };
    minutes.add(&origin, &lasting);
    let told = report(&mut minutes, &mut rollup, Span::Minute, START + 60);
    assert_eq!(told["netflow.1min.ingress.entity.7"], 2_800.0);
}

#[test]
fn a_quiet_minute_tells_zeros_also_of_the_interfaces_that_are_known() {
    let (mut minutes, mut rollup) = (Minutes::default(), Rollup::default());
    minutes.add(&origin(0, at(START + 10)), &flow(1, 100));
    report(&mut minutes, &mut rollup, Span::Minute, START + 60);
    let told = report(&mut minutes, &mut rollup, Span::Minute, START + 120);
    let mut paths: Vec<_> = told.keys().map(String::as_str).collect();
    paths.sort_unstable();
    let expected = [
        "netflow.1min.egress",
        "netflow.1min.egress.entity.7",
        "netflow.1min.egress.entity.8",
        "netflow.1min.ingress",
        "netflow.1min.ingress.entity.7",
        "netflow.1min.ingress.entity.7.if.3",
        "netflow.1min.ingress.entity.8",
    ];
    assert_eq!(paths, expected);
    assert!(told.values().all(|bytes| *bytes == 0.0));
}

#[test]
fn a_clock_that_leaps_tears_no_bin() {
    let (mut minutes, mut rollup) = (Minutes::default(), Rollup::default());
    minutes.add(&origin(0, at(START + 10)), &flow(1, 100));
    // an hour ahead: the minute that was open ends whole, at its own time
    let ahead = START + 3_600;
    report(&mut minutes, &mut rollup, Span::Minute, ahead);
    assert_eq!(rollup.closed_starts(Span::Minute), [START]);
    // back by five minutes: it counts where it can, once
    minutes.add(&origin(0, at(ahead - 300)), &flow(1, 50));
    let told = report(&mut minutes, &mut rollup, Span::Minute, ahead + 60);
    assert_eq!(told["netflow.1min.ingress"], 50.0);
    // back by the hour: that is believed
    minutes.add(&origin(0, at(START + 70)), &flow(1, 25));
    let told = report(&mut minutes, &mut rollup, Span::Minute, START + 120);
    assert_eq!(told["netflow.1min.ingress"], 25.0);
}

#[test]
fn a_minute_that_was_rolled_up_before_a_crash_counts_once() {
    let (mut minutes, mut rollup) = (Minutes::default(), Rollup::default());
    minutes.add(&origin(0, at(START + 10)), &flow(1, 100));
    let before = postcard(&minutes);
    report(&mut minutes, &mut rollup, Span::Minute, START + 60);
    // killed between the file of the quarter and that of the minutes
    let quarter = postcard(&rollup.checkpoint(Span::Quarter).unwrap());
    let (mut minutes, mut rollup) = (from_postcard::<Minutes>(&before), Rollup::default());
    let floor = rollup.restore(Span::Quarter, from_postcard(&quarter));
    assert_eq!(floor, START + 60);
    minutes.go_on_from(floor);
    let told = report(&mut minutes, &mut rollup, Span::Quarter, START + 300);
    assert_eq!(told["netflow.15min.ingress"], 100.0);
}

#[test]
fn a_flood_of_addresses_is_bounded_and_leaves_small_exporters_exact() {
    let (mut minutes, mut rollup) = (Minutes::default(), Rollup::default());
    let used = allocation_counter::measure(|| {
        for number in 0..600_000_u32 {
            let forged = Flow {
                source: Some(Ipv4Addr::from_bits(number).into()),
                destination: Some(Ipv4Addr::from_bits(!number).into()),
                ..flow(1, 10)
            };
            minutes.add(&origin(0, at(START + 10)), &forged);
        }
        for source in 0..20 {
            minutes.add(&origin(1, at(START + 10)), &flow(source, 1 + u64::from(source)));
            minutes.add(&origin(0, at(START + 10)), &flow(source, 1_000_000));
        }
        rollup.settle(minutes.close(START + 60), START + 60);
    });
    assert!(used.bytes_max < 200 << 20, "{} bytes", used.bytes_max);
    let bin = rollup.closed(Span::Minute, START).unwrap();
    let told: BTreeMap<_, _> = values(Span::Minute, &exporters(), Some(&bin), &rollup).into_iter().collect();
    assert_eq!(told["netflow.1min.ingress.entity.7"], 6_000_000.0 + 20_000_000.0, "totals stay exact");
    assert_eq!(told["netflow.1min.ingress.entity.8.topip.10%2e0%2e0%2e19"], 20.0);
    let (exporter, missed) = bin.estimated().next().unwrap();
    assert_eq!((exporter, missed <= 100, bin.estimated().count()), (EXPORTERS[0], true, 1));
    assert_eq!(told["netflow.1min.ingress.entity.7.topip.10%2e0%2e0%2e0"], 1_000_000.0);
}
