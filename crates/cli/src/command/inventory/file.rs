//! What is wanted, as a file of TOML. In a device, a table is a protocol and all else a detail; a secret may lie elsewhere:
//! `{ env = "NAME" }`, `{ file = "PATH" }`.

use std::{collections::BTreeMap, env, fs, path::Path};

use anyhow::{Context, anyhow, bail};
use grafolean_collector::model::Details;
use serde_json::Value as Json;
use toml::{Table, Value};

use super::wanted::{Others, Wanted, WantedCredential, WantedDevice, WantedSensor, WantedUse};

/// Reads a file.
pub(in crate::command) fn read(path: &Path) -> anyhow::Result<Wanted> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    parse(&text).with_context(|| format!("{} is no inventory", path.display()))
}

/// Reads a text.
pub(super) fn parse(text: &str) -> anyhow::Result<Wanted> {
    let mut table: Table = text.parse()?;
    let account = match table.remove("account") {
        Some(Value::String(name)) if !name.trim().is_empty() => name,
        _ => bail!("`account` is missing: expected the name of an account, as in account = \"Office\""),
    };
    let others = match table.remove("others") {
        None => Others::Keep,
        Some(Value::String(word)) if word == "keep" => Others::Keep,
        Some(Value::String(word)) if word == "delete" => Others::Delete,
        Some(other) => bail!("`others` is {other}: expected \"keep\" or \"delete\""),
    };
    let credentials = tables(&mut table, "credentials", credential)?;
    let sensors = tables(&mut table, "sensors", sensor)?;
    let devices = tables(&mut table, "devices", device)?;
    if let Some(unknown) = table.keys().next() {
        bail!("`{unknown}` is unknown: expected account, others, credentials, sensors, devices");
    }
    Ok(Wanted { account, others, credentials, sensors, devices })
}

/// Reads a table of tables, each by a name.
fn tables<T>(
    table: &mut Table,
    name: &str,
    read: impl Fn(Table) -> anyhow::Result<T>,
) -> anyhow::Result<BTreeMap<String, T>> {
    let all = match table.remove(name) {
        None => return Ok(BTreeMap::new()),
        Some(Value::Table(all)) => all,
        Some(_) => bail!("`{name}` is no table: expected [{name}.NAME]"),
    };
    all.into_iter()
        .map(|(key, value)| {
            let read = match value {
                Value::Table(table) => read(table),
                _ => Err(anyhow!("expected a table")),
            };
            let read = read.with_context(|| format!("{name}.{key}"))?;
            Ok((key, read))
        })
        .collect()
}

fn credential(mut table: Table) -> anyhow::Result<WantedCredential> {
    Ok(WantedCredential { protocol: protocol(&mut table)?, details: details(table)? })
}

fn sensor(mut table: Table) -> anyhow::Result<WantedSensor> {
    let protocol = protocol(&mut table)?;
    Ok(WantedSensor { protocol, interval: interval(&mut table)?, details: details(table)? })
}

fn device(table: Table) -> anyhow::Result<WantedDevice> {
    let is_protocol = |value: &Value| value.as_table().is_some_and(|table| !is_elsewhere(table));
    let (protocols, rest): (Vec<_>, Vec<_>) = table.into_iter().partition(|(_, value)| is_protocol(value));
    let protocols = protocols.into_iter().map(|(name, value)| {
        let Value::Table(table) = value else { bail!("{name}: expected a table") };
        let read = used(table).with_context(|| name.clone())?;
        Ok((name, read))
    });
    Ok(WantedDevice {
        protocols: protocols.collect::<anyhow::Result<_>>()?,
        details: details(rest.into_iter().collect())?,
    })
}

