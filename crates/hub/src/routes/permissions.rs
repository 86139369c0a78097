//! Rights of bots and people: only who has a right can give it or take it, and nobody their own.

use std::sync::Arc;

use axum::{
    Extension, Json, Router,
    body::Bytes,
    extract::State,
    http::StatusCode,
    response::IntoResponse,
    routing::{MethodRouter, delete, get},
};
use grafolean_collector::model::{AccountId, UserId};
use rusqlite::Connection;
use serde::Serialize;
use serde_json::Value;

use super::{
    Fields, Ids, Scoped,
    input::{not_of_type, shown},
};
use crate::{
    Hub,
    answer::ApiError,
    auth::Caller,
    rights::{Grant, Verb},
    store::{
        StoreError, bot, listed,
        permission::{self, Permission},
        person,
    },
};

/// What kind of user a path speaks of.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Bot,
    Person,
    Any,
}

impl Kind {
    /// Refuses a user that is not of this kind, or not of this account.
    fn demand(
        self,
        connection: &Connection,
        account: Option<AccountId>,
        user: UserId,
    ) -> Result<(), StoreError> {
        match self {
            Self::Bot => bot::one(connection, account, user).map(drop),
            Self::Person => person::one(connection, user).map(drop),
            Self::Any => bot::any(connection, user)
                .map(drop)
                .or_else(|_| person::one(connection, user).map(drop))
                .map_err(|_| StoreError::Missing("user")),
        }
    }
}

/// A new right as the API shows it.
#[derive(Serialize)]
struct Granted {
    user_id: UserId,
    #[serde(flatten)]
    grant: Grant,
    id: i64,
}

/// A user as the API shows it.
#[derive(Serialize)]
struct User {
    user_id: UserId,
    user_type: &'static str,
    name: String,
    permissions: Vec<Permission>,
}

pub(super) fn routes() -> Router<Arc<Hub>> {
    let below = |users: &str, kind| {
        Router::new()
            .route(&format!("{users}/{{user_id}}/permissions"), all(kind))
            .route(&format!("{users}/{{user_id}}/permissions/{{permission_id}}"), one(kind))
    };
    below("/accounts/{account_id}/bots", Kind::Bot)
        .merge(below("/bots", Kind::Bot))
        .merge(below("/persons", Kind::Person))
        .merge(below("/users", Kind::Any))
        .route("/users/{user_id}", get(user))
}

/// A person or a bot with their rights.
async fn user(State(hub): State<Arc<Hub>>, Ids([user]): Ids<1>) -> Result<impl IntoResponse, ApiError> {
    let user_id = UserId::new(user);
    let read = move |connection: &Connection| {
        let (user_type, name) = match person::one(connection, user_id) {
            Ok(person) => ("person", person.name),
            Err(_) => ("bot", bot::any(connection, user_id).map_err(|_| StoreError::Missing("user"))?.name),
        };
        Ok(User { user_id, user_type, name, permissions: permission::of(connection, user_id)? })
    };
    Ok(Json(hub.store.read(read).await?))
}

fn all(kind: Kind) -> MethodRouter<Arc<Hub>> {
    get(move |hub, scoped| list(kind, hub, scoped))
        .post(move |hub, caller, scoped, body| grant(kind, hub, caller, scoped, body))
}

fn one(kind: Kind) -> MethodRouter<Arc<Hub>> {
    delete(move |hub, caller, scoped| revoke(kind, hub, caller, scoped))
}

async fn list(
    kind: Kind,
    State(hub): State<Arc<Hub>>,
    Scoped { account, ids: [user] }: Scoped<1>,
) -> Result<impl IntoResponse, ApiError> {
    let user = UserId::new(user);
    let read = move |connection: &Connection| {
        kind.demand(connection, account, user)?;
        permission::of(connection, user)
    };
    Ok(Json(listed(hub.store.read(read).await?)))
}

async fn grant(
    kind: Kind,
    State(hub): State<Arc<Hub>>,
    Extension(caller): Extension<Caller>,
    Scoped { account, ids: [user] }: Scoped<1>,
    body: Bytes,
) -> Result<impl IntoResponse, ApiError> {
    let (user_id, grant) = (UserId::new(user), new_grant(&body)?);
    let written = hub.store.write(move |connection| {
        kind.demand(connection, account, user_id)?;
        let id = permission::grant(connection, caller.user, user_id, &grant)?;
        Ok(Granted { user_id, grant, id })
    });
    Ok((StatusCode::CREATED, Json(written.await?)))
}

async fn revoke(
    kind: Kind,
    State(hub): State<Arc<Hub>>,
    Extension(caller): Extension<Caller>,
    Scoped { account, ids: [user, permission] }: Scoped<2>,
) -> Result<impl IntoResponse, ApiError> {
    let user = UserId::new(user);
    let written = hub.store.write(move |connection| {
        kind.demand(connection, account, user)?;
        permission::revoke(connection, caller.user, user, permission)
    });
    written.await?;
    Ok(StatusCode::NO_CONTENT)
}

fn new_grant(body: &[u8]) -> Result<Grant, ApiError> {
    let mut fields = Fields::of_body(body, &["resource_prefix", "methods"], &[])?;
    let resource_prefix = match fields.optional_text("resource_prefix")? {
        Some(prefix) => Some(checked_prefix(&prefix)?),
        None => None,
    };
    let methods = match fields.take("methods") {
        Value::Null => None,
        Value::Array(methods) => Some(new_methods(&methods)?),
        other => return Err(not_of_type(&other, "'array', 'null'")),
    };
    Ok(Grant { resource_prefix, methods })
}

/// A resource as the gate knows it: no slash at its ends. The empty one would be nothing, where null is everything.
fn checked_prefix(prefix: &str) -> Result<String, ApiError> {
    match prefix.trim_end_matches('/') {
        "" => Err(ApiError::input("'resource_prefix' is empty: null is everything")),
        prefix if prefix.starts_with('/') => Err(ApiError::input(
            "'resource_prefix' starts with a slash: expected one like 'accounts/7/values'",
        )),
        prefix => Ok(prefix.to_owned()),
    }
}

fn new_methods(written: &[Value]) -> Result<Vec<Verb>, ApiError> {
    let mut methods = Vec::new();
    for method in written {
        let verb = method.as_str().and_then(Verb::parse).ok_or_else(|| {
            ApiError::input(format!("{} is not one of ['GET', 'POST', 'PUT', 'DELETE']", shown(method)))
        })?;
        if methods.contains(&verb) {
            return Err(ApiError::input("the methods have non-unique elements"));
        }
        methods.push(verb);
    }
    if methods.is_empty() { Err(ApiError::input("[] is too short")) } else { Ok(methods) }
}
