//! The tables of sinks: their positions, what waits for them alone, and entries that are for one consumer only.

use rusqlite::{Connection, OptionalExtension, Result, Row as SqlRow, params};

use super::{
    entry::{EntryId, Lane, LaneKey, Row, stored_bytes},
    statistics::Depth,
};
use crate::{model::AccountId, time::Timestamp};

/// What is given back to the disk in one transaction, so that a long backlog does not hold up those who accept.
const FREED_PER_GROUP: i64 = 10_000;

/// What a sink sees, behind a position: `?1` is the position, `?2` the name.
const SEEN: &str = "
    SELECT id, account, accepted, value_count, checksum, payload FROM entry NOT INDEXED
     WHERE id > ?1 AND lane = 0 AND id NOT IN (SELECT id FROM only WHERE consumer <> ?2)
    UNION ALL
    SELECT id, account, accepted, value_count, checksum, payload FROM kept
     WHERE id > ?1 AND id NOT IN (SELECT id FROM only WHERE consumer <> ?2)
    ORDER BY id";

/// The name of the backend among the consumers of an entry.
const BACKEND: &str = "";

/// Removes what belongs to sinks that are no more, and returns their names.
pub(super) fn forget_others(connection: &Connection, names: &[&str]) -> Result<Vec<String>> {
    let known: Vec<String> = connection
        .prepare("SELECT name FROM sink ORDER BY name")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_>>()?;
    let gone: Vec<String> = known.into_iter().filter(|name| !names.contains(&name.as_str())).collect();
    if names.is_empty() && !gone.is_empty() {
        connection.execute_batch("DELETE FROM kept; DELETE FROM only;")?;
    }
    for name in &gone {
        connection.execute("DELETE FROM sink WHERE name = ?1", [name])?;
        connection
            .execute("DELETE FROM kept WHERE id IN (SELECT id FROM only WHERE consumer = ?1)", [name])?;
        connection.execute("DELETE FROM only WHERE consumer = ?1", [name])?;
    }
    Ok(gone)
}

/// Returns the position of a sink, if it has one.
pub(super) fn position(connection: &Connection, name: &str) -> Result<Option<i64>> {
    connection.query_row("SELECT position FROM sink WHERE name = ?1", [name], |row| row.get(0)).optional()
}

/// Writes the position of a sink.
pub(super) fn set_position(connection: &Connection, name: &str, position: i64) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO sink (name, position) VALUES (?1, ?2)
             ON CONFLICT (name) DO UPDATE SET position = excluded.position",
        )?
        .execute(params![name, position])?;
    Ok(())
}

