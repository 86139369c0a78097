//! Filling a hub without HTTP, as the demo and tests do. Each step finds by name what is there already.

mod own_bot;

use std::{collections::BTreeMap, sync::Arc};

use grafolean_collector::model::{
    AccountId, Attachment, CredentialId, Details, EntityId, NewEntity, SensorId, UserId,
};
use rusqlite::Connection;
use secrecy::SecretString;
use thiserror::Error;
use uuid::Uuid;

use crate::{
    Hub,
    rights::{Grant, PasswordError, Verb},
    store::{
        StoreError, account,
        bot::{self, NewBot},
        credential::{self, NewCredential},
        entity::{self, NewAttachment},
        permission,
        person::{self, NewPerson},
        sensor::{self, NewSensor},
    },
};

/// Fills a hub; made by [`Hub::setup`].
#[derive(Debug)]
pub struct Setup<'hub> {
    hub: &'hub Hub,
}

/// What a bot may do to an account's entities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entities {
    /// Read them.
    Read,
    /// Keep them in step too: the interfaces of devices, and devices that nobody named.
    Keep,
}

/// Why something could not be set up.
#[derive(Debug, Error)]
pub enum SetupError {
    /// The store refused it, or failed.
    #[error("could not set up the {what}")]
    Store {
        /// What was to be set up.
        what: String,
        /// What went wrong.
        #[source]
        source: StoreError,
    },
    /// The password could not be hashed.
    #[error("could not set up the first person: {0}")]
    Password(String),
    /// The session could not be signed.
    #[error("could not begin a session: {0}")]
    Session(String),
}

/// A bot with what it needs to call the API.
#[derive(Clone, Debug)]
pub struct BotAccess {
    /// The bot.
    pub id: UserId,
    /// Its token.
    pub token: SecretString,
}

impl<'hub> Setup<'hub> {
    pub(crate) fn of(hub: &'hub Hub) -> Self {
        Self { hub }
    }

    /// Creates the first person, who may do everything, with a random password, and returns it: it is shown only this
    /// once. None if there is a person already.
    pub async fn first_person(&self, username: &str) -> Result<Option<SecretString>, SetupError> {
        let failed = failed(format!("first person '{username}'"));
        if self.hub.store.read(person::any_exists).await.map_err(&failed)? {
            return Ok(None);
        }
        let password = SecretString::from(Uuid::new_v4().simple().to_string());
        let hash = self.hub.gate.passwords.hash(password.clone()).await;
        let new = NewPerson {
            username: username.to_owned(),
            name: username.to_owned(),
            email: String::new(),
            timezone: person::DEFAULT_TIMEZONE.to_owned(),
            email_confirmed: false,
            password: hash.map_err(|error: PasswordError| SetupError::Password(error.to_string()))?,
        };
        let now = self.hub.clock.now();
        let made = self.hub.store.write(move |connection| person::insert_first(connection, &new, now));
        let made = made.await.map_err(&failed)?;
        self.hub.setup_secret.forget();
        Ok(made.map(|_| password))
    }

    /// Sets a new random password of a person, which is told only this once, and ends their sessions. `None` if there is
    /// no such person.
    pub async fn reset_password(&self, username: &str) -> Result<Option<SecretString>, SetupError> {
        let failed = failed(format!("password of '{username}'"));
        let password = SecretString::from(Uuid::new_v4().simple().to_string());
        let hash = self.hub.gate.passwords.hash(password.clone()).await;
        let hash = hash.map_err(|error| SetupError::Password(error.to_string()))?;
        let wanted = username.to_owned();
        let change = move |connection: &Connection| {
            let Some(login) = person::login_by_username(connection, &wanted)? else { return Ok(false) };
            person::set_password(connection, login.user, &hash, None).map(|()| true)
        };
        Ok(self.hub.store.write(change).await.map_err(failed)?.then_some(password))
    }

    /// Begins a session of a person, as logging in does; returns what stands behind `Bearer ` in `Authorization`. None if
    /// there is no such person.
    pub async fn session(&self, username: &str) -> Result<Option<SecretString>, SetupError> {
        let failed = failed(format!("session of '{username}'"));
        let wanted = username.to_owned();
        let login =
            self.hub.store.read(move |connection| person::login_by_username(connection, &wanted)).await;
        let Some(login) = login.map_err(failed)? else { return Ok(None) };
        let begun = self.hub.gate.begin_session(&self.hub.store, login.user).await;
        let (_, header) = begun.map_err(|error| SetupError::Session(format!("{error:?}")))?;
        Ok(Some(SecretString::from(header.trim_start_matches("Bearer "))))
    }

    /// Finds an account by its name, or makes it, with the credentials and sensors that every new account has.
    pub async fn account(&self, name: &str) -> Result<AccountId, SetupError> {
        let (wanted, protocols) = (name.to_owned(), Arc::clone(&self.hub.protocols));
        self.write(format!("account '{name}'"), move |connection| {
            let known = account::all(connection)?.into_iter().find(|account| account.name == wanted);
            known
                .map_or_else(|| account::insert(connection, &wanted, &protocols), Ok)
                .map(|account| account.id)
        })
        .await
    }

