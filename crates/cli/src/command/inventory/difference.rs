//! What has to change so that an account is as it is wanted: pure.

use std::{collections::BTreeMap, fmt};

use anyhow::{anyhow, bail};
use grafolean_collector::model::Details;
use serde_json::Value;

use super::{
    current::{Current, Device},
    wanted::{Others, Wanted, WantedUse},
};

/// What a change is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::command) enum Kind {
    Account,
    Credential,
    Sensor,
    Device,
}

/// Something that has to change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::command) enum Change {
    Create {
        kind: Kind,
        name: String,
    },
    /// With what of it differs; values may be secrets, so only their names are told.
    Update {
        kind: Kind,
        name: String,
        id: i64,
        fields: Vec<String>,
    },
    Delete {
        kind: Kind,
        name: String,
        id: i64,
    },
}

/// How a device is measured, by names: what is stored and what is wanted are compared as this.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct NamedUse {
    pub(super) credential: String,
    pub(super) sensors: Vec<(String, Option<i64>)>,
    pub(super) bot: Option<String>,
}

impl fmt::Display for Kind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Account => "account",
            Self::Credential => "credential",
            Self::Sensor => "sensor",
            Self::Device => "device",
        })
    }
}

impl fmt::Display for Change {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Create { kind, name } => write!(out, "+ {kind} {name}"),
            Self::Update { kind, name, fields, .. } => write!(out, "~ {kind} {name}: {}", fields.join(", ")),
            Self::Delete { kind, name, .. } => write!(out, "- {kind} {name}"),
        }
    }
}

/// Returns what has to change, in the order in which it is done.
pub(super) fn between(current: &Current, wanted: &Wanted) -> anyhow::Result<Vec<Change>> {
    let mut changes = Vec::new();
    if current.account.is_none() {
        changes.push(Change::Create { kind: Kind::Account, name: wanted.account.clone() });
    }
    for (name, credential) in &wanted.credentials {
        let known: Vec<_> = current.credentials.iter().filter(|it| it.name == *name).collect();
        let [one] = *only(Kind::Credential, name, &known)? else {
            changes.push(Change::Create { kind: Kind::Credential, name: name.clone() });
            continue;
        };
        let mut fields = differing(&one.details, &credential.details);
        fields.extend((one.protocol != credential.protocol).then(|| "protocol".to_owned()));
        changes.extend(update(Kind::Credential, name, one.id, fields));
    }
    for (name, sensor) in &wanted.sensors {
        let known: Vec<_> = current.sensors.iter().filter(|it| it.name == *name).collect();
        let [one] = *only(Kind::Sensor, name, &known)? else {
            changes.push(Change::Create { kind: Kind::Sensor, name: name.clone() });
            continue;
        };
        let mut fields = differing(&one.details, &sensor.details);
        fields.extend((one.protocol != sensor.protocol).then(|| "protocol".to_owned()));
        let interval = sensor.interval.map(i64::from);
        fields.extend((one.default_interval != interval).then(|| "interval".to_owned()));
        changes.extend(update(Kind::Sensor, name, one.id, fields));
    }
    for (name, device) in &wanted.devices {
        // What a new account has from the start is known once it is there.
        let uses = if current.account.is_some() { uses(current, wanted, name)? } else { BTreeMap::new() };
        let known: Vec<_> = current.devices.iter().filter(|it| it.name == *name).collect();
        let [one] = *only(Kind::Device, name, &known)? else {
            changes.push(Change::Create { kind: Kind::Device, name: name.clone() });
            continue;
        };
        let mut fields = differing(&one.details, &device.details);
        let stored = stored_uses(current, one);
        let protocols = stored.keys().chain(uses.keys()).collect::<std::collections::BTreeSet<_>>();
        fields.extend(protocols.into_iter().filter(|it| stored.get(*it) != uses.get(*it)).cloned());
        changes.extend(update(Kind::Device, name, one.id, fields));
    }
    if wanted.others == Others::Delete {
        changes.extend(others(current, wanted));
    }
    Ok(changes)
}

/// Returns how a device is to be measured by each protocol, with all that was left out.
///
/// # Errors
/// Names what there is none of.
pub(super) fn uses(
    current: &Current,
    wanted: &Wanted,
    device: &str,
) -> anyhow::Result<BTreeMap<String, NamedUse>> {
    let Some(device_wanted) = wanted.devices.get(device) else { return Ok(BTreeMap::new()) };
    let complete = |(protocol, used): (&String, &WantedUse)| {
        let used = complete(current, wanted, protocol, used);
        Ok((protocol.clone(), used.map_err(|reason| anyhow!("devices.{device}.{protocol}: {reason}"))?))
    };
    device_wanted.protocols.iter().map(complete).collect()
}

