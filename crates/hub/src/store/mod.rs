//! What people set up, in one SQLite file.
//!
//! [`Store`] hands work to the threads that own the connections: `write` does a change all or nothing and returns when
//! it is on the disk, `read` sees everything that was answered before. What can be done is written in one file for each
//! kind of thing, as functions of a connection, so that several fit into one change. Lists and callers are remembered
//! until the next commit.

pub(crate) mod account;
pub(crate) mod audit;
pub(crate) mod bot;
mod cache;
pub(crate) mod credential;
pub(crate) mod dashboard;
mod database;
pub(crate) mod entity;
mod error;
pub(crate) mod permission;
pub(crate) mod person;
pub(crate) mod protocol;
mod random;
mod rows;
pub(crate) mod sensor;
pub(crate) mod session;
pub(crate) mod setting;
pub(crate) mod share;
mod vault;
pub(crate) mod widget;
mod worker;

use std::path::Path;

use axum::body::Bytes;
use grafolean_collector::{model::AccountId, time::Timestamp};
use rusqlite::Connection;

use self::session::SigningSecret;
pub(crate) use self::{
    cache::Cache,
    rows::listed,
    worker::{Workers, Writer},
};
pub use self::{database::OpenError, error::StoreError};

/// Bytes of lists remembered: those of some 200,000 entities. Beyond it all are forgotten and read again.
const LIST_BYTES: usize = 64 << 20;

/// A list of an account that bots read again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum List {
    Entities,
    Credentials,
    Sensors,
}

/// The database of a hub.
pub(crate) struct Store {
    workers: Workers,
    signing_secrets: Vec<SigningSecret>,
    has_accounts: bool,
    has_people: bool,
    lists: Cache<(AccountId, List), Bytes>,
}

impl Store {
    /// Opens the file, or makes it with all that a new hub has. Blocks.
    pub(crate) fn open(path: &Path, now: Timestamp) -> Result<Self, OpenError> {
        let (mut writer, vault) = database::open_for_writing(path)?;
        let signing_secrets = setting::first_start(&mut writer.connection, now)
            .map_err(|source| OpenError::Store { path: path.to_owned(), source })?;
        let has_accounts = account::any_exists(&writer.connection)
            .map_err(|source| OpenError::Store { path: path.to_owned(), source })?;
        let has_people = person::any_exists(&writer.connection)
            .map_err(|source| OpenError::Store { path: path.to_owned(), source })?;
        let workers = Workers::start(writer, || database::open_for_reading(path, &vault))?;
        Ok(Self { workers, signing_secrets, has_accounts, has_people, lists: Cache::new(LIST_BYTES) })
    }

    /// Returns what people's sessions were signed with when the file was opened, the newest first.
    pub(crate) fn signing_secrets(&self) -> &[SigningSecret] {
        &self.signing_secrets
    }

    /// Whether there was any account when the file was opened.
    pub(crate) fn has_accounts(&self) -> bool {
        self.has_accounts
    }

    /// Whether there was any person when the file was opened.
    pub(crate) fn has_people(&self) -> bool {
        self.has_people
    }

    /// Rises with each commit: what was read at a lower one may be out of date.
    pub(crate) fn generation(&self) -> u64 {
        self.workers.generation()
    }

    /// Reads, in one view of the database.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        reading: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.workers.read(reading).await
    }

    /// Changes all or nothing; returns when it is on the disk.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        change: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.workers.write(change).await
    }

    /// Returns a list as the API writes it, `{"list":[...]}`; empty for an account that does not exist.
    pub(crate) async fn list(&self, account: AccountId, list: List) -> Result<Bytes, StoreError> {
        let generation = self.generation();
        if let Some(known) = self.lists.get(&(account, list), generation) {
            return Ok(known);
        }
        let written = self
            .read(move |connection| match list {
                List::Entities => rows::written(entity::list(connection, account)?),
                List::Credentials => rows::written(credential::list(connection, account)?),
                List::Sensors => rows::written(sensor::list(connection, account)?),
            })
            .await?;
        self.lists.put((account, list), generation, written.clone(), written.len());
        Ok(written)
    }
}
