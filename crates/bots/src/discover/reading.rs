//! A device, read over SNMP: what it is, its interfaces, whom it sees.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::Duration,
};

use super::device::{FoundDevice, FoundInterface, Identity, LocalLldp, Mac, Neighbour, Told};
use crate::snmp::{
    Oid, Value,
    plan::{PollResult, Wanted},
    profile::Library,
    vendor,
};

/// sysDescr, sysObjectID, sysUpTime, sysName (RFC 3418).
const SYSTEM: [&[u32]; 4] = [
    &[1, 3, 6, 1, 2, 1, 1, 1, 0],
    &[1, 3, 6, 1, 2, 1, 1, 2, 0],
    &[1, 3, 6, 1, 2, 1, 1, 3, 0],
    &[1, 3, 6, 1, 2, 1, 1, 5, 0],
];

const IF_DESCR: &[u32] = &[1, 3, 6, 1, 2, 1, 2, 2, 1, 2];
const IF_SPEED: &[u32] = &[1, 3, 6, 1, 2, 1, 2, 2, 1, 5];
const IF_PHYS_ADDRESS: &[u32] = &[1, 3, 6, 1, 2, 1, 2, 2, 1, 6];
const IF_OPER_STATUS: &[u32] = &[1, 3, 6, 1, 2, 1, 2, 2, 1, 8];
const IF_NAME: &[u32] = &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 1];
const IF_HIGH_SPEED: &[u32] = &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 15];
const IF_ALIAS: &[u32] = &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 18];
/// entPhysicalClass and entPhysicalModelName (RFC 6933).
const ENT_CLASS: &[u32] = &[1, 3, 6, 1, 2, 1, 47, 1, 1, 1, 1, 5];
const ENT_MODEL: &[u32] = &[1, 3, 6, 1, 2, 1, 47, 1, 1, 1, 1, 13];
/// lldpLocChassisId, lldpLocPortId, and of lldpRemTable chassis, port, port description, name (IEEE 802.1AB).
const LLDP_CHASSIS: &[u32] = &[1, 0, 8802, 1, 1, 2, 1, 3, 2, 0];
const LLDP_PORT: &[u32] = &[1, 0, 8802, 1, 1, 2, 1, 3, 7, 1, 3];
const LLDP_REMOTE_CHASSIS: &[u32] = &[1, 0, 8802, 1, 1, 2, 1, 4, 1, 1, 5];
const LLDP_REMOTE_PORT: &[u32] = &[1, 0, 8802, 1, 1, 2, 1, 4, 1, 1, 7];
const LLDP_REMOTE_NAME: &[u32] = &[1, 0, 8802, 1, 1, 2, 1, 4, 1, 1, 9];
const LLDP_REMOTE_DESCR: &[u32] = &[1, 0, 8802, 1, 1, 2, 1, 4, 1, 1, 10];
/// lldpRemManAddrIfSubtype: the address stands in the index.
const LLDP_REMOTE_ADDRESS: &[u32] = &[1, 0, 8802, 1, 1, 2, 1, 4, 2, 1, 3];
/// Of cdpCacheTable: address, device, port, platform.
const CDP_ADDRESS: &[u32] = &[1, 3, 6, 1, 4, 1, 9, 9, 23, 1, 2, 1, 1, 4];
const CDP_DEVICE: &[u32] = &[1, 3, 6, 1, 4, 1, 9, 9, 23, 1, 2, 1, 1, 6];
const CDP_PORT: &[u32] = &[1, 3, 6, 1, 4, 1, 9, 9, 23, 1, 2, 1, 1, 7];
const CDP_PLATFORM: &[u32] = &[1, 3, 6, 1, 4, 1, 9, 9, 23, 1, 2, 1, 1, 8];
/// ipNetToMediaPhysAddress.
const ARP: &[u32] = &[1, 3, 6, 1, 2, 1, 4, 22, 1, 2];
/// dot1dBaseBridgeAddress, dot1dBasePortIfIndex, dot1dTpFdbPort (RFC 4188), dot1qTpFdbPort (RFC 4363).
const BRIDGE_ADDRESS: &[u32] = &[1, 3, 6, 1, 2, 1, 17, 1, 1, 0];
const BRIDGE_PORT: &[u32] = &[1, 3, 6, 1, 2, 1, 17, 1, 4, 1, 2];
const FDB_PORT: &[u32] = &[1, 3, 6, 1, 2, 1, 17, 4, 3, 1, 2];
const VLAN_FDB_PORT: &[u32] = &[1, 3, 6, 1, 2, 1, 17, 7, 1, 2, 2, 1, 2];

