//! The language of filters: what it means, and what it says about mistakes.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

#[path = "fixture/archive.rs"]
mod archive;

use std::net::IpAddr;

use archive::{Kept, NOW, ask, flows, origin};
use grafolean_netflow::{
    query::{Filter, FlowRow},
    record::{Direction, Flow, FlowDetails},
};
use proptest::prelude::*;

type Meaning = fn(&Flow) -> bool;

fn in_ten(address: Option<IpAddr>) -> bool {
    matches!(address, Some(IpAddr::V4(address)) if address.octets()[0] == 10)
}

fn port(flow: &Flow, meant: impl Fn(u16) -> bool) -> bool {
    [flow.source_port, flow.destination_port].into_iter().flatten().any(meant)
}

/// Microseconds from its first packet to its last.
fn duration(flow: &Flow) -> Option<u64> {
    let (first, last) = flow.first.zip(flow.last)?;
    u64::try_from(last.micros() - first.micros()).ok()
}

/// What of a count passed each second.
fn rate(flow: &Flow, count: Option<u64>) -> Option<u64> {
    let micros = duration(flow).filter(|micros| *micros > 0)?;
    Some(u64::try_from(u128::from(count?) * 1_000_000 / u128::from(micros)).unwrap())
}

fn v4(flow: &Flow) -> bool {
    flow.source.is_some_and(|address| address.is_ipv4())
}

