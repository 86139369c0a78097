//! A configuration of Telegraf: `inputs.snmp` and `inputs.ping`.

use std::{fs, path::Path, time::Duration};

use anyhow::Context;
use grafolean_collector::model::Details;
use serde_json::json;
use toml::{Table, Value};

use super::{Taken, number, segment};
use crate::command::{
    hub::set_up::address_field,
    inventory::wanted::{WantedCredential, WantedSensor, WantedUse},
};

/// How often is measured where nothing says it.
const USUAL_INTERVAL: u32 = 10;

/// Fields of a credential, and what Telegraf calls them.
const VERSION_3: [(&str, &str); 7] = [
    ("snmpv3_securityName", "sec_name"),
    ("snmpv3_securityLevel", "sec_level"),
    ("snmpv3_authProtocol", "auth_protocol"),
    ("snmpv3_authKey", "auth_password"),
    ("snmpv3_privProtocol", "priv_protocol"),
    ("snmpv3_privKey", "priv_password"),
    ("snmpv3_contextName", "context_name"),
];

/// Reads a file.
pub(super) fn read(path: &Path) -> anyhow::Result<Taken> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    parse(&text).with_context(|| format!("{} is no configuration of Telegraf", path.display()))
}

fn parse(text: &str) -> anyhow::Result<Taken> {
    let table: Table = text.parse()?;
    let mut taken = Taken::default();
    let usual =
        table.get("agent").and_then(|agent| seconds(agent.get("interval")?)).unwrap_or(USUAL_INTERVAL);
    let empty = Table::new();
    let inputs = table.get("inputs").and_then(Value::as_table).unwrap_or(&empty);
    for (kind, all) in inputs {
        for (count, input) in (1..).zip(all.as_array().into_iter().flatten().filter_map(Value::as_table)) {
            let interval = input.get("interval").and_then(seconds).unwrap_or(usual);
            match kind.as_str() {
                "snmp" => take_snmp(&mut taken, input, count, interval),
                "ping" => take_ping(&mut taken, input, count, interval),
                _ => taken.notes.push(format!("inputs.{kind}")),
            }
        }
    }
    for (name, value) in &table {
        let count = value.as_table().map_or(0, Table::len);
        if !matches!(name.as_str(), "inputs" | "agent" | "global_tags") && count > 0 {
            taken.notes.push(format!(
                "{name}: {}",
                value.as_table().into_iter().flat_map(Table::keys).cloned().collect::<Vec<_>>().join(", ")
            ));
        }
    }
    Ok(taken)
}

fn take_ping(taken: &mut Taken, input: &Table, count: u32, interval: u32) {
    let mut details = Details::new();
    let whole = |name: &str| input.get(name).and_then(Value::as_integer);
    let number = |name: &str| {
        input.get(name).and_then(|value| value.as_float().or(value.as_integer().map(|it| it as f64)))
    };
    details.insert("n_packets".to_owned(), whole("count").unwrap_or(1).into());
    details.extend(number("ping_interval").map(|span| ("sleep_packets".to_owned(), span.into())));
    details.extend(number("timeout").map(|span| ("timeout".to_owned(), span.into())));
    let name = format!("telegraf ping {count}");
    let hosts = texts(input, "urls");
    if hosts.is_empty() {
        taken.notes.push(format!("inputs.ping {count}, which names no urls"));
        return;
    }
    for option in ["binary", "arguments", "deadline", "percentiles"] {
        if input.contains_key(option) {
            taken.notes.push(format!("`{option}` of inputs.ping {count}"));
        }
    }
    taken.wanted.credentials.insert(name.clone(), WantedCredential { protocol: "ping".to_owned(), details });
    let sensor =
        WantedSensor { protocol: "ping".to_owned(), interval: Some(interval), details: Details::new() };
    taken.wanted.sensors.insert(name.clone(), sensor);
    for host in hosts {
        let used = WantedUse {
            credential: Some(name.clone()),
            sensors: Some(vec![name.clone()]),
            ..WantedUse::default()
        };
        add(taken, &host, None, "ping", used);
    }
}

