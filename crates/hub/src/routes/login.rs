//! People's sessions.

use std::sync::Arc;

use axum::{
    Extension, Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, State},
    http::{HeaderMap, StatusCode, header::AUTHORIZATION},
    response::IntoResponse,
    routing::post,
};
use serde::Serialize;
use tracing::warn;

use super::{ANONYMOUS_BYTES, Client, Fields};
use crate::{
    Hub,
    answer::ApiError,
    auth::{Caller, Session},
    store::{
        permission::{self, Permission},
        person, session,
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
    Router::new()
        .route("/auth/login", post(login))
        .route("/auth/refresh", post(refresh))
        .route("/auth/logout", post(logout))
        .layer(DefaultBodyLimit::max(ANONYMOUS_BYTES))
}

async fn login(
    State(hub): State<Arc<Hub>>,
    Client(client): Client,
    body: Bytes,
) -> Result<impl IntoResponse, ApiError> {
    let mut fields = Fields::of_body(&body, &["username", "password"], &[])?;
    let (username, password) = (fields.text("username")?, fields.text("password")?.into());
    let now = hub.clock.now();
    let wait = hub.gate.guesses.wait(client, &username, now);
    if !wait.is_zero() {
        warn!(address = %client, "a login was refused: too many wrong passwords");
        return Err(ApiError::Wait(wait));
    }
    let wanted = username.clone();
    let login = hub.store.read(move |connection| person::login_by_username(connection, &wanted)).await?;
    let known = login.as_ref().map(|login| login.password.clone());
    // Counted before it is known, so that guesses at the same moment are counted, too.
    hub.gate.guesses.wrong(client, &username, now);
    let matches = hub.gate.passwords.matches(password, known).await?;
    let user = login.as_ref().map(|login| login.user);
    let Some(login) = login.filter(|_| matches) else {
        match user {
            Some(user) => warn!(address = %client, %user, "a login failed: wrong password"),
            // What was typed as a name may be a password.
            None => warn!(address = %client, "a login failed: no such user"),
        }
        return Err(ApiError::Denied("the username or the password is wrong".to_owned()));
    };
    hub.gate.guesses.right(client, &username, now);
    shown(&hub, hub.gate.begin_session(&hub.store, login.user).await?).await
}

async fn refresh(State(hub): State<Arc<Hub>>, headers: HeaderMap) -> Result<impl IntoResponse, ApiError> {
    let header = headers.get(AUTHORIZATION).and_then(|header| header.to_str().ok());
    let header = header.ok_or(ApiError::Unauthorized)?;
    shown(&hub, hub.gate.renew_session(&hub.store, header).await?).await
}

/// Ends the session that asks; its tokens open nothing from then on.
async fn logout(
    State(hub): State<Arc<Hub>>,
    Extension(caller): Extension<Caller>,
) -> Result<impl IntoResponse, ApiError> {
    let Some(id) = caller.session else {
        return Err(ApiError::BadRequest("a bot has no session to end".to_owned()));
    };
    hub.store.write(move |connection| session::delete(connection, &id)).await?;
    hub.announcer.end_session(id);
    Ok(StatusCode::NO_CONTENT)
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
