//! What was last read of the backend's configuration.

use std::sync::{Arc, PoisonError, RwLock};

use super::{Configuration, RefusalStatus, Unread};
use crate::{
    backend::Inventory,
    bot::Refusal,
    cause::{Cause, Failure},
    model::{AccountId, UserId},
    time::Timestamp,
};

/// Refusals of which a status tells.
const MOST_REFUSED: usize = 1_000;

/// What was last read of the configuration; a clone is of the same.
#[derive(Clone, Debug, Default)]
pub struct Reading(Arc<RwLock<ReadState>>);

/// What was last read.
#[derive(Clone, Debug, Default)]
pub(crate) struct ReadState {
    pub(crate) protocol: String,
    pub(crate) user: Option<UserId>,
    pub(crate) configuration: Configuration,
    pub(crate) refused: Vec<RefusalStatus>,
}

impl Reading {
    /// Returns it.
    pub(crate) fn get(&self) -> ReadState {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes what was made of an inventory.
    pub fn planned(&self, inventory: &Inventory, refused: &[Refusal], devices: usize, jobs: usize) {
        let unread = |reason: String, account: AccountId| Unread { account, reason };
        let mut state = self.0.write().unwrap_or_else(PoisonError::into_inner);
        state.user = inventory.user;
        state.refused = refused
            .iter()
            .take(MOST_REFUSED)
            .map(|refusal| RefusalStatus {
                account: refusal.account,
                entity: refusal.entity,
                name: refusal.name.clone(),
                cause: refusal.cause,
                reason: refusal.reason.clone(),
            })
            .collect();
        let configuration = &mut state.configuration;
        (configuration.devices, configuration.jobs) = (devices, jobs);
        configuration.token_protocol.clone_from(&inventory.protocol);
        configuration.accounts = inventory.accounts.iter().map(|it| it.account.id).collect();
        let unread = inventory.accounts.iter().filter(|it| it.is_unread()).map(|it| {
            unread(it.broken.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "), it.account.id)
        });
        configuration.unread = unread.collect();
    }

    /// Notes of which protocol the bot is that reads it.
    pub fn of_protocol(&self, protocol: &str) {
        protocol.clone_into(&mut self.0.write().unwrap_or_else(PoisonError::into_inner).protocol);
    }

    /// Notes a good look.
    pub fn read_at(&self, now: Timestamp) {
        let mut state = self.0.write().unwrap_or_else(PoisonError::into_inner);
        state.configuration.read_at = Some(now.as_seconds_f64());
        state.configuration.failure = None;
    }

    /// Notes why nothing is measured; nothing where something is.
    pub(crate) fn idle(&self, reasons: Vec<String>) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).configuration.idle = reasons;
    }

    /// Notes a look that failed.
    pub(crate) fn failed(&self, cause: Cause, evidence: String, now: Timestamp) {
        let mut state = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let before = state.configuration.failure.take();
        let noted = Failure::noted(before.as_ref(), cause, evidence, now.as_seconds_f64());
        state.configuration.failure = Some(noted);
    }
}
