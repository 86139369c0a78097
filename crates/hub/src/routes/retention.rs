//! How long values are kept, and what they take: `/api/hub/retention`.

use std::sync::Arc;

use axum::{Json, Router, extract::State, response::IntoResponse, routing::get};
use serde_json::json;

use crate::{Hub, answer::ApiError};

const DAY_S: f64 = 86_400.0;

pub(super) fn routes() -> Router<Arc<Hub>> {
    Router::new().route("/hub/retention", get(retention))
}

/// `days` is null where values are kept for ever.
async fn retention(State(hub): State<Arc<Hub>>) -> Result<impl IntoResponse, ApiError> {
    let extent = hub.points.read(|reader| reader.extent()).await?;
    let days = hub.points.retention().map(|retention| retention.as_secs_f64() / DAY_S);
    Ok(Json(json!({"days": days, "series": extent.series, "bytes": extent.bytes})))
}
