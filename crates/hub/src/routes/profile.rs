//! Who the caller is.

use std::sync::Arc;

use axum::{
    Extension, Json, Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::get,
};
use grafolean_collector::model::UserId;
use serde::Serialize;

use crate::{
    Hub,
    answer::ApiError,
    auth::{Caller, CallerKind},
    store::{bot, listed, person},
};

/// A user with what is known of them.
#[derive(Serialize)]
struct Profile<R> {
    user_id: UserId,
    user_type: &'static str,
    record: R,
}

pub(super) fn routes() -> Router<Arc<Hub>> {
    Router::new().route("/profile", get(profile)).route("/profile/permissions", get(permissions))
}

async fn profile(
    State(hub): State<Arc<Hub>>,
    Extension(caller): Extension<Caller>,
) -> Result<Response, ApiError> {
    let user_id = caller.user;
    Ok(match caller.kind {
        CallerKind::Bot => {
            let record = hub.store.read(move |connection| bot::any(connection, user_id)).await?;
            Json(Profile { user_id, user_type: "bot", record }).into_response()
        }
        CallerKind::Person => {
            let record = hub.store.read(move |connection| person::one(connection, user_id)).await?;
            Json(Profile { user_id, user_type: "person", record }).into_response()
        }
    })
}

async fn permissions(Extension(caller): Extension<Caller>) -> impl IntoResponse {
    Json(listed(caller.permissions.to_vec()))
}
