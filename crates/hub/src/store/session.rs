//! Sessions of people who logged in, and the keys that sign them.

use std::{fmt, time::Duration};

use grafolean_collector::{model::UserId, time::Timestamp};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{StoreError, rows};

/// A session's id: random, 256 bits.
pub(crate) type SessionId = [u8; 32];

/// A session as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StoredSession {
    pub(crate) user: UserId,
    /// How often it was renewed: an older token opens nothing.
    pub(crate) serial: i64,
    pub(crate) renewed: Timestamp,
}

/// What sessions are signed with.
#[derive(Clone)]
pub(crate) struct SigningSecret {
    pub(crate) id: i64,
    pub(crate) secret: [u8; 64],
    pub(crate) created: Timestamp,
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("SigningSecret").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Begins a session; those that ended longer than `lifetime` ago are deleted.
pub(crate) fn insert(
    connection: &Connection,
    id: &SessionId,
    user: UserId,
    now: Timestamp,
    lifetime: Duration,
) -> Result<(), StoreError> {
    connection
        .prepare_cached("DELETE FROM sessions WHERE renewed < ?1")?
        .execute(params![(now - lifetime).seconds()])?;
    connection
        .prepare_cached("INSERT INTO sessions (id, user, serial, renewed) VALUES (?1, ?2, 0, ?3)")?
        .execute(params![id, user.number(), now.seconds()])?;
    Ok(())
}

pub(crate) fn one(connection: &Connection, id: &SessionId) -> Result<Option<StoredSession>, StoreError> {
    let mut select = connection.prepare_cached("SELECT user, serial, renewed FROM sessions WHERE id = ?1")?;
    let read = |row: &Row<'_>| {
        Ok(StoredSession {
            user: rows::id(row, "user")?,
            serial: row.get("serial")?,
            renewed: Timestamp::from_seconds(row.get("renewed")?),
        })
    };
    Ok(select.query_row(params![id], read).optional()?)
}

/// Renews a session: from now on only tokens of the serial that is returned open anything. The token before may renew
/// once more within `grace`, without a new serial: two tabs may ask at the same moment. `None`: the session is gone, or
/// the token was renewed away.
pub(crate) fn renew(
    connection: &Connection,
    id: &SessionId,
    serial: i64,
    now: Timestamp,
    grace: Duration,
) -> Result<Option<StoredSession>, StoreError> {
    let Some(known) = one(connection, id)? else { return Ok(None) };
    if known.serial == serial {
        connection
            .prepare_cached("UPDATE sessions SET serial = serial + 1, renewed = ?2 WHERE id = ?1")?
            .execute(params![id, now.seconds()])?;
        return one(connection, id);
    }
    let just_before = known.serial == serial.saturating_add(1) && now.since(known.renewed) < grace;
    Ok(just_before.then_some(known))
}

pub(crate) fn delete(connection: &Connection, id: &SessionId) -> Result<(), StoreError> {
    connection.prepare_cached("DELETE FROM sessions WHERE id = ?1")?.execute(params![id])?;
    Ok(())
}

/// Ends all sessions of a user but this one.
pub(crate) fn delete_others(
    connection: &Connection,
    user: UserId,
    but: Option<&SessionId>,
) -> Result<(), StoreError> {
    connection
        .prepare_cached("DELETE FROM sessions WHERE user = ?1 AND (?2 IS NULL OR id <> ?2)")?
        .execute(params![user.number(), but.map(|id| &id[..])])?;
    Ok(())
}

/// Returns the keys, the newest first.
pub(crate) fn keys(connection: &Connection) -> Result<Vec<SigningSecret>, StoreError> {
    let mut select = connection.prepare(
        "SELECT id, unhex(unseal(secret, 'signing')) AS secret, created
             FROM signing_keys ORDER BY created DESC, id",
    )?;
    let read = |row: &Row<'_>| {
        let created = Timestamp::from_seconds(row.get("created")?);
        Ok(SigningSecret { id: row.get("id")?, secret: row.get("secret")?, created })
    };
    Ok(select.query_map([], read)?.collect::<Result<_, _>>()?)
}

/// Adds a new key; the newest of the others stays, so that what it signed is still good.
pub(crate) fn rotate_key(connection: &Connection, now: Timestamp) -> Result<Vec<SigningSecret>, StoreError> {
    let mut secret = [0_u8; 64];
    rand::fill(&mut secret);
    let before = keys(connection)?.first().map(|key| key.id);
    connection.execute("DELETE FROM signing_keys WHERE id IS NOT ?1", params![before])?;
    connection.execute(
        "INSERT INTO signing_keys (id, secret, created) VALUES (?1, seal(hex(?2), 'signing'), ?3)",
        params![rand::random_range(1..=i64::from(i32::MAX)), secret, now.seconds()],
    )?;
    keys(connection)
}
