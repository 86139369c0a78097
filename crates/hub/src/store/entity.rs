//! Entities: what is measured, and how each protocol measures it.

use std::{collections::BTreeMap, iter::Peekable};

use grafolean_collector::model::{
    AccountId, Attachment, CredentialId, Details, Entity, EntityId, SensorId, SensorUse, UserId,
};
use rusqlite::{Connection, OptionalExtension, Params, Row, params};

use super::{StoreError, account, random, rows};

/// An entity may stand this deep below others; SQLite deletes no more than 1,000 levels in one go.
const MAX_DEPTH: i64 = 100;

/// An entity that is to be stored.
#[derive(Clone, Debug)]
pub(crate) struct NewEntity {
    pub(crate) name: String,
    pub(crate) entity_type: String,
    /// Only heeded when the entity is made: it never moves.
    pub(crate) parent: Option<EntityId>,
    pub(crate) details: Details,
    pub(crate) protocols: BTreeMap<String, NewAttachment>,
}

/// How a protocol is to measure an entity.
#[derive(Clone, Debug)]
pub(crate) struct NewAttachment {
    pub(crate) credential: CredentialId,
    /// None: any bot of the protocol.
    pub(crate) bot: Option<UserId>,
    /// Each sensor with the entity's own interval in seconds, at least 1.
    pub(crate) sensors: Vec<SensorUse>,
}

/// Returns the name of each entity of an account.
pub(crate) fn names(
    connection: &Connection,
    account: AccountId,
) -> Result<Vec<(EntityId, String)>, StoreError> {
    let mut statement = connection.prepare_cached("SELECT id, name FROM entities WHERE account = ?1")?;
    let read = |row: &Row<'_>| Ok((rows::id(row, "id")?, row.get("name")?));
    Ok(statement.query_map(params![account.number()], read)?.collect::<Result<_, _>>()?)
}

/// All of an account, ascending by id.
pub(crate) fn list(connection: &Connection, account: AccountId) -> Result<Vec<Entity>, StoreError> {
    select(connection, "e.account = ?1", params![account.number()])
}

pub(crate) fn one(connection: &Connection, account: AccountId, id: EntityId) -> Result<Entity, StoreError> {
    let found = select(connection, "e.account = ?1 AND e.id = ?2", params![account.number(), id.number()])?;
    found.into_iter().next().ok_or(StoreError::Missing("entity"))
}

/// Returns the first entity of an account with this name.
pub(crate) fn by_name(
    connection: &Connection,
    account: AccountId,
    name: &str,
) -> Result<Option<EntityId>, StoreError> {
    let mut statement =
        connection.prepare_cached("SELECT id FROM entities WHERE account = ?1 AND name = ?2 ORDER BY id")?;
    Ok(statement.query_row(params![account.number(), name], |row| rows::id(row, "id")).optional()?)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Entity> {
    Ok(Entity {
        id: rows::id(row, "id")?,
        name: row.get("name")?,
        entity_type: row.get("entity_type")?,
        parent: rows::optional_id(row, "parent")?,
        details: rows::details(row)?,
        protocols: Some(BTreeMap::new()),
    })
}

/// Reads entities and what is attached to them in three walks in the same order, whatever their number.
fn select(connection: &Connection, of: &str, values: impl Params + Copy) -> Result<Vec<Entity>, StoreError> {
    let entities = format!("SELECT * FROM entities e WHERE {of} ORDER BY e.id");
    let attachments = format!(
        "SELECT a.id, a.entity, a.protocol, a.credential, a.bot FROM entities e
         JOIN attachments a ON a.entity = e.id WHERE {of} ORDER BY e.id, a.id"
    );
    let sensors = format!(
        "SELECT s.attachment, s.sensor, s.interval FROM entities e JOIN attachments a ON a.entity = e.id
         JOIN attached_sensors s ON s.attachment = a.id WHERE {of} ORDER BY e.id, a.id, s.place"
    );
    let mut entities = connection.prepare_cached(&entities)?;
    let mut attachments = connection.prepare_cached(&attachments)?;
    let mut sensors = connection.prepare_cached(&sensors)?;
    let mut attachments = attachments.query_map(values, read_attachment)?.peekable();
    let mut sensors = sensors.query_map(values, read_sensor)?.peekable();
    let mut found = Vec::new();
    for entity in entities.query_map(values, read)? {
        let mut entity = entity?;
        let protocols = entity.protocols.get_or_insert_default();
        while let Some((id, (protocol, mut attachment))) = next_of(entity.id.number(), &mut attachments)? {
            while let Some((_, sensor)) = next_of(id, &mut sensors)? {
                attachment.sensors.push(sensor);
            }
            protocols.insert(protocol, attachment);
        }
        found.push(entity);
    }
    Ok(found)
}

/// A row that belongs to the row of another walk by this id, with its own id where others belong to it.
type Belonging<T> = (i64, i64, T);

fn read_attachment(row: &Row<'_>) -> rusqlite::Result<Belonging<(String, Attachment)>> {
    let attachment = Attachment {
        credential: rows::optional_id(row, "credential")?,
        sensors: Vec::new(),
        bot: rows::optional_id(row, "bot")?,
    };
    Ok((row.get("entity")?, row.get("id")?, (row.get("protocol")?, attachment)))
}

fn read_sensor(row: &Row<'_>) -> rusqlite::Result<Belonging<SensorUse>> {
    let sensor = SensorUse { sensor: rows::id(row, "sensor")?, interval: row.get("interval")? };
    Ok((row.get("attachment")?, 0, sensor))
}

fn next_of<T>(
    owner: i64,
    rows: &mut Peekable<impl Iterator<Item = rusqlite::Result<Belonging<T>>>>,
) -> Result<Option<(i64, T)>, StoreError> {
    let next = rows.next_if(|row| row.as_ref().is_ok_and(|row| row.0 == owner) || row.is_err());
    Ok(next.transpose()?.map(|(_, id, belonging)| (id, belonging)))
}

pub(crate) fn insert(
    connection: &Connection,
    account: AccountId,
    new: &NewEntity,
) -> Result<EntityId, StoreError> {
    account::demand(connection, account)?;
    if let Some(parent) = new.parent {
        check_parent(connection, account, parent)?;
    }
    let details = serde_json::to_string(&new.details)?;
    let mut statement = connection.prepare_cached(
        "INSERT INTO entities (id, account, parent, name, entity_type, details) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    let parent = new.parent.map(EntityId::number);
    let id = random::insert_with_id(connection, "entities", |id| {
        statement.execute(params![id, account.number(), parent, new.name, new.entity_type, details])
    })?;
    attach(connection, account, EntityId::new(id), &new.protocols)?;
    Ok(EntityId::new(id))
}

/// Replaces all but the parent; protocols that are not named go.
pub(crate) fn update(
    connection: &Connection,
    account: AccountId,
    id: EntityId,
    new: &NewEntity,
) -> Result<(), StoreError> {
    let changed = connection
        .prepare_cached(
            "UPDATE entities SET name = ?3, entity_type = ?4, details = ?5 WHERE account = ?1 AND id = ?2",
        )?
        .execute(params![
            account.number(),
            id.number(),
            new.name,
            new.entity_type,
            serde_json::to_string(&new.details)?
        ])?;
    rows::changed(changed, "entity")?;
    connection.prepare_cached("DELETE FROM attachments WHERE entity = ?1")?.execute(params![id.number()])?;
    attach(connection, account, id, &new.protocols)
}

/// Deletes it with its children.
pub(crate) fn delete(connection: &Connection, account: AccountId, id: EntityId) -> Result<(), StoreError> {
    let deleted = connection
        .prepare_cached("DELETE FROM entities WHERE account = ?1 AND id = ?2")?
        .execute(params![account.number(), id.number()])?;
    rows::changed(deleted, "entity")
}

fn check_parent(connection: &Connection, account: AccountId, parent: EntityId) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(
        "WITH RECURSIVE above (id, parent) AS (
             SELECT id, parent FROM entities WHERE account = ?1 AND id = ?2
             UNION ALL SELECT e.id, e.parent FROM entities e JOIN above ON e.id = above.parent
         ) SELECT count(*) FROM above",
    )?;
    match statement.query_row(params![account.number(), parent.number()], |row| row.get::<_, i64>(0))? {
        0 => Err(StoreError::Invalid(format!("Invalid parent for this account: {parent}"))),
        MAX_DEPTH.. => Err(StoreError::Invalid(format!(
            "Entity {parent} stands {MAX_DEPTH} deep below others, none can stand below it"
        ))),
        _ => Ok(()),
    }
}

