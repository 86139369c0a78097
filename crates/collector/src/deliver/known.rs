//! The backend's entities as they were read last.

use std::{collections::HashMap, sync::Arc};

use tokio::time::Instant;

use super::settings::INVENTORY_AGE;
use crate::{
    backend::{Backend, BackendError, EntityChange},
    model::{AccountId, Entity, EntityId},
};

/// One inventory for all reports of a while, kept in step with our own changes.
#[derive(Debug, Default)]
pub(super) struct Known {
    read: Option<Instant>,
    entities: HashMap<AccountId, Vec<Entity>>,
}

impl Known {
    /// Gives an account's entities, read anew if they are older than [`INVENTORY_AGE`]; None if the token does not
    /// see the account.
    pub(super) async fn entities<K: Backend>(
        &mut self,
        backend: &Arc<K>,
        account: AccountId,
    ) -> Result<Option<&[Entity]>, BackendError> {
        if self.read.is_none_or(|read| read.elapsed() >= INVENTORY_AGE) {
            let inventory = backend.inventory().await?;
            let accounts = inventory.accounts.into_iter();
            self.entities = accounts.map(|account| (account.account.id, account.entities)).collect();
            self.read = Some(Instant::now());
        }
        Ok(self.entities.get(&account).map(Vec::as_slice))
    }

    /// Gives an entity as it was listed.
    pub(super) fn entity(&self, account: AccountId, id: EntityId) -> Option<&Entity> {
        self.entities.get(&account)?.iter().find(|entity| entity.id == id)
    }

    /// Notes a change of our own.
    pub(super) fn note(&mut self, account: AccountId, id: EntityId, change: EntityChange) {
        let Some(entities) = self.entities.get_mut(&account) else { return };
        match change {
            EntityChange::Create(new) => entities.push(Entity {
                id,
                name: new.name,
                entity_type: new.entity_type,
                parent: new.parent,
                details: new.details,
                protocols: None,
            }),
            EntityChange::Update(updated) => {
                entities.retain(|entity| entity.id != id);
                entities.push(updated);
            }
            EntityChange::Delete(_) => entities.retain(|entity| entity.id != id && entity.parent != Some(id)),
        }
    }

    /// Nothing is sure any more: a change may have been made or not.
    pub(super) fn forget(&mut self) {
        self.read = None;
    }
}