/// The class of entPhysicalTable that is a chassis.
const CHASSIS: u64 = 3;

/// Returns what a device is asked first: who it is.
pub(super) fn identity() -> Wanted {
    let mut wanted = Wanted::default();
    SYSTEM.into_iter().filter_map(|arcs| Oid::new(arcs).ok()).for_each(|oid| wanted.get(oid));
    wanted
}

/// Returns what a device that answers is asked: its interfaces, its model, whom it sees.
pub(super) fn all() -> Wanted {
    let mut wanted = Wanted::default();
    for arcs in [LLDP_CHASSIS, BRIDGE_ADDRESS] {
        Oid::new(arcs).into_iter().for_each(|oid| wanted.get(oid));
    }
    for arcs in [
        IF_DESCR,
        IF_SPEED,
        IF_PHYS_ADDRESS,
        IF_OPER_STATUS,
        IF_NAME,
        IF_HIGH_SPEED,
        IF_ALIAS,
        ENT_CLASS,
        ENT_MODEL,
        LLDP_PORT,
        LLDP_REMOTE_CHASSIS,
        LLDP_REMOTE_PORT,
        LLDP_REMOTE_NAME,
        LLDP_REMOTE_DESCR,
        LLDP_REMOTE_ADDRESS,
        CDP_ADDRESS,
        CDP_DEVICE,
        CDP_PORT,
        CDP_PLATFORM,
        ARP,
        BRIDGE_PORT,
        FDB_PORT,
        VLAN_FDB_PORT,
    ] {
        Oid::new(arcs).into_iter().for_each(|oid| wanted.walk(oid));
    }
    wanted
}

/// Reads who a device is.
pub(super) fn read_identity(result: &PollResult, way: &str) -> Identity {
    let value = |arcs: &[u32]| value(result, arcs);
    let text = |arcs: &[u32]| value(arcs).map(|value| value.text().trim().to_owned()).unwrap_or_default();
    let [description, object, uptime, name] = SYSTEM;
    let id = match value(object) {
        Some(Value::Oid(oid)) => Some(oid),
        _ => None,
    };
    let ticks = match value(uptime) {
        Some(Value::TimeTicks(ticks)) => *ticks,
        _ => 0,
    };
    let description = text(description);
    Identity {
        way: way.to_owned(),
        name: text(name),
        profile: Library::builtin().matching(id, &description).map(|profile| profile.name.clone()),
        description,
        object: id.map(ToString::to_string).unwrap_or_default(),
        vendor: id.and_then(vendor).map(str::to_owned),
        model: None,
        uptime: Duration::from_millis(u64::from(ticks) * 10),
    }
}

/// Reads all else of a device.
pub(super) fn read_all(result: &PollResult, device: &mut FoundDevice) {
    read_interfaces(result, device);
    if let Some(identity) = &mut device.identity {
        identity.model = model(result);
    }
    let chassis = value(result, LLDP_CHASSIS).and_then(octets).map(id);
    let ports = texts(result, LLDP_PORT, id).into_iter();
    let ports = ports.filter_map(|(index, port)| Some((*index.first()?, port))).collect();
    device.lldp = LocalLldp { chassis, ports };
    device.macs.extend(value(result, BRIDGE_ADDRESS).and_then(octets).and_then(Mac::of));
    read_lldp(result, device);
    read_cdp(result, device);
    read_arp(result, device);
    read_stations(result, device);
}

