//! The table of what waits.

use rusqlite::{CachedStatement, Connection, Error, OptionalExtension, Result, Row as SqlRow, params};

use super::{
    entry::{EntryId, Lane, LaneKey, Row, stored_bytes},
    statistics::Depth,
};
use crate::{model::AccountId, time::Timestamp};

/// What left the queue, and from which lane.
#[derive(Clone, Copy, Debug)]
pub(super) struct Removed {
    pub(super) key: LaneKey,
    pub(super) depth: Depth,
}

const REMOVED: &str = "lane, account, value_count, length(payload)";

/// Writes a row, in place of an older one of its subject.
pub(super) fn insert(connection: &Connection, row: &Row) -> Result<Option<Removed>> {
    let superseded = match &row.subject {
        Some(subject) => connection
            .prepare_cached(&format!(
                "DELETE FROM entry WHERE account = ?1 AND subject = ?2 AND subject IS NOT NULL RETURNING {REMOVED}"
            ))?
            .query_row(params![row.key.account.number(), subject], removed)
            .optional()?,
        None => None,
    };
    connection
        .prepare_cached(
            "INSERT INTO entry (id, lane, account, subject, accepted, value_count, checksum, payload)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            row.id.0,
            row.key.lane.number(),
            row.key.account.number(),
            row.subject,
            row.accepted.micros(),
            row.values,
            row.checksum,
            row.payload,
        ])?;
    Ok(superseded)
}

/// Removes an entry; None if it is gone already.
pub(super) fn delete(connection: &Connection, id: EntryId) -> Result<Option<Removed>> {
    connection
        .prepare_cached(&format!("DELETE FROM entry WHERE id = ?1 RETURNING {REMOVED}"))?
        .query_row([id.0], removed)
        .optional()
}

/// Returns the number of the oldest entry.
pub(super) fn oldest_id(connection: &Connection) -> Result<Option<EntryId>> {
    connection
        .prepare_cached("SELECT min(id) FROM entry")?
        .query_row([], |row| Ok(row.get::<_, Option<i64>>(0)?.map(EntryId)))
}

/// Returns when the oldest entry was accepted.
pub(super) fn oldest(connection: &Connection) -> Result<Option<Timestamp>> {
    connection
        .prepare_cached("SELECT accepted FROM entry ORDER BY id LIMIT 1")?
        .query_row([], |row| row.get(0).map(Timestamp::from_micros))
        .optional()
}

/// Returns when the newest entry of all was accepted, by the spool's time.
pub(super) fn newest_of_all(connection: &Connection) -> Result<Option<Timestamp>> {
    connection
        .prepare_cached("SELECT accepted FROM entry ORDER BY id DESC LIMIT 1")?
        .query_row([], |row| row.get(0).map(Timestamp::from_micros))
        .optional()
}

/// Returns the highest number in use.
pub(super) fn last_id(connection: &Connection) -> Result<EntryId> {
    let last: Option<i64> = connection.query_row("SELECT max(id) FROM entry", [], |row| row.get(0))?;
    Ok(EntryId(last.unwrap_or(0)))
}

/// Counts all lanes: one walk over the table, which also finds most kinds of damage.
pub(super) fn lanes(connection: &Connection) -> Result<Vec<Removed>> {
    let mut statement = connection.prepare(
        "SELECT lane, account, sum(value_count), sum(length(payload)), count(*)
         FROM entry NOT INDEXED GROUP BY lane, account",
    )?;
    let rows = statement.query_map([], |row| {
        let reports: u64 = row.get(4)?;
        let payload: u64 = row.get(3)?;
        let overhead = stored_bytes(0).saturating_mul(reports);
        let depth = Depth { reports, values: row.get(2)?, bytes: payload.saturating_add(overhead) };
        Ok(Removed { key: key(row)?, depth })
    })?;
    rows.collect()
}

/// Fails if the index by which entries are found does not hold all of them: such an entry would wait for ever.
pub(super) fn check_index(connection: &Connection, entries: u64) -> Result<()> {
    let indexed: u64 =
        connection
            .query_row("SELECT count(lane) FROM entry INDEXED BY entry_by_lane", [], |row| row.get(0))?;
    if indexed == entries {
        return Ok(());
    }
    let corrupt = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT_INDEX);
    Err(Error::SqliteFailure(corrupt, Some(format!("{indexed} of {entries} entries are in the index"))))
}

/// Returns the newest entries of a lane, newest first, as long as `wanted` says so.
pub(super) fn newest(
    connection: &Connection,
    key: LaneKey,
    skip: impl Fn(&EntryId) -> bool,
    mut wanted: impl FnMut(&Row) -> bool,
) -> Result<Vec<Row>> {
    let mut statement: CachedStatement<'_> = connection.prepare_cached(
        "SELECT id, accepted, value_count, checksum, payload FROM entry INDEXED BY entry_by_lane
         WHERE lane = ?1 AND account = ?2 ORDER BY id DESC",
    )?;
    let mut rows = statement.query(params![key.lane.number(), key.account.number()])?;
    let mut newest = Vec::new();
    while let Some(row) = rows.next()? {
        let id = EntryId(row.get(0)?);
        if skip(&id) {
            continue;
        }
        let row = Row {
            id,
            key,
            subject: None,
            accepted: Timestamp::from_micros(row.get(1)?),
            values: row.get(2)?,
            checksum: row.get(3)?,
            payload: row.get(4)?,
            is_kept: false,
        };
        if !wanted(&row) {
            break;
        }
        newest.push(row);
    }
    Ok(newest)
}

/// Returns when the newest entry of a lane was accepted.
pub(super) fn newest_time(
    connection: &Connection,
    key: LaneKey,
    skip: impl Fn(&EntryId) -> bool,
) -> Result<Option<Timestamp>> {
    let mut statement = connection.prepare_cached(
        "SELECT id, accepted FROM entry INDEXED BY entry_by_lane
         WHERE lane = ?1 AND account = ?2 ORDER BY id DESC",
    )?;
    let mut rows = statement.query(params![key.lane.number(), key.account.number()])?;
    while let Some(row) = rows.next()? {
        if !skip(&EntryId(row.get(0)?)) {
            return row.get(1).map(|micros| Some(Timestamp::from_micros(micros)));
        }
    }
    Ok(None)
}

fn removed(row: &SqlRow<'_>) -> Result<Removed> {
    let payload: usize = row.get(3)?;
    let depth = Depth { reports: 1, values: row.get(2)?, bytes: stored_bytes(payload) };
    Ok(Removed { key: key(row)?, depth })
}

fn key(row: &SqlRow<'_>) -> Result<LaneKey> {
    Ok(LaneKey { lane: Lane::of_number(row.get(0)?), account: AccountId::new(row.get(1)?) })
}
