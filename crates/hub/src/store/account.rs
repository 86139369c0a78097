//! Accounts: the owners of all that is measured.

use grafolean_collector::{
    model::{Account, AccountId, Interval},
    protocol::Declaration,
};
use rusqlite::{Connection, Row, params};

use super::{
    StoreError,
    credential::{self, NewCredential},
    random, rows,
    sensor::{self, NewSensor},
};

fn read(row: &Row<'_>) -> rusqlite::Result<Account> {
    Ok(Account { id: rows::id(row, "id")?, name: row.get("name")? })
}

/// All accounts, by name.
pub(crate) fn all(connection: &Connection) -> Result<Vec<Account>, StoreError> {
    let mut statement = connection.prepare_cached("SELECT id, name FROM accounts ORDER BY name, id")?;
    Ok(statement.query_map([], read)?.collect::<Result<_, _>>()?)
}

pub(crate) fn any_exists(connection: &Connection) -> Result<bool, StoreError> {
    Ok(connection.prepare_cached("SELECT 1 FROM accounts LIMIT 1")?.exists([])?)
}

pub(crate) fn one(connection: &Connection, account: AccountId) -> Result<Account, StoreError> {
    let mut statement = connection.prepare_cached("SELECT id, name FROM accounts WHERE id = ?1")?;
    rows::found(statement.query_row(params![account.number()], read), "account")
}

pub(crate) fn exists(connection: &Connection, account: AccountId) -> Result<bool, StoreError> {
    Ok(connection
        .prepare_cached("SELECT 1 FROM accounts WHERE id = ?1")?
        .exists(params![account.number()])?)
}

/// Creates an account with the credentials and sensors that every new account has.
pub(crate) fn insert(
    connection: &Connection,
    name: &str,
    protocols: &[Declaration],
) -> Result<Account, StoreError> {
    let id = random::insert_with_id(connection, "accounts", |id| {
        connection.execute("INSERT INTO accounts (id, name) VALUES (?1, ?2)", params![id, name])
    })?;
    let account = AccountId::new(id);
    if protocols.is_empty() {
        for new in credential::of_a_new_account() {
            credential::insert(connection, account, &new)?;
        }
        for new in sensor::of_a_new_account() {
            sensor::insert(connection, account, &new)?;
        }
    }
    for protocol in protocols {
        insert_defaults(connection, account, protocol)?;
    }
    Ok(Account { id: account, name: name.to_owned() })
}

/// Inserts what a protocol gives a new account.
fn insert_defaults(
    connection: &Connection,
    account: AccountId,
    Declaration { name: protocol, defaults, .. }: &Declaration,
) -> Result<(), StoreError> {
    for default in &defaults.credentials {
        let (name, protocol, details) = (default.name.clone(), protocol.clone(), default.details.clone());
        credential::insert(connection, account, &NewCredential { name, protocol, details })?;
    }
    for default in &defaults.sensors {
        let (name, protocol, details) = (default.name.clone(), protocol.clone(), default.details.clone());
        let default_interval = default.interval.map(Interval::seconds).map(i64::from);
        sensor::insert(connection, account, &NewSensor { name, protocol, default_interval, details })?;
    }
    Ok(())
}

pub(crate) fn rename(connection: &Connection, account: AccountId, name: &str) -> Result<(), StoreError> {
    let changed =
        connection.execute("UPDATE accounts SET name = ?2 WHERE id = ?1", params![account.number(), name])?;
    rows::changed(changed, "account")
}

/// Refuses what belongs to an account that does not exist.
pub(super) fn demand(connection: &Connection, account: AccountId) -> Result<(), StoreError> {
    if exists(connection, account)? { Ok(()) } else { Err(StoreError::Missing("account")) }
}
