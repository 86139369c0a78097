//! What bots know of themselves: pushed by them, read by people, `/api/hub/accounts/{account_id}/...`.

use std::sync::Arc;

use axum::{
    Extension, Json, Router,
    body::Bytes,
    extract::State,
    http::StatusCode,
    response::IntoResponse,
    routing::{get, post, put},
};
use grafolean_collector::{
    model::{AccountId, UserId},
    status::{BotStatus, Commands},
};
use serde_json::{Value, json};

use super::Ids;
use crate::{
    Hub,
    answer::ApiError,
    auth::Caller,
    events::Kind,
    store::{bot, listed},
};

pub(super) fn routes() -> Router<Arc<Hub>> {
    Router::new()
        .route("/hub/accounts/{account_id}/status", get(all))
        .route("/hub/accounts/{account_id}/bots/{bot_id}/status", put(tell))
        .route("/hub/accounts/{account_id}/bots/{bot_id}/dead-letters", post(order))
}

/// Returns each bot of the account, and each systemwide one, with what it said last.
async fn all(State(hub): State<Arc<Hub>>, Ids([account]): Ids<1>) -> Result<impl IntoResponse, ApiError> {
    let account = AccountId::new(account);
    let told = hub.statuses.of(account);
    let bots = hub.store.read(move |connection| bot::of_account_or_systemwide(connection, account)).await?;
    let row = |bot: &bot::Bot| {
        let told = told.get(&bot.id);
        json!({
            "bot": bot.id,
            "name": bot.name,
            "protocol": bot.protocol,
            "tied_to_account": bot.tied_to_account,
            "last_login": bot.last_login,
            "received": told.map(|told| told.received.as_seconds_f64()),
            "status": told.map(|told| &*told.status),
        })
    };
    Ok(Json(listed(bots.iter().map(row).collect::<Vec<Value>>())))
}

/// A bot says what it knows of an account that it measures.
async fn tell(
    State(hub): State<Arc<Hub>>,
    Extension(caller): Extension<Caller>,
    Ids([account, bot]): Ids<2>,
    body: Bytes,
) -> Result<impl IntoResponse, ApiError> {
    let (account, bot) = (AccountId::new(account), UserId::new(bot));
    if caller.user != bot || !caller.sees(account) {
        return Err(ApiError::Forbidden);
    }
    let status: BotStatus =
        serde_json::from_slice(&body).map_err(|error| ApiError::input(error.to_string()))?;
    // What else it may know is of accounts whose people have not asked for it.
    let status = status.of_account(account);
    let resource = format!("hub/accounts/{account}/status");
    hub.announcer.feed().tell(Kind::Status, &resource, json!({"bot": bot}));
    Ok(Json(hub.statuses.put(account, bot, status, body.len(), hub.clock.now())))
}

/// Has a bot retry or drop dead letters: it is told so when it speaks next, within seconds.
async fn order(
    State(hub): State<Arc<Hub>>,
    Ids([account, bot]): Ids<2>,
    body: Bytes,
) -> Result<impl IntoResponse, ApiError> {
    let (account, bot) = (AccountId::new(account), UserId::new(bot));
    let commands: Commands =
        serde_json::from_slice(&body).map_err(|error| ApiError::input(error.to_string()))?;
    let bots = hub.store.read(move |connection| bot::of_account_or_systemwide(connection, account)).await?;
    if !bots.iter().any(|known| known.id == bot) {
        return Err(ApiError::NotFound("No such bot".to_owned()));
    }
    hub.statuses.order(account, bot, commands);
    Ok(StatusCode::ACCEPTED)
}
