//! The backend's entities as they were read last, and our own changes since.

use std::{collections::HashMap, sync::Arc};

use tokio::{sync::watch, time::Instant};

use super::settings::INVENTORY_AGE;
use crate::{
    backend::{Backend, BackendError, Confirmed, EntityChange, Inventory},
    model::{AccountId, Entity, EntityId, Shared},
};

/// One inventory for all reports of a while, kept in step with our own changes. Only accounts in which something was
/// changed are copied.
#[derive(Debug)]
pub(super) struct Known {
    confirmed: Option<watch::Receiver<Option<Confirmed>>>,
    read: Option<Confirmed>,
    /// What was read before this is not believed.
    not_before: Option<Instant>,
    changed: HashMap<AccountId, Vec<Shared<Entity>>>,
    changes: Vec<Change>,
}

/// A change of our own that the inventory may not show yet.
#[derive(Debug)]
struct Change {
    made: Instant,
    account: AccountId,
    entity: EntityId,
    change: EntityChange,
}

impl Known {
    pub(super) fn new(confirmed: Option<watch::Receiver<Option<Confirmed>>>) -> Self {
        Self { confirmed, read: None, not_before: None, changed: HashMap::new(), changes: Vec::new() }
    }

    /// Returns an account's entities: those that a refresh confirmed, else read here and at most [`INVENTORY_AGE`]
    /// old; None if the token does not see the account.
    pub(super) async fn entities<K: Backend>(
        &mut self,
        backend: &K,
        account: AccountId,
    ) -> Result<Option<&[Shared<Entity>]>, BackendError> {
        match self.newly_confirmed() {
            Some(confirmed) => self.take_over(confirmed),
            None if self.is_good() => {}
            None => {
                let read_from = Instant::now();
                let inventory: Arc<Inventory> = backend.inventory().await?.into();
                self.take_over(Confirmed { inventory, read_from });
            }
        }
        Ok(self.listed(account))
    }

    /// Returns an entity as it was listed.
    pub(super) fn entity(&self, account: AccountId, id: EntityId) -> Option<&Entity> {
        self.listed(account)?.iter().find(|entity| entity.id == id).map(|entity| &**entity)
    }

    /// Notes a change of our own.
    pub(super) fn note(&mut self, account: AccountId, entity: EntityId, change: EntityChange) {
        let change = Change { made: Instant::now(), account, entity, change };
        self.apply(&change);
        self.changes.push(change);
    }

    /// Nothing is sure any more: a change may have been made or not.
    pub(super) fn forget(&mut self) {
        self.not_before = Some(Instant::now());
    }

    fn believes(&self, read_from: Instant) -> bool {
        self.not_before.is_none_or(|not_before| read_from >= not_before)
    }

    /// Returns what a refresh confirmed, if it is newer than what is known.
    fn newly_confirmed(&self) -> Option<Confirmed> {
        let confirmed = self.confirmed.as_ref()?.borrow().clone()?;
        let is_newer = self.read.as_ref().is_none_or(|read| confirmed.read_from > read.read_from);
        (is_newer && self.believes(confirmed.read_from)).then_some(confirmed)
    }

    fn is_good(&self) -> bool {
        let Some(Confirmed { read_from, .. }) = self.read else { return false };
        let is_refreshed = self.confirmed.as_ref().is_some_and(|confirmed| confirmed.borrow().is_some());
        self.believes(read_from) && (is_refreshed || read_from.elapsed() < INVENTORY_AGE)
    }

    fn take_over(&mut self, confirmed: Confirmed) {
        self.changed.clear();
        let changes = std::mem::take(&mut self.changes);
        let read_from = confirmed.read_from;
        self.read = Some(confirmed);
        self.changes = changes.into_iter().filter(|change| change.made >= read_from).collect();
        for change in std::mem::take(&mut self.changes) {
            self.apply(&change);
            self.changes.push(change);
        }
    }

    fn listed(&self, account: AccountId) -> Option<&[Shared<Entity>]> {
        if let Some(changed) = self.changed.get(&account) {
            return Some(changed);
        }
        let accounts = &self.read.as_ref()?.inventory.accounts;
        let list = accounts.iter().find(|list| list.account.id == account)?;
        // Lists that were never read are not empty.
        (!list.is_unread() || !list.entities.is_empty()).then_some(&list.entities)
    }

    fn apply(&mut self, Change { account, entity: id, change, .. }: &Change) {
        if !self.changed.contains_key(account) {
            let Some(listed) = self.listed(*account) else { return };
            self.changed.insert(*account, listed.to_vec());
        }
        let Some(entities) = self.changed.get_mut(account) else { return };
        match change {
            EntityChange::Create(new) => {
                entities.retain(|entity| entity.id != *id);
                let created = Entity {
                    id: *id,
                    name: new.name.clone(),
                    entity_type: new.entity_type.clone(),
                    parent: new.parent,
                    details: new.details.clone(),
                    protocols: None,
                };
                entities.push(created.into());
            }
            EntityChange::Update(updated) => {
                entities.retain(|entity| entity.id != *id);
                entities.push(updated.clone().into());
            }
            EntityChange::Delete(_) => {
                entities.retain(|entity| entity.id != *id && entity.parent != Some(*id));
            }
        }
    }
}
