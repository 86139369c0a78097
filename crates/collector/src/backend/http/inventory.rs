//! A refresh: the accounts, and of each account three lists.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use futures_util::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, de::DeserializeOwned};

use super::{
    HttpBackend,
    exchange::Request,
    rows::{self, Entities, EntityRow, Row, Rows},
};
use crate::{
    backend::{AccountInventory, BackendError, BrokenRow, UNREAD},
    model::{Account, AccountId, Entity, EntityId, Shared},
};

/// How many accounts are read at a time, three requests each. A Grafolean has a handful of workers: more would
/// only wait there, in the way of its people.
const ACCOUNTS_IN_FLIGHT: usize = 4;

/// How many entities are read alone at a time, where a list leaves their protocols out.
const ENTITIES_IN_FLIGHT: usize = 8;

#[derive(Deserialize)]
struct List<R> {
    list: Vec<R>,
}

/// The entities of the last inventory: a row that is as before is kept as it is, so that two inventories in a row take
/// the memory of one.
#[derive(Debug, Default)]
pub(super) struct LastEntities(Mutex<HashMap<(AccountId, EntityId), Shared<Entity>>>);

impl LastEntities {
    fn keep(&self, account: AccountId, entity: Entity) -> Shared<Entity> {
        match self.locked().get(&(account, entity.id)) {
            Some(known) if **known == entity => known.clone(),
            _ => entity.into(),
        }
    }

    fn replace(&self, accounts: &[AccountInventory]) {
        let entities = accounts.iter().flat_map(|list| {
            list.entities.iter().map(|entity| ((list.account.id, entity.id), entity.clone()))
        });
        *self.locked() = entities.collect();
    }

    fn locked(&self) -> MutexGuard<'_, HashMap<(AccountId, EntityId), Shared<Entity>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HttpBackend {
    /// Asks which accounts the token may see.
    pub async fn accounts(&self) -> Result<Vec<Account>, BackendError> {
        let List { list } = self.read(&Request::get("/accounts/")).await?;
        let Rows { read, broken } = rows::rows::<Account>("accounts", list);
        if let Some(first) = broken.first()
            && let Some(suppressed) = self.log.admit("accounts")
        {
            let rows = broken.len();
            tracing::warn!(rows, %first, suppressed, "rows in the list of accounts can't be read");
        }
        Ok(read.into_iter().map(Shared::into_inner).collect())
    }

    pub(super) async fn account_inventories(&self) -> Result<Vec<AccountInventory>, BackendError> {
        let accounts = self.accounts().await?;
        let read: Vec<_> = stream::iter(accounts)
            .map(|account| self.account_inventory(account))
            .buffered(ACCOUNTS_IN_FLIGHT)
            .collect()
            .await;
        let mut accounts = without_unreadable(read)?;
        self.fill_in_protocols(&mut accounts).await?;
        self.last_entities.replace(&accounts);
        Ok(accounts)
    }

    /// Reads the lists of one account; None if it is gone, and marked as unread if they may not be read.
    pub(super) async fn account_alone(
        &self,
        account: &Account,
    ) -> Result<Option<AccountInventory>, BackendError> {
        match self.account_inventory(account.clone()).await {
            Ok(read) => {
                let mut read = [read];
                self.fill_in_protocols(&mut read).await?;
                let [read] = read;
                Ok(Some(read))
            }
            Err((account, BackendError::Refused { status: 404, .. })) => {
                if let Some(kept) = &self.kept {
                    kept.forget(account.id);
                }
                Ok(None)
            }
            Err((account, error))
                if matches!(error, BackendError::Forbidden { .. }) || is_of_one_account(&error) =>
            {
                Ok(Some(unread(account, &error)))
            }
            Err((_, error)) => Err(error),
        }
    }

    async fn account_inventory(&self, account: Account) -> Result<AccountInventory, (Account, BackendError)> {
        let id = account.id;
        let lists =
            tokio::try_join!(self.entities_of(id), self.list(id, "credentials"), self.list(id, "sensors"));
        let (entities, credentials, sensors) = match lists {
            Ok((entities, credentials, sensors)) => {
                (entities, rows::rows("credentials", credentials), rows::rows("sensors", sensors))
            }
            Err(error) => return Err((account, error)),
        };
        let broken = [entities.broken, credentials.broken, sensors.broken].concat();
        let (entities, credentials, sensors) = (entities.read, credentials.read, sensors.read);
        Ok(AccountInventory { account, entities, credentials, sensors, broken })
    }

    async fn list<R: DeserializeOwned>(
        &self,
        account: AccountId,
        name: &'static str,
    ) -> Result<Vec<R>, BackendError> {
        let (request, body) = self.list_body(account, name).await?;
        let List { list } = self.parsed(&request, &body)?;
        Ok(list)
    }