/// Filters with what they mean, by hand.
const MEANINGS: &[(&str, Meaning)] = &[
    ("", |_| true),
    ("any", |_| true),
    ("not any", |_| false),
    ("src net 10.0.0.0/8", |flow| in_ten(flow.source)),
    ("src 10/8", |flow| in_ten(flow.source)),
    ("dst net 10.0.0.0/8", |flow| in_ten(flow.destination)),
    ("net 10.0.0.0/8", |flow| in_ten(flow.source) || in_ten(flow.destination)),
    ("not net 10.0.0.0/8", |flow| !in_ten(flow.source) && !in_ten(flow.destination)),
    ("dst host 100.64.0.5", |flow| flow.destination == Some(IpAddr::from([100, 64, 0, 5]))),
    ("100.64.0.5", |flow| flow.destination == Some(IpAddr::from([100, 64, 0, 5]))),
    ("net 2001:db8::/32", |flow| flow.destination.is_some_and(|address| address.is_ipv6())),
    ("src net ::/0", |flow| flow.source.is_some()),
    ("src net 0.0.0.0/0", v4),
    ("ipv4", v4),
    ("ipv6", |flow| flow.source.is_some_and(|address| address.is_ipv6())),
    ("exporter 192.0.2.7", |_| true),
    ("exporter 192.0.2.0/24 and domain 3", |_| true),
    ("exporter 192.0.2.8", |_| false),
    ("dst port 443", |flow| flow.destination_port == Some(443)),
    ("port = 443", |flow| port(flow, |port| port == 443)),
    ("port in [22, 53 8000-9000]", |flow| {
        port(flow, |port| [22, 53].contains(&port) || (8_000..=9_000).contains(&port))
    }),
    ("src port 1024-20k", |flow| flow.source_port.is_some_and(|port| (1_024..=20_000).contains(&port))),
    ("dst port != 443", |flow| flow.destination_port.is_some_and(|port| port != 443)),
    ("not dst port 443", |flow| flow.destination_port != Some(443)),
    ("dst port < 80", |flow| flow.destination_port.is_some_and(|port| port < 80)),
    ("dst port<=80", |flow| flow.destination_port.is_some_and(|port| port <= 80)),
    ("host in [100.64.0.5, 10.0.0.0/8]", |flow| {
        let meant = |address| in_ten(address) || address == Some(IpAddr::from([100, 64, 0, 5]));
        meant(flow.source) || meant(flow.destination)
    }),
    ("src in [10/8 192.0.2.1]", |flow| in_ten(flow.source)),
    ("dst net in [2001:db8::/32]", |flow| flow.destination.is_some_and(|address| address.is_ipv6())),
    ("exporter in [192.0.2.8 192.0.2.7]", |_| true),
    ("dst port https", |flow| flow.destination_port == Some(443)),
    ("port in [ssh DNS 8000-9000]", |flow| {
        port(flow, |port| [22, 53].contains(&port) || (8_000..=9_000).contains(&port))
    }),
    ("not src port in [http-alt https]", |flow| !matches!(flow.source_port, Some(8_080 | 443))),
    ("dscp be", |flow| flow.tos.is_some_and(|tos| tos >> 2 == 0)),
    ("dscp in [ef af41 1-7]", |flow| flow.tos.is_some_and(|tos| matches!(tos >> 2, 46 | 34 | 1..=7))),
    ("duration > 1s", |flow| duration(flow) > Some(1_000_000)),
    ("duration 500ms-2s", |flow| duration(flow).is_some_and(|it| (500_000..=2_000_000).contains(&it))),
    ("duration 0", |flow| duration(flow) == Some(0)),
    ("bps > 10k", |flow| rate(flow, flow.bytes.map(|bytes| bytes * 8)) > Some(10_000)),
    ("pps <= 5", |flow| rate(flow, flow.packets).is_some_and(|rate| rate <= 5)),
    ("bpp > 100", |flow| {
        flow.bytes.zip(flow.packets).is_some_and(|(bytes, packets)| packets > 0 && bytes / packets > 100)
    }),
    ("flags = SA", |flow| flow.tcp_flags == Some(0x12)),
    ("format netflow9", |_| true),
    ("format IPFIX or reverse", |_| false),
    ("forward", |_| true),
    ("proto tcp", |flow| flow.protocol == Some(6)),
    ("TCP", |flow| flow.protocol == Some(6)),
    ("proto 17", |flow| flow.protocol == Some(17)),
    ("icmp or udp", |flow| matches!(flow.protocol, Some(1 | 17))),
    ("ipv6-icmp", |_| false),
    ("flags S", |flow| flow.tcp_flags.is_some_and(|flags| flags & 2 != 0)),
    ("flags SA and not flags R", |flow| flow.tcp_flags.is_some_and(|flags| flags & 0x12 == 0x12)),
    ("bytes > 10k", |flow| flow.bytes.is_some_and(|bytes| bytes > 10_000)),
    ("bytes>=40", |flow| flow.bytes.is_some()),
    ("packets 1", |flow| flow.packets == Some(1)),
    ("in if 3", |flow| flow.input == Some(3)),
    ("if 3", |flow| flow.input == Some(3) || flow.output == Some(3)),
    ("out if > 4 and egress", |flow| {
        flow.output.is_some_and(|it| it > 4) && flow.direction == Some(Direction::Egress)
    }),
    ("ingress", |flow| flow.direction == Some(Direction::Ingress)),
    ("src as 64500", |flow| flow.source_as == Some(64_500)),
    ("as 64501", |flow| flow.destination_as == Some(64_501)),
    ("tos 0", |_| true),
    ("tcp and port 443 or udp and port 53", |flow| match flow.protocol {
        Some(6) => port(flow, |port| port == 443),
        Some(17) => port(flow, |port| port == 53),
        _ => false,
    }),
    ("tcp && (port 443 || port 80) && !src net 10.0.0.0/8", |flow| {
        flow.protocol == Some(6) && port(flow, |port| port == 443 || port == 80) && !in_ten(flow.source)
    }),
    ("not (tcp or udp)", |flow| !matches!(flow.protocol, Some(6 | 17))),
];

#[test]
fn each_filter_finds_the_flows_that_it_means() {
    let kept = Kept::new();
    let flows = flows(9_000);
    kept.keep(&flows, |_| NOW);
    for (filter, meaning) in MEANINGS {
        let meant: Vec<_> = flows.iter().filter(|flow| meaning(flow)).collect();
        let found = ask(&kept.settings, filter, &[]).total;
        assert_eq!(found.flows, meant.len() as u64, "{filter}");
        assert_eq!(found.bytes, meant.iter().map(|flow| flow.scaled_bytes()).sum::<u64>(), "{filter}");
        let filter = Filter::parse(filter).unwrap();
        let selected = flows
            .iter()
            .filter(|flow| filter.selects(&FlowRow::of(&origin(NOW), flow, &FlowDetails::default())));
        assert!(selected.eq(meant), "{filter:?}: what arrives is selected as what was kept");
    }
}

