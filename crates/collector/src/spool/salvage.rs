//! What can still be read of a broken file.

use std::path::Path;

use rusqlite::{Connection, ErrorCode, Result, params, types::Value};

use super::{
    database::with_suffix,
    pages::{PageRow, Pages},
};

/// How much of a broken file went on in the new one.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Salvaged {
    pub(super) entries: usize,
    pub(super) dead_letters: usize,
}

const ENTRY: &str = "entry (id, lane, account, subject, accepted, value_count, checksum, payload)";
const LETTER: &str = "dead_letter (id, account, buried, reason_kind, reason, checksum, payload, again)";

/// Copies every row that some page holds into a new file: neither the tree above the pages nor the log's order is
/// needed for it. Rows that were read wrong fail their checksum later, one by one.
pub(super) fn salvage(aside: &Path, into: &mut Connection) -> Result<Salvaged> {
    let pages = Pages::open(aside, &with_suffix(aside, "-wal"))
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    let transaction = into.transaction()?;
    let mut copied = Salvaged::default();
    pages.rows(|PageRow { id, mut columns }| {
        let Some(table) = table_of(&columns) else { return Ok(()) };
        if let Some(first) = columns.first_mut() {
            *first = Value::Integer(id);
        }
        let inserted = insert(&transaction, table, columns)?;
        match table {
            Table::Entry => copied.entries += inserted,
            Table::Letter => copied.dead_letters += inserted,
        }
        Ok::<(), rusqlite::Error>(())
    })?;
    transaction.commit()?;
    Ok(copied)
}

#[derive(Clone, Copy)]
enum Table {
    Entry,
    Letter,
}

/// Both tables have eight columns, the first of which stands in the row's number.
fn table_of(columns: &[Value]) -> Option<Table> {
    use Value::{Blob, Integer, Null, Text};
    match columns {
        [Null, Integer(_), Integer(_), Null | Text(_), Integer(_), Integer(_), Integer(_), Blob(_)] => {
            Some(Table::Entry)
        }
        [Null, Integer(_), Integer(_), Text(_), Text(_), Integer(_), Blob(_), Integer(_)] => {
            Some(Table::Letter)
        }
        _ => None,
    }
}

fn insert(into: &Connection, table: Table, columns: Vec<Value>) -> Result<usize> {
    let Ok([a, b, c, d, e, f, g, h]) = <[Value; 8]>::try_from(columns) else { return Ok(0) };
    let name = match table {
        Table::Entry => ENTRY,
        Table::Letter => LETTER,
    };
    let sql = format!("INSERT OR IGNORE INTO {name} VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)");
    match into.prepare_cached(&sql)?.execute(params![a, b, c, d, e, f, g, h]) {
        // A row that the damage made impossible costs itself alone.
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => Ok(0),
        outcome => outcome,
    }
}
