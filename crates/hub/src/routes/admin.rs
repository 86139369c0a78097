//! The beginning of a hub, and its accounts.

use std::sync::Arc;

use axum::{
    Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, State},
    http::{HeaderMap, StatusCode},
    response::IntoResponse,
    routing::{get, post},
};
use serde_json::{Value, json};
use tracing::warn;

use super::{ANONYMOUS_BYTES, Client, Fields, accounts, input, persons};
use crate::{
    Hub,
    answer::ApiError,
    auth::{refuse_other_hosts, refuse_other_sites},
    store::{account, person},
};

pub(super) fn routes() -> Router<Arc<Hub>> {
    Router::new()
        // A hub's database is up to date as soon as it is open.
        .route("/admin/migratedb", post(async || StatusCode::NO_CONTENT))
        .route("/admin/first", post(first).layer(DefaultBodyLimit::max(ANONYMOUS_BYTES)))
        .route("/admin/accounts", get(accounts::list).post(create_account))
}

/// Creates the first person, for whoever started the hub.
async fn first(
    State(hub): State<Arc<Hub>>,
    Client(client): Client,
    headers: HeaderMap,
    body: Bytes,
) -> Result<impl IntoResponse, ApiError> {
    let initialized = || ApiError::Denied("System already initialized".to_owned());
    if hub.store.read(person::any_exists).await? {
        return Err(initialized());
    }
    refuse_other_sites(&headers)?;
    refuse_other_hosts(&headers, &hub.names)?;
    if !client.is_loopback() {
        return Err(ApiError::Never("the first person is made from the machine that the hub runs on"));
    }
    let (secret, body) = setup_secret(&headers, &body)?;
    if !secret.is_some_and(|secret| hub.setup_secret.is(&secret)) {
        warn!(address = %client, "the first person was not made: the set-up secret is wrong");
        return Err(ApiError::Never(
            "the set-up secret is missing or wrong: it is printed when the hub starts, and stands in the file \
             setup-secret of its data folder; send it in the header X-Setup-Secret or as setup_secret in the body",
        ));
    }
    // Only now the password is hashed, which anyone could ask for again and again.
    let new = persons::new_person(&hub, body).await?;
    let now = hub.clock.now();
    let id = hub.store.write(move |connection| person::insert_first(connection, &new, now)).await?;
    let id = id.ok_or_else(initialized)?;
    hub.setup_secret.forget();
    Ok((StatusCode::CREATED, Json(json!({"id": id}))))
}

/// Removes and returns the secret of the header, or of the body, which may have it beside what every new person has.
fn setup_secret(headers: &HeaderMap, body: &[u8]) -> Result<(Option<String>, Value), ApiError> {
    let mut body = input::json(body)?;
    let in_body = body.as_object_mut().and_then(|fields| fields.remove("setup_secret"));
    let in_body = in_body.and_then(|secret| secret.as_str().map(str::to_owned));
    let in_header = headers.get("x-setup-secret").and_then(|secret| secret.to_str().ok()).map(str::to_owned);
    Ok((in_header.or(in_body), body))
}

async fn create_account(State(hub): State<Arc<Hub>>, body: Bytes) -> Result<impl IntoResponse, ApiError> {
    let name = Fields::of_body(&body, &["name"], &[])?.text("name")?;
    let protocols = Arc::clone(&hub.protocols);
    let made = hub.store.write(move |connection| account::insert(connection, &name, &protocols));
    let account = made.await?;
    Ok((StatusCode::CREATED, Json(json!({"name": account.name, "id": account.id}))))
}