#[test]
fn a_mistake_is_told_with_its_place_and_what_would_be_right() {
    for (filter, place, told) in [
        ("dst prot 443", 4, "\"host\", \"net\", \"port\""),
        ("prot 443", 0, "did you mean \"proto\"?"),
        ("quux", 0, "is the name of a protocol"),
        ("dst port", 8, "it ends where a number"),
        ("dst port htps", 9, "did you mean \"https\"?"),
        ("dst port 443x", 9, "is not a port: expected 443"),
        ("dscp 64", 5, "from 0 to 63"),
        ("dscp gold", 5, "as ef, af41"),
        ("duration > 5 apples", 11, "expected one as 500ms"),
        ("duration 10 parsecs", 9, "expected one as 500ms"),
        ("host in 10.0.0.1", 8, "\"in [10.0.0.0/8 192.0.2.1]\""),
        ("host in [10.0.0.1", 17, "it ends where another or \"]\""),
        ("src in [https]", 8, "is not an address"),
        ("format netflow10", 7, "expected netflow5"),
        ("port 80-22", 5, "ends before it begins"),
        ("port > 80-90", 7, "a range can't be compared"),
        ("port in 80", 8, "\"in [80 443]\""),
        ("port in []", 9, "the list is empty"),
        ("tcp udp", 4, "\"and\" or \"or\" is missing"),
        ("(tcp", 0, "never closed"),
        ("tcp)", 3, "never opened"),
        ("(tcp udp)", 5, "is missing before this"),
        ("tcp and", 7, "it ends where a condition"),
        ("src net 10.0.0.1/8", 8, "has bits beyond /8"),
        ("net 10.0.0.0/33", 4, "from 0 to 32"),
        ("host example.org", 5, "is not an address"),
        ("proto tpc", 6, "not an IP protocol"),
        ("flags SYN", 6, "is not TCP flags"),
        ("in 3", 3, "\"in if 3\""),
        ("bytes > 99999999999999999999", 8, "is not a number"),
    ] {
        let error = Filter::parse(filter).unwrap_err();
        assert_eq!(error.place, place, "{error}");
        assert!(error.message.contains(told), "{error}");
    }
    let shown = Filter::parse("tcp and dst prot 443").unwrap_err().to_string();
    assert!(shown.starts_with("the filter is wrong at character 13: "), "{shown}");
    assert!(shown.ends_with("\n  tcp and dst prot 443\n              ^"), "{shown}");
    let deep = format!("{}tcp{}", "(".repeat(100_000), ")".repeat(100_000));
    assert!(Filter::parse(&deep).unwrap_err().message.contains("more than 100"));
}

/// A filter made of others, and what it means.
fn combined() -> impl Strategy<Value = (String, Vec<bool>)> {
    let flows = flows(400);
    let leaf = (0..MEANINGS.len()).prop_filter_map("no condition", move |at| {
        let (filter, meaning) = MEANINGS[at];
        (!filter.is_empty()).then(|| (format!("({filter})"), flows.iter().map(meaning).collect::<Vec<_>>()))
    });
    leaf.prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            inner
                .clone()
                .prop_map(|(text, meant)| (format!("not {text}"), meant.iter().map(|it| !it).collect())),
            (inner.clone(), inner, any::<bool>()).prop_map(|((a, meant_a), (b, meant_b), both)| {
                let both_of = meant_a.into_iter().zip(meant_b);
                let meant = both_of.map(|(a, b)| if both { a && b } else { a || b }).collect();
                (format!("({a} {} {b})", if both { "and" } else { "or" }), meant)
            }),
        ]
    })
}

#[test]
fn any_combination_means_what_its_parts_mean_together() {
    let kept = Kept::new();
    kept.keep(&flows(400), |_| NOW);
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(48));
    runner
        .run(&combined(), |(filter, meant)| {
            let found = ask(&kept.settings, &filter, &[]).total.flows;
            prop_assert_eq!(found, meant.iter().filter(|meant| **meant).count() as u64, "{}", filter);
            Ok(())
        })
        .unwrap();
}

proptest! {
    #[test]
    fn no_text_breaks_the_reader(text in "\\PC{0,60}", words in proptest::collection::vec("src|dst|port|net|in|\\[|\\(|\\)|not|and|443|10.0.0.0/8|<|if|\u{e4}", 0..12)) {
        for text in [text, words.join(" ")] {
            if let Err(error) = Filter::parse(&text) {
                prop_assert!(error.place <= text.chars().count(), "{error}");
            }
        }
    }
}