    async fn entities_of(&self, account: AccountId) -> Result<Rows<Shared<Entity>>, BackendError> {
        let (request, body) = self.list_body(account, "entities").await?;
        match Entities::new(|entity| self.last_entities.keep(account, entity)).read(&body) {
            Ok(rows) => Ok(rows),
            // Read again with its path in mind, which says what is wrong.
            Err(_) => self
                .parsed::<List<Row<Entity>>>(&request, &body)
                .map(|List { list }| rows::rows("entities", list)),
        }
    }

    async fn list_body(
        &self,
        account: AccountId,
        name: &'static str,
    ) -> Result<(Request, Vec<u8>), BackendError> {
        let request = Request::get(format!("/accounts/{account}/{name}/"));
        let body = self.accepted(&request).await?;
        if let Some(kept) = &self.kept {
            let List { list } = self.parsed(&request, &body)?;
            kept.replace(account, name, &list);
        }
        Ok((request, body))
    }

    /// Reads alone those devices whose row in the list has no protocols.
    async fn fill_in_protocols(&self, accounts: &mut [AccountInventory]) -> Result<(), BackendError> {
        let lacks = |entity: &&Shared<Entity>| entity.protocols.is_none() && entity.entity_type == "device";
        let lacking: Vec<_> = accounts
            .iter()
            .flat_map(|list| list.entities.iter().filter(lacks).map(|entity| (list.account.id, entity.id)))
            .collect();
        let mut reads: HashMap<_, _> = stream::iter(lacking)
            .map(|(account, id)| async move {
                let read = match self.entity_row(account, id).await {
                    Err(error @ (BackendError::Forbidden { .. } | BackendError::Refused { .. })) => {
                        Some(Err(BrokenRow {
                            list: "entities",
                            row: id.number().into(),
                            reason: error.to_string(),
                        }))
                    }
                    read => read?,
                };
                Ok(((account, id), read))
            })
            .buffer_unordered(ENTITIES_IN_FLIGHT)
            .try_collect()
            .await?;
        for AccountInventory { account, entities, broken, .. } in accounts {
            entities.retain_mut(|entity| match reads.remove(&(account.id, entity.id)) {
                None => true,
                Some(None) => false,
                Some(Some(Ok((whole, faults)))) => {
                    *entity = self.last_entities.keep(account.id, whole);
                    broken.extend(faults);
                    true
                }
                Some(Some(Err(fault))) => {
                    broken.push(fault);
                    false
                }
            });
        }
        Ok(())
    }

    /// Reads one entity alone; None if it is gone.
    pub(super) async fn entity_row(
        &self,
        account: AccountId,
        entity: EntityId,
    ) -> Result<Option<EntityRow>, BackendError> {
        match self.read(&Request::get(format!("/accounts/{account}/entities/{entity}"))).await {
            Ok(row) => {
                if let Some(kept) = &self.kept {
                    kept.keep(account, "entities", std::slice::from_ref(&row));
                }
                Ok(Some(rows::entity(row).map(|(mut entity, faults)| {
                    entity.protocols.get_or_insert_default();
                    (entity, faults)
                })))
            }
            Err(BackendError::Refused { status: 404, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Keeps what was read, and has an account that cannot be read cost only itself: it is marked as
/// [unread](AccountInventory::is_unread), so that its jobs stay as they are.
///
/// # Errors
/// Fails with what concerns all accounts: a backend that is away or busy, a token that is refused; and where not one account
/// could be read for another reason than a missing right, since a proxy that stands in for the backend is likelier then.
fn without_unreadable(
    read: Vec<Result<AccountInventory, (Account, BackendError)>>,
) -> Result<Vec<AccountInventory>, BackendError> {
    let is_any_read = read.iter().any(Result::is_ok);
    let mut accounts = Vec::with_capacity(read.len());
    for account in read {
        accounts.push(match account {
            Ok(account) => account,
            Err((account, error @ BackendError::Forbidden { .. })) => unread(account, &error),
            Err((account, error)) if is_any_read && is_of_one_account(&error) => unread(account, &error),
            Err((_, error)) => return Err(error),
        });
    }
    Ok(accounts)
}

/// Whether a failure may be of one account alone, and stay: an answer that makes no sense, a refusal, an error in the backend.
fn is_of_one_account(error: &BackendError) -> bool {
    matches!(
        error,
        BackendError::Refused { .. }
            | BackendError::Nonsense { .. }
            | BackendError::Failed { status: 500, .. }
    )
}

fn unread(account: Account, error: &BackendError) -> AccountInventory {
    let unreadable = BrokenRow { list: UNREAD, row: account.id.number().into(), reason: error.to_string() };
    let (entities, credentials, sensors) = (Vec::new(), Vec::new(), Vec::new());
    AccountInventory { account, entities, credentials, sensors, broken: vec![unreadable] }
}
