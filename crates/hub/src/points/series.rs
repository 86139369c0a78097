//! Series by account and path, as the writer knows them.

use std::{collections::HashMap, mem};

use grafolean_collector::model::{AccountId, SeriesPath};
use rusqlite::{Connection, OptionalExtension};

use super::{
    SeriesId,
    error::{Context, PointsError},
};

/// How many series one generation of the cache holds, about 20 MB. Beyond it the older generation is dropped; a
/// series that is in neither costs a look into the table (some microseconds).
const GENERATION: usize = 128 * 1024;

/// A series that a path was resolved to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Resolved {
    pub(super) id: SeriesId,
    /// Whether there was none before.
    pub(super) created: bool,
}

type Known = HashMap<(AccountId, SeriesPath), SeriesId>;

/// Ids of the series that were written lately, in two generations.
#[derive(Debug, Default)]
pub(super) struct SeriesIds {
    young: Known,
    old: Known,
}

impl SeriesIds {
    /// Returns the id of a series, which is made if there is none.
    pub(super) fn resolve(
        &mut self,
        connection: &Connection,
        account: AccountId,
        path: &SeriesPath,
    ) -> Result<Resolved, PointsError> {
        let key = (account, path.clone());
        if let Some(&id) = self.young.get(&key) {
            return Ok(Resolved { id, created: false });
        }
        let resolved = match self.old.remove(&key) {
            Some(id) => Resolved { id, created: false },
            None => find_or_create(connection, account, path)?,
        };
        if self.young.len() >= GENERATION {
            self.old = mem::take(&mut self.young);
        }
        self.young.insert(key, resolved.id);
        Ok(resolved)
    }

    /// Forgets all: what a transaction made that was rolled back, or what was renamed or deleted.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

fn find_or_create(
    connection: &Connection,
    account: AccountId,
    path: &SeriesPath,
) -> Result<Resolved, PointsError> {
    if let Some(id) = find(connection, account, path)? {
        return Ok(Resolved { id, created: false });
    }
    let mut insert = connection
        .prepare_cached("INSERT INTO series (account, path) VALUES (?1, ?2) RETURNING id")
        .doing("preparing to add a series")?;
    let id =
        insert.query_row((account.number(), path.as_str()), |row| row.get(0)).doing("adding a series")?;
    Ok(Resolved { id: SeriesId::new(id), created: true })
}

/// Returns the path of a series and whose it is, for the log.
pub(super) fn name(connection: &Connection, series: SeriesId) -> Result<Option<String>, PointsError> {
    let select = connection.prepare_cached("SELECT account || ' ' || path FROM series WHERE id = ?1");
    let name = select.and_then(|mut select| select.query_row([series.number()], |row| row.get(0)).optional());
    name.doing("looking for the path of a series")
}

/// Returns the id of a series, if there is one of that path.
pub(super) fn find(
    connection: &Connection,
    account: AccountId,
    path: &SeriesPath,
) -> Result<Option<SeriesId>, PointsError> {
    const DOING: &str = "looking for a series";
    let mut select =
        connection.prepare_cached("SELECT id FROM series WHERE account = ?1 AND path = ?2").doing(DOING)?;
    let id = select.query_row((account.number(), path.as_str()), |row| row.get(0)).optional().doing(DOING)?;
    Ok(id.map(SeriesId::new))
}

/// Whether a series is still there.
pub(super) fn exists(connection: &Connection, series: SeriesId) -> Result<bool, PointsError> {
    const DOING: &str = "looking for a series";
    let mut select = connection.prepare_cached("SELECT 1 FROM series WHERE id = ?1").doing(DOING)?;
    select.exists([series.number()]).doing(DOING)
}

/// Renames a series. `None`: there is no such series; `false`: the path is taken.
pub(super) fn rename(
    connection: &Connection,
    account: AccountId,
    series: SeriesId,
    path: &SeriesPath,
) -> Result<Option<bool>, PointsError> {
    if find(connection, account, path)?.is_some_and(|holder| holder != series) {
        return Ok(Some(false));
    }
    let renamed = connection
        .execute(
            "UPDATE series SET path = ?3 WHERE id = ?1 AND account = ?2",
            (series.number(), account.number(), path.as_str()),
        )
        .doing("renaming a series")?;
    Ok((renamed > 0).then_some(true))
}

/// Deletes a series; its blocks are deleted later, step by step. Returns whether there was one.
pub(super) fn delete(
    connection: &Connection,
    account: AccountId,
    series: SeriesId,
) -> Result<bool, PointsError> {
    let deleted = connection
        .execute("DELETE FROM series WHERE id = ?1 AND account = ?2", (series.number(), account.number()))
        .doing("deleting a series")?;
    if deleted > 0 {
        connection
            .execute("INSERT INTO removed (id) VALUES (?1)", [series.number()])
            .doing("noting a deleted series")?;
    }
    Ok(deleted > 0)
}

/// Deletes a series of which no block and no hour is left, unless memory holds values of it; then its row forgets the newest sealed
/// one. Returns whether the series is gone.
pub(super) fn forget_if_empty(
    connection: &Connection,
    series: SeriesId,
    in_memory: bool,
) -> Result<bool, PointsError> {
    const DOING: &str = "deleting a series without values";
    const EMPTY: &str = "id = ?1 AND NOT EXISTS (SELECT 1 FROM blocks WHERE series = ?1)
                                  AND NOT EXISTS (SELECT 1 FROM hours WHERE series = ?1)";
    let change = if in_memory {
        format!(
            "UPDATE series SET first = NULL, last = NULL, latest = NULL WHERE {EMPTY} AND last IS NOT NULL"
        )
    } else {
        format!("DELETE FROM series WHERE {EMPTY}")
    };
    let changed = connection
        .prepare_cached(&change)
        .and_then(|mut change| change.execute([series.number()]))
        .doing(DOING)?;
    Ok(changed > 0 && !in_memory)
}
