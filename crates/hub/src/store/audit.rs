//! Who changed what: one row for each change that succeeded, for as long as there is room.

use grafolean_collector::model::UserId;
use rusqlite::{Connection, Row, params};
use serde::Serialize;

use super::{StoreError, rows};

/// Rows that are kept, some 10 MB; the oldest go.
const KEPT: i64 = 100_000;

/// A change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Change {
    /// In seconds since 1970.
    pub(crate) time: i64,
    /// `None` for the first person, and for who logged in.
    pub(crate) user_id: Option<UserId>,
    pub(crate) address: String,
    pub(crate) method: String,
    pub(crate) resource: String,
    pub(crate) status: u16,
}

/// Adds a change.
pub(crate) fn insert(connection: &Connection, change: &Change) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO audit (time, user, address, method, resource, status) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            change.time,
            change.user_id.map(UserId::number),
            change.address,
            change.method,
            change.resource,
            change.status
        ])?;
    connection
        .prepare_cached("DELETE FROM audit WHERE id <= (SELECT max(id) FROM audit) - ?1")?
        .execute([KEPT])?;
    Ok(())
}

/// Returns the newest changes, at most so many.
pub(crate) fn newest(connection: &Connection, most: usize) -> Result<Vec<Change>, StoreError> {
    let mut select = connection.prepare_cached(
        "SELECT time, user, address, method, resource, status FROM audit ORDER BY id DESC LIMIT ?1",
    )?;
    let read = |row: &Row<'_>| {
        Ok(Change {
            time: row.get("time")?,
            user_id: rows::optional_id(row, "user")?,
            address: row.get("address")?,
            method: row.get("method")?,
            resource: row.get("resource")?,
            status: row.get("status")?,
        })
    };
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    Ok(select.query_map([most], read)?.collect::<Result<_, _>>()?)
}
