//! People's sessions.

use std::sync::Arc;

use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, header::AUTHORIZATION},
    response::IntoResponse,
    routing::post,
};
use serde::Serialize;

use super::{ApiError, Fields};
use crate::{
    Hub,
    auth::Session,
    store::{
        permission::{self, Permission},
        person,
    },
};

/// A session as the API shows it.
#[derive(Serialize)]
struct SessionInfo {
    user_id: grafolean_collector::model::UserId,
    session_id: String,
    permissions: Vec<Permission>,
}

pub(super) fn routes() -> Router<Arc<Hub>> {
    Router::new().route("/auth/login", post(login)).route("/auth/refresh", post(refresh))
}

async fn login(State(hub): State<Arc<Hub>>, body: Bytes) -> Result<impl IntoResponse, ApiError> {
    let mut fields = Fields::of_body(&body, &["username", "password"], &[])?;
    let (username, password) = (fields.text("username")?, fields.text("password")?.into());
    let login = hub.store.read(move |connection| person::login_by_username(connection, &username)).await?;
    let known = login.as_ref().map(|login| login.password.clone());
    let matches = hub.gate.passwords.matches(password, known).await?;
    let login = login
        .filter(|_| matches)
        .ok_or_else(|| ApiError::Denied("the username or the password is wrong".to_owned()))?;
    let begun = hub.gate.key.begin(login.user, login.sessions_since, hub.clock.now());
    shown(&hub, begun.map_err(|_| ApiError::Unavailable)?).await
}

async fn refresh(State(hub): State<Arc<Hub>>, headers: HeaderMap) -> Result<impl IntoResponse, ApiError> {
    let header = headers.get(AUTHORIZATION).and_then(|header| header.to_str().ok());
    let header = header.ok_or(ApiError::Unauthorized)?;
    let renewed = hub.gate.key.renew(header, hub.clock.now()).map_err(|_| ApiError::Unauthorized)?;
    let user = renewed.0.user_id;
    let login = hub.store.read(move |connection| person::login_of(connection, user)).await?;
    // Someone who is gone, or changed their password since.
    login.filter(|login| login.sessions_since == renewed.0.since).ok_or(ApiError::Unauthorized)?;
    shown(&hub, renewed).await
}

async fn shown(
    hub: &Hub,
    (session, header): (Session, String),
) -> Result<impl IntoResponse + use<>, ApiError> {
    let user_id = session.user_id;
    let permissions = hub.store.read(move |connection| permission::of(connection, user_id)).await?;
    let info = SessionInfo { user_id, session_id: session.session_id, permissions };
    Ok(([("x-jwt-token", header)], Json(info)))
}
