//! The beginning of a hub, and its accounts.

use std::sync::Arc;

use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    http::StatusCode,
    response::IntoResponse,
    routing::{get, post},
};
use serde_json::json;

use super::{ApiError, Fields, accounts, persons};
use crate::{
    Hub,
    store::{account, person},
};

pub(super) fn routes() -> Router<Arc<Hub>> {
    Router::new()
        // A hub's database is up to date as soon as it is open.
        .route("/admin/migratedb", post(async || StatusCode::NO_CONTENT))
        .route("/admin/first", post(first))
        .route("/admin/accounts", get(accounts::list).post(create_account))
}

async fn first(State(hub): State<Arc<Hub>>, body: Bytes) -> Result<impl IntoResponse, ApiError> {
    let initialized = || ApiError::Denied("System already initialized".to_owned());
    // Asked before the password is hashed, which anyone could ask for again and again.
    if hub.store.read(person::any_exists).await? {
        return Err(initialized());
    }
    let new = persons::new_person(&hub, &body).await?;
    let now = hub.clock.now();
    let id = hub.store.write(move |connection| person::insert_first(connection, &new, now)).await?;
    let id = id.ok_or_else(initialized)?;
    Ok((StatusCode::CREATED, Json(json!({"id": id}))))
}

async fn create_account(State(hub): State<Arc<Hub>>, body: Bytes) -> Result<impl IntoResponse, ApiError> {
    let name = Fields::of_body(&body, &["name"], &[])?.text("name")?;
    let account = hub.store.write(move |connection| account::insert(connection, &name)).await?;
    Ok((StatusCode::CREATED, Json(json!({"name": account.name, "id": account.id}))))
}