    /// Finds a bot of an account by its name, or makes it, with the rights that Grafolean's UI gives it: it reads
    /// entities, credentials and sensors and writes values.
    pub async fn bot(&self, account: AccountId, name: &str, protocol: &str) -> Result<BotAccess, SetupError> {
        let (new, now) = (NewBot::of(name, protocol), self.hub.clock.now());
        self.write(format!("bot '{name}'"), move |connection| {
            let known = bot::list(connection, Some(account))?.into_iter().find(|bot| bot.name == new.name);
            let id = match known {
                Some(bot) => bot.id,
                None => {
                    let id = bot::insert(connection, Some(account), &new, now)?;
                    for grant in rights(account, Entities::Read) {
                        permission::insert(connection, id, &grant)?;
                    }
                    id
                }
            };
            Ok(BotAccess { id, token: bot::token_of(connection, id)? })
        })
        .await
    }

    /// Finds the bot by which the hub's own process measures over a protocol, or makes it, a systemwide one. In each
    /// account it then has the rights it needs: it reads what is set up, writes values, and entities if it keeps them.
    pub async fn own_bot(&self, protocol: &str, entities: Entities) -> Result<BotAccess, SetupError> {
        let (protocol, now) = (protocol.to_owned(), self.hub.clock.now());
        let what = format!("bot of this hub for {protocol}");
        let wanted = protocol.clone();
        let complete =
            self.hub.store.read(move |connection| own_bot::complete(connection, &wanted, entities)).await;
        if let Some(access) = complete.map_err(failed(what.clone()))? {
            return Ok(access);
        }
        self.write(what, move |connection| own_bot::make(connection, &protocol, entities, now)).await
    }

    /// Finds the bot by which the hub's own process keeps accounts as files say, or makes it: it may change all accounts.
    pub async fn inventory_keeper(&self) -> Result<BotAccess, SetupError> {
        let now = self.hub.clock.now();
        self.write("bot of the inventory".to_owned(), move |connection| own_bot::keeper(connection, now))
            .await
    }

    /// Lets a bot keep the account's entities in step, as the ready-made systemwide bots of Grafolean may: the
    /// interfaces of devices, and exporters that nobody named.
    pub async fn allow_entities(&self, account: AccountId, bot: UserId) -> Result<(), SetupError> {
        self.write("rights of the bot".to_owned(), move |connection| {
            let grant = Grant::everything_below(&format!("accounts/{account}/entities"));
            let known = permission::of(connection, bot)?.into_iter().any(|held| held.grant == grant);
            if !known {
                permission::insert(connection, bot, &grant)?;
            }
            Ok(())
        })
        .await
    }

    /// Finds a credential of an account by name and protocol, or makes it.
    pub async fn credential(
        &self,
        account: AccountId,
        name: &str,
        protocol: &str,
        details: Details,
    ) -> Result<CredentialId, SetupError> {
        let new = NewCredential { name: name.to_owned(), protocol: protocol.to_owned(), details };
        self.write(format!("credential '{name}'"), move |connection| {
            let known = credential::list(connection, account)?
                .into_iter()
                .find(|known| known.name == new.name && known.protocol == new.protocol);
            known.map_or_else(|| credential::insert(connection, account, &new), |known| Ok(known.id))
        })
        .await
    }

    /// Finds a sensor of an account by name and protocol, or makes it; the interval is in seconds, at least 1.
    pub async fn sensor(
        &self,
        account: AccountId,
        name: &str,
        protocol: &str,
        default_interval: Option<u32>,
        details: Details,
    ) -> Result<SensorId, SetupError> {
        let (name, protocol) = (name.to_owned(), protocol.to_owned());
        let default_interval = default_interval.map(i64::from);
        let new = NewSensor { name, protocol, default_interval, details };
        self.write(format!("sensor '{}'", new.name), move |connection| {
            let known = sensor::list(connection, account)?
                .into_iter()
                .find(|known| known.name == new.name && known.protocol == new.protocol);
            known.map_or_else(|| sensor::insert(connection, account, &new), |known| Ok(known.id))
        })
        .await
    }

    /// Finds an entity of an account by its name, or makes it; either way it then is as described.
    pub async fn entity(
        &self,
        account: AccountId,
        entity: NewEntity,
        protocols: BTreeMap<String, Attachment>,
    ) -> Result<EntityId, SetupError> {
        let what = format!("entity '{}'", entity.name);
        let new = entity::NewEntity {
            name: entity.name,
            entity_type: entity.entity_type,
            parent: entity.parent,
            details: entity.details,
            protocols: protocols
                .into_iter()
                .filter_map(|(name, how)| Some((name, attachment(how)?)))
                .collect(),
        };
        self.write(what, move |connection| match entity::by_name(connection, account, &new.name)? {
            Some(id) => entity::update(connection, account, id, &new).map(|()| id),
            None => entity::insert(connection, account, &new),
        })
        .await
    }

    async fn write<T: Send + 'static>(
        &self,
        what: String,
        change: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, SetupError> {
        self.hub.store.write(change).await.map_err(failed(what))
    }
}

fn failed(what: String) -> impl Fn(StoreError) -> SetupError {
    move |source| SetupError::Store { what: what.clone(), source }
}

/// Without a credential there is nothing to measure by.
fn attachment(how: Attachment) -> Option<NewAttachment> {
    Some(NewAttachment { credential: how.credential?, bot: how.bot, sensors: how.sensors })
}

/// Returns what a bot needs in an account.
fn rights(account: AccountId, entities: Entities) -> [Grant; 4] {
    let right = |what: &str, methods: Option<Vec<Verb>>| Grant {
        resource_prefix: Some(format!("accounts/{account}/{what}")),
        methods,
    };
    let reading = || Some(vec![Verb::Get]);
    let of_entities = if entities == Entities::Keep { None } else { reading() };
    [
        right("values", Some(vec![Verb::Post, Verb::Put])),
        right("entities", of_entities),
        right("credentials", reading()),
        right("sensors", reading()),
    ]
}
