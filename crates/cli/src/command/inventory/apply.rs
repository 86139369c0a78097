//! Changes, made.

use std::collections::BTreeMap;

use anyhow::Context;
use grafolean_collector::backend::http::Caller;
use serde_json::{Map, Value, json};

use super::{
    current::Current,
    difference::{self, Change, Kind},
    wanted::Wanted,
};

/// Ids of what there is, by name.
#[derive(Default)]
struct Ids {
    credentials: BTreeMap<String, i64>,
    sensors: BTreeMap<String, i64>,
}

/// Makes changes in their order; returns the account.
pub(super) async fn apply(
    caller: &Caller,
    current: &Current,
    wanted: &Wanted,
    changes: &[Change],
) -> anyhow::Result<i64> {
    let account = match current.account {
        Some(account) => account,
        None => made(&caller.post("/admin/accounts", &json!({"name": wanted.account})).await?)?,
    };
    // A new account has credentials and sensors from the start.
    let fresh = match current.account {
        Some(_) => None,
        None => Some(Current::read(caller, &wanted.account).await?),
    };
    let current = fresh.as_ref().unwrap_or(current);
    let again = fresh.is_some().then(|| difference::between(current, wanted)).transpose()?;
    let changes = again.as_deref().unwrap_or(changes);
    let below = |what: &str| format!("/accounts/{account}/{what}");
    let mut ids = Ids {
        credentials: current.credentials.iter().map(|it| (it.name.clone(), it.id)).collect(),
        sensors: current.sensors.iter().map(|it| (it.name.clone(), it.id)).collect(),
    };
    for change in changes {
        let told = change.to_string();
        make(caller, &below, current, wanted, &mut ids, change).await.with_context(|| told)?;
    }
    Ok(account)
}

async fn make(
    caller: &Caller,
    below: &impl Fn(&str) -> String,
    current: &Current,
    wanted: &Wanted,
    ids: &mut Ids,
    change: &Change,
) -> anyhow::Result<()> {
    let list = |kind: Kind| match kind {
        Kind::Account | Kind::Device => "entities",
        Kind::Credential => "credentials",
        Kind::Sensor => "sensors",
    };
    match change {
        Change::Create { kind: Kind::Account, .. } => {}
        Change::Create { kind, name } => {
            let body = body(current, wanted, ids, *kind, name)?;
            let id = made(&caller.post(&below(list(*kind)), &body).await?)?;
            match kind {
                Kind::Credential => drop(ids.credentials.insert(name.clone(), id)),
                Kind::Sensor => drop(ids.sensors.insert(name.clone(), id)),
                Kind::Account | Kind::Device => {}
            }
        }
        Change::Update { kind, name, id, .. } => {
            let body = body(current, wanted, ids, *kind, name)?;
            caller.put(&below(&format!("{}/{id}", list(*kind))), &body).await?;
        }
        Change::Delete { kind, id, .. } => {
            caller.delete(&below(&format!("{}/{id}", list(*kind)))).await?;
        }
    }
    Ok(())
}

fn made(answer: &Value) -> anyhow::Result<i64> {
    answer.get("id").and_then(Value::as_i64).context("the backend did not say which id it has")
}

fn body(current: &Current, wanted: &Wanted, ids: &Ids, kind: Kind, name: &str) -> anyhow::Result<Value> {
    Ok(match kind {
        Kind::Account => json!({"name": name}),
        Kind::Credential => {
            let it = wanted.credentials.get(name).context("it is not wanted")?;
            json!({"name": name, "protocol": it.protocol, "details": it.details})
        }
        Kind::Sensor => {
            let it = wanted.sensors.get(name).context("it is not wanted")?;
            json!({"name": name, "protocol": it.protocol, "default_interval": it.interval, "details": it.details})
        }
        Kind::Device => {
            let it = wanted.devices.get(name).context("it is not wanted")?;
            let mut protocols = Map::new();
            for (protocol, used) in difference::uses(current, wanted, name)? {
                let id_of = |known: &BTreeMap<String, i64>, name: &str| {
                    known.get(name).copied().with_context(|| format!("there is no {name}"))
                };
                let mut sensors = Vec::new();
                for (sensor, interval) in &used.sensors {
                    sensors.push(json!({"sensor": id_of(&ids.sensors, sensor)?, "interval": interval}));
                }
                let bot = used.bot.as_ref().and_then(|bot| current.bots.iter().find(|it| it.name == *bot));
                let credential = id_of(&ids.credentials, &used.credential)?;
                let bot = bot.map(|bot| bot.id);
                protocols.insert(protocol, json!({"credential": credential, "bot": bot, "sensors": sensors}));
            }
            json!({"name": name, "entity_type": "device", "details": it.details, "protocols": protocols})
        }
    })
}
