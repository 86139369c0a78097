//! Paths: which there are, and what one is called.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Query, State},
    http::StatusCode,
    response::IntoResponse,
    routing::get,
};
use grafolean_collector::model::{AccountId, SeriesPath};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Fields, Ids};
use crate::{
    Hub,
    answer::ApiError,
    points::{PathFilter, SeriesId},
};

/// Paths shown for a filter unless the request says how many.
const SHOWN: usize = 10;

pub(super) fn routes() -> Router<Arc<Hub>> {
    Router::new()
        .route("/accounts/{account_id}/paths", get(list))
        .route("/accounts/{account_id}/paths/{path_id}", get(one).put(rename).delete(delete))
}

#[derive(Deserialize)]
struct Asked {
    filter: Option<String>,
    limit: Option<String>,
    failover_trailing: Option<String>,
}

/// Those that filters mean; if none does, and it was asked for, those that begin as the filters do.
async fn list(
    State(hub): State<Arc<Hub>>,
    Ids([account]): Ids<1>,
    Query(asked): Query<Asked>,
) -> Result<impl IntoResponse, ApiError> {
    let account = AccountId::new(account);
    let filters = asked.filter.ok_or_else(|| ApiError::BadRequest("no path filter is given".to_owned()))?;
    let limit = asked.limit.map_or(Ok(SHOWN), |limit| count(&limit, "limit"))?;
    let failover = asked.failover_trailing.is_some_and(|text| text.eq_ignore_ascii_case("true"));

    let whole = match parsed(&filters, str::parse) {
        Err(_) if failover => Vec::new(),
        parsed => parsed?,
    };
    let (paths, found, limit_reached) = matching(&hub, account, whole, limit).await?;
    if found || !failover {
        return Ok(Json(json!({"paths": paths, "limit_reached": limit_reached})));
    }
    let beginnings = parsed(&filters, PathFilter::parse_beginning)?;
    let (trailing, _, limit_reached) = matching(&hub, account, beginnings, limit).await?;
    Ok(Json(json!({"paths": {}, "paths_with_trailing": trailing, "limit_reached": limit_reached})))
}

type Parsed = Vec<(String, PathFilter)>;

fn parsed<E: ToString>(
    filters: &str,
    parse: impl Fn(&str) -> Result<PathFilter, E>,
) -> Result<Parsed, ApiError> {
    let parsed = |text: &str| match parse(text) {
        Ok(filter) => Ok((text.to_owned(), filter)),
        Err(error) => Err(ApiError::input(error.to_string())),
    };
    filters.split(',').map(parsed).collect()
}

/// Returns the paths by filter, whether there are any, and whether there are more.
async fn matching(
    hub: &Hub,
    account: AccountId,
    filters: Parsed,
    limit: usize,
) -> Result<(BTreeMap<String, Vec<Value>>, bool, bool), ApiError> {
    let found = hub.points.read(move |reader| {
        let (mut paths, mut found, mut limit_reached) = (BTreeMap::new(), false, false);
        for (text, filter) in filters {
            let matches = reader.paths(account, &filter, limit)?;
            found |= !matches.rows.is_empty();
            limit_reached |= matches.limit_reached;
            paths.insert(
                text,
                matches.rows.into_iter().map(|row| json!({"id": row.id, "path": row.path})).collect(),
            );
        }
        Ok((paths, found, limit_reached))
    });
    Ok(found.await?)
}

async fn one(State(hub): State<Arc<Hub>>, Ids([account, id]): Ids<2>) -> Result<impl IntoResponse, ApiError> {
    let (account, id) = (AccountId::new(account), SeriesId::new(id));
    let row = hub.points.read(move |reader| reader.path(account, id)).await?.ok_or_else(missing)?;
    Ok(Json(json!({"id": row.id, "path": row.path})))
}

async fn rename(
    State(hub): State<Arc<Hub>>,
    Ids([account, id]): Ids<2>,
    body: Bytes,
) -> Result<impl IntoResponse, ApiError> {
    let text = Fields::of_body(&body, &["path"], &[])?.text("path")?;
    let path = SeriesPath::parse(&text).map_err(|error| ApiError::input(error.to_string()))?;
    match hub.points.rename(AccountId::new(account), SeriesId::new(id), path).await? {
        Some(true) => Ok(StatusCode::NO_CONTENT),
        Some(false) => Err(ApiError::input(format!("there is a path {text:?} already"))),
        None => Err(missing()),
    }
}

/// Deletes a path with all its values.
async fn delete(
    State(hub): State<Arc<Hub>>,
    Ids([account, id]): Ids<2>,
) -> Result<impl IntoResponse, ApiError> {
    let deleted = hub.points.delete(AccountId::new(account), SeriesId::new(id)).await?;
    if deleted { Ok(StatusCode::NO_CONTENT) } else { Err(missing()) }
}

fn missing() -> ApiError {
    ApiError::NotFound("No such path".to_owned())
}

/// Reads how many are wanted.
pub(super) fn count(text: &str, name: &str) -> Result<usize, ApiError> {
    text.trim()
        .parse()
        .map_err(|_| ApiError::input(format!("'{name}' is a whole number from 0 on, not {text:?}")))
}
