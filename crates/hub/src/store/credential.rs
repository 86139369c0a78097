//! Credentials: how to get into devices.

use grafolean_collector::model::{AccountId, Credential, CredentialId, Details};
use rusqlite::{Connection, Row, params};
use serde_json::{Value, json};

use super::{StoreError, account, random, rows};

/// A credential that is to be stored.
#[derive(Clone, Debug)]
pub(crate) struct NewCredential {
    pub(crate) name: String,
    pub(crate) protocol: String,
    pub(crate) details: Details,
}

const COLUMNS: &str = "SELECT id, name, protocol, unseal(unhex(details), 'credential') AS details
     FROM credentials WHERE account = ?1";

fn read(row: &Row<'_>) -> rusqlite::Result<Credential> {
    Ok(Credential {
        id: rows::id(row, "id")?,
        name: row.get("name")?,
        protocol: row.get("protocol")?,
        details: rows::details(row)?,
    })
}

/// All of an account, ascending by id.
pub(crate) fn list(connection: &Connection, account: AccountId) -> Result<Vec<Credential>, StoreError> {
    let mut statement = connection.prepare_cached(&format!("{COLUMNS} ORDER BY id"))?;
    Ok(statement.query_map(params![account.number()], read)?.collect::<Result<_, _>>()?)
}

pub(crate) fn one(
    connection: &Connection,
    account: AccountId,
    id: CredentialId,
) -> Result<Credential, StoreError> {
    let mut statement = connection.prepare_cached(&format!("{COLUMNS} AND id = ?2"))?;
    rows::found(statement.query_row(params![account.number(), id.number()], read), "credential")
}

pub(crate) fn insert(
    connection: &Connection,
    account: AccountId,
    new: &NewCredential,
) -> Result<CredentialId, StoreError> {
    account::demand(connection, account)?;
    let details = serde_json::to_string(&new.details)?;
    let mut statement = connection.prepare_cached(
        "INSERT INTO credentials (id, account, name, protocol, details)
         VALUES (?1, ?2, ?3, ?4, hex(seal(?5, 'credential')))",
    )?;
    let insert = |id| statement.execute(params![id, account.number(), new.name, new.protocol, details]);
    random::insert_with_id(connection, "credentials", insert).map(CredentialId::new)
}

/// Changes all but the protocol of one that is in use, since entities rely on it.
pub(crate) fn update(
    connection: &Connection,
    account: AccountId,
    id: CredentialId,
    new: &NewCredential,
) -> Result<(), StoreError> {
    let old = one(connection, account, id)?;
    if old.protocol != new.protocol && is_used(connection, id)? {
        return Err(StoreError::Invalid(format!(
            "Entities use credential {id} for protocol '{}', which can't change to '{}'",
            old.protocol, new.protocol
        )));
    }
    let changed = connection.execute(
        "UPDATE credentials SET name = ?3, protocol = ?4, details = hex(seal(?5, 'credential'))
         WHERE account = ?1 AND id = ?2",
        params![account.number(), id.number(), new.name, new.protocol, serde_json::to_string(&new.details)?],
    )?;
    rows::changed(changed, "credential")
}

fn is_used(connection: &Connection, id: CredentialId) -> Result<bool, StoreError> {
    let mut statement = connection.prepare_cached("SELECT 1 FROM attachments WHERE credential = ?1")?;
    Ok(statement.exists(params![id.number()])?)
}

/// Deletes it; entities that use it lose the protocol.
pub(crate) fn delete(
    connection: &Connection,
    account: AccountId,
    id: CredentialId,
) -> Result<(), StoreError> {
    let deleted = connection.execute(
        "DELETE FROM credentials WHERE account = ?1 AND id = ?2",
        params![account.number(), id.number()],
    )?;
    rows::changed(deleted, "credential")
}

pub(super) fn of_a_new_account() -> [NewCredential; 3] {
    let new = |name: &str, protocol: &str, details: Value| NewCredential {
        name: name.to_owned(),
        protocol: protocol.to_owned(),
        details: details.as_object().cloned().unwrap_or_default(),
    };
    [
        new(
            "Default ICMP ping credential (3 packets)",
            "ping",
            json!({"n_packets": "3", "sleep_packets": "1.0", "timeout": "1.0", "retry": "0"}),
        ),
        new(
            "Default SNMP credential (SNMPv2c, 'public')",
            "snmp",
            json!({"version": "snmpv2c", "snmpv12_community": "public"}),
        ),
        new("Default NetFlow credential", "netflow", json!({})),
    ]
}

/// What stands for a secret that is not shown.
const HIDDEN: &str = "********";

/// Words in the name of a field that holds a secret, such as `snmpv12_community` or `snmpv3_authKey`.
const SECRET: [&str; 6] = ["community", "password", "passphrase", "secret", "token", "key"];

/// Hides what opens devices from someone who may look, but not change it.
pub(crate) fn hide_secrets(credential: &mut Credential) {
    for (name, value) in &mut credential.details {
        let name = name.to_ascii_lowercase();
        if SECRET.iter().any(|word| name.contains(word)) && !value.is_null() {
            *value = HIDDEN.into();
        }
    }
}
