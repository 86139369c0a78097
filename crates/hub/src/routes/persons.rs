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
use rusqlite::Connection;
use serde::Serialize;
use serde_json::{Value, json};

use super::{Fields, Ids, input};
use crate::{
    Hub,
    answer::ApiError,
    auth::Caller,
    rights::check_new,
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
    let new = new_person(&hub, input::json(&body)?).await?;
    let now = hub.clock.now();
    let id = hub.store.write(move |connection| person::insert(connection, &new, now)).await?;
    Ok((StatusCode::CREATED, Json(json!({"id": id}))))
}

async fn one(State(hub): State<Arc<Hub>>, Ids([user]): Ids<1>) -> Result<impl IntoResponse, ApiError> {
    let id = UserId::new(user);
    let read = move |connection: &Connection| {
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
    let optional = ["username", "name", "email", "timezone", "email_confirmed"];
    let mut fields = Fields::of_body(&body, &[], &optional)?;
    let change = PersonChange {
        username: fields.text_if_given("username")?,
        name: fields.text_if_given("name")?,
        email: fields.text_if_given("email")?,
        timezone: timezone(&mut fields)?,
        email_confirmed: fields.flag_if_given("email_confirmed")?,
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
    Extension(caller): Extension<Caller>,
    Ids([user]): Ids<1>,
    body: Bytes,
) -> Result<impl IntoResponse, ApiError> {
    let id = UserId::new(user);
    let mut fields = Fields::of_body(&body, &["old_password", "new_password"], &[])?;
    let (old, new) = (fields.text("old_password")?, fields.text("new_password")?);
    let known = move |connection: &Connection| {
        let Some(login) = person::login_of(connection, id)? else { return Ok(None) };
        Ok::<_, StoreError>(Some((login, person::one(connection, id)?.username)))
    };
    let known = hub.store.read(known).await?;
    let username = known.as_ref().map(|(_, username)| username.as_str()).unwrap_or_default();
    check_new(&new, username).map_err(ApiError::Input)?;
    let known = known.map(|(login, _)| login.password);
    if !hub.gate.passwords.matches(old.into(), known).await? {
        return Err(ApiError::BadRequest("the old password is wrong".to_owned()));
    }
    let hash = hub.gate.passwords.hash(new.into()).await?;
    let asking = caller.session;
    let change = move |connection: &Connection| person::set_password(connection, id, &hash, asking.as_ref());
    hub.store.write(change).await?;
    hub.announcer.end_sessions_of(id, asking);
    Ok(StatusCode::NO_CONTENT)
}

/// Reads a body that describes a new person, and hashes the password.
pub(super) async fn new_person(hub: &Hub, body: Value) -> Result<NewPerson, ApiError> {
    let required = ["username", "password", "name", "email"];
    let mut fields = Fields::of(body, &required, &["timezone", "email_confirmed"])?;
    let username = fields.text("username")?;
    if username.is_empty() {
        return Err(ApiError::input("'username' can't be empty"));
    }
    let password = fields.text("password")?;
    check_new(&password, &username).map_err(ApiError::Input)?;
    Ok(NewPerson {
        username,
        name: fields.text("name")?,
        email: fields.text("email")?,
        timezone: timezone(&mut fields)?.unwrap_or_else(|| person::DEFAULT_TIMEZONE.to_owned()),
        email_confirmed: fields.flag_if_given("email_confirmed")?.unwrap_or(false),
        password: hub.gate.passwords.hash(password.into()).await?,
    })
}

/// A name such as `Europe/Ljubljana`; which there are is the browser's to know.
fn timezone(fields: &mut Fields) -> Result<Option<String>, ApiError> {
    const LONGEST: usize = 64;
    let name = fields.text_if_given("timezone")?;
    let fits = |name: &String| {
        (1..=LONGEST).contains(&name.len())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '/' | '_' | '-' | '+'))
    };
    match name {
        Some(name) if !fits(&name) => Err(ApiError::input(format!(
            "'timezone' is invalid: expected a name such as Europe/Ljubljana, at most {LONGEST} characters"
        ))),
        name => Ok(name),
    }
}
