//! How devices hang together: what follows of all that they tell. Pure.
//!
//! A link is told by LLDP or CDP of one end or of both, or it follows of the stations that bridges saw: two ports are
//! joined if, of the bridges that are known, one port sees some and the other all others. What is not sure is no link.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use serde::Serialize;

use super::device::{FoundDevice, Mac, Neighbour, Told};

/// A link between two devices.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Link {
    /// The end whose device comes first.
    pub from: End,
    /// The other end.
    pub to: End,
    /// By what it is known, the best of all.
    pub evidence: Evidence,
}

/// An end of a link.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct End {
    /// Which of the devices, by its place among them.
    pub device: usize,
    /// Its interface, by name; nothing where only the other end told of the link and its words fit none.
    pub port: Option<String>,
}

/// By what a link is known, the surest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Evidence {
    /// Both ends tell of it by LLDP.
    LldpBothSides,
    /// One end tells of it by LLDP.
    LldpOneSide,
    /// One end or both tell of it by CDP.
    Cdp,
    /// It follows of the stations that bridges saw.
    Fdb,
}

/// The ends of links that were told, with how each was, and whether by the end that comes first.
type ToldLinks = BTreeMap<(End, End), BTreeSet<(Told, bool)>>;

/// A link that one end told of.
struct Claim {
    from: End,
    to: End,
    told: Told,
}

/// Returns the links between devices.
pub fn links(devices: &[FoundDevice]) -> Vec<Link> {
    let index = Index::of(devices);
    let mut found = ToldLinks::new();
    for (number, device) in devices.iter().enumerate() {
        for neighbour in device.neighbours.iter().filter(|it| it.told != Told::Arp) {
            let Some(claim) = index.claim(devices, number, neighbour) else { continue };
            let is_first = claim.from.device <= claim.to.device;
            let (one, other) = if is_first { (claim.from, claim.to) } else { (claim.to, claim.from) };
            found.entry((one, other)).or_default().insert((claim.told, is_first));
        }
    }
    let mut links = joined(found);
    links.extend(by_stations(devices, &links));
    links.sort();
    links
}

/// Returns addresses that devices tell of and that were not asked: whom to ask next, with how they were told.
pub fn candidates(devices: &[FoundDevice]) -> BTreeMap<IpAddr, Neighbour> {
    let known: BTreeSet<IpAddr> = devices.iter().filter_map(|device| device.address).collect();
    let mut candidates: BTreeMap<IpAddr, Neighbour> = BTreeMap::new();
    for neighbour in devices.iter().flat_map(|device| &device.neighbours) {
        let Some(address) = neighbour.address.filter(|address| !known.contains(address)) else { continue };
        let better = candidates.get(&address).is_none_or(|other| neighbour.told < other.told);
        if better {
            candidates.insert(address, neighbour.clone());
        }
    }
    candidates
}

/// Merges what both ends tell into one link; an end that names no port is the same link if there is one that fits.
fn joined(found: ToldLinks) -> Vec<Link> {
    let mut links: Vec<Link> = Vec::new();
    let (whole, vague): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|((from, to), _)| from.port.is_some() && to.port.is_some());
    for ((from, to), told) in whole {
        links.push(Link { from, to, evidence: evidence(&told) });
    }
    for ((from, to), told) in vague {
        let is_same = |vague: &End, whole: &End| {
            vague.device == whole.device && (vague.port.is_none() || vague.port == whole.port)
        };
        if !links.iter().any(|link| is_same(&from, &link.from) && is_same(&to, &link.to)) {
            links.push(Link { from, to, evidence: evidence(&told) });
        }
    }
    links
}

fn evidence(told: &BTreeSet<(Told, bool)>) -> Evidence {
    let by_lldp = told.iter().filter(|(told, _)| *told == Told::Lldp).count();
    match by_lldp {
        0 => Evidence::Cdp,
        1 => Evidence::LldpOneSide,
        _ => Evidence::LldpBothSides,
    }
}

/// Devices by what others call them.
struct Index {
    chassis: BTreeMap<String, Option<usize>>,
    names: BTreeMap<String, Option<usize>>,
    addresses: BTreeMap<IpAddr, usize>,
}

impl Index {
    fn of(devices: &[FoundDevice]) -> Self {
        let mut index = Self { chassis: BTreeMap::new(), names: BTreeMap::new(), addresses: BTreeMap::new() };
        // A name or an address of hardware that two devices have stands for neither.
        let put = |map: &mut BTreeMap<String, Option<usize>>, key: String, number: usize| {
            map.entry(key)
                .and_modify(|known| *known = known.filter(|it| *it == number))
                .or_insert(Some(number));
        };
        for (number, device) in devices.iter().enumerate() {
            let macs = device.macs.iter().map(ToString::to_string);
            for key in device.lldp.chassis.iter().cloned().chain(macs) {
                put(&mut index.chassis, key, number);
            }
            if let Some(identity) = device.identity.as_ref().filter(|it| !it.name.is_empty()) {
                put(&mut index.names, bare(&identity.name), number);
            }
            if let Some(address) = device.address {
                index.addresses.insert(address, number);
            }
        }
        index
    }