fn read_interfaces(result: &PollResult, device: &mut FoundDevice) {
    for (index, description) in texts(result, IF_DESCR, text) {
        let [index] = *index else { continue };
        let interface =
            FoundInterface { name: description.clone(), description, ..FoundInterface::default() };
        device.interfaces.insert(index, interface);
    }
    let mut each = |root: &[u32], put: &mut dyn FnMut(&mut FoundInterface, &Value)| {
        for (index, value) in rows(result, root) {
            let [index] = *index else { continue };
            if let Some(interface) = device.interfaces.get_mut(&index) {
                put(interface, value);
            }
        }
    };
    each(IF_SPEED, &mut |interface, value| interface.speed_bps = value.whole_number().unwrap_or_default());
    each(IF_HIGH_SPEED, &mut |interface, value| {
        if let Some(megabits) = value.whole_number().filter(|megabits| *megabits > 0) {
            interface.speed_bps = megabits.saturating_mul(1_000_000);
        }
    });
    each(IF_OPER_STATUS, &mut |interface, value| interface.up = value.whole_number() == Some(1));
    each(IF_NAME, &mut |interface, value| {
        let name = value.text();
        if !name.trim().is_empty() {
            interface.name = name.trim().to_owned();
        }
    });
    each(IF_ALIAS, &mut |interface, value| interface.alias = value.text().trim().to_owned());
    device.macs.extend(rows(result, IF_PHYS_ADDRESS).filter_map(|(_, value)| Mac::of(octets(value)?)));
}

/// Returns the model of the chassis.
fn model(result: &PollResult) -> Option<String> {
    let is_chassis = |index: &[u32]| {
        rows(result, ENT_CLASS).any(|(known, class)| known == index && class.whole_number() == Some(CHASSIS))
    };
    let models = texts(result, ENT_MODEL, text).into_iter().filter(|(_, model)| !model.is_empty());
    models.into_iter().find(|(index, _)| is_chassis(index)).map(|(_, model)| model)
}

fn read_lldp(result: &PollResult, device: &mut FoundDevice) {
    let ports = texts(result, LLDP_REMOTE_PORT, id);
    let names = texts(result, LLDP_REMOTE_NAME, text);
    let platforms = texts(result, LLDP_REMOTE_DESCR, text);
    let mut addresses = BTreeMap::new();
    for (index, _) in rows(result, LLDP_REMOTE_ADDRESS) {
        if let Some((row, rest)) = index.split_at_checked(3)
            && let Some(address) = address_in_index(rest)
        {
            addresses.entry(row.to_vec()).or_insert(address);
        }
    }
    for (index, chassis) in texts(result, LLDP_REMOTE_CHASSIS, id) {
        let [_, local, _] = *index else { continue };
        device.neighbours.push(Neighbour {
            told: Told::Lldp,
            port: local_port(device, local),
            name: given(names.get(&index)),
            address: addresses.get(&index[..]).copied(),
            chassis: Some(chassis),
            remote_port: given(ports.get(&index)),
            platform: given(platforms.get(&index)),
        });
    }
}

/// Returns the interface of an LLDP port number: mostly that is its ifIndex, else its id is an interface's name.
fn local_port(device: &FoundDevice, number: u32) -> Option<String> {
    let id = device.lldp.ports.get(&number);
    let by_name =
        id.and_then(|id| device.interfaces.values().find(|it| it.name == *id || it.description == *id));
    let by_index = || device.interfaces.get(&number);
    by_name.or_else(by_index).map(|interface| interface.name.clone()).or_else(|| id.cloned())
}

fn read_cdp(result: &PollResult, device: &mut FoundDevice) {
    let ports = texts(result, CDP_PORT, text);
    let platforms = texts(result, CDP_PLATFORM, text);
    let addresses: BTreeMap<_, _> = rows(result, CDP_ADDRESS).collect();
    for (index, name) in texts(result, CDP_DEVICE, text) {
        let [interface, _] = *index else { continue };
        let address = addresses.get(&index[..]).and_then(|value| match octets(value)? {
            [a, b, c, d] => Some(IpAddr::from([*a, *b, *c, *d])),
            _ => None,
        });
        device.neighbours.push(Neighbour {
            told: Told::Cdp,
            port: device.interfaces.get(&interface).map(|it| it.name.clone()),
            name: Some(name),
            address,
            chassis: None,
            remote_port: given(ports.get(&index)),
            platform: given(platforms.get(&index)),
        });
    }
}