fn complete(
    current: &Current,
    wanted: &Wanted,
    protocol: &str,
    used: &WantedUse,
) -> anyhow::Result<NamedUse> {
    let own = |name: &String| wanted.credentials.get(name).map(|it| &it.protocol);
    let stored = current.credentials.iter().filter(|it| it.protocol == protocol);
    let mut credentials: Vec<&str> = wanted
        .credentials
        .iter()
        .filter(|(_, it)| it.protocol == protocol)
        .map(|(name, _)| name.as_str())
        .collect();
    credentials.extend(stored.map(|it| it.name.as_str()).filter(|name| own(&(*name).to_owned()).is_none()));
    let credential = match (&used.credential, &*credentials) {
        (Some(name), known) if known.contains(&name.as_str()) => name.clone(),
        (Some(name), _) => bail!("there is no credential {name:?} of this protocol"),
        (None, [only]) => (*only).to_owned(),
        (None, []) => bail!("there is no credential of this protocol: name one under [credentials]"),
        (None, several) => bail!("`credential` is missing: expected one of {}", several.join(", ")),
    };
    let mut sensors: Vec<&str> = wanted
        .sensors
        .iter()
        .filter(|(_, it)| it.protocol == protocol)
        .map(|(name, _)| name.as_str())
        .collect();
    let stored =
        current.sensors.iter().filter(|it| it.protocol == protocol && !wanted.sensors.contains_key(&it.name));
    sensors.extend(stored.map(|it| it.name.as_str()));
    let chosen: Vec<String> = match &used.sensors {
        Some(names) => {
            if let Some(unknown) = names.iter().find(|name| !sensors.contains(&name.as_str())) {
                bail!("there is no sensor {unknown:?} of this protocol");
            }
            names.clone()
        }
        None => sensors.iter().map(|name| (*name).to_owned()).collect(),
    };
    if let Some(bot) = &used.bot
        && !current.bots.iter().any(|it| it.name == *bot && it.protocol.as_deref() == Some(protocol))
    {
        bail!("there is no bot {bot:?} of this protocol");
    }
    let interval = used.interval.map(i64::from);
    let mut sensors: Vec<_> = chosen.into_iter().map(|name| (name, interval)).collect();
    sensors.sort();
    sensors.dedup();
    Ok(NamedUse { credential, sensors, bot: used.bot.clone() })
}

/// Returns how a device is measured as it stands, by names.
fn stored_uses(current: &Current, device: &Device) -> BTreeMap<String, NamedUse> {
    let credentials = || current.credentials.iter().map(|it| (it.id, &it.name));
    let sensors = || current.sensors.iter().map(|it| (it.id, &it.name));
    let bots = || current.bots.iter().map(|it| (it.id, &it.name));
    let use_of = |(protocol, used): (&String, &super::current::Used)| {
        let mut all: Vec<_> =
            used.sensors.iter().map(|it| (name_of(it.sensor, sensors()), it.interval)).collect();
        all.sort();
        let credential = used.credential.map(|id| name_of(id, credentials())).unwrap_or_default();
        let bot = used.bot.map(|id| name_of(id, bots()));
        (protocol.clone(), NamedUse { credential, sensors: all, bot })
    };
    device.protocols.iter().map(use_of).collect()
}

/// Returns the name of an id; of one that nobody knows, its number.
fn name_of<'a>(id: i64, mut known: impl Iterator<Item = (i64, &'a String)>) -> String {
    known.find(|(known, _)| *known == id).map_or_else(|| id.to_string(), |(_, name)| name.clone())
}

fn others(current: &Current, wanted: &Wanted) -> Vec<Change> {
    let gone = |kind, name: &String, id| Change::Delete { kind, name: name.clone(), id };
    let devices = current.devices.iter().filter(|it| !wanted.devices.contains_key(&it.name));
    let sensors = current.sensors.iter().filter(|it| !wanted.sensors.contains_key(&it.name));
    let credentials = current.credentials.iter().filter(|it| !wanted.credentials.contains_key(&it.name));
    devices
        .map(|it| gone(Kind::Device, &it.name, it.id))
        .chain(sensors.map(|it| gone(Kind::Sensor, &it.name, it.id)))
        .chain(credentials.map(|it| gone(Kind::Credential, &it.name, it.id)))
        .collect()
}

