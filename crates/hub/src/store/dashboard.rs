//! Dashboards: named by a slug within their account.

use grafolean_collector::model::AccountId;
use rusqlite::{Connection, params};
use serde::Serialize;

use super::{StoreError, account, random, rows};

/// The longest part of a name that makes a slug, in characters.
const SLUG_OF_NAME: usize = 40;

/// A dashboard as the API lists it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Dashboard {
    pub(crate) name: String,
    pub(crate) slug: String,
}

/// The row of a dashboard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DashboardId(pub(super) i64);

/// All of an account, by name.
pub(crate) fn list(connection: &Connection, account: AccountId) -> Result<Vec<Dashboard>, StoreError> {
    let mut statement = connection
        .prepare_cached("SELECT name, slug FROM dashboards WHERE account = ?1 ORDER BY name, slug")?;
    let read = |row: &rusqlite::Row<'_>| Ok(Dashboard { name: row.get("name")?, slug: row.get("slug")? });
    Ok(statement.query_map(params![account.number()], read)?.collect::<Result<_, _>>()?)
}

pub(crate) fn one(
    connection: &Connection,
    account: AccountId,
    slug: &str,
) -> Result<(DashboardId, Dashboard), StoreError> {
    let mut statement = connection
        .prepare_cached("SELECT id, name, slug FROM dashboards WHERE account = ?1 AND slug = ?2")?;
    let found = statement.query_row(params![account.number(), slug], |row| {
        Ok((DashboardId(row.get("id")?), Dashboard { name: row.get("name")?, slug: row.get("slug")? }))
    });
    rows::found(found, "dashboard")
}

/// Creates a dashboard; without a slug it gets one made of its name. Returns the slug.
pub(crate) fn insert(
    connection: &Connection,
    account: AccountId,
    name: &str,
    slug: Option<String>,
) -> Result<String, StoreError> {
    account::demand(connection, account)?;
    let slug = match slug {
        Some(slug) if is_taken(connection, account, &slug)? => {
            return Err(StoreError::Invalid(
                "another dashboard of this account has this slug: choose another slug".to_owned(),
            ));
        }
        Some(slug) => slug,
        None => free_slug(connection, account, name)?,
    };
    random::insert_with_id(connection, "dashboards", |id| {
        connection.execute(
            "INSERT INTO dashboards (id, account, slug, name) VALUES (?1, ?2, ?3, ?4)",
            params![id, account.number(), slug, name],
        )
    })?;
    Ok(slug)
}

pub(crate) fn rename(
    connection: &Connection,
    account: AccountId,
    slug: &str,
    name: &str,
) -> Result<(), StoreError> {
    let changed = connection.execute(
        "UPDATE dashboards SET name = ?3 WHERE account = ?1 AND slug = ?2",
        params![account.number(), slug, name],
    )?;
    rows::changed(changed, "dashboard")
}

/// Deletes it with its widgets.
pub(crate) fn delete(connection: &Connection, account: AccountId, slug: &str) -> Result<(), StoreError> {
    let deleted = connection.execute(
        "DELETE FROM dashboards WHERE account = ?1 AND slug = ?2",
        params![account.number(), slug],
    )?;
    rows::changed(deleted, "dashboard")
}

fn is_taken(connection: &Connection, account: AccountId, slug: &str) -> Result<bool, StoreError> {
    let mut statement =
        connection.prepare_cached("SELECT 1 FROM dashboards WHERE account = ?1 AND slug = ?2")?;
    Ok(statement.exists(params![account.number(), slug])?)
}

/// The slug of a name, numbered from 2 on where others have it.
fn free_slug(connection: &Connection, account: AccountId, name: &str) -> Result<String, StoreError> {
    let plain = slug_of(name);
    let mut slug = plain.clone();
    let mut number = 1;
    while is_taken(connection, account, &slug)? {
        number += 1;
        slug = format!("{plain}-{number}");
    }
    Ok(slug)
}

/// Letters and digits in lower case, runs of all else as one hyphen.
fn slug_of(name: &str) -> String {
    let name: String = name.chars().take(SLUG_OF_NAME).collect();
    let words = name.split(|character: char| !character.is_ascii_alphanumeric());
    let slug = words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-").to_ascii_lowercase();
    if slug.is_empty() { "dashboard".to_owned() } else { slug }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slug_is_what_a_url_can_hold_of_a_name() {
        for (name, slug) in [
            ("Core routers", "core-routers"),
            ("  10 Gbit/s -- uplinks! ", "10-gbit-s-uplinks"),
            ("Übersicht", "bersicht"),
            ("日本", "dashboard"),
        ] {
            assert_eq!(slug_of(name), slug);
        }
        assert_eq!(slug_of(&"a".repeat(200)).len(), SLUG_OF_NAME);
    }
}