fn take_snmp(taken: &mut Taken, input: &Table, count: u32, interval: u32) {
    let name = format!("telegraf snmp {count}");
    let credential = WantedCredential { protocol: "snmp".to_owned(), details: credential(input) };
    let mut sensors = Vec::new();
    let mut add_sensor = |taken: &mut Taken, title: String, details: Details| {
        let sensor = WantedSensor { protocol: "snmp".to_owned(), interval: Some(interval), details };
        taken.wanted.sensors.insert(title.clone(), sensor);
        sensors.push(title);
    };
    let measurement = input.get("name").and_then(Value::as_str).unwrap_or("snmp");
    for field in tables(input, "field") {
        if is_tag(field) {
            continue;
        }
        match scalar(measurement, field) {
            Ok((title, details)) => add_sensor(taken, title, details),
            Err(reason) => taken.notes.push(format!("a field of inputs.snmp {count}: {reason}")),
        }
    }
    for table in tables(input, "table") {
        let named =
            table.get("name").or_else(|| table.get("oid")).and_then(Value::as_str).unwrap_or(measurement);
        let tag = tables(table, "field").into_iter().find(|field| is_tag(field));
        let fields: Vec<_> = tables(table, "field").into_iter().filter(|field| !is_tag(field)).collect();
        if fields.is_empty() {
            taken.notes.push(format!(
                "table {named} of inputs.snmp {count}, which names no fields: name them in a sensor"
            ));
        }
        for field in fields {
            match column(named, field, tag) {
                Ok((title, details)) => add_sensor(taken, title, details),
                Err(reason) => {
                    taken.notes.push(format!("a field of table {named} of inputs.snmp {count}: {reason}"));
                }
            }
        }
    }
    if sensors.is_empty() {
        return;
    }
    taken.wanted.credentials.insert(name.clone(), credential);
    for agent in texts(input, "agents") {
        let (host, port) = agent_address(&agent);
        if agent.starts_with("tcp") {
            taken.notes.push(format!("agent {agent}: SNMP over TCP is not spoken here"));
            continue;
        }
        let used = WantedUse {
            credential: Some(name.clone()),
            sensors: Some(sensors.clone()),
            ..WantedUse::default()
        };
        add(taken, &host, port, "snmp", used);
    }
}

/// Adds a protocol to a device; of one protocol twice the sensors of both.
fn add(taken: &mut Taken, host: &str, port: Option<u16>, protocol: &str, used: WantedUse) {
    let device = taken.wanted.devices.entry(host.to_owned()).or_default();
    device.details.insert(address_field(host).to_owned(), host.into());
    device.details.extend(port.map(|port| ("snmp_port".to_owned(), port.into())));
    match device.protocols.get_mut(protocol) {
        None => drop(device.protocols.insert(protocol.to_owned(), used)),
        Some(known) => {
            known.sensors.get_or_insert_default().extend(used.sensors.unwrap_or_default());
            taken.notes.push(format!("the second credential of {host} for {protocol}: a device has one"));
        }
    }
}

fn credential(input: &Table) -> Details {
    let text = |name: &str| input.get(name).and_then(Value::as_str);
    let version = input.get("version").and_then(Value::as_integer).unwrap_or(2);
    let mut details = Details::new();
    let community = || json!(text("community").unwrap_or("public"));
    match version {
        3 => {
            details.insert("version".to_owned(), json!("snmpv3"));
            let given = VERSION_3
                .into_iter()
                .filter_map(|(ours, theirs)| Some((ours.to_owned(), json!(text(theirs)?))));
            details.extend(given);
        }
        1 => {
            details.insert("version".to_owned(), json!("snmpv1"));
            details.insert("snmpv12_community".to_owned(), community());
        }
        _ => {
            details.insert("version".to_owned(), json!("snmpv2c"));
            details.insert("snmpv12_community".to_owned(), community());
        }
    }
    details.extend(
        input
            .get("timeout")
            .and_then(span)
            .map(|span| ("snmp_timeout".to_owned(), span.as_secs_f64().into())),
    );
    let retries = input.get("retries").and_then(Value::as_integer);
    details.extend(retries.map(|retries| ("snmp_retries".to_owned(), retries.into())));
    details
}

fn scalar(measurement: &str, field: &Table) -> Result<(String, Details), String> {
    let (name, oid) = named(field)?;
    let expression = expression(field, 1)?;
    let path = format!("{}.{}", segment(measurement), segment(&name));
    let details =
        json!({"oids": [{"oid": oid, "fetch_method": "get"}], "expression": expression, "output_path": path});
    Ok((format!("{measurement} {name}"), details.as_object().cloned().unwrap_or_default()))
}

fn column(table: &str, field: &Table, tag: Option<&Table>) -> Result<(String, Details), String> {
    let (name, oid) = named(field)?;
    let walk = |oid: &str| json!({"oid": oid, "fetch_method": "walk"});
    let table_segment = segment(table.rsplit("::").next().unwrap_or(table));
    let (oids, number, index) = match tag {
        Some(tag) => (vec![walk(&named(tag)?.1), walk(&oid)], 2, "{$index}.{$1}"),
        None => (vec![walk(&oid)], 1, "{$index}"),
    };
    let expression = expression(field, number)?;
    let path = format!("{table_segment}.{}.{index}", segment(&name));
    let details = json!({"oids": oids, "expression": expression, "output_path": path});
    Ok((format!("{table} {name}"), details.as_object().cloned().unwrap_or_default()))
}

/// Returns a field's name and the number of its object.
fn named(field: &Table) -> Result<(String, String), String> {
    let text = |name: &str| field.get(name).and_then(Value::as_str);
    let oid = text("oid").ok_or("it names no oid")?;
    let name = text("name").map_or_else(|| oid.rsplit("::").next().unwrap_or(oid).to_owned(), str::to_owned);
    Ok((name, number(oid)?))
}

