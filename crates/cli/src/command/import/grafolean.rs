//! A Grafolean, or another hub, by its API.

use std::{collections::BTreeMap, fs};

use anyhow::{Context, bail};
use grafolean_collector::backend::http::{Caller, HttpSettings, Login};
use secrecy::SecretString;
use serde_json::Value;

use super::Taken;
use crate::{
    arguments::GrafoleanSource,
    command::inventory::{
        current::{Current, Device},
        wanted::{Wanted, WantedCredential, WantedDevice, WantedSensor, WantedUse},
    },
    config::Config,
};

/// Reads an account.
pub(super) async fn read(source: &GrafoleanSource, config: &Config) -> anyhow::Result<Taken> {
    let file = &source.from_password_file;
    let password = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let password = SecretString::from(password.trim_end_matches(['\r', '\n']));
    let ca_file = config.login.ca_file.clone();
    let settings = HttpSettings { ca_file, ..HttpSettings::new(source.url.clone(), "".into()) };
    let caller = Caller::new(&settings, Login::Person { username: source.from_user.clone(), password })?;
    let account = match &source.from_account {
        Some(name) => name.clone(),
        None => {
            let all = caller.list("/accounts").await?;
            let names: Vec<_> =
                all.iter().filter_map(|row| row.get("name").and_then(Value::as_str)).collect();
            match *names {
                [only] => only.to_owned(),
                _ => bail!(
                    "it has {} accounts: choose one with --from-account: {}",
                    names.len(),
                    names.join(", ")
                ),
            }
        }
    };
    let current = Current::read(&caller, &account).await?;
    let Some(id) = current.account else { bail!("it has no account {account:?}") };
    let mut taken = taken(&current, account);
    let dashboards = caller.list(&format!("/accounts/{id}/dashboards")).await.unwrap_or_default();
    if !dashboards.is_empty() {
        taken.notes.push(format!("{} dashboards: make them anew at the page", dashboards.len()));
    }
    taken.notes.push("stored values, people and their rights".to_owned());
    Ok(taken)
}

/// Returns all of an account by names. Things of one name are told apart by their ids.
fn taken(current: &Current, account: String) -> Taken {
    let mut taken = Taken { wanted: Wanted { account, ..Wanted::default() }, notes: Vec::new() };
    let credentials = names(current.credentials.iter().map(|it| (it.id, it.name.as_str())));
    let sensors = names(current.sensors.iter().map(|it| (it.id, it.name.as_str())));
    for it in &current.credentials {
        let (name, protocol, details) = (credentials.get(&it.id), it.protocol.clone(), it.details.clone());
        if details.values().any(|value| value == "********") {
            taken.notes.push(format!("secrets of credential {}: this user may not read them", it.name));
        }
        taken
            .wanted
            .credentials
            .extend(name.map(|name| (name.clone(), WantedCredential { protocol, details })));
    }
    for it in &current.sensors {
        let (name, protocol, details) = (sensors.get(&it.id), it.protocol.clone(), it.details.clone());
        let interval =
            it.default_interval.and_then(|seconds| u32::try_from(seconds).ok()).filter(|it| *it > 0);
        let sensor = WantedSensor { protocol, interval, details };
        taken.wanted.sensors.extend(name.map(|name| (name.clone(), sensor)));
    }
    let devices = names(current.devices.iter().map(|it| (it.id, it.name.as_str())));
    for device in &current.devices {
        let Some(name) = devices.get(&device.id) else { continue };
        let used = used(device, &credentials, &sensors, &mut taken.notes);
        let details = device.details.clone();
        taken.wanted.devices.insert(name.clone(), WantedDevice { details, protocols: used });
    }
    taken
}

fn used(
    device: &Device,
    credentials: &BTreeMap<i64, String>,
    sensors: &BTreeMap<i64, String>,
    notes: &mut Vec<String>,
) -> BTreeMap<String, WantedUse> {
    let mut all = BTreeMap::new();
    for (protocol, used) in &device.protocols {
        let mut intervals: Vec<Option<i64>> = used.sensors.iter().map(|it| it.interval).collect();
        intervals.dedup();
        let interval = match *intervals {
            [one] => one.and_then(|seconds| u32::try_from(seconds).ok()),
            _ => None,
        };
        if intervals.len() > 1 {
            notes.push(format!(
                "intervals of {protocol} of {}, which differ by sensor: each sensor's own count",
                device.name
            ));
        }
        if used.bot.is_some() {
            notes.push(format!(
                "the bot that measures {} by {protocol}: any bot of the protocol does",
                device.name
            ));
        }
        let used = WantedUse {
            credential: used.credential.and_then(|id| credentials.get(&id).cloned()),
            sensors: Some(used.sensors.iter().filter_map(|it| sensors.get(&it.sensor).cloned()).collect()),
            interval,
            bot: None,
        };
        all.insert(protocol.clone(), used);
    }
    all
}

fn names<'a>(rows: impl Iterator<Item = (i64, &'a str)>) -> BTreeMap<i64, String> {
    let rows: Vec<_> = rows.collect();
    let several = |name: &str| rows.iter().filter(|(_, other)| *other == name).count() > 1;
    rows.iter()
        .map(|(id, name)| (*id, if several(name) { format!("{name} ({id})") } else { (*name).to_owned() }))
        .collect()
}
