//! Plug-ins of the established frontend: a hub has none.

use std::sync::Arc;

use axum::{Json, Router, routing::get};
use serde_json::json;

use crate::Hub;

pub(super) fn routes() -> Router<Arc<Hub>> {
    Router::new().route("/plugins/widgets", get(async || Json(json!({"list": []}))))
}
