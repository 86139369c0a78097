//! What one look at the backend leads to.

use std::sync::Arc;

use super::recheck::keep_unread;
use crate::{
    backend::{Backend, BackendError, Inventory},
    bot::Plan,
    model::{AccountId, Device},
    protocol::Protocol,
    selection::{Selection, Skipped, select},
};

/// An inventory and what a bot makes of it.
#[derive(Clone, Debug)]
pub struct Planned<T> {
    /// What the backend said.
    pub inventory: Arc<Inventory>,
    /// What of it belongs to the bot.
    pub devices: Vec<Device>,
    /// What of it does not, and why.
    pub skipped: Vec<Skipped>,
    /// What the bot wants to do. It refuses first what the selection did, then what the bot itself did.
    pub plan: Plan<T>,
}

impl<T> Planned<T> {
    /// Selects what belongs to the bot and asks it for its jobs.
    pub fn of<K: Protocol<Task = T>>(inventory: impl Into<Arc<Inventory>>, bot: &K) -> Self {
        Self::by(inventory, bot.name(), |accounts, devices| bot.plan(accounts, devices))
    }

    /// Selects what belongs to the bot of `protocol` and plans by a function.
    pub fn by(
        inventory: impl Into<Arc<Inventory>>,
        protocol: &str,
        plan: impl FnOnce(&[AccountId], &[Device]) -> Plan<T>,
    ) -> Self {
        let inventory = inventory.into();
        let Selection { devices, refused, skipped } = select(&inventory, protocol);
        let accounts: Vec<_> = inventory.accounts.iter().map(|it| it.account.id).collect();
        let mut plan = plan(&accounts, &devices);
        plan.refused.splice(..0, refused);
        Self { inventory, devices, skipped, plan }
    }

    /// Plans again with what another inventory has of accounts that could not be read.
    #[must_use]
    pub fn with_unread_as_in<K: Protocol<Task = T>>(self, known: &Inventory, bot: &K) -> Self {
        let mut inventory = Arc::unwrap_or_clone(self.inventory);
        keep_unread(&mut inventory, known);
        Self::of(inventory, bot)
    }

    /// Names all that is broken or refused, a line each.
    pub fn faults(&self) -> impl Iterator<Item = String> {
        let broken = self.inventory.accounts.iter().flat_map(|it| {
            it.broken.iter().map(|row| format!("account {} ({}): {row}", it.account.id, it.account.name))
        });
        broken.chain(self.plan.refused.iter().map(ToString::to_string))
    }
}

/// Looks at the backend once: for runs by hand and for a person who wants to know what would be done.
pub async fn plan_once<B: Backend, K: Protocol>(
    backend: &B,
    bot: &K,
) -> Result<Planned<K::Task>, BackendError> {
    Ok(Planned::of(backend.inventory().await?, bot))
}