fn read_arp(result: &PollResult, device: &mut FoundDevice) {
    for (index, value) in rows(result, ARP) {
        let ([interface, rest @ ..], Some(mac)) = (index, octets(value).and_then(Mac::of)) else { continue };
        let Some(address) = four(rest) else { continue };
        if address.is_loopback() || address.is_broadcast() || address.is_multicast() {
            continue;
        }
        device.neighbours.push(Neighbour {
            told: Told::Arp,
            port: device.interfaces.get(interface).map(|it| it.name.clone()),
            name: None,
            address: Some(address.into()),
            chassis: Some(mac.to_string()),
            remote_port: None,
            platform: None,
        });
    }
}

fn read_stations(result: &PollResult, device: &mut FoundDevice) {
    let interfaces: BTreeMap<u32, u32> = rows(result, BRIDGE_PORT)
        .filter_map(|(index, value)| Some((*index.first()?, u32::try_from(value.whole_number()?).ok()?)))
        .collect();
    let of_vlans = rows(result, VLAN_FDB_PORT).filter_map(|(index, value)| Some((index.get(1..)?, value)));
    for (station, port) in rows(result, FDB_PORT).chain(of_vlans) {
        let octets: Option<Vec<u8>> = station.iter().map(|arc| u8::try_from(*arc).ok()).collect();
        let port = port.whole_number().and_then(|port| u32::try_from(port).ok()).filter(|port| *port > 0);
        if let (Some(mac), Some(port)) = (octets.as_deref().and_then(Mac::of), port)
            && let Some(interface) = interfaces.get(&port)
        {
            device.stations.entry(*interface).or_default().insert(mac);
        }
    }
}

fn value<'r>(result: &'r PollResult, arcs: &[u32]) -> Option<&'r Value> {
    result.value(&Oid::new(arcs).ok()?).ok().map(|(value, _)| value)
}

fn rows<'r>(result: &'r PollResult, root: &[u32]) -> impl Iterator<Item = (&'r [u32], &'r Value)> {
    let column = Oid::new(root).ok().and_then(|root| result.column(&root));
    column.into_iter().flat_map(|column| column.rows.iter().map(|row| (&*row.index, &row.value)))
}

fn texts(result: &PollResult, root: &[u32], read: fn(&[u8]) -> String) -> BTreeMap<Vec<u32>, String> {
    let rows = rows(result, root);
    rows.filter_map(|(index, value)| Some((index.to_vec(), read(octets(value)?)))).collect()
}

fn octets(value: &Value) -> Option<&[u8]> {
    match value {
        Value::Octets(octets) => Some(octets),
        _ => None,
    }
}

fn text(octets: &[u8]) -> String {
    Value::Octets(octets.into()).text().trim().to_owned()
}

/// Returns an id as both ends of a link write it: six octets that are no letters are an address of hardware.
fn id(octets: &[u8]) -> String {
    let is_text = octets.iter().all(|octet| (0x20..0x7f).contains(octet));
    match Mac::of(octets) {
        Some(mac) if !is_text => mac.to_string(),
        _ => text(octets),
    }
}

fn given(text: Option<&String>) -> Option<String> {
    text.filter(|text| !text.is_empty()).cloned()
}

/// Reads the family, the length and the octets of an address in an index.
fn address_in_index(index: &[u32]) -> Option<IpAddr> {
    match index {
        [1, 4, rest @ ..] => four(rest).map(IpAddr::V4),
        [2, 16, rest @ ..] => {
            let octets: Option<Vec<u8>> = rest.iter().map(|arc| u8::try_from(*arc).ok()).collect();
            let octets: [u8; 16] = octets?.try_into().ok()?;
            Some(Ipv6Addr::from(octets).into())
        }
        _ => None,
    }
}

fn four(arcs: &[u32]) -> Option<Ipv4Addr> {
    let [a, b, c, d] = *arcs else { return None };
    let octet = |arc| u8::try_from(arc).ok();
    Some(Ipv4Addr::new(octet(a)?, octet(b)?, octet(c)?, octet(d)?))
}
