//! What can still be read of a broken file.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, Result, Row as SqlRow, params};

/// How much of a broken file went on in the new one.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Salvaged {
    pub(super) entries: usize,
    pub(super) dead_letters: usize,
}

const ENTRY: &str = "id, lane, account, subject, accepted, value_count, checksum, payload";
const LETTER: &str = "id, account, buried, reason_kind, reason, checksum, payload, again";

/// Copies rows until the damage, from the front and then from the back, into a new file.
///
/// A page that is broken ends a walk over a table, so walking from both ends saves what lies on either side of it.
/// Rows that were read wrong fail their checksum later, one by one.
pub(super) fn salvage(aside: &Path, into: &mut Connection) -> Result<Salvaged> {
    let broken = Connection::open_with_flags(aside, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let transaction = into.transaction()?;
    let mut copied = Salvaged::default();
    for order in ["ASC", "DESC"] {
        copied.entries += copy(&broken, &transaction, "entry", ENTRY, order)?;
        copied.dead_letters += copy(&broken, &transaction, "dead_letter", LETTER, order)?;
    }
    transaction.commit()?;
    Ok(copied)
}

fn copy(from: &Connection, into: &Connection, table: &str, columns: &str, order: &str) -> Result<usize> {
    let mut insert = into.prepare(&format!(
        "INSERT OR IGNORE INTO {table} ({columns}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
    ))?;
    let Ok(mut select) =
        from.prepare(&format!("SELECT {columns} FROM {table} NOT INDEXED ORDER BY id {order}"))
    else {
        return Ok(0);
    };
    let Ok(mut rows) = select.query([]) else { return Ok(0) };
    let mut copied = 0;
    while let Ok(Some(row)) = rows.next() {
        let Ok(values) = values(row) else { continue };
        let [a, b, c, d, e, f, g, h] = values;
        // A row that the damage made impossible (a missing column, the same number twice) costs itself alone.
        match insert.execute(params![a, b, c, d, e, f, g, h]) {
            Ok(0) if order == "DESC" => break,
            Ok(count) => copied += count,
            Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::ConstraintViolation) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(copied)
}

fn values(row: &SqlRow<'_>) -> Result<[rusqlite::types::Value; 8]> {
    Ok([
        row.get(0)?,
        row.get(1)?,
        row.get(2)?,
        row.get(3)?,
        row.get(4)?,
        row.get(5)?,
        row.get(6)?,
        row.get(7)?,
    ])
}
