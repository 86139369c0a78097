//! Persons: users with a name and a password.

use grafolean_collector::{model::UserId, time::Timestamp};
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::Serialize;

use super::{StoreError, permission, random, rows};
use crate::auth::{Grant, PasswordHash};

/// A person that is to be stored.
#[derive(Clone, Debug)]
pub(crate) struct NewPerson {
    pub(crate) username: String,
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) password: PasswordHash,
}

/// What is to be changed of a person; what is none stays.
#[derive(Clone, Debug, Default)]
pub(crate) struct PersonChange {
    pub(crate) username: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) email: Option<String>,
}

/// A person as the API shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Person {
    pub(crate) user_id: UserId,
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) username: String,
}

/// What a login is checked against.
#[derive(Clone, Debug)]
pub(crate) struct Login {
    pub(crate) user: UserId,
    pub(crate) password: PasswordHash,
    pub(crate) sessions_since: i64,
}

fn read(row: &Row<'_>) -> rusqlite::Result<Person> {
    Ok(Person {
        user_id: rows::id(row, "user")?,
        username: row.get("username")?,
        name: row.get("name")?,
        email: row.get("email")?,
    })
}

fn read_login(row: &Row<'_>) -> rusqlite::Result<Login> {
    Ok(Login {
        user: rows::id(row, "user")?,
        password: PasswordHash::stored(row.get("password_hash")?),
        sessions_since: row.get("sessions_since")?,
    })
}

pub(crate) fn any_exists(connection: &Connection) -> Result<bool, StoreError> {
    Ok(connection.prepare_cached("SELECT 1 FROM persons LIMIT 1")?.exists([])?)
}

/// All persons, by username.
pub(crate) fn all(connection: &Connection) -> Result<Vec<Person>, StoreError> {
    let mut statement =
        connection.prepare_cached("SELECT user, username, name, email FROM persons ORDER BY username")?;
    Ok(statement.query_map([], read)?.collect::<Result<_, _>>()?)
}

pub(crate) fn one(connection: &Connection, id: UserId) -> Result<Person, StoreError> {
    let mut statement =
        connection.prepare_cached("SELECT user, username, name, email FROM persons WHERE user = ?1")?;
    rows::found(statement.query_row(params![id.number()], read), "person")
}

pub(crate) fn login_by_username(
    connection: &Connection,
    username: &str,
) -> Result<Option<Login>, StoreError> {
    let mut statement = connection
        .prepare_cached("SELECT user, password_hash, sessions_since FROM persons WHERE username = ?1")?;
    Ok(statement.query_row(params![username], read_login).optional()?)
}

pub(crate) fn login_of(connection: &Connection, id: UserId) -> Result<Option<Login>, StoreError> {
    let mut statement = connection
        .prepare_cached("SELECT user, password_hash, sessions_since FROM persons WHERE user = ?1")?;
    Ok(statement.query_row(params![id.number()], read_login).optional()?)
}

/// Makes a person without any right.
pub(crate) fn insert(connection: &Connection, new: &NewPerson, now: Timestamp) -> Result<UserId, StoreError> {
    let id = random::insert_with_id(connection, "users", |id| {
        connection.execute("INSERT INTO users (id, created) VALUES (?1, ?2)", params![id, now.seconds()])
    })?;
    let insert = connection.execute(
        "INSERT INTO persons (user, username, name, email, password_hash)
         VALUES (?1, ?2, ?3, ?4, ?5)",
        params![id, new.username, new.name, new.email, new.password.as_str()],
    );
    insert.map_err(|error| StoreError::from(error).on_conflict(|| taken(&new.username)))?;
    Ok(UserId::new(id))
}

/// Makes the first person, who may do everything; none if there is one already.
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
        "UPDATE persons SET username = ?2, name = ?3, email = ?4 WHERE user = ?1",
        params![
            id.number(),
            username,
            change.name.as_ref().unwrap_or(&old.name),
            change.email.as_ref().unwrap_or(&old.email),
        ],
    );
    let changed = changed.map_err(|error| StoreError::from(error).on_conflict(|| taken(username)))?;
    rows::changed(changed, "person")
}

/// Sets a new password; sessions from before end.
pub(crate) fn set_password(
    connection: &Connection,
    id: UserId,
    password: &PasswordHash,
) -> Result<(), StoreError> {
    let changed = connection.execute(
        "UPDATE persons SET password_hash = ?2, sessions_since = sessions_since + 1 WHERE user = ?1",
        params![id.number(), password.as_str()],
    )?;
    rows::changed(changed, "person")
}

pub(crate) fn delete(connection: &Connection, id: UserId) -> Result<(), StoreError> {
    one(connection, id)?;
    let deleted = connection.execute("DELETE FROM users WHERE id = ?1", params![id.number()])?;
    rows::changed(deleted, "person")
}

fn taken(username: &str) -> StoreError {
    StoreError::Invalid(format!("The username '{username}' is taken"))
}
