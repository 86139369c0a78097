//! What can still be read of a broken file.

use std::path::Path;

use rusqlite::{Connection, ErrorCode, Result, params_from_iter, types::Value};

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
const LETTER: &str = "dead_letter (id, account, buried, reason_kind, reason, checksum, payload, again, sink)";
const KEPT: &str = "kept (id, account, accepted, value_count, checksum, payload)";
const SINK: &str = "sink (position, name)";

/// Copies every row that some page holds into a new file: neither the tree above the pages nor the log's order is
/// needed for it. Rows that were read wrong fail their checksum later, one by one.
pub(super) fn salvage(aside: &Path, into: &mut Connection) -> Result<Salvaged> {
    let pages = Pages::open(aside, &with_suffix(aside, "-wal"))
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    let transaction = into.transaction()?;
    let mut copied = Salvaged::default();
    pages.rows(|PageRow { id, mut columns }| {
        let Some(table) = table_of(&columns) else { return Ok(()) };
        if let Some(first) = columns.first_mut().filter(|first| **first == Value::Null) {
            *first = Value::Integer(id);
        }
        let inserted = insert(&transaction, table, columns)?;
        match table {
            Table::Entry | Table::Kept => copied.entries += inserted,
            Table::Letter => copied.dead_letters += inserted,
            Table::Sink => {}
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
    Kept,
    Sink,
}

/// Entries and letters have eight columns, the first of which stands in the row's number; letters may name a sink after them.
fn table_of(columns: &[Value]) -> Option<Table> {
    use Value::{Blob, Integer, Null, Text};
    match columns {
        [Null, Integer(_), Integer(_), Null | Text(_), Integer(_), Integer(_), Integer(_), Blob(_)] => {
            Some(Table::Entry)
        }
        [Null, Integer(_), Integer(_), Text(_), Text(_), Integer(_), Blob(_), Integer(_)]
        | [Null, Integer(_), Integer(_), Text(_), Text(_), Integer(_), Blob(_), Integer(_), Text(_)] => {
            Some(Table::Letter)
        }
        [Null, Integer(_), Integer(_), Integer(_), Integer(_), Blob(_)] => Some(Table::Kept),
        // SQLite's own table of the last numbers has these the other way round.
        [Integer(_), Text(_)] => Some(Table::Sink),
        _ => None,
    }
}

fn insert(into: &Connection, table: Table, mut columns: Vec<Value>) -> Result<usize> {
    let (name, then) = match table {
        Table::Entry => (ENTRY, ""),
        Table::Letter => (LETTER, ""),
        Table::Kept => (KEPT, ""),
        // An older page of the log says less.
        Table::Sink => (SINK, "ON CONFLICT (name) DO UPDATE SET position = max(position, excluded.position)"),
    };
    if matches!(table, Table::Letter) && columns.len() == 8 {
        columns.push(Value::Text(String::new()));
    }
    let places: Vec<_> = (1..=columns.len()).map(|place| format!("?{place}")).collect();
    let sql = format!("INSERT OR IGNORE INTO {name} VALUES ({}) {then}", places.join(", "));
    match into.prepare_cached(&sql)?.execute(params_from_iter(columns)) {
        // A row that the damage made impossible costs itself alone.
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => Ok(0),
        outcome => outcome,
    }
}