fn used(mut table: Table) -> anyhow::Result<WantedUse> {
    let sensors = match table.remove("sensors") {
        None => None,
        Some(Value::Array(names)) => {
            let name = |name: Value| match name {
                Value::String(name) => Ok(name),
                other => Err(anyhow!("`sensors` holds {other}: expected names of sensors")),
            };
            Some(names.into_iter().map(name).collect::<anyhow::Result<_>>()?)
        }
        Some(other) => bail!("`sensors` is {other}: expected a list of names"),
    };
    let read = WantedUse {
        credential: text(&mut table, "credential")?,
        sensors,
        interval: interval(&mut table)?,
        bot: text(&mut table, "bot")?,
    };
    match table.keys().next() {
        None => Ok(read),
        Some(unknown) => bail!("`{unknown}` is unknown: expected credential, sensors, interval, bot"),
    }
}

fn protocol(table: &mut Table) -> anyhow::Result<String> {
    text(table, "protocol")?.context("`protocol` is missing: expected its name, as in protocol = \"snmp\"")
}

fn text(table: &mut Table, name: &str) -> anyhow::Result<Option<String>> {
    match table.remove(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => bail!("`{name}` is {other}: expected text"),
    }
}

fn interval(table: &mut Table) -> anyhow::Result<Option<u32>> {
    let wrong = |found: &Value| anyhow!("`interval` is {found}: expected whole seconds, at least 1");
    match table.remove("interval") {
        None => Ok(None),
        Some(Value::Integer(seconds)) => {
            let read = u32::try_from(seconds).ok().filter(|seconds| *seconds > 0);
            read.map(Some).ok_or_else(|| wrong(&Value::Integer(seconds)))
        }
        Some(other) => Err(wrong(&other)),
    }
}

fn details(table: Table) -> anyhow::Result<Details> {
    table.into_iter().map(|(name, value)| Ok((name.clone(), json(value).with_context(|| name)?))).collect()
}

fn is_elsewhere(table: &Table) -> bool {
    table.len() == 1 && table.keys().all(|key| matches!(key.as_str(), "env" | "file"))
}

fn json(value: Value) -> anyhow::Result<Json> {
    Ok(match value {
        Value::Table(table) if is_elsewhere(&table) => Json::String(elsewhere(&table)?),
        Value::Table(table) => Json::Object(details(table)?),
        Value::Array(values) => Json::Array(values.into_iter().map(json).collect::<anyhow::Result<_>>()?),
        Value::String(text) => text.into(),
        Value::Integer(number) => number.into(),
        Value::Float(number) => number.into(),
        Value::Boolean(flag) => flag.into(),
        Value::Datetime(moment) => moment.to_string().into(),
    })
}

/// Reads a secret from where it lies.
fn elsewhere(table: &Table) -> anyhow::Result<String> {
    let place = |name: &str| table.get(name).and_then(Value::as_str);
    match (place("env"), place("file")) {
        (Some(name), _) => env::var(name).with_context(|| format!("the environment has no {name}")),
        (_, Some(path)) => {
            let text = fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?;
            Ok(text.trim_end_matches(['\r', '\n']).to_owned())
        }
        _ => bail!("expected {{ env = \"NAME\" }} or {{ file = \"PATH\" }}"),
    }
}

