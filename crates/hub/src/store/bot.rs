//! Bots: users that measure. One is tied to an account, or systemwide.

use grafolean_collector::{
    model::{AccountId, UserId},
    time::Timestamp,
};
use rusqlite::{Connection, OptionalExtension, Row, params};
use secrecy::SecretString;
use serde::Serialize;
use uuid::Uuid;

use super::{StoreError, account, permission, random, rows};
use crate::rights::{Grant, Verb};

/// A bot that is to be stored.
#[derive(Clone, Debug)]
pub(crate) struct NewBot {
    pub(crate) name: String,
    pub(crate) protocol: Option<String>,
    pub(crate) config: Option<String>,
}

impl NewBot {
    pub(crate) fn of(name: &str, protocol: &str) -> Self {
        Self { name: name.to_owned(), protocol: Some(protocol.to_owned()), config: None }
    }
}

/// A bot as the API shows it alone; times in seconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Bot {
    pub(crate) id: UserId,
    pub(crate) name: String,
    pub(crate) protocol: Option<String>,
    pub(crate) tied_to_account: Option<AccountId>,
    pub(crate) config: Option<String>,
    pub(crate) insert_time: i64,
    pub(crate) last_login: Option<i64>,
}

/// A bot as the API shows it in a list, where its configuration is left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct BotOfList {
    pub(crate) id: UserId,
    pub(crate) name: String,
    protocol: Option<String>,
    tied_to_account: Option<AccountId>,
    insert_time: i64,
    last_login: Option<i64>,
}

impl From<Bot> for BotOfList {
    fn from(bot: Bot) -> Self {
        let Bot { id, name, protocol, tied_to_account, config: _, insert_time, last_login } = bot;
        Self { id, name, protocol, tied_to_account, insert_time, last_login }
    }
}

const SELECT: &str = "SELECT user, account, name, protocol, config, last_login, users.created AS created
     FROM bots JOIN users ON users.id = bots.user";

/// No account: the systemwide ones. `IS` holds for a null on both sides.
const OF_ACCOUNT: &str = "WHERE account IS ?1";

fn read(row: &Row<'_>) -> rusqlite::Result<Bot> {
    Ok(Bot {
        id: rows::id(row, "user")?,
        name: row.get("name")?,
        protocol: row.get("protocol")?,
        tied_to_account: rows::optional_id(row, "account")?,
        config: row.get("config")?,
        insert_time: row.get("created")?,
        last_login: row.get("last_login")?,
    })
}

/// All of an account, or the systemwide ones, the newest first.
pub(crate) fn list(
    connection: &Connection,
    account: Option<AccountId>,
) -> Result<Vec<BotOfList>, StoreError> {
    let mut statement =
        connection.prepare_cached(&format!("{SELECT} {OF_ACCOUNT} ORDER BY bots.rowid DESC"))?;
    let bots =
        statement.query_map(params![account.map(AccountId::number)], |row| read(row).map(Into::into))?;
    Ok(bots.collect::<Result<_, _>>()?)
}

/// All that may measure an account: its own, and the systemwide ones, in the order in which they were made.
pub(crate) fn of_account_or_systemwide(
    connection: &Connection,
    account: AccountId,
) -> Result<Vec<Bot>, StoreError> {
    let mut statement = connection
        .prepare_cached(&format!("{SELECT} WHERE account = ?1 OR account IS NULL ORDER BY bots.rowid"))?;
    let bots = statement.query_map(params![account.number()], read)?;
    Ok(bots.collect::<Result<_, _>>()?)
}

pub(crate) fn one(
    connection: &Connection,
    account: Option<AccountId>,
    id: UserId,
) -> Result<Bot, StoreError> {
    let mut statement = connection.prepare_cached(&format!("{SELECT} {OF_ACCOUNT} AND user = ?2"))?;
    rows::found(statement.query_row(params![account.map(AccountId::number), id.number()], read), "bot")
}

/// A bot of any account, or a systemwide one.
pub(crate) fn any(connection: &Connection, id: UserId) -> Result<Bot, StoreError> {
    let mut statement = connection.prepare_cached(&format!("{SELECT} WHERE user = ?1"))?;
    rows::found(statement.query_row(params![id.number()], read), "bot")
}

