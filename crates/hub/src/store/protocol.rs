//! Declarations of protocols that bots outside this binary registered.

use grafolean_collector::protocol::Declaration;
use rusqlite::{Connection, params};

use super::StoreError;

/// The names under which they stand among the settings.
const PREFIX: &str = "protocol.";

/// Returns all of them by name. One that a later version wrote in another shape is left out until its bot registers again.
pub(crate) fn list(connection: &Connection) -> Result<Vec<Declaration>, StoreError> {
    let mut statement = connection
        .prepare_cached("SELECT value FROM settings WHERE name >= ?1 AND name < ?2 ORDER BY name")?;
    let rows = statement.query_map(params![PREFIX, "protocol/"], |row| row.get::<_, String>(0))?;
    let rows = rows.collect::<Result<Vec<_>, _>>()?;
    Ok(rows.iter().filter_map(|row| serde_json::from_str(row).ok()).collect())
}

/// Stores a declaration; one of the same name is replaced.
pub(crate) fn put(connection: &Connection, declaration: &Declaration) -> Result<(), StoreError> {
    let text = serde_json::to_string(declaration)?;
    let mut statement =
        connection.prepare_cached("INSERT OR REPLACE INTO settings (name, value) VALUES (?1, ?2)")?;
    statement.execute(params![format!("{PREFIX}{}", declaration.name), text])?;
    Ok(())
}

/// Deletes a declaration; returns whether there was one.
pub(crate) fn delete(connection: &Connection, name: &str) -> Result<bool, StoreError> {
    let mut statement = connection.prepare_cached("DELETE FROM settings WHERE name = ?1")?;
    Ok(statement.execute([format!("{PREFIX}{name}")])? > 0)
}
