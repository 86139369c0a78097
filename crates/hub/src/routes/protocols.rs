//! What protocols declare: `GET /api/hub/protocols`, for whoever is logged in. Ours, Grafolean has none such.

use std::sync::Arc;

use axum::{Json, Router, extract::State, response::IntoResponse, routing::get};
use serde_json::json;

use crate::Hub;

pub(super) fn routes() -> Router<Arc<Hub>> {
    Router::new().route("/hub/protocols", get(list))
}

async fn list(State(hub): State<Arc<Hub>>) -> impl IntoResponse {
    Json(json!({"list": &*hub.protocols}))
}