/// Refuses names that stand for several things.
fn only<'a, T>(kind: Kind, name: &str, known: &'a [T]) -> anyhow::Result<&'a [T]> {
    if known.len() > 1 {
        bail!("{} {kind}s are named {name:?}: rename all but one", known.len());
    }
    Ok(known)
}

fn update(kind: Kind, name: &str, id: i64, fields: Vec<String>) -> Option<Change> {
    (!fields.is_empty()).then(|| Change::Update { kind, name: name.to_owned(), id, fields })
}

/// Returns the names of details that differ. Grafolean's forms store numbers as text.
fn differing(stored: &Details, wanted: &Details) -> Vec<String> {
    let text = |value: Option<&Value>| match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    let names = stored.keys().chain(wanted.keys()).collect::<std::collections::BTreeSet<_>>();
    // Fields of an object are the same in whatever order a file has them.
    let is_same = |name: &&String| {
        let (one, other) = (stored.get(*name), wanted.get(*name));
        one == other || text(one) == text(other)
    };
    names.into_iter().filter(|name| !is_same(name)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json};

    use super::*;
    use crate::command::inventory::file;

    fn current() -> Current {
        Current {
            account: Some(1),
            credentials: from_value(json!([
                {"id": 10, "name": "default", "protocol": "ping", "details": {"retry": "0"}},
                {"id": 11, "name": "old", "protocol": "snmp", "details": {}},
            ]))
            .unwrap(),
            sensors: from_value(json!([
                {"id": 20, "name": "each minute", "protocol": "ping", "default_interval": 60, "details": {}},
            ]))
            .unwrap(),
            devices: from_value(json!([
                {"id": 30, "name": "a", "entity_type": "device", "details": {"ipv4": "192.0.2.1", "snmp_port": "161"},
                 "protocols": {"ping": {"credential": 10, "bot": null, "sensors": [{"sensor": 20, "interval": null}]}}},
                {"id": 31, "name": "gone", "entity_type": "device", "details": {}},
            ]))
            .unwrap(),
            bots: from_value(json!([{"id": 40, "name": "pinger", "protocol": "ping"}])).unwrap(),
        }
    }

    fn told(text: &str) -> Vec<String> {
        let wanted = file::parse(text).unwrap();
        between(&current(), &wanted).unwrap().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_is_as_wanted_stays_and_what_is_left_out_is_the_accounts_own() {
        let same = "account = \"A\"\n[devices.a]\nipv4 = \"192.0.2.1\"\nsnmp_port = 161\nping = {}";
        assert!(told(same).is_empty());
        let other =
            "account = \"A\"\n[devices.a]\nipv4 = \"192.0.2.2\"\nping = { interval = 10, bot = \"pinger\" }";
        assert_eq!(told(other), ["~ device a: ipv4, snmp_port, ping"]);
    }

    #[test]
    fn what_is_new_is_made_before_it_is_used_and_others_go_only_if_that_is_wanted() {
        let text = "[devices.b]\nhostname = \"b\"\nsnmp = {}\n[credentials.old]\nprotocol = \"snmp\"\nversion = \"snmpv1\"\n[sensors.s]\nprotocol = \"snmp\"\n";
        assert_eq!(
            told(&format!("account = \"A\"\n{text}")),
            ["~ credential old: version", "+ sensor s", "+ device b"]
        );
        assert_eq!(
            told(&format!("account = \"A\"\nothers = \"delete\"\n{text}"))[3..],
            ["- device a", "- device gone", "- sensor each minute", "- credential default"]
        );
        let wanted = file::parse("account = \"New\"\n").unwrap();
        let made = between(&Current::default(), &wanted).unwrap();
        assert_eq!(made, [Change::Create { kind: Kind::Account, name: "New".to_owned() }]);
    }

    #[test]
    fn what_there_is_none_of_is_named() {
        for (used, said) in [
            ("ping = { credential = \"x\" }", "devices.a.ping: there is no credential \"x\""),
            ("ping = { sensors = [\"x\"] }", "there is no sensor \"x\""),
            ("ping = { bot = \"x\" }", "there is no bot \"x\""),
            ("tcp = {}", "devices.a.tcp: there is no credential of this protocol"),
        ] {
            let wanted = file::parse(&format!("account = \"A\"\n[devices.a]\n{used}")).unwrap();
            let error = between(&current(), &wanted).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
    }
}
