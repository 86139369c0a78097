//! Persons: users with a name and a password.

use grafolean_collector::{model::UserId, time::Timestamp};
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::Serialize;

use super::{
    StoreError, permission, random, rows,
    session::{self, SessionId},
};
use crate::rights::{Grant, PasswordHash};

/// A person that is to be stored.
#[derive(Clone, Debug)]
pub(crate) struct NewPerson {
    pub(crate) username: String,
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) timezone: String,
    pub(crate) email_confirmed: bool,
    pub(crate) password: PasswordHash,
}

/// What is to be changed of a person; `None` leaves the field unchanged.
#[derive(Clone, Debug, Default)]
pub(crate) struct PersonChange {
    pub(crate) username: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) email: Option<String>,
    pub(crate) timezone: Option<String>,
    pub(crate) email_confirmed: Option<bool>,
}

/// A person as the API shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Person {
    pub(crate) user_id: UserId,
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) username: String,
    pub(crate) timezone: String,
    pub(crate) email_confirmed: bool,
}

/// What a login is checked against.
#[derive(Clone, Debug)]
pub(crate) struct Login {
    pub(crate) user: UserId,
    pub(crate) password: PasswordHash,
}

/// What a person has who chose none.
pub(crate) const DEFAULT_TIMEZONE: &str = "UTC";

const SELECT: &str = "SELECT user, username, name, email, timezone, email_confirmed FROM persons";

fn read(row: &Row<'_>) -> rusqlite::Result<Person> {
    Ok(Person {
        user_id: rows::id(row, "user")?,
        username: row.get("username")?,
        name: row.get("name")?,
        email: row.get("email")?,
        timezone: row.get("timezone")?,
        email_confirmed: row.get("email_confirmed")?,
    })
}

fn read_login(row: &Row<'_>) -> rusqlite::Result<Login> {
    Ok(Login { user: rows::id(row, "user")?, password: PasswordHash::stored(row.get("password_hash")?) })
}

pub(crate) fn any_exists(connection: &Connection) -> Result<bool, StoreError> {
    Ok(connection.prepare_cached("SELECT 1 FROM persons LIMIT 1")?.exists([])?)
}

/// All persons, by username.
pub(crate) fn all(connection: &Connection) -> Result<Vec<Person>, StoreError> {
    let mut statement = connection.prepare_cached(&format!("{SELECT} ORDER BY username"))?;
    Ok(statement.query_map([], read)?.collect::<Result<_, _>>()?)
}

pub(crate) fn one(connection: &Connection, id: UserId) -> Result<Person, StoreError> {
    let mut statement = connection.prepare_cached(&format!("{SELECT} WHERE user = ?1"))?;
    rows::found(statement.query_row(params![id.number()], read), "person")
}

pub(crate) fn login_by_username(
    connection: &Connection,
    username: &str,
) -> Result<Option<Login>, StoreError> {
    let mut statement =
        connection.prepare_cached("SELECT user, password_hash FROM persons WHERE username = ?1")?;
    Ok(statement.query_row(params![username], read_login).optional()?)
}

pub(crate) fn login_of(connection: &Connection, id: UserId) -> Result<Option<Login>, StoreError> {
    let mut statement =
        connection.prepare_cached("SELECT user, password_hash FROM persons WHERE user = ?1")?;
    Ok(statement.query_row(params![id.number()], read_login).optional()?)
}

/// Creates a person without any right.
pub(crate) fn insert(connection: &Connection, new: &NewPerson, now: Timestamp) -> Result<UserId, StoreError> {
    let id = random::insert_with_id(connection, "users", |id| {
        connection.execute("INSERT INTO users (id, created) VALUES (?1, ?2)", params![id, now.seconds()])
    })?;
    let insert = connection.execute(
        "INSERT INTO persons (user, username, name, email, password_hash, timezone, email_confirmed)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![
            id,
            new.username,
            new.name,
            new.email,
            new.password.as_str(),
            new.timezone,
            new.email_confirmed
        ],
    );
    insert.map_err(|error| StoreError::from(error).on_conflict(|| taken(&new.username)))?;
    Ok(UserId::new(id))
}

/// Creates the first person, who may do everything; none if there is one already.
pub(crate) fn insert_first(
    connection: &Connection,
    new: &NewPerson,
    now: Timestamp,
) -> Result<Option<UserId>, StoreError> {
    if any_exists(connection)? {
        return Ok(None);
    }
    let id = insert(connection, new, now)?;
    permission::insert(connection, id, &Grant::everything())?;
    Ok(Some(id))
}

pub(crate) fn update(connection: &Connection, id: UserId, change: &PersonChange) -> Result<(), StoreError> {
    let old = one(connection, id)?;
    let username = change.username.as_ref().unwrap_or(&old.username);
    let changed = connection.execute(
        "UPDATE persons SET username = ?2, name = ?3, email = ?4, timezone = ?5, email_confirmed = ?6 WHERE user = ?1",
        params![
            id.number(),
            username,
            change.name.as_ref().unwrap_or(&old.name),
            change.email.as_ref().unwrap_or(&old.email),
            change.timezone.as_ref().unwrap_or(&old.timezone),
            change.email_confirmed.unwrap_or(old.email_confirmed),
        ],
    );
    let changed = changed.map_err(|error| StoreError::from(error).on_conflict(|| taken(username)))?;
    rows::changed(changed, "person")
}

/// Sets a new password; sessions from before end, but the one that asks.
pub(crate) fn set_password(
    connection: &Connection,
    id: UserId,
    password: &PasswordHash,
    asking: Option<&SessionId>,
) -> Result<(), StoreError> {
    let changed = connection.execute(
        "UPDATE persons SET password_hash = ?2 WHERE user = ?1",
        params![id.number(), password.as_str()],
    )?;
    rows::changed(changed, "person")?;
    session::delete_others(connection, id, asking)
}

pub(crate) fn delete(connection: &Connection, id: UserId) -> Result<(), StoreError> {
    one(connection, id)?;
    let deleted = connection.execute("DELETE FROM users WHERE id = ?1", params![id.number()])?;
    rows::changed(deleted, "person")
}

fn taken(username: &str) -> StoreError {
    StoreError::Invalid(format!("The username '{username}' is taken"))
}
