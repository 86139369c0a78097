//! The paths and values of a bin, as dashboards hang on them.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use grafolean_collector::model::{EntityId, escape_segment};

use super::{Closed, Ranking, Rollup, Span, TrafficDirection, closed::InterfaceRanking};
use crate::{places::NetworkName, protocol_name::protocol_name};

/// The exporters of one account: each entity with the addresses that it speaks from.
pub type Exporters = BTreeMap<EntityId, Vec<IpAddr>>;

/// Returns the values of one account and one bin: totals, also those that are 0, and the largest of each kind.
///
/// Interfaces are those that had traffic within a day.
pub fn values(
    span: Span,
    exporters: &Exporters,
    bin: Option<&Closed>,
    rollup: &Rollup,
) -> Vec<(String, f64)> {
    let mut values = Vec::new();
    for direction in TrafficDirection::ALL {
        let prefix = format!("netflow.{}.{}", span.label(), direction.label());
        let ranking = |address: &IpAddr| bin.and_then(|bin| bin.ranking(*address, direction));
        let named: BTreeSet<IpAddr> = exporters.values().flatten().copied().collect();
        let all = named.iter().filter_map(ranking).fold(0_u64, |sum, its| sum.saturating_add(its.total));
        values.push((prefix.clone(), all as f64));
        for (entity, addresses) in exporters {
            let addresses: BTreeSet<IpAddr> = addresses.iter().copied().collect();
            let mut sums = Ranking::default();
            addresses.iter().filter_map(ranking).for_each(|its| sums.merge(its));
            for interface in addresses.iter().flat_map(|address| rollup.interfaces(*address, direction)) {
                sums.interfaces.entry(interface).or_default();
            }
            push_exporter(&mut values, &format!("{prefix}.entity.{entity}"), &sums);
        }
    }
    values
}

fn push_exporter(values: &mut Vec<(String, f64)>, prefix: &str, sums: &Ranking) {
    values.push((prefix.to_owned(), sums.total as f64));
    push_lists(values, prefix, &sums.addresses, &sums.protocols);
    for ((source, destination), bytes) in &sums.pairs {
        let (source, destination) = (segment(source), segment(destination));
        values.push((format!("{prefix}.topconn.{source}.{destination}"), *bytes as f64));
    }
    for (port, bytes) in &sums.ports {
        values.push((format!("{prefix}.topdstports.{port}"), *bytes as f64));
    }
    for (system, bytes) in &sums.systems {
        values.push((format!("{prefix}.topas.{system}"), *bytes as f64));
    }
    for (country, bytes) in &sums.countries {
        let letters = escape_segment(&String::from_utf8_lossy(country));
        values.push((format!("{prefix}.topcountry.{letters}"), *bytes as f64));
    }
    values.extend(networks(prefix, &sums.networks));
    for (interface, InterfaceRanking { total, addresses, protocols }) in &sums.interfaces {
        let prefix = format!("{prefix}.if.{interface}");
        values.push((prefix.clone(), *total as f64));
        push_lists(values, &prefix, addresses, protocols);
    }
}

/// Returns the values of networks by name; those whose names a path writes alike are one.
fn networks(prefix: &str, networks: &[(NetworkName, u64)]) -> BTreeMap<String, f64> {
    let mut values = BTreeMap::new();
    for (network, bytes) in networks {
        let path = format!("{prefix}.topnet.{}", escape_segment(network.as_str()));
        *values.entry(path).or_default() += *bytes as f64;
    }
    values
}

fn push_lists(
    values: &mut Vec<(String, f64)>,
    prefix: &str,
    addresses: &[(IpAddr, u64)],
    protocols: &[(u8, u64)],
) {
    for (address, bytes) in addresses {
        values.push((format!("{prefix}.topip.{}", segment(address)), *bytes as f64));
    }
    for (protocol, bytes) in protocols {
        let name = escape_segment(&protocol_name(*protocol));
        values.push((format!("{prefix}.topprotocol.{name}"), *bytes as f64));
    }
}

fn segment(address: &IpAddr) -> String {
    escape_segment(&address.to_string())
}
