//! What the bots of a scenario are told to measure.

use std::net::UdpSocket;

use anyhow::Result;
use serde_json::{Value, json};

use crate::backend::Inventory;

/// The device that is measured.
pub(crate) const ENTITY: u32 = 101;

/// The device whose flows are taken; it is another one, since a device of both protocols has its counters read as well.
pub(crate) const EXPORTER: u32 = 99;

/// A protocol, and the token of its bot.
const TOKENS: [(&str, &str); 5] = [
    ("ping", "00000000-0000-4000-8000-000000000001"),
    ("tcp", "00000000-0000-4000-8000-000000000002"),
    ("snmp", "00000000-0000-4000-8000-000000000003"),
    ("netflow", "00000000-0000-4000-8000-000000000004"),
    ("load", "00000000-0000-4000-8000-000000000005"),
];

/// Returns the protocol whose bot has this token.
pub(crate) fn protocol_of(token: &str) -> Option<&'static str> {
    TOKENS.iter().find(|(_, it)| *it == token).map(|(protocol, _)| *protocol)
}

/// Returns the token of a protocol's bot.
pub(crate) fn token_of(protocol: &str) -> &'static str {
    TOKENS.iter().find(|(it, _)| *it == protocol).map_or("", |(_, token)| token)
}

/// Ports of the devices.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Ports {
    pub(crate) tcp: u16,
    pub(crate) snmp: u16,
}

/// Returns an inventory with one device, which each protocol measures every second.
pub(crate) fn inventory(ports: Ports) -> Inventory {
    devices(1, ports)
}

/// Returns one with many devices, all at 127.0.0.1 and the same ports, with ids from [`ENTITY`] on.
pub(crate) fn devices(count: u32, ports: Ports) -> Inventory {
    let ping = json!({"n_packets": "1", "sleep_packets": "0", "timeout": "0.5", "retry": "0"});
    let community = json!({"version": "snmpv2c", "snmpv12_community": "public"});
    let uptime = json!({"oids": [{"oid": "1.3.6.1.2.1.1.3.0", "fetch_method": "get"}], "expression": "$1",
        "output_path": "uptime"});
    let kinds: [(&str, Value, Value, Value); 5] = [
        ("ping", ping, json!({}), json!(1)),
        ("tcp", json!({"timeout": "0.5"}), json!({"port": ports.tcp}), json!(1)),
        ("snmp", community, uptime, json!(1)),
        ("netflow", json!({}), json!({}), Value::Null),
        ("load", json!({}), json!({}), json!(1)),
    ];
    let mut inventory = Inventory::default();
    let mut attached = serde_json::Map::new();
    for (number, (protocol, credential, sensor, interval)) in (1_u32..).zip(kinds) {
        let row = |details: Value| json!({"id": number, "name": protocol, "protocol": protocol, "details": details});
        inventory.credentials.push(row(credential));
        let mut row = row(sensor);
        if let Some(row) = row.as_object_mut() {
            row.insert("default_interval".to_owned(), interval);
        }
        inventory.sensors.push(row);
        let sensors = json!([{"sensor": number, "interval": null}]);
        let attachment = json!({"credential": number, "bot": null, "sensors": sensors});
        if protocol == "netflow" {
            inventory
                .entities
                .push(json!({"id": EXPORTER, "name": "exporter", "entity_type": "device", "parent": null,
                "details": {"ipv4": "127.0.0.1"}, "protocols": {"netflow": attachment}}));
        } else {
            attached.insert(protocol.to_owned(), attachment);
        }
    }
    for id in (ENTITY..).take(usize::try_from(count).unwrap_or(usize::MAX)) {
        inventory.entities.push(json!({"id": id, "name": format!("device {id}"), "entity_type": "device",
            "parent": null, "details": {"ipv4": "127.0.0.1", "snmp_port": ports.snmp}, "protocols": attached}));
    }
    inventory
}

/// Returns the path at which each run of a protocol's bot stores a value.
pub(crate) fn path_of_each_run(protocol: &str, ports: Ports) -> String {
    match protocol {
        "ping" => format!("entity.{ENTITY}.ping.success"),
        "tcp" => format!("entity.{ENTITY}.tcp.{}.ok", ports.tcp),
        "snmp" => format!("entity.{ENTITY}.snmp.completeness"),
        other => format!("entity.{ENTITY}.{other}"),
    }
}

/// Returns a UDP port of this machine that is free now.
///
/// # Errors
/// None can be had.
pub(crate) fn free_udp_port() -> Result<u16> {
    Ok(UdpSocket::bind("[::]:0").or_else(|_| UdpSocket::bind("127.0.0.1:0"))?.local_addr()?.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_protocol_has_a_token_of_its_own() {
        for (protocol, token) in TOKENS {
            assert_eq!(protocol_of(token), Some(protocol));
            assert_eq!(token_of(protocol), token);
        }
        assert_eq!(protocol_of("nobody"), None);
    }

    #[test]
    fn every_device_is_attached_to_every_protocol_but_that_of_the_exporter() {
        let inventory = devices(3, Ports { tcp: 1, snmp: 2 });
        assert_eq!(inventory.entities.len(), 4);
        assert_eq!(inventory.entities[0]["id"], EXPORTER);
        assert_eq!(inventory.entities[3]["id"], 103);
        assert_eq!(
            inventory.entities[1]["protocols"].as_object().unwrap().len(),
            inventory.sensors.len() - 1
        );
    }
}
