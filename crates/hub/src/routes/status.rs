//! Whether the hub is ready.

use std::sync::Arc;

use axum::{
    Json, Router, extract::State, http::header::ACCESS_CONTROL_ALLOW_ORIGIN, response::IntoResponse,
    routing::get,
};
use serde::Serialize;

use super::ApiError;
use crate::{Hub, store::person};

/// The version of Grafolean's schema whose API this is.
const GRAFOLEAN_SCHEMA: u32 = 30;

/// What bots wait for: no migration is needed, and there is a user.
#[derive(Serialize)]
struct StatusInfo {
    alive: bool,
    db_migration_needed: bool,
    db_version: u32,
    user_exists: bool,
    cors_domains: [String; 0],
    /// Empty: the hub announces nothing over MQTT.
    mqtt_ws_hostname: &'static str,
    mqtt_ws_port: &'static str,
    enable_signup: bool,
}

pub(super) fn routes() -> Router<Arc<Hub>> {
    Router::new().route("/status/info", get(info))
}

async fn info(State(hub): State<Arc<Hub>>) -> Result<impl IntoResponse, ApiError> {
    let info = StatusInfo {
        alive: true,
        db_migration_needed: false,
        db_version: GRAFOLEAN_SCHEMA,
        user_exists: hub.store.read(person::any_exists).await?,
        cors_domains: [],
        mqtt_ws_hostname: "",
        mqtt_ws_port: "",
        enable_signup: false,
    };
    Ok(([(ACCESS_CONTROL_ALLOW_ORIGIN, "*")], Json(info)))
}