    /// Returns the link that a device tells of, if its other end is known.
    fn claim(&self, devices: &[FoundDevice], number: usize, neighbour: &Neighbour) -> Option<Claim> {
        let by_chassis = neighbour.chassis.as_ref().and_then(|key| self.chassis.get(key).copied().flatten());
        let by_name =
            || neighbour.name.as_ref().and_then(|name| self.names.get(&bare(name)).copied().flatten());
        let by_address = || neighbour.address.and_then(|address| self.addresses.get(&address).copied());
        let other = by_chassis.or_else(by_name).or_else(by_address).filter(|other| *other != number)?;
        let remote = devices.get(other)?;
        let port = neighbour.remote_port.as_ref().and_then(|port| port_named(remote, port));
        Some(Claim {
            from: End { device: number, port: neighbour.port.clone() },
            to: End { device: other, port },
            told: neighbour.told,
        })
    }
}

/// Returns the interface that others name so: by its name, its description, or its id in LLDP.
fn port_named(device: &FoundDevice, port: &str) -> Option<String> {
    let interfaces = || device.interfaces.values();
    let named = interfaces().find(|it| it.name == port || it.description == port);
    let by_id = || {
        let (number, _) = device.lldp.ports.iter().find(|(_, id)| *id == port)?;
        device.interfaces.get(number)
    };
    named.or_else(by_id).map(|interface| interface.name.clone())
}

/// Returns a name without its domain and without the serial number that some put behind it: as both ends write it.
fn bare(name: &str) -> String {
    let name = name.split(['(', ' ']).next().unwrap_or_default();
    let first = name.split('.').next().unwrap_or_default();
    // The parts of an address are no domain.
    let bare = if name.parse::<IpAddr>().is_ok() { name } else { first };
    bare.to_ascii_lowercase()
}

/// Returns links that follow of the stations that bridges saw, of those whose ends are in no link that was told.
///
/// Of the bridges that are known, port p of A sees the set S. A port q of B is the other end of p if A is seen at q, B is
/// seen at p, and what q sees is all that p does not see: then nothing of what is known stands between them.
fn by_stations(devices: &[FoundDevice], told: &[Link]) -> Vec<Link> {
    let owners = owners(devices);
    let mut seen: BTreeMap<(usize, u32), BTreeSet<usize>> = BTreeMap::new();
    for (number, device) in devices.iter().enumerate() {
        for (interface, stations) in &device.stations {
            let bridges = stations.iter().filter_map(|mac| owners.get(mac).copied().flatten());
            let bridges: BTreeSet<usize> = bridges.filter(|other| *other != number).collect();
            if !bridges.is_empty() {
                seen.insert((number, *interface), bridges);
            }
        }
    }
    // All that each bridge sees at any port, itself included: those that see each other's like are one network.
    let mut reach: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    for ((bridge, _), bridges) in &seen {
        let reached = reach.entry(*bridge).or_insert_with(|| BTreeSet::from([*bridge]));
        reached.extend(bridges);
    }
    let name = |bridge: usize, interface: u32| {
        devices.get(bridge)?.interfaces.get(&interface).map(|it| it.name.clone())
    };
    let is_told = |bridge: usize, port: &Option<String>| {
        let is_end = |end: &End| end.device == bridge && end.port == *port;
        told.iter().any(|link| is_end(&link.from) || is_end(&link.to))
    };
    let mut links = Vec::new();
    for ((one, p), at_p) in &seen {
        for two in at_p.iter().filter(|two| *two > one) {
            let all = reach.get(one);
            if all != reach.get(two) {
                continue;
            }
            let ports = seen.range((*two, 0)..=(*two, u32::MAX));
            for ((_, q), at_q) in ports.filter(|(_, at_q)| at_q.contains(one)) {
                let together: BTreeSet<usize> = at_p.union(at_q).copied().collect();
                let (port, other) = (name(*one, *p), name(*two, *q));
                let is_link = at_p.is_disjoint(at_q) && Some(&together) == all;
                if is_link && !is_told(*one, &port) && !is_told(*two, &other) {
                    let (from, to) = (End { device: *one, port }, End { device: *two, port: other });
                    links.push(Link { from, to, evidence: Evidence::Fdb });
                }
            }
        }
    }
    links
}

/// Returns whose an address of hardware is; one that several have is nobody's.
fn owners(devices: &[FoundDevice]) -> BTreeMap<Mac, Option<usize>> {
    let mut owners: BTreeMap<Mac, Option<usize>> = BTreeMap::new();
    for (number, device) in devices.iter().enumerate() {
        for mac in &device.macs {
            owners
                .entry(*mac)
                .and_modify(|known| *known = known.filter(|it| *it == number))
                .or_insert(Some(number));
        }
    }
    owners
}
