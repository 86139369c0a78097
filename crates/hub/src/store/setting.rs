//! What a new hub starts with: a key that signs sessions, and the systemwide bots that Grafolean brings along.

use grafolean_collector::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::{
    StoreError, bot, permission,
    session::{self, SigningSecret},
};
use crate::rights::Grant;

/// Puts a setting in force.
pub(crate) fn put(
    connection: &Connection,
    name: &str,
    value: impl rusqlite::ToSql,
) -> Result<(), StoreError> {
    let put =
        "INSERT INTO settings (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = ?2";
    connection.execute(put, params![name, value])?;
    Ok(())
}

/// Returns the keys that sign sessions; the first time it makes one, and all that a new hub has.
pub(super) fn first_start(
    connection: &mut Connection,
    now: Timestamp,
) -> Result<Vec<SigningSecret>, StoreError> {
    let transaction = connection.transaction()?;
    let mut keys = session::keys(&transaction)?;
    if keys.is_empty() {
        keys = session::rotate_key(&transaction, now)?;
    }
    if setting::<bool>(&transaction, "begun")?.is_none() {
        transaction.execute("INSERT INTO settings (name, value) VALUES ('begun', ?1)", params![true])?;
        // A hub of schema 1 has them since it was made.
        if setting::<Vec<u8>>(&transaction, "signing_secret")?.is_none() {
            add_systemwide_bots(&transaction, now)?;
        }
        transaction.execute("DELETE FROM settings WHERE name LIKE 'signing_secret%'", ())?;
    }
    transaction.commit()?;
    Ok(keys)
}

fn add_systemwide_bots(connection: &Connection, now: Timestamp) -> Result<(), StoreError> {
    for (name, protocol) in [
        ("Systemwide ICMP Ping bot", "ping"),
        ("Systemwide SNMP bot", "snmp"),
        ("Systemwide NetFlow bot", "netflow"),
    ] {
        let id = bot::insert(connection, None, &bot::NewBot::of(name, protocol), now)?;
        permission::insert(connection, id, &Grant::everything_below("accounts"))?;
    }
    Ok(())
}

pub(crate) fn setting<T: rusqlite::types::FromSql>(
    connection: &Connection,
    name: &str,
) -> Result<Option<T>, StoreError> {
    let mut statement = connection.prepare("SELECT value FROM settings WHERE name = ?1")?;
    Ok(statement.query_row([name], |row| row.get(0)).optional()?)
}
