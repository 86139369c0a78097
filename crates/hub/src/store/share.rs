//! Shares: links that show one dashboard to whoever has them.

use grafolean_collector::{model::AccountId, time::Timestamp};
use rusqlite::{Connection, OptionalExtension, params};
use serde::Serialize;
use uuid::Uuid;

use super::{
    StoreError,
    dashboard::{self, Dashboard, DashboardId},
    random, rows,
};

/// The most shares of a dashboard: more were made by mistake.
const MOST: i64 = 100;

/// A share as the API lists it; its token is shown once, when it is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Share {
    id: i64,
    created: i64,
    until: Option<i64>,
}

/// Returns the shares of a dashboard, the newest first.
pub(crate) fn list(connection: &Connection, dashboard: DashboardId) -> Result<Vec<Share>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT id, created, until FROM shares WHERE dashboard = ?1 ORDER BY created DESC, id",
    )?;
    let read = |row: &rusqlite::Row<'_>| {
        Ok(Share { id: row.get("id")?, created: row.get("created")?, until: row.get("until")? })
    };
    Ok(statement.query_map(params![dashboard.0], read)?.collect::<Result<_, _>>()?)
}

/// Creates a share that ends at a time, or when it is deleted. Returns its id and its token, which is stored as a digest.
pub(crate) fn insert(
    connection: &Connection,
    dashboard: DashboardId,
    now: Timestamp,
    until: Option<Timestamp>,
) -> Result<(i64, Uuid), StoreError> {
    let many: i64 = connection.query_row(
        "SELECT count(*) FROM shares WHERE dashboard = ?1",
        params![dashboard.0],
        |row| row.get(0),
    )?;
    if many >= MOST {
        return Err(StoreError::Invalid(format!("this dashboard has {many} shares: delete some first")));
    }
    let token = Uuid::new_v4();
    let id = random::insert_with_id(connection, "shares", |id| {
        connection.execute(
            "INSERT INTO shares (id, dashboard, token_digest, created, until) VALUES (?1, ?2, digest(?3), ?4, ?5)",
            params![id, dashboard.0, token.to_string(), now.seconds(), until.map(Timestamp::seconds)],
        )
    })?;
    Ok((id, token))
}

/// Ends a share.
pub(crate) fn delete(connection: &Connection, dashboard: DashboardId, id: i64) -> Result<(), StoreError> {
    let deleted = connection
        .execute("DELETE FROM shares WHERE dashboard = ?1 AND id = ?2", params![dashboard.0, id])?;
    rows::changed(deleted, "share")
}

/// What a token shows.
pub(crate) struct Shared {
    pub(crate) account: AccountId,
    pub(crate) id: DashboardId,
    pub(crate) dashboard: Dashboard,
    pub(crate) until: Option<i64>,
}

/// Returns what a token shows at a moment; `None` if it shows nothing, or no longer.
pub(crate) fn by_token(
    connection: &Connection,
    token: Uuid,
    now: Timestamp,
) -> Result<Option<Shared>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT dashboards.account, dashboards.slug, shares.until
         FROM shares JOIN dashboards ON dashboards.id = shares.dashboard
         WHERE token_digest = digest(?1) AND (until IS NULL OR until > ?2)",
    )?;
    let found = statement.query_row(params![token.to_string(), now.seconds()], |row| {
        Ok((rows::id(row, "account")?, row.get::<_, String>("slug")?, row.get("until")?))
    });
    let Some((account, slug, until)) = found.optional()? else { return Ok(None) };
    let (id, dashboard) = dashboard::one(connection, account, &slug)?;
    Ok(Some(Shared { account, id, dashboard, until }))
}
