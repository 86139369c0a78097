//! Whether the hub is ready.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Request, State},
    http::{
        Uri,
        header::{ACCESS_CONTROL_ALLOW_ORIGIN, HOST},
        uri::Authority,
    },
    response::IntoResponse,
    routing::get,
};
use serde::Serialize;

use super::client::peer;
use crate::{Hub, answer::ApiError, store::person};

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
    /// Where the hub speaks MQTT: where it was asked. The established frontend demands that it is its own host.
    mqtt_ws_hostname: String,
    mqtt_ws_port: String,
    enable_signup: bool,
}

pub(super) fn routes() -> Router<Arc<Hub>> {
    Router::new().route("/status/info", get(info))
}

async fn info(
    State(hub): State<Arc<Hub>>,
    uri: Uri,
    request: Request,
) -> Result<impl IntoResponse, ApiError> {
    let headers = request.headers();
    let forwarded = hub.proxies.host(peer(request.extensions()), headers);
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    // Over HTTP/2 it stands in the address.
    let (mqtt_ws_hostname, mqtt_ws_port) =
        host_and_port(forwarded.or(host).or(uri.authority().map(Authority::as_str)));
    let info = StatusInfo {
        alive: true,
        db_migration_needed: false,
        db_version: GRAFOLEAN_SCHEMA,
        user_exists: hub.store.read(person::any_exists).await?,
        cors_domains: [],
        mqtt_ws_hostname,
        mqtt_ws_port,
        enable_signup: false,
    };
    Ok(([(ACCESS_CONTROL_ALLOW_ORIGIN, "*")], Json(info)))
}

/// Parts `name:port` as a browser does: the port is empty if it is the usual one, a v6 address keeps its brackets.
fn host_and_port(host: Option<&str>) -> (String, String) {
    let host = host.unwrap_or_default();
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) => {
            (name.to_owned(), port.to_owned())
        }
        _ => (host.to_owned(), String::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_parted_as_a_browser_does() {
        for (host, name, port) in [
            ("hub.example.org", "hub.example.org", ""),
            ("hub.example.org:8080", "hub.example.org", "8080"),
            ("[::1]:8080", "[::1]", "8080"),
            ("[2001:db8::1]", "[2001:db8::1]", ""),
            ("", "", ""),
        ] {
            assert_eq!(host_and_port(Some(host)), (name.to_owned(), port.to_owned()), "{host}");
        }
    }
}
