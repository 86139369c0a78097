//! People.

use std::sync::Arc;

use axum::{
    Extension, Json, Router,
    body::Bytes,
    extract::State,
    http::StatusCode,
    response::IntoResponse,
    routing::{get, post},
};
use grafolean_collector::model::UserId;
use serde::Serialize;
use serde_json::json;

use super::{ApiError, Fields, Ids};
use crate::{
    Hub,
    auth::Caller,
    store::{
        StoreError, listed,
        permission::{self, Permission},
        person::{self, NewPerson, Person, PersonChange},
    },
};

/// A person with their rights.
#[derive(Serialize)]
struct PersonAlone {
    #[serde(flatten)]
    person: Person,
    permissions: Vec<Permission>,
}

pub(super) fn routes() -> Router<Arc<Hub>> {
    Router::new()
        .route("/persons", get(list).post(create))
        .route("/persons/{user_id}", get(one).put(update).delete(delete))
        .route("/persons/{user_id}/password", post(change_password))
}

async fn list(State(hub): State<Arc<Hub>>) -> Result<impl IntoResponse, ApiError> {
    Ok(Json(listed(hub.store.read(person::all).await?)))
}

async fn create(State(hub): State<Arc<Hub>>, body: Bytes) -> Result<impl IntoResponse, ApiError> {
    let new = new_person(&hub, &body).await?;
    let now = hub.clock.now();
    let id = hub.store.write(move |connection| person::insert(connection, &new, now)).await?;
    Ok((StatusCode::CREATED, Json(json!({"id": id}))))
}

async fn one(State(hub): State<Arc<Hub>>, Ids([user]): Ids<1>) -> Result<impl IntoResponse, ApiError> {
    let id = UserId::new(user);
    let read = move |connection: &rusqlite::Connection| {
        let person = person::one(connection, id)?;
        Ok::<_, StoreError>(PersonAlone { person, permissions: permission::of(connection, id)? })
    };
    Ok(Json(hub.store.read(read).await?))
}

async fn update(
    State(hub): State<Arc<Hub>>,
    Ids([user]): Ids<1>,
    body: Bytes,
) -> Result<impl IntoResponse, ApiError> {
    let mut fields = Fields::of_body(&body, &[], &["username", "name", "email"])?;
    let change = PersonChange {
        username: fields.text_if_given("username")?,
        name: fields.text_if_given("name")?,
        email: fields.text_if_given("email")?,
    };
    hub.store.write(move |connection| person::update(connection, UserId::new(user), &change)).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn delete(
    State(hub): State<Arc<Hub>>,
    Extension(caller): Extension<Caller>,
    Ids([user]): Ids<1>,
) -> Result<impl IntoResponse, ApiError> {
    let id = UserId::new(user);
    // Whoever could would lock themselves out.
    if caller.user == id {
        return Err(ApiError::Never("nobody can delete themselves: another administrator can"));
    }
    hub.store.write(move |connection| person::delete(connection, id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn change_password(
    State(hub): State<Arc<Hub>>,
    Ids([user]): Ids<1>,
    body: Bytes,
) -> Result<impl IntoResponse, ApiError> {
    let id = UserId::new(user);
    let mut fields = Fields::of_body(&body, &["old_password", "new_password"], &[])?;
    let (old, new) = (fields.text("old_password")?, checked_password(fields.text("new_password")?)?);
    let login = hub.store.read(move |connection| person::login_of(connection, id)).await?;
    let known = login.map(|login| login.password);
    if !hub.gate.passwords.matches(old.into(), known).await? {
        return Err(ApiError::BadRequest("the old password is wrong".to_owned()));
    }
    let hash = hub.gate.passwords.hash(new.into()).await?;
    hub.store.write(move |connection| person::set_password(connection, id, &hash)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Reads a body that describes a new person, and hashes the password.
pub(super) async fn new_person(hub: &Hub, body: &[u8]) -> Result<NewPerson, ApiError> {
    let mut fields = Fields::of_body(body, &["username", "password", "name", "email"], &[])?;
    let username = fields.text("username")?;
    if username.is_empty() {
        return Err(ApiError::input("'username' can't be empty"));
    }
    let password = checked_password(fields.text("password")?)?;
    Ok(NewPerson {
        username,
        name: fields.text("name")?,
        email: fields.text("email")?,
        password: hub.gate.passwords.hash(password.into()).await?,
    })
}

fn checked_password(password: String) -> Result<String, ApiError> {
    if password.is_empty() { Err(ApiError::input("a password can't be empty")) } else { Ok(password) }
}
