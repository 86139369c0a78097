//! Accounts.

use std::sync::Arc;

use axum::{
    Extension, Json, Router, body::Bytes, extract::State, http::StatusCode, response::IntoResponse,
    routing::get,
};
use grafolean_collector::model::AccountId;

use super::{Fields, Ids};
use crate::{
    Hub,
    answer::ApiError,
    auth::Caller,
    store::{account, listed},
};

pub(super) fn routes() -> Router<Arc<Hub>> {
    Router::new().route("/accounts", get(list)).route("/accounts/{account_id}", get(one).put(rename))
}

/// Those that are anything to the caller.
pub(super) async fn list(
    State(hub): State<Arc<Hub>>,
    Extension(caller): Extension<Caller>,
) -> Result<impl IntoResponse, ApiError> {
    let mut accounts = hub.store.read(account::all).await?;
    accounts.retain(|account| caller.sees(account.id));
    Ok(Json(listed(accounts)))
}

async fn one(State(hub): State<Arc<Hub>>, Ids([account]): Ids<1>) -> Result<impl IntoResponse, ApiError> {
    let account = AccountId::new(account);
    Ok(Json(hub.store.read(move |connection| account::one(connection, account)).await?))
}

async fn rename(
    State(hub): State<Arc<Hub>>,
    Ids([account]): Ids<1>,
    body: Bytes,
) -> Result<impl IntoResponse, ApiError> {
    let name = Fields::of_body(&body, &["name"], &[])?.text("name")?;
    let account = AccountId::new(account);
    hub.store.write(move |connection| account::rename(connection, account, &name)).await?;
    Ok(StatusCode::NO_CONTENT)
}
