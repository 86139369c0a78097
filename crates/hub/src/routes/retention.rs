//! How long values are kept, `/api/hub/retention` and, by account, `/api/accounts/A/retention`: ours, Grafolean has none
//! such.

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router, body::Bytes, extract::State, http::StatusCode, response::IntoResponse, routing::get,
};
use grafolean_collector::model::AccountId;
use serde::Serialize;
use serde_json::json;

use super::Ids;
use crate::{
    Hub,
    answer::ApiError,
    points::{AccountRetention, Room, Usage},
    store::account,
};

const DAY_S: f64 = 86_400.0;

pub(super) fn routes() -> Router<Arc<Hub>> {
    Router::new()
        .route("/hub/retention", get(retention))
        .route("/accounts/{account_id}/retention", get(one).put(set))
}

/// `days` is null where values are kept for ever.
async fn retention(State(hub): State<Arc<Hub>>) -> Result<impl IntoResponse, ApiError> {
    let extent = hub.points.read(|reader| reader.extent()).await?;
    let days = hub.points.retention().map(|retention| retention.as_secs_f64() / DAY_S);
    Ok(Json(json!({"days": days, "series": extent.series, "bytes": extent.bytes})))
}

#[derive(Serialize)]
struct Answer {
    #[serde(flatten)]
    retention: AccountRetention,
    /// What counts where no rule does.
    hub: OfTheHub,
    usage: Used,
    disk: Disk,
}

#[derive(Serialize)]
struct OfTheHub {
    values_seconds: Option<u64>,
    hours_seconds: Option<u64>,
}

#[derive(Serialize)]
struct Used {
    series: u64,
    bytes: u64,
}

#[derive(Serialize)]
struct Disk {
    free_bytes: Option<u64>,
    size_bytes: Option<u64>,
    reserve_bytes: u64,
}

async fn one(State(hub): State<Arc<Hub>>, Ids([account]): Ids<1>) -> Result<impl IntoResponse, ApiError> {
    let account = known(&hub, account).await?;
    let read = hub.points.read(move |reader| Ok((reader.retention(account)?, reader.usage(account)?)));
    let (retention, Usage { series, bytes }) = read.await?;
    let (settings, room) = (hub.points.settings(), hub.points.room());
    let seconds = |span: Option<Duration>| span.map(|span| span.as_secs());
    Ok(Json(Answer {
        retention,
        hub: OfTheHub {
            values_seconds: seconds(settings.keep.values),
            hours_seconds: seconds(settings.keep.hours),
        },
        usage: Used { series, bytes },
        disk: Disk {
            free_bytes: room.map(|Room { free, .. }| free),
            size_bytes: room.map(|Room { size, .. }| size),
            reserve_bytes: settings.disk_reserve,
        },
    }))
}

async fn set(
    State(hub): State<Arc<Hub>>,
    Ids([account]): Ids<1>,
    body: Bytes,
) -> Result<impl IntoResponse, ApiError> {
    let account = known(&hub, account).await?;
    let retention: AccountRetention =
        serde_json::from_slice(&body).map_err(|error| ApiError::input(error.to_string()))?;
    retention.check().map_err(|error| ApiError::input(error.to_string()))?;
    hub.points.set_retention(account, retention).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Fails unless there is such an account.
async fn known(hub: &Hub, account: i64) -> Result<AccountId, ApiError> {
    let account = AccountId::new(account);
    hub.store.read(move |connection| account::one(connection, account)).await?;
    Ok(account)
}
