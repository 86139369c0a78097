//! Rows into values, and values into the API's lists.

use axum::body::Bytes;
use grafolean_collector::model::{Details, Id};
use rusqlite::Row;
use serde::Serialize;

use super::StoreError;

/// A list as the API writes it.
#[derive(Serialize)]
pub(crate) struct Listed<T> {
    list: Vec<T>,
}

/// Wraps rows as the API does.
pub(crate) fn listed<T>(list: Vec<T>) -> Listed<T> {
    Listed { list }
}

pub(super) fn written<T: Serialize>(list: Vec<T>) -> Result<Bytes, StoreError> {
    Ok(serde_json::to_vec(&listed(list))?.into())
}

pub(super) fn id<Of>(row: &Row<'_>, column: &str) -> rusqlite::Result<Id<Of>> {
    row.get(column).map(Id::new)
}

pub(super) fn optional_id<Of>(row: &Row<'_>, column: &str) -> rusqlite::Result<Option<Id<Of>>> {
    row.get::<_, Option<i64>>(column).map(|number| number.map(Id::new))
}

pub(super) fn details(row: &Row<'_>) -> rusqlite::Result<Details> {
    let index = row.as_ref().column_index("details")?;
    serde_json::from_str(row.get_ref(index)?.as_str()?).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(index, rusqlite::types::Type::Text, Box::new(error))
    })
}

/// Turns "no row" into the 404 that it means.
pub(super) fn found<T>(row: rusqlite::Result<T>, what: &'static str) -> Result<T, StoreError> {
    row.map_err(|error| match error {
        rusqlite::Error::QueryReturnedNoRows => StoreError::Missing(what),
        other => other.into(),
    })
}

/// Turns "no row was changed" into the 404 that it means.
pub(super) fn changed(rows: usize, what: &'static str) -> Result<(), StoreError> {
    if rows == 0 { Err(StoreError::Missing(what)) } else { Ok(()) }
}
