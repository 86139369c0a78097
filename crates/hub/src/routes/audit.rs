//! The audit log: `GET /api/hub/audit`, for callers whose rights cover `hub/audit`. an addition to Grafolean's API.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Query, State},
    response::IntoResponse,
    routing::get,
};
use serde::Deserialize;

use super::paths::count;
use crate::{
    Hub,
    answer::ApiError,
    store::{audit, listed},
};

/// Changes shown unless the request says how many, and the most.
const SHOWN: usize = 100;
const MOST: usize = 10_000;

pub(super) fn routes() -> Router<Arc<Hub>> {
    Router::new().route("/hub/audit", get(list))
}

#[derive(Deserialize)]
struct Asked {
    limit: Option<String>,
}

/// The newest first.
async fn list(
    State(hub): State<Arc<Hub>>,
    Query(asked): Query<Asked>,
) -> Result<impl IntoResponse, ApiError> {
    let limit = asked.limit.map_or(Ok(SHOWN), |limit| count(&limit, "limit"))?.min(MOST);
    Ok(Json(listed(hub.store.read(move |connection| audit::newest(connection, limit)).await?)))
}
