//! What became of the values of each account.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
};

use serde::{Deserialize, Serialize};

use crate::{
    cause::{Cause, Failure},
    model::AccountId,
    time::Timestamp,
};

/// What became of the values of an account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeliveryStatus {
    /// Whose.
    pub account: AccountId,
    /// When the backend last stored some.
    pub last_stored: Option<f64>,
    /// Values that it stored since the start.
    pub stored: u64,
    /// Why none is stored at this moment.
    pub failure: Option<Failure>,
}

/// What is known of all accounts; a clone knows the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Deliveries(Arc<RwLock<BTreeMap<AccountId, DeliveryStatus>>>);

impl Deliveries {
    /// Returns all of them.
    pub(super) fn all(&self) -> Vec<DeliveryStatus> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Notes that values were stored.
    pub(super) fn stored(&self, account: AccountId, values: u64, now: Timestamp) {
        self.change(account, |status| {
            status.last_stored = Some(now.as_seconds_f64());
            status.stored = status.stored.saturating_add(values);
            status.failure = None;
        });
    }

    /// Notes why values of an account are not stored.
    pub(super) fn failed(&self, account: AccountId, cause: Cause, evidence: String, now: Timestamp) {
        self.change(account, |status| {
            let before = status.failure.take();
            status.failure = Some(Failure::noted(before.as_ref(), cause, evidence, now.as_seconds_f64()));
        });
    }

    fn change(&self, account: AccountId, change: impl FnOnce(&mut DeliveryStatus)) {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let status = all.entry(account);
        change(status.or_insert(DeliveryStatus { account, last_stored: None, stored: 0, failure: None }));
    }
}
