//! People's sessions.

use std::{net::IpAddr, sync::Arc};

use axum::{
    Extension, Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, State},
    http::{HeaderMap, StatusCode, header::AUTHORIZATION},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use grafolean_collector::model::UserId;
use serde::Serialize;
use serde_json::{Value, json};
use tracing::warn;

use super::{ANONYMOUS_BYTES, Client, Fields, client::Carried};
use crate::{
    Hub,
    answer::ApiError,
    auth::{Caller, Session, cookie, refuse_other_sites},
    store::{
        permission::{self, Permission},
        person,
        session::{self, SessionId},
    },
};

/// A session as the API shows it.
#[derive(Serialize)]
struct SessionInfo {
    user_id: UserId,
    session_id: String,
    permissions: Vec<Permission>,
}

pub(super) fn routes() -> Router<Arc<Hub>> {
    Router::new()
        .route("/auth/login", post(login))
        .route("/auth/refresh", post(refresh))
        .route("/auth/logout", post(logout))
        .route("/hub/login", post(login_by_cookie))
        .route("/hub/session", get(session_of_page).post(keep_as_cookie))
        .layer(DefaultBodyLimit::max(ANONYMOUS_BYTES))
}

async fn login(
    State(hub): State<Arc<Hub>>,
    Client(client): Client,
    body: Bytes,
) -> Result<impl IntoResponse, ApiError> {
    let begun = begin(&hub, client, &body).await?;
    shown(&hub, begun).await
}

/// The same for the page, whose session is a cookie. Another site must not log a browser in.
async fn login_by_cookie(
    State(hub): State<Arc<Hub>>,
    Client(client): Client,
    Carried(transport): Carried,
    headers: HeaderMap,
    body: Bytes,
) -> Result<impl IntoResponse, ApiError> {
    refuse_other_sites(&headers)?;
    let (session, token) = begin(&hub, client, &body).await?;
    let id = session.id().ok_or(ApiError::Unauthorized)?;
    Ok(([cookie::set(&token, transport)?], Json(of_page(session.user_id, &id))))
}

/// Whose session the page has, and the token that goes with it; nulls if it has none.
async fn session_of_page(
    State(hub): State<Arc<Hub>>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, ApiError> {
    let session = match cookie::token(&headers) {
        Some(token) => hub.gate.session_of(&hub.store, &token).await?,
        None => None,
    };
    Ok(Json(match session {
        Some((user, id)) => of_page(user, &id),
        None => json!({"user_id": null, "csrf_token": null}),
    }))
}

/// Creates a cookie of a session that was begun elsewhere, as the demo does.
async fn keep_as_cookie(
    Extension(caller): Extension<Caller>,
    Carried(transport): Carried,
    headers: HeaderMap,
) -> Result<impl IntoResponse, ApiError> {
    let id = caller.session.ok_or(ApiError::Unauthorized)?;
    let token = headers.get(AUTHORIZATION).and_then(|token| token.to_str().ok());
    let token = token.ok_or_else(|| ApiError::BadRequest("the session is a cookie already".to_owned()))?;
    Ok(([cookie::set(token, transport)?], Json(of_page(caller.user, &id))))
}

fn of_page(user_id: UserId, session: &SessionId) -> Value {
    json!({"user_id": user_id, "csrf_token": cookie::csrf_token(session)})
}

/// Checks name and password, and begins a session.
async fn begin(hub: &Hub, client: IpAddr, body: &[u8]) -> Result<(Session, String), ApiError> {
    let mut fields = Fields::of_body(body, &["username", "password"], &[])?;
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
    hub.gate.begin_session(&hub.store, login.user).await
}

async fn refresh(
    State(hub): State<Arc<Hub>>,
    Carried(transport): Carried,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    if let Some(header) = headers.get(AUTHORIZATION) {
        let header = header.to_str().map_err(|_| ApiError::Unauthorized)?;
        let renewed = hub.gate.renew_session(&hub.store, header).await?;
        return Ok(shown(&hub, renewed).await?.into_response());
    }
    let token = cookie::token(&headers).ok_or(ApiError::Unauthorized)?;
    let (session, token) = hub.gate.renew_by_cookie(&hub.store, &token, &headers).await?;
    let id = session.id().ok_or(ApiError::Unauthorized)?;
    Ok(([cookie::set(&token, transport)?], Json(of_page(session.user_id, &id))).into_response())
}

/// Ends the session that asks; its tokens open nothing from then on.
async fn logout(
    State(hub): State<Arc<Hub>>,
    Extension(caller): Extension<Caller>,
    Carried(transport): Carried,
) -> Result<impl IntoResponse, ApiError> {
    let Some(id) = caller.session else {
        return Err(ApiError::BadRequest("a bot has no session to end".to_owned()));
    };
    hub.store.write(move |connection| session::delete(connection, &id)).await?;
    hub.announcer.end_session(id);
    Ok((StatusCode::NO_CONTENT, [cookie::clear(transport)?]))
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