/// Writes what is wanted as a file; it may hold secrets.
pub(in crate::command) fn write(wanted: &Wanted) -> anyhow::Result<String> {
    let mut table = Table::new();
    table.insert("account".to_owned(), wanted.account.clone().into());
    if wanted.others == Others::Delete {
        table.insert("others".to_owned(), "delete".into());
    }
    let mut credentials = Table::new();
    for (name, WantedCredential { protocol, details }) in &wanted.credentials {
        credentials.insert(name.clone(), Value::Table(with(details, &[("protocol", protocol)])?));
    }
    let mut sensors = Table::new();
    for (name, WantedSensor { protocol, interval, details }) in &wanted.sensors {
        let mut sensor = with(details, &[("protocol", protocol)])?;
        insert_interval(&mut sensor, *interval);
        sensors.insert(name.clone(), Value::Table(sensor));
    }
    let mut devices = Table::new();
    for (name, WantedDevice { details, protocols }) in &wanted.devices {
        let mut device = with(details, &[])?;
        for (protocol, WantedUse { credential, sensors, interval, bot }) in protocols {
            let mut table = Table::new();
            for (key, name) in [("credential", credential), ("bot", bot)] {
                if let Some(name) = name {
                    table.insert(key.to_owned(), name.clone().into());
                }
            }
            if let Some(names) = sensors {
                let names = names.iter().map(|name| Value::from(name.clone())).collect();
                table.insert("sensors".to_owned(), Value::Array(names));
            }
            insert_interval(&mut table, *interval);
            device.insert(protocol.clone(), Value::Table(table));
        }
        devices.insert(name.clone(), Value::Table(device));
    }
    for (name, all) in [("credentials", credentials), ("sensors", sensors), ("devices", devices)] {
        if !all.is_empty() {
            table.insert(name.to_owned(), Value::Table(all));
        }
    }
    Ok(toml::to_string(&table)?)
}

fn with(details: &Details, more: &[(&str, &String)]) -> anyhow::Result<Table> {
    let own = more.iter().map(|(name, text)| ((*name).to_owned(), Value::from((*text).clone())));
    let details = details
        .iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(name, value)| Ok((name.clone(), Value::try_from(value).with_context(|| name.clone())?)));
    own.map(Ok).chain(details).collect()
}

fn insert_interval(table: &mut Table, interval: Option<u32>) {
    if let Some(seconds) = interval {
        table.insert("interval".to_owned(), i64::from(seconds).into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
account = "Office"
others = "delete"

[credentials.core]
protocol = "snmp"
version = "snmpv2c"
snmpv12_community = { env = "PATH" }

[sensors.uptime]
protocol = "snmp"
interval = 60
oids = [{ oid = "1.3.6.1.2.1.1.3.0", fetch_method = "get" }]
expression = "$1 / 100"

[devices.core-sw-1]
ipv4 = "192.0.2.1"
snmp_port = 1161
ping = {}
snmp = { credential = "core", sensors = ["uptime"], interval = 30, bot = "snmp, in this hub" }
"#;

    #[test]
    fn a_file_is_read_with_its_secrets_and_written_again() {
        let wanted = parse(FILE).unwrap();
        let secret = wanted.credentials["core"].details["snmpv12_community"].as_str().unwrap();
        assert_eq!(secret, env::var("PATH").unwrap());
        assert_eq!((wanted.others, wanted.sensors["uptime"].interval), (Others::Delete, Some(60)));
        let device = &wanted.devices["core-sw-1"];
        assert_eq!(device.details["snmp_port"], 1161);
        assert_eq!(device.protocols["ping"], WantedUse::default());
        assert_eq!(device.protocols["snmp"].sensors.as_deref(), Some(&["uptime".to_owned()][..]));
        assert_eq!(parse(&write(&wanted).unwrap()).unwrap(), wanted);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        for (text, said) in [
            ("", "`account` is missing"),
            ("account = \"A\"\nothers = 5", "`others` is 5: expected"),
            ("account = \"A\"\nspeed = 1", "`speed` is unknown: expected account, others"),
            ("account = \"A\"\n[sensors.x]\ninterval = 60", "sensors.x: `protocol` is missing"),
            (
                "account = \"A\"\n[sensors.x]\nprotocol = \"ping\"\ninterval = 0",
                "`interval` is 0: expected whole seconds",
            ),
            ("account = \"A\"\n[devices.d]\nping = { sensor = [] }", "devices.d: ping: `sensor` is unknown"),
            (
                "account = \"A\"\n[credentials.c]\nprotocol = \"snmp\"\nkey = { env = \"NO_SUCH_VARIABLE\" }",
                "the environment has no NO_SUCH_VARIABLE",
            ),
        ] {
            let error = format!("{:#}", parse(text).unwrap_err());
            assert!(error.contains(said), "{text}: {error}");
        }
    }
}