/// Returns the names and positions of all sinks.
pub(super) fn positions(connection: &Connection) -> Result<Vec<(String, i64)>> {
    connection
        .prepare("SELECT name, position FROM sink ORDER BY name")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

/// Returns the highest number that was ever given, as far as sinks know.
pub(super) fn last_id(connection: &Connection) -> Result<i64> {
    let ask =
        "SELECT max(coalesce((SELECT max(id) FROM kept), 0), coalesce((SELECT max(position) FROM sink), 0))";
    connection.query_row(ask, [], |row| row.get(0))
}

/// Returns when the newest entry that only sinks still need was accepted.
pub(super) fn newest(connection: &Connection) -> Result<Option<Timestamp>> {
    connection
        .query_row("SELECT accepted FROM kept ORDER BY id DESC LIMIT 1", [], |row| row.get(0))
        .optional()
        .map(|micros| micros.map(Timestamp::from_micros))
}

/// Adds up what a sink sees behind a position and up to another one.
pub(super) fn depth(connection: &Connection, name: &str, behind: i64, up_to: i64) -> Result<Depth> {
    let seen = |table: &str, more: &str| {
        format!(
            "SELECT value_count, length(payload) AS bytes FROM {table} WHERE id > ?1 AND id <= ?3 {more}
             AND id NOT IN (SELECT id FROM only WHERE consumer <> ?2)"
        )
    };
    let (entries, kept) = (seen("entry NOT INDEXED", "AND lane = 0"), seen("kept", ""));
    let ask = format!(
        "SELECT count(*), coalesce(sum(value_count), 0), coalesce(sum(bytes), 0) FROM ({entries} UNION ALL {kept})"
    );
    connection.prepare_cached(&ask)?.query_row(params![behind, name, up_to], |row| {
        let (reports, payload): (u64, u64) = (row.get(0)?, row.get(2)?);
        let bytes = payload.saturating_add(stored_bytes(0).saturating_mul(reports));
        Ok(Depth { reports, values: row.get(1)?, bytes })
    })
}

/// Returns what a sink sees behind a position, the oldest first, as long as `wanted` says so.
pub(super) fn seen(
    connection: &Connection,
    name: &str,
    behind: i64,
    mut wanted: impl FnMut(&Row) -> bool,
) -> Result<Vec<Row>> {
    let mut statement = connection.prepare_cached(SEEN)?;
    let mut rows = statement.query(params![behind, name])?;
    let mut seen = Vec::new();
    while let Some(row) = rows.next()? {
        let row = row_of(row)?;
        if !wanted(&row) {
            break;
        }
        seen.push(row);
    }
    Ok(seen)
}

fn row_of(row: &SqlRow<'_>) -> Result<Row> {
    Ok(Row {
        id: EntryId(row.get(0)?),
        key: LaneKey { lane: Lane::Values, account: AccountId::new(row.get(1)?) },
        subject: None,
        accepted: Timestamp::from_micros(row.get(2)?),
        values: row.get(3)?,
        checksum: row.get(4)?,
        payload: row.get(5)?,
        is_kept: true,
    })
}

/// Returns number, time and size of the oldest entry that a sink sees behind a position.
pub(super) fn oldest(connection: &Connection, name: &str, behind: i64) -> Result<Option<Oldest>> {
    let seen = |table: &str, more: &str| {
        format!(
            "SELECT id, accepted, value_count, length(payload) FROM {table} WHERE id > ?1 {more}
             AND id NOT IN (SELECT id FROM only WHERE consumer <> ?2)"
        )
    };
    let (entries, kept) = (seen("entry NOT INDEXED", "AND lane = 0"), seen("kept", ""));
    connection
        .prepare_cached(&format!("{entries} UNION ALL {kept} ORDER BY id LIMIT 1"))?
        .query_row(params![behind, name], |row| {
            let payload: usize = row.get(3)?;
            let depth = Depth { reports: 1, values: row.get(2)?, bytes: stored_bytes(payload) };
            Ok(Oldest { id: row.get(0)?, accepted: Timestamp::from_micros(row.get(1)?), depth })
        })
        .optional()
}

/// The oldest entry that waits for a sink.
#[derive(Clone, Copy, Debug)]
pub(super) struct Oldest {
    pub(super) id: i64,
    pub(super) accepted: Timestamp,
    pub(super) depth: Depth,
}

/// Copies an entry that the backend is done with to where it waits for sinks, unless it is for the backend alone.
pub(super) fn keep(connection: &Connection, id: EntryId) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT OR IGNORE INTO kept (id, account, accepted, value_count, checksum, payload)
             SELECT id, account, accepted, value_count, checksum, payload FROM entry
             WHERE id = ?1 AND lane = 0 AND id NOT IN (SELECT id FROM only WHERE consumer = '')",
        )?
        .execute([id.0])?;
    connection.prepare_cached("DELETE FROM only WHERE id = ?1 AND consumer = ''")?.execute([id.0])?;
    Ok(())
}

/// Writes a row that waits for sinks and not for the backend.
pub(super) fn insert(connection: &Connection, row: &Row) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO kept (id, account, accepted, value_count, checksum, payload)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            row.id.0,
            row.key.account.number(),
            row.accepted.micros(),
            row.values,
            row.checksum,
            row.payload
        ])?;
    Ok(())
}

/// Marks an entry as one for the backend alone.
pub(super) fn only_for_backend(connection: &Connection, id: EntryId) -> Result<()> {
    only_for(connection, id, BACKEND)
}

/// Marks an entry as one for one consumer alone.
pub(super) fn only_for(connection: &Connection, id: EntryId, consumer: &str) -> Result<()> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO only (id, consumer) VALUES (?1, ?2)")?
        .execute(params![id.0, consumer])?;
    Ok(())
}

/// Removes some of what all sinks are done with; whether there may be more.
pub(super) fn free(connection: &Connection, up_to: i64) -> Result<bool> {
    let freed = connection
        .prepare_cached(
            "DELETE FROM kept WHERE id IN (SELECT id FROM kept WHERE id <= ?1 ORDER BY id LIMIT ?2)",
        )?
        .execute(params![up_to, FREED_PER_GROUP])?;
    if freed > 0 {
        connection
            .prepare_cached("DELETE FROM only WHERE id <= ?1 AND consumer <> ''")?
            .execute(params![up_to])?;
    }
    Ok(i64::try_from(freed).unwrap_or(i64::MAX) >= FREED_PER_GROUP)
}
