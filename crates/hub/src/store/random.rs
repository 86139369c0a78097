//! Ids, as Grafolean gives them: random, so that nothing can be told from them.

use rusqlite::{Connection, params};

use super::StoreError;

/// How often an id that is taken is drawn again. With a million rows in a table all ten are taken once in 10^33.
const DRAWS: usize = 10;

/// Inserts a row by a statement whose first parameter is the id; returns the id.
pub(super) fn insert_with_id(
    connection: &Connection,
    table: &'static str,
    insert: impl FnOnce(i64) -> rusqlite::Result<usize>,
) -> Result<i64, StoreError> {
    let id = free_id(connection, table)?;
    insert(id)?;
    Ok(id)
}

fn free_id(connection: &Connection, table: &'static str) -> Result<i64, StoreError> {
    let mut taken = connection.prepare_cached(&format!("SELECT 1 FROM {table} WHERE id = ?1"))?;
    for _ in 0..DRAWS {
        let id = rand::random_range(1..=i64::from(i32::MAX));
        if !taken.exists(params![id])? {
            return Ok(id);
        }
    }
    Err(StoreError::Invalid(format!("no free id was found for the {table}")))
}