fn expression(field: &Table, number: u32) -> Result<String, String> {
    let value = format!("${number}");
    match field.get("conversion").and_then(Value::as_str) {
        None | Some("" | "int" | "float") => Ok(value),
        Some(conversion) => {
            let decimals = conversion.strip_prefix("float(").and_then(|rest| rest.strip_suffix(')'));
            match decimals.and_then(|decimals| decimals.parse::<u32>().ok()).filter(|decimals| *decimals <= 9)
            {
                Some(decimals) => Ok(format!("{value} / {}", 10_u64.pow(decimals))),
                None => Err(format!("the conversion {conversion} gives no number")),
            }
        }
    }
}

fn is_tag(field: &Table) -> bool {
    field.get("is_tag").and_then(Value::as_bool) == Some(true)
}

fn tables<'t>(table: &'t Table, name: &str) -> Vec<&'t Table> {
    table.get(name).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_table).collect()
}

fn texts(table: &Table, name: &str) -> Vec<String> {
    let all = table.get(name).and_then(Value::as_array).into_iter().flatten();
    all.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Reads `udp://HOST:PORT`, `HOST:PORT`, `HOST`.
fn agent_address(agent: &str) -> (String, Option<u16>) {
    let bare = agent.split_once("://").map_or(agent, |(_, rest)| rest);
    let is_v6 = bare.matches(':').count() > 1 && !bare.starts_with('[');
    match bare.rsplit_once(':').filter(|_| !is_v6) {
        Some((host, port)) if port.parse::<u16>().is_ok() => {
            let port = port.parse().ok().filter(|port| *port != 161);
            (host.trim_matches(['[', ']']).to_owned(), port)
        }
        _ => (bare.trim_matches(['[', ']']).to_owned(), None),
    }
}

fn span(value: &Value) -> Option<Duration> {
    humantime::parse_duration(value.as_str()?).ok()
}

/// Reads an interval, in whole seconds, at least one.
fn seconds(value: &Value) -> Option<u32> {
    u32::try_from(span(value)?.as_secs().max(1)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
[agent]
interval = "60s"
[[outputs.influxdb]]
urls = ["http://127.0.0.1:8086"]
[[inputs.cpu]]
percpu = true
[[inputs.ping]]
urls = ["192.0.2.1", "router.example.org"]
count = 3
ping_interval = 0.5
[[inputs.snmp]]
agents = ["udp://192.0.2.1:161", "192.0.2.2:1161", "tcp://192.0.2.3:161"]
version = 2
community = "secret"
timeout = "5s"
retries = 1
interval = "30s"
[[inputs.snmp.field]]
oid = "RFC1213-MIB::sysUpTime.0"
name = "uptime"
conversion = "float(2)"
[[inputs.snmp.field]]
oid = ".1.3.6.1.2.1.1.5.0"
name = "source"
is_tag = true
[[inputs.snmp.field]]
oid = "1.3.6.1.4.1.9.9.1.0"
name = "mac"
conversion = "hwaddr"
[[inputs.snmp.table]]
oid = "IF-MIB::ifTable"
name = "interface"
[[inputs.snmp.table.field]]
oid = "1.3.6.1.2.1.2.2.1.2"
name = "ifDescr"
is_tag = true
[[inputs.snmp.table.field]]
oid = "1.3.6.1.2.1.31.1.1.1.6"
name = "ifHCInOctets"
"#;

    #[test]
    fn agents_fields_and_tables_become_devices_and_sensors_and_the_rest_is_told() {
        let Taken { wanted, notes } = parse(FILE).unwrap();
        let two: Vec<_> = wanted.devices.keys().map(String::as_str).collect();
        assert_eq!(two, ["192.0.2.1", "192.0.2.2", "router.example.org"]);
        assert_eq!(wanted.devices["192.0.2.2"].details["snmp_port"], 1161);
        assert_eq!(wanted.devices["router.example.org"].details["hostname"], "router.example.org");
        let both: Vec<_> = wanted.devices["192.0.2.1"].protocols.keys().collect();
        assert_eq!(both, ["ping", "snmp"]);
        let credential = &wanted.credentials["telegraf snmp 1"].details;
        assert_eq!(credential["snmpv12_community"], "secret");
        assert_eq!((&credential["snmp_timeout"], &credential["snmp_retries"]), (&json!(5.0), &json!(1)));
        let uptime = &wanted.sensors["snmp uptime"];
        assert_eq!(uptime.interval, Some(30));
        assert_eq!(uptime.details["expression"], "$1 / 100");
        assert_eq!(uptime.details["oids"][0]["oid"], "1.3.6.1.2.1.1.3.0");
        let traffic = &wanted.sensors["interface ifHCInOctets"].details;
        assert_eq!(traffic["output_path"], "interface.ifHCInOctets.{$index}.{$1}");
        assert_eq!(traffic["oids"][1]["oid"], "1.3.6.1.2.1.31.1.1.1.6");
        assert_eq!(wanted.credentials["telegraf ping 1"].details["n_packets"], 3);
        for said in ["inputs.cpu", "outputs: influxdb", "the conversion hwaddr", "SNMP over TCP"] {
            assert!(notes.iter().any(|note| note.contains(said)), "{said}: {notes:?}");
        }
        assert_eq!(notes.len(), 4, "{notes:?}");
    }
}
