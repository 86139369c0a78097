//! The hub's own counters, for Prometheus: `GET /api/metrics`, for callers whose rights cover `metrics`.

use std::sync::Arc;

use axum::{Router, extract::State, http::header::CONTENT_TYPE, response::IntoResponse, routing::get};
use grafolean_collector::health;
use prometheus_client::{encoding::text, registry::Registry};

use crate::{Hub, answer::ApiError};

pub(super) fn routes() -> Router<Arc<Hub>> {
    Router::new().route("/metrics", get(metrics))
}

async fn metrics(State(hub): State<Arc<Hub>>) -> Result<impl IntoResponse, ApiError> {
    let mut registry = Registry::default();
    hub.points.metrics().register(&mut registry);
    hub.announcer.register(&mut registry);
    hub.findings.register(&mut registry);
    if let Some(forward) = &hub.forward {
        forward.register(&mut registry);
    }
    let mut written = String::new();
    text::encode(&mut written, &registry).map_err(|_| ApiError::Unavailable)?;
    Ok(([(CONTENT_TYPE, health::CONTENT_TYPE)], written))
}
