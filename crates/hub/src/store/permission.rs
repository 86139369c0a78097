//! Permissions: what users may do.

use grafolean_collector::model::UserId;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::Serialize;

use super::{StoreError, random, rows};
use crate::rights::Grant;

/// A grant as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Permission {
    pub(crate) id: i64,
    #[serde(flatten)]
    pub(crate) grant: Grant,
}

fn read(row: &Row<'_>) -> rusqlite::Result<Permission> {
    let methods: Option<String> = row.get("methods")?;
    Ok(Permission {
        id: row.get("id")?,
        grant: Grant {
            resource_prefix: row.get("resource_prefix")?,
            methods: methods.as_deref().map(Grant::methods_from_words),
        },
    })
}

/// All of a user, by prefix.
pub(crate) fn of(connection: &Connection, user: UserId) -> Result<Vec<Permission>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT id, resource_prefix, methods FROM permissions WHERE user = ?1 ORDER BY resource_prefix, id",
    )?;
    Ok(statement.query_map(params![user.number()], read)?.collect::<Result<_, _>>()?)
}

/// Grants a user a right, whoever asks for it.
pub(crate) fn insert(connection: &Connection, user: UserId, grant: &Grant) -> Result<i64, StoreError> {
    random::insert_with_id(connection, "permissions", |id| {
        connection.execute(
            "INSERT INTO permissions (id, user, resource_prefix, methods) VALUES (?1, ?2, ?3, ?4)",
            params![id, user.number(), grant.resource_prefix, grant.methods_in_words()],
        )
    })
}

/// Grants a user a right on behalf of another, who must have it.
pub(crate) fn grant(
    connection: &Connection,
    granter: UserId,
    user: UserId,
    grant: &Grant,
) -> Result<i64, StoreError> {
    if granter == user {
        return Err(StoreError::Denied("nobody can give themselves a right"));
    }
    demand(connection, granter, grant, "only who has a right can give it")?;
    insert(connection, user, grant)
}

/// Revokes a right of a user on behalf of another, who must have it.
pub(crate) fn revoke(
    connection: &Connection,
    revoker: UserId,
    user: UserId,
    permission: i64,
) -> Result<(), StoreError> {
    let mut statement = connection
        .prepare_cached("SELECT id, resource_prefix, methods FROM permissions WHERE user = ?1 AND id = ?2")?;
    let known = statement.query_row(params![user.number(), permission], read).optional()?;
    let known = known.ok_or(StoreError::Missing("permission"))?;
    if revoker == user {
        return Err(StoreError::Denied("nobody can take a right from themselves"));
    }
    demand(connection, revoker, &known.grant, "only who has a right can take it away")?;
    let deleted = connection.execute("DELETE FROM permissions WHERE id = ?1", params![permission])?;
    rows::changed(deleted, "permission")
}

/// Refuses, for this reason, unless a user holds a right.
pub(crate) fn demand(
    connection: &Connection,
    user: UserId,
    grant: &Grant,
    otherwise: &'static str,
) -> Result<(), StoreError> {
    let held = of(connection, user)?;
    if Grant::any_includes(held.iter().map(|permission| &permission.grant), grant) {
        Ok(())
    } else {
        Err(StoreError::Denied(otherwise))
    }
}