fn attach(
    connection: &Connection,
    account: AccountId,
    entity: EntityId,
    protocols: &BTreeMap<String, NewAttachment>,
) -> Result<(), StoreError> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO attachments (entity, protocol, credential, bot) VALUES (?1, ?2, ?3, ?4)",
    )?;
    let mut insert_sensor = connection.prepare_cached(
        "INSERT INTO attached_sensors (attachment, place, sensor, interval) VALUES (?1, ?2, ?3, ?4)",
    )?;
    for (protocol, new) in protocols {
        check_attachment(connection, account, protocol, new)?;
        let (credential, bot) = (new.credential.number(), new.bot.map(UserId::number));
        let attachment = insert.insert(params![entity.number(), protocol, credential, bot])?;
        for (place, sensor) in (0_i64..).zip(&new.sensors) {
            insert_sensor.execute(params![attachment, place, sensor.sensor.number(), sensor.interval])?;
        }
    }
    Ok(())
}

/// Credential, bot and sensors must be of the protocol, and of the account (a bot may be systemwide).
fn check_attachment(
    connection: &Connection,
    account: AccountId,
    protocol: &str,
    new: &NewAttachment,
) -> Result<(), StoreError> {
    let of_both = |table: &str, id: i64| -> Result<bool, StoreError> {
        let known = format!("SELECT 1 FROM {table} WHERE id = ?1 AND account = ?2 AND protocol = ?3");
        Ok(connection.prepare_cached(&known)?.exists(params![id, account.number(), protocol])?)
    };
    if !of_both("credentials", new.credential.number())? {
        let id = new.credential;
        let reason = format!("Invalid credential for this account/protocol combination: {id}");
        return Err(StoreError::Invalid(reason));
    }
    if let Some(id) = new.bot {
        let known =
            "SELECT 1 FROM bots WHERE user = ?1 AND (account IS NULL OR account = ?2) AND protocol = ?3";
        if !connection.prepare_cached(known)?.exists(params![id.number(), account.number(), protocol])? {
            return Err(StoreError::Invalid(format!("Invalid bot for this protocol: {id}")));
        }
    }
    for SensorUse { sensor, .. } in &new.sensors {
        if !of_both("sensors", sensor.number())? {
            let reason = format!("Invalid sensor for this account/protocol combination: {sensor}");
            return Err(StoreError::Invalid(reason));
        }
    }
    check_once(&new.sensors)
}

fn check_once(sensors: &[SensorUse]) -> Result<(), StoreError> {
    let mut ids: Vec<SensorId> = sensors.iter().map(|sensor| sensor.sensor).collect();
    ids.sort_unstable();
    match ids.array_windows().find(|[one, next]| one == next) {
        Some([twice, _]) => Err(StoreError::Invalid(format!("Sensor {twice} stands twice in the list"))),
        None => Ok(()),
    }
}
