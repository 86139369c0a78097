//! What devices told by themselves, `/api/hub/accounts/{account_id}/device-events`: stored by bots, read by people. Ours,
//! Grafolean has none such.

use std::sync::Arc;

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Query, State},
    response::IntoResponse,
    routing::get,
};
use grafolean_collector::{
    model::{AccountId, EntityId},
    report::Event,
    time::Timestamp,
};
use serde::Deserialize;
use serde_json::json;

use super::{Ids, paths::count};
use crate::{
    Hub,
    answer::ApiError,
    device_events::Wanted,
    store::{account, listed},
};

/// Events that are answered unless the request says how many, and the most.
const SHOWN: usize = 100;
const MOST: usize = 1_000;

/// Events of one request, and how long what they hold may be, in bytes.
const MOST_STORED: usize = 1_000;
const LONGEST_NAME: usize = 200;
const LONGEST_DETAILS: usize = 64 << 10;

pub(super) fn routes() -> Router<Arc<Hub>> {
    Router::new().route("/hub/accounts/{account_id}/device-events", get(list).put(store))
}

#[derive(Deserialize)]
struct Asked {
    entity: Option<String>,
    name: Option<String>,
    from: Option<String>,
    before: Option<String>,
    limit: Option<String>,
}

/// The newest first.
async fn list(
    State(hub): State<Arc<Hub>>,
    Ids([account]): Ids<1>,
    Query(asked): Query<Asked>,
) -> Result<impl IntoResponse, ApiError> {
    let limit = asked.limit.map_or(Ok(SHOWN), |limit| count(&limit, "limit"))?.clamp(1, MOST);
    let wanted = Wanted {
        entity: asked.entity.map(|text| entity(&text)).transpose()?,
        name: asked.name.filter(|name| !name.is_empty()),
        from: asked.from.map(|text| time(&text, "from")).transpose()?,
        before: asked.before.map(|text| time(&text, "before")).transpose()?,
        limit: u32::try_from(limit).unwrap_or(u32::MAX),
    };
    Ok(Json(listed(hub.device_events.list(AccountId::new(account), wanted).await?)))
}

#[derive(Deserialize)]
struct Told {
    events: Vec<Event>,
}

async fn store(
    State(hub): State<Arc<Hub>>,
    Ids([account]): Ids<1>,
    body: Bytes,
) -> Result<impl IntoResponse, ApiError> {
    let account = AccountId::new(account);
    let Told { events } =
        serde_json::from_slice(&body).map_err(|error| ApiError::input(error.to_string()))?;
    if events.len() > MOST_STORED {
        return Err(ApiError::input(format!("{} events: at most {MOST_STORED} a request", events.len())));
    }
    events.iter().try_for_each(check)?;
    hub.store.read(move |connection| account::one(connection, account)).await?;
    let stored = hub.device_events.put(account, events, hub.clock.now()).await?;
    Ok(Json(json!({"stored": stored})))
}

fn check(event: &Event) -> Result<(), ApiError> {
    let Event { id, name, source, details, time, .. } = event;
    let is_long = |text: &String| text.is_empty() || text.len() > LONGEST_NAME;
    if [id, name, source].into_iter().any(is_long) {
        return Err(ApiError::input(format!("'id', 'name' and 'source' have 1 to {LONGEST_NAME} bytes")));
    }
    if time.micros() < 0 {
        return Err(ApiError::input("'time' is before 1970".to_owned()));
    }
    let length = serde_json::to_vec(details).map_or(usize::MAX, |written| written.len());
    if length > LONGEST_DETAILS {
        return Err(ApiError::input(format!("'details' has {length} bytes: at most {LONGEST_DETAILS}")));
    }
    Ok(())
}

fn entity(text: &str) -> Result<EntityId, ApiError> {
    text.parse().map(EntityId::new).map_err(|_| ApiError::input(format!("{text:?} is no id, for 'entity'")))
}

/// Reads seconds since 1970.
fn time(text: &str, name: &str) -> Result<Timestamp, ApiError> {
    /// The year 5138: no time of an event is later, and microseconds fit.
    const LAST: f64 = 1e11;
    let seconds: Option<f64> = text.parse().ok().filter(|seconds| (0.0..LAST).contains(seconds));
    #[expect(clippy::cast_possible_truncation, reason = "below 2^53")]
    let micros = seconds.map(|seconds| (seconds * 1e6).round() as i64);
    micros
        .map(Timestamp::from_micros)
        .ok_or_else(|| ApiError::input(format!("{text:?} is no time in seconds since 1970, for '{name}'")))
}
