//! Bots, of an account and systemwide: the same in both places.

use std::sync::Arc;

use axum::{
    Extension, Json, Router, body::Bytes, extract::State, http::StatusCode, response::IntoResponse,
    routing::get,
};
use grafolean_collector::model::UserId;
use secrecy::ExposeSecret;
use serde_json::json;

use super::{Fields, Scoped};
use crate::{
    Hub,
    answer::ApiError,
    auth::Caller,
    store::{
        bot::{self, NewBot},
        listed,
    },
};

pub(super) fn routes() -> Router<Arc<Hub>> {
    let bots = || {
        Router::new()
            .route("/", get(list).post(create))
            .route("/{user_id}", get(one).put(update).delete(delete))
            .route("/{user_id}/token", get(token))
    };
    Router::new().nest("/bots", bots()).nest("/accounts/{account_id}/bots", bots())
}

async fn list(
    State(hub): State<Arc<Hub>>,
    Scoped { account, ids: [] }: Scoped<0>,
) -> Result<impl IntoResponse, ApiError> {
    Ok(Json(listed(hub.store.read(move |connection| bot::list(connection, account)).await?)))
}

async fn create(
    State(hub): State<Arc<Hub>>,
    Scoped { account, ids: [] }: Scoped<0>,
    body: Bytes,
) -> Result<impl IntoResponse, ApiError> {
    let new = new_bot(&body)?;
    let now = hub.clock.now();
    let made = hub.store.write(move |connection| {
        let id = bot::insert(connection, account, &new, now)?;
        bot::one(connection, account, id)
    });
    Ok((StatusCode::CREATED, Json(made.await?)))
}

async fn one(
    State(hub): State<Arc<Hub>>,
    Scoped { account, ids: [user] }: Scoped<1>,
) -> Result<impl IntoResponse, ApiError> {
    let id = UserId::new(user);
    Ok(Json(hub.store.read(move |connection| bot::one(connection, account, id)).await?))
}

async fn update(
    State(hub): State<Arc<Hub>>,
    Scoped { account, ids: [user] }: Scoped<1>,
    body: Bytes,
) -> Result<impl IntoResponse, ApiError> {
    let new = new_bot(&body)?;
    hub.store.write(move |connection| bot::update(connection, account, UserId::new(user), &new)).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn delete(
    State(hub): State<Arc<Hub>>,
    Extension(caller): Extension<Caller>,
    Scoped { account, ids: [user] }: Scoped<1>,
) -> Result<impl IntoResponse, ApiError> {
    let id = UserId::new(user);
    // A bot that could would lock itself out.
    if caller.user == id {
        return Err(ApiError::Never("nobody can delete themselves: another administrator can"));
    }
    hub.store.write(move |connection| bot::delete(connection, account, id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn token(
    State(hub): State<Arc<Hub>>,
    Extension(caller): Extension<Caller>,
    Scoped { account, ids: [user] }: Scoped<1>,
) -> Result<impl IntoResponse, ApiError> {
    let id = UserId::new(user);
    let token = hub.store.read(move |connection| bot::token(connection, account, id, caller.user)).await?;
    Ok(Json(json!({"token": token.expose_secret()})))
}

fn new_bot(body: &[u8]) -> Result<NewBot, ApiError> {
    let mut fields = Fields::of_body(body, &["name"], &["protocol", "config"])?;
    Ok(NewBot {
        name: fields.text("name")?,
        protocol: fields.optional_text("protocol")?,
        config: fields.optional_text("config")?,
    })
}
