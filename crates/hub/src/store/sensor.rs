//! Sensors: what is measured, and how often.

use grafolean_collector::model::{AccountId, Details, Sensor, SensorId};
use rusqlite::{Connection, Row, params};
use serde_json::{Value, json};

use super::{StoreError, account, random, rows};

/// A sensor that is to be stored.
#[derive(Clone, Debug)]
pub(crate) struct NewSensor {
    pub(crate) name: String,
    pub(crate) protocol: String,
    /// In seconds, at least 1.
    pub(crate) default_interval: Option<i64>,
    pub(crate) details: Details,
}

const COLUMNS: &str = "SELECT id, name, protocol, default_interval, details FROM sensors WHERE account = ?1";

fn read(row: &Row<'_>) -> rusqlite::Result<Sensor> {
    Ok(Sensor {
        id: rows::id(row, "id")?,
        name: row.get("name")?,
        protocol: row.get("protocol")?,
        default_interval: row.get("default_interval")?,
        details: rows::details(row)?,
    })
}

/// All of an account, ascending by id.
pub(crate) fn list(connection: &Connection, account: AccountId) -> Result<Vec<Sensor>, StoreError> {
    let mut statement = connection.prepare_cached(&format!("{COLUMNS} ORDER BY id"))?;
    Ok(statement.query_map(params![account.number()], read)?.collect::<Result<_, _>>()?)
}

pub(crate) fn one(connection: &Connection, account: AccountId, id: SensorId) -> Result<Sensor, StoreError> {
    let mut statement = connection.prepare_cached(&format!("{COLUMNS} AND id = ?2"))?;
    rows::found(statement.query_row(params![account.number(), id.number()], read), "sensor")
}

pub(crate) fn insert(
    connection: &Connection,
    account: AccountId,
    new: &NewSensor,
) -> Result<SensorId, StoreError> {
    account::demand(connection, account)?;
    let details = serde_json::to_string(&new.details)?;
    let mut statement = connection.prepare_cached(
        "INSERT INTO sensors (id, account, name, protocol, default_interval, details)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    let insert = |id| {
        statement.execute(params![
            id,
            account.number(),
            new.name,
            new.protocol,
            new.default_interval,
            details
        ])
    };
    random::insert_with_id(connection, "sensors", insert).map(SensorId::new)
}

/// Changes all but the protocol of one that is in use, since entities rely on it.
pub(crate) fn update(
    connection: &Connection,
    account: AccountId,
    id: SensorId,
    new: &NewSensor,
) -> Result<(), StoreError> {
    let old = one(connection, account, id)?;
    if old.protocol != new.protocol && is_used(connection, id)? {
        return Err(StoreError::Invalid(format!(
            "Entities use sensor {id} for protocol '{}', which can't change to '{}'",
            old.protocol, new.protocol
        )));
    }
    let changed = connection.execute(
        "UPDATE sensors SET name = ?3, protocol = ?4, default_interval = ?5, details = ?6
         WHERE account = ?1 AND id = ?2",
        params![
            account.number(),
            id.number(),
            new.name,
            new.protocol,
            new.default_interval,
            serde_json::to_string(&new.details)?
        ],
    )?;
    rows::changed(changed, "sensor")
}

fn is_used(connection: &Connection, id: SensorId) -> Result<bool, StoreError> {
    let mut statement = connection.prepare_cached("SELECT 1 FROM attached_sensors WHERE sensor = ?1")?;
    Ok(statement.exists(params![id.number()])?)
}

/// Deletes it; it leaves the lists of entities that use it.
pub(crate) fn delete(connection: &Connection, account: AccountId, id: SensorId) -> Result<(), StoreError> {
    let deleted = connection.execute(
        "DELETE FROM sensors WHERE account = ?1 AND id = ?2",
        params![account.number(), id.number()],
    )?;
    rows::changed(deleted, "sensor")
}

pub(super) fn of_a_new_account() -> [NewSensor; 5] {
    let new = |name: &str, protocol: &str, default_interval, details: Value| NewSensor {
        name: name.to_owned(),
        protocol: protocol.to_owned(),
        default_interval,
        details: details.as_object().cloned().unwrap_or_default(),
    };
    let walks = |oids: [&str; 2], expression: &str, output_path: &str| {
        json!({
            "oids": oids.map(|oid| json!({"oid": oid, "fetch_method": "walk"})),
            "expression": expression,
            "output_path": output_path,
        })
    };
    [
        new("Default ICMP ping sensor", "ping", Some(60), json!({})),
        new(
            "Traffic IN [bps]",
            "snmp",
            Some(60),
            walks(["1.3.6.1.2.1.2.2.1.2", "1.3.6.1.2.1.2.2.1.10"], "$2", "if.in-octets.{$index}.{$1}"),
        ),
        new(
            "Traffic OUT [bps]",
            "snmp",
            Some(60),
            walks(["1.3.6.1.2.1.2.2.1.2", "1.3.6.1.2.1.2.2.1.16"], "$2", "if.out-octets.{$index}.{$1}"),
        ),
        new(
            "Linux lmsensors - temperature [°C]",
            "snmp",
            Some(60),
            walks(
                ["1.3.6.1.4.1.2021.13.16.2.1.2", "1.3.6.1.4.1.2021.13.16.2.1.3"],
                "$2 / 1000.0",
                "lmsensors.temp.{$index}.{$1}",
            ),
        ),
        new("Default NetFlow sensor", "netflow", None, json!({})),
    ]
}
