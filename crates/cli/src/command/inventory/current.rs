//! What there is in an account.

use anyhow::{Context, bail};
use grafolean_collector::{backend::http::Caller, model::Details};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What there is in an account, which may not be there yet.
#[derive(Debug, Default)]
pub(in crate::command) struct Current {
    pub(in crate::command) account: Option<i64>,
    pub(in crate::command) credentials: Vec<Credential>,
    pub(in crate::command) sensors: Vec<Sensor>,
    pub(in crate::command) devices: Vec<Device>,
    pub(in crate::command) bots: Vec<Bot>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(in crate::command) struct Credential {
    pub(in crate::command) id: i64,
    pub(in crate::command) name: String,
    pub(in crate::command) protocol: String,
    #[serde(default)]
    pub(in crate::command) details: Details,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(in crate::command) struct Sensor {
    pub(in crate::command) id: i64,
    pub(in crate::command) name: String,
    pub(in crate::command) protocol: String,
    pub(in crate::command) default_interval: Option<i64>,
    #[serde(default)]
    pub(in crate::command) details: Details,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(in crate::command) struct Device {
    pub(in crate::command) id: i64,
    pub(in crate::command) name: String,
    pub(in crate::command) entity_type: String,
    #[serde(default)]
    pub(in crate::command) parent: Option<i64>,
    #[serde(default)]
    pub(in crate::command) details: Details,
    #[serde(default)]
    pub(in crate::command) protocols: BTreeMap<String, Used>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub(in crate::command) struct Used {
    pub(in crate::command) credential: Option<i64>,
    pub(in crate::command) bot: Option<i64>,
    #[serde(default)]
    pub(in crate::command) sensors: Vec<SensorUsed>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(in crate::command) struct SensorUsed {
    pub(in crate::command) sensor: i64,
    #[serde(default)]
    pub(in crate::command) interval: Option<i64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(in crate::command) struct Bot {
    pub(in crate::command) id: i64,
    pub(in crate::command) name: String,
    #[serde(default)]
    pub(in crate::command) protocol: Option<String>,
}

impl Current {
    /// Reads what there is; an account that does not exist is empty.
    pub(in crate::command) async fn read(caller: &Caller, account: &str) -> anyhow::Result<Self> {
        let Some(id) = account_named(caller, account).await? else { return Ok(Self::default()) };
        let below = |what: &str| format!("/accounts/{id}/{what}");
        let mut bots: Vec<Bot> = rows(caller, &below("bots")).await?;
        bots.extend(rows::<Bot>(caller, "/bots").await?);
        let mut devices: Vec<Device> = rows(caller, &below("entities")).await?;
        devices.retain(|device| device.entity_type == "device");
        Ok(Self {
            account: Some(id),
            credentials: rows(caller, &below("credentials")).await?,
            sensors: rows(caller, &below("sensors")).await?,
            devices,
            bots,
        })
    }
}

/// Returns the id of the account of a name; several of one name are refused.
pub(in crate::command) async fn account_named(caller: &Caller, name: &str) -> anyhow::Result<Option<i64>> {
    let all = caller.list("/accounts").await?;
    let named: Vec<i64> =
        all.iter().filter(|row| row["name"] == json!(name)).filter_map(|row| row["id"].as_i64()).collect();
    match *named {
        [] => Ok(None),
        [id] => Ok(Some(id)),
        _ => bail!("{} accounts are named {name:?}: rename all but one", named.len()),
    }
}

async fn rows<T: DeserializeOwned>(caller: &Caller, path: &str) -> anyhow::Result<Vec<T>> {
    let rows = caller.list(path).await?;
    let read = rows.into_iter().map(|row: Value| serde_json::from_value(row));
    read.collect::<Result<_, _>>().with_context(|| format!("GET {path} gives rows that are not understood"))
}
