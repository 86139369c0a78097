//! What a new hub starts with: a secret that signs sessions, and the systemwide bots that Grafolean brings along.

use std::fmt;

use grafolean_collector::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::{StoreError, bot, permission};
use crate::auth::Grant;

/// What people's sessions are signed with. It stays the same, so that a restart ends no session.
#[derive(Clone)]
pub(crate) struct SigningSecret {
    pub(crate) id: i64,
    pub(crate) secret: [u8; 64],
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("SigningSecret").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Gives the signing secret; the first time it makes it, and all that a new hub has.
pub(super) fn first_start(connection: &mut Connection, now: Timestamp) -> Result<SigningSecret, StoreError> {
    let transaction = connection.transaction()?;
    let known: Option<[u8; 64]> = setting(&transaction, "signing_secret")?;
    if let (Some(secret), Some(id)) = (known, setting(&transaction, "signing_secret_id")?) {
        return Ok(SigningSecret { id, secret });
    }
    let mut secret = [0; 64];
    rand::fill(&mut secret);
    let new = SigningSecret { id: rand::random_range(1..=i64::from(i32::MAX)), secret };
    transaction.execute(
        "INSERT OR REPLACE INTO settings (name, value) VALUES ('signing_secret', ?1), ('signing_secret_id', ?2)",
        params![new.secret, new.id],
    )?;
    for (name, protocol) in [
        ("Systemwide ICMP Ping bot", "ping"),
        ("Systemwide SNMP bot", "snmp"),
        ("Systemwide NetFlow bot", "netflow"),
    ] {
        let id = bot::insert(&transaction, None, &bot::NewBot::of(name, protocol), now)?;
        permission::insert(&transaction, id, &Grant::everything_below("accounts"))?;
    }
    transaction.commit()?;
    Ok(new)
}

fn setting<T: rusqlite::types::FromSql>(
    connection: &Connection,
    name: &str,
) -> Result<Option<T>, StoreError> {
    let mut statement = connection.prepare("SELECT value FROM settings WHERE name = ?1")?;
    Ok(statement.query_row([name], |row| row.get(0)).optional()?)
}
