//! `/metrics` for Prometheus and `/healthz` for whoever restarts what hangs.

use std::{io, sync::Arc};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::IntoResponse,
    routing::get,
};
use grafolean_collector::health::{self, Health};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Answers until it is stopped.
pub(super) async fn serve(
    listener: TcpListener,
    health: Arc<Health>,
    stop: CancellationToken,
) -> io::Result<()> {
    let routes =
        Router::new().route("/metrics", get(metrics)).route("/healthz", get(healthz)).with_state(health);
    axum::serve(listener, routes).with_graceful_shutdown(stop.cancelled_owned()).await
}

async fn metrics(State(health): State<Arc<Health>>) -> impl IntoResponse {
    ([(CONTENT_TYPE, health::CONTENT_TYPE)], health.render())
}

async fn healthz(State(health): State<Arc<Health>>) -> impl IntoResponse {
    match health.healthy() {
        Ok(()) => (StatusCode::OK, "ok\n".to_owned()),
        Err(wrong) => (StatusCode::SERVICE_UNAVAILABLE, wrong.join("\n") + "\n"),
    }
}
