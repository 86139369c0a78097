//! Values that are brought.

use std::sync::Arc;

use axum::{
    Router,
    body::Bytes,
    extract::{Query, State},
    http::StatusCode,
    routing::post,
};
use grafolean_collector::model::{AccountId, Sample};
use serde::Deserialize;
use tokio::task;
use tracing::warn;

use super::{
    Ids,
    given::{Stamp, sample_of_texts, samples},
};
use crate::{Hub, answer::ApiError, store::account};

/// Bodies beyond this size are read on a blocking thread, since other requests wait for one that reads on theirs:
/// about 4,000 values, half a millisecond.
const INLINE_BYTES: usize = 256 * 1024;

pub(super) fn routes() -> Router<Arc<Hub>> {
    Router::new().route("/accounts/{account_id}/values", post(bring).put(put))
}

/// A single value may stand in the query.
#[derive(Deserialize)]
struct InQuery {
    p: Option<String>,
    v: Option<String>,
    t: Option<String>,
}

/// Stores values at the hub's time.
async fn bring(
    State(hub): State<Arc<Hub>>,
    Ids([account]): Ids<1>,
    Query(query): Query<InQuery>,
    body: Bytes,
) -> Result<StatusCode, ApiError> {
    let now = hub.clock.now();
    if query.t.is_some() {
        return Err(ApiError::BadRequest("Query parameter 't' shouldn't be specified with POST".to_owned()));
    }
    let nothing = matches!(body.trim_ascii(), b"" | b"null");
    let mut brought = if nothing { Vec::new() } else { read(body, Stamp::At(now)).await? };
    match (query.p, query.v) {
        (Some(path), Some(value)) if brought.is_empty() => brought.push(sample_of_texts(&path, &value, now)?),
        (None, None) if brought.is_empty() => return Err(ApiError::BadRequest("Missing data".to_owned())),
        (None, None) => {}
        (Some(_), Some(_)) => {
            return Err(ApiError::BadRequest(
                "Values stand in the query or in the body, not in both".to_owned(),
            ));
        }
        _ => return Err(ApiError::BadRequest("A value in the query needs both p and v".to_owned())),
    }
    store(&hub, AccountId::new(account), brought).await
}

/// Stores values at the times they bring; of two at one time the later request's stands.
async fn put(
    State(hub): State<Arc<Hub>>,
    Ids([account]): Ids<1>,
    body: Bytes,
) -> Result<StatusCode, ApiError> {
    let brought = read(body, Stamp::Given).await?;
    store(&hub, AccountId::new(account), brought).await
}

async fn read(body: Bytes, stamp: Stamp) -> Result<Vec<Sample>, ApiError> {
    if body.len() <= INLINE_BYTES {
        return samples(&body, stamp);
    }
    task::spawn_blocking(move || samples(&body, stamp)).await.map_err(|_| ApiError::Unavailable)?
}

async fn store(hub: &Hub, account: AccountId, brought: Vec<Sample>) -> Result<StatusCode, ApiError> {
    if !hub.store.read(move |connection| account::exists(connection, account)).await? {
        return Err(ApiError::BadRequest("Invalid input format".to_owned()));
    }
    let announced = hub.announcer.has_subscribers().then(|| brought.clone());
    let forwarded = hub.forward.as_ref().map(|forward| (forward, brought.clone()));
    let stored = hub.points.put(account, brought).await?;
    if let Some((forward, samples)) = forwarded
        && let Err(error) = forward.accept(account, &samples).await
    {
        warn!(%error, "values are stored but not kept to be forwarded: whoever brought them has to bring them again");
        return Err(ApiError::Unavailable);
    }
    match announced {
        Some(samples) => hub.announcer.stored(account, samples, &stored.created),
        None => hub.announcer.missed(),
    }
    Ok(StatusCode::NO_CONTENT)
}