/// Creates a bot with a token, without any right.
pub(crate) fn insert(
    connection: &Connection,
    account: Option<AccountId>,
    new: &NewBot,
    now: Timestamp,
) -> Result<UserId, StoreError> {
    if let Some(account) = account {
        account::demand(connection, account)?;
    }
    let id = random::insert_with_id(connection, "users", |id| {
        connection.execute("INSERT INTO users (id, created) VALUES (?1, ?2)", params![id, now.seconds()])
    })?;
    connection.execute(
        "INSERT INTO bots (user, account, name, protocol, config, token, token_digest)
         VALUES (?1, ?2, ?3, ?4, ?5, hex(seal(?6, 'token')), digest(?6))",
        params![
            id,
            account.map(AccountId::number),
            new.name,
            new.protocol,
            new.config,
            Uuid::new_v4().to_string()
        ],
    )?;
    Ok(UserId::new(id))
}

/// Changes name and configuration, and the protocol unless entities rely on it.
pub(crate) fn update(
    connection: &Connection,
    account: Option<AccountId>,
    id: UserId,
    new: &NewBot,
) -> Result<(), StoreError> {
    let old = one(connection, account, id)?;
    let used = "SELECT 1 FROM attachments WHERE bot = ?1";
    if old.protocol != new.protocol && connection.prepare_cached(used)?.exists(params![id.number()])? {
        return Err(StoreError::Invalid(format!("Entities use bot {id}, so its protocol can't change")));
    }
    let changed = connection.execute(
        "UPDATE bots SET name = ?2, protocol = ?3, config = ?4 WHERE user = ?1",
        params![id.number(), new.name, new.protocol, new.config],
    )?;
    rows::changed(changed, "bot")
}

/// Deletes it; entities that name it are then open to any bot of the protocol.
pub(crate) fn delete(
    connection: &Connection,
    account: Option<AccountId>,
    id: UserId,
) -> Result<(), StoreError> {
    one(connection, account, id)?;
    let deleted = connection.execute("DELETE FROM users WHERE id = ?1", params![id.number()])?;
    rows::changed(deleted, "bot")
}

/// Returns a bot's token to a user who holds all of its rights and may make bots.
pub(crate) fn token(
    connection: &Connection,
    account: Option<AccountId>,
    id: UserId,
    asker: UserId,
) -> Result<SecretString, StoreError> {
    const OTHERWISE: &str = "only who holds all rights of this bot may see its token";
    one(connection, account, id)?;
    for held in permission::of(connection, id)? {
        permission::demand(connection, asker, &held.grant, OTHERWISE)?;
    }
    let bots = account.map_or_else(|| "bots".to_owned(), |account| format!("accounts/{account}/bots"));
    let may_make = Grant { resource_prefix: Some(bots), methods: Some(vec![Verb::Post]) };
    permission::demand(connection, asker, &may_make, OTHERWISE)?;
    token_of(connection, id)
}

pub(crate) fn token_of(connection: &Connection, id: UserId) -> Result<SecretString, StoreError> {
    let mut statement =
        connection.prepare_cached("SELECT unseal(unhex(token), 'token') FROM bots WHERE user = ?1")?;
    let token = statement.query_row(params![id.number()], |row| row.get::<_, String>(0));
    rows::found(token, "bot").map(Into::into)
}

/// Returns the bot that a token belongs to.
pub(crate) fn by_token(connection: &Connection, token: Uuid) -> Result<Option<UserId>, StoreError> {
    let mut statement = connection.prepare_cached("SELECT user FROM bots WHERE token_digest = digest(?1)")?;
    Ok(statement.query_row(params![token.to_string()], |row| rows::id(row, "user")).optional()?)
}

/// Notes when a bot was seen.
pub(crate) fn seen(connection: &Connection, id: UserId, now: Timestamp) -> Result<(), StoreError> {
    connection
        .prepare_cached("UPDATE bots SET last_login = ?2 WHERE user = ?1")?
        .execute(params![id.number(), now.seconds()])?;
    Ok(())
}
