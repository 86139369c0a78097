//! What it costs to add up by autonomous system, country and network of one's own, beside the same without.

use std::{
    net::{IpAddr, Ipv4Addr},
    path::Path,
    sync::Arc,
    time::Duration,
};

use grafolean_collector::time::Timestamp;
use grafolean_netflow::{
    aggregate::{Minutes, Rollup, Span},
    generate::{Families, Traffic},
    places::{Contents, Database, Lists, Places},
    record::{Flow, Origin, Protocol, Stream},
};

use crate::{PAIRS, line, processor::time_of};

const FLOWS: usize = 2_000_000;
/// Pairs of runs, one after the other, so that what else the machine does meets both.
const ROUNDS: usize = 7;

/// Adds the same minute with names and without, in turn. With countries where `./test` fetched a database of them.
pub(crate) fn beside_unnamed() {
    let flows = flows();
    let named = places();
    let mut rounds: Vec<[Duration; 4]> = (0..ROUNDS)
        .map(|_| {
            let ([added, settled], [added_named, settled_named]) =
                (minute(&flows, &Places::default()), minute(&flows, &named));
            [added, settled, added_named, settled_named]
        })
        .collect();
    let seconds = |span: &Duration| span.as_secs_f64();
    let ratio = |[added, settled, added_named, settled_named]: &[Duration; 4]| {
        (seconds(added_named) + seconds(settled_named)) / (seconds(added) + seconds(settled))
    };
    rounds.sort_by(|one, other| ratio(one).total_cmp(&ratio(other)));
    for (name, round) in [("least", 0), ("median", ROUNDS / 2), ("most", ROUNDS - 1)] {
        let [added, settled, added_named, settled_named] = &rounds[round];
        let nanoseconds = |span: &Duration| seconds(span) * 1e9 / FLOWS as f64;
        line(&format!("flow_names_ratio_{name}"), ratio(&rounds[round]), "of the same without");
        line(
            &format!("flow_names_receiving_ratio_{name}"),
            seconds(added_named) / seconds(added),
            "of the same without",
        );
        let more =
            nanoseconds(added_named) + nanoseconds(settled_named) - nanoseconds(added) - nanoseconds(settled);
        line(&format!("flow_names_cost_{name}"), more, "ns a flow");
    }
}

/// Returns the time on the processor of adding flows to a minute, and of adding the minute up.
fn minute(flows: &[Flow], places: &Places) -> [Duration; 2] {
    let stream = Stream {
        exporter: (Ipv4Addr::LOCALHOST, 4_000).into(),
        protocol: Protocol::Netflow9,
        domain: 0,
        agent: None,
    };
    let start = Span::Day.bin_of(1_700_000_000);
    let received = Timestamp::from_seconds(start + 30);
    let origin = Origin { stream, received, exported: Some(received) };
    let (mut minutes, mut rollup) = (Minutes::default().for_lists(places.lists), Rollup::default());
    let now = || time_of("self", "");
    let began = now();
    flows.iter().for_each(|flow| minutes.add(&origin, flow));
    let added = now();
    rollup.settle_placed(minutes.close(start + 60), start + 60, places);
    [added - began, now() - added]
}

/// Flows between addresses of the whole internet, not of two networks.
fn flows() -> Vec<Flow> {
    let mut traffic = Traffic::new(1, PAIRS, Families::V4);
    let anywhere = |address: Option<IpAddr>| match address {
        Some(IpAddr::V4(address)) => {
            Some(Ipv4Addr::from_bits(address.to_bits().wrapping_mul(0x9E37_79B1)).into())
        }
        other => other,
    };
    let received = Timestamp::from_seconds(Span::Day.bin_of(1_700_000_000) + 30);
    let flow = |_| {
        let flow = traffic.flow(received);
        Flow { source: anywhere(flow.source), destination: anywhere(flow.destination), ..flow }
    };
    (0..FLOWS).map(flow).collect()
}

fn places() -> Places {
    let network = |number: u32| format!("{}/20 network-{number}\n", Ipv4Addr::from_bits(number << 12));
    let networks: String = (0..10_000_u32).map(|number| network(number * 97)).collect();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/mmdb/country.mmdb");
    let countries = Database::open(&path, Contents::Countries).ok().map(Arc::new);
    let lists = Lists { systems: true, countries: countries.is_some(), networks: true };
    Places { networks: Arc::new(networks.parse().unwrap()), countries, lists, ..Places::default() }
}
