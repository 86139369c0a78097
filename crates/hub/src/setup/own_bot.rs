//! The bots by which the hub's own process measures. Each is known by its id, so that people may rename it.

use grafolean_collector::{model::UserId, time::Timestamp};
use rusqlite::Connection;

use super::{BotAccess, Entities, rights};
use crate::{
    rights::Grant,
    store::{
        StoreError, account,
        bot::{self, NewBot},
        permission, setting,
    },
};

/// Returns the bot of a protocol, if there is one and it lacks no right.
pub(super) fn complete(
    connection: &Connection,
    protocol: &str,
    entities: Entities,
) -> Result<Option<BotAccess>, StoreError> {
    let Some(id) = known(connection, protocol)? else { return Ok(None) };
    if missing(connection, id, entities)?.is_empty() { access(connection, id).map(Some) } else { Ok(None) }
}

/// Finds the bot of a protocol, or makes it, and gives it the rights that it lacks.
pub(super) fn make(
    connection: &Connection,
    protocol: &str,
    entities: Entities,
    now: Timestamp,
) -> Result<BotAccess, StoreError> {
    let id = match known(connection, protocol)? {
        Some(id) => id,
        None => {
            let new = NewBot::of(&format!("{protocol}, in this hub"), protocol);
            let id = bot::insert(connection, None, &new, now)?;
            setting::put(connection, &name(protocol), id.number())?;
            id
        }
    };
    for grant in missing(connection, id, entities)? {
        permission::insert(connection, id, &grant)?;
    }
    access(connection, id)
}

/// Finds the bot that keeps accounts as files say, or makes it.
pub(super) fn keeper(connection: &Connection, now: Timestamp) -> Result<BotAccess, StoreError> {
    const PROTOCOL: &str = "inventory";
    let id = match known(connection, PROTOCOL)? {
        Some(id) => id,
        None => {
            let id = bot::insert(connection, None, &NewBot::of("inventory, in this hub", PROTOCOL), now)?;
            setting::put(connection, &name(PROTOCOL), id.number())?;
            id
        }
    };
    let held = permission::of(connection, id)?;
    for prefix in ["accounts", "admin/accounts"] {
        let grant = Grant::everything_below(prefix);
        if !held.iter().any(|permission| permission.grant == grant) {
            permission::insert(connection, id, &grant)?;
        }
    }
    access(connection, id)
}

fn access(connection: &Connection, id: UserId) -> Result<BotAccess, StoreError> {
    Ok(BotAccess { id, token: bot::token_of(connection, id)? })
}

/// Returns it unless somebody deleted it.
fn known(connection: &Connection, protocol: &str) -> Result<Option<UserId>, StoreError> {
    let Some(id) = setting::setting::<i64>(connection, &name(protocol))?.map(UserId::new) else {
        return Ok(None);
    };
    match bot::one(connection, None, id) {
        Ok(bot) => Ok((bot.protocol.as_deref() == Some(protocol)).then_some(id)),
        Err(StoreError::Missing(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

fn missing(connection: &Connection, id: UserId, entities: Entities) -> Result<Vec<Grant>, StoreError> {
    let held = permission::of(connection, id)?;
    let accounts = account::all(connection)?;
    let wanted = accounts.iter().flat_map(|account| rights(account.id, entities));
    Ok(wanted.filter(|grant| !held.iter().any(|permission| permission.grant == *grant)).collect())
}

fn name(protocol: &str) -> String {
    format!("own_bot.{protocol}")
}
