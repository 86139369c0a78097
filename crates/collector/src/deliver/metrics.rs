//! What delivery tells an operator.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::Registry,
};

use super::accounts::{Deliveries, DeliveryStatus};
use crate::{
    backend::BackendError,
    model::AccountId,
    spool::{ReasonKind, Settlement},
};

/// Counters and gauges of delivery; cheap to clone, all clones are one.
#[derive(Clone, Debug)]
pub struct DeliveryMetrics {
    pub(super) delivered_values: Counter,
    pub(super) splits: Counter,
    pub(super) kept_values: Counter,
    pub(super) replayed_values: Counter,
    pub(super) backing_off: Gauge,
    pub(super) closed_accounts: Gauge,
    requests: Family<OutcomeLabel, Counter>,
    request_seconds: Histogram,
    rejected_values: Family<ReasonLabel, Counter>,
    entity_changes: Family<ChangeLabel, Counter>,
    pub(super) faults: Faults,
    pub(super) deliveries: Deliveries,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabel {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabel {
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ChangeLabel {
    change: &'static str,
    outcome: &'static str,
}

/// What keeps values from being delivered until a person mends it; clones are one.
#[derive(Clone, Debug, Default)]
pub(super) struct Faults(Arc<Mutex<BTreeMap<Fault, String>>>);

/// What such a fault is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fault {
    /// The backend refuses the token.
    Token,
    /// The backend takes nothing of an account.
    Account(AccountId),
}

impl Faults {
    pub(super) fn set(&self, fault: Fault, reason: String) {
        self.locked().insert(fault, reason);
    }

    pub(super) fn clear(&self, fault: Fault) {
        self.locked().remove(&fault);
    }

    fn locked(&self) -> MutexGuard<'_, BTreeMap<Fault, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Outcome(&'static str);

impl Outcome {
    pub(super) fn of(error: Option<&BackendError>) -> Self {
        Self(match error {
            None => "ok",
            Some(BackendError::Unreachable { .. }) => "unreachable",
            Some(BackendError::Unauthorized { .. }) => "unauthorized",
            Some(BackendError::Forbidden { .. }) => "forbidden",
            Some(BackendError::Refused { .. }) => "refused",
            Some(BackendError::Failed { .. }) => "failed",
            Some(BackendError::Nonsense { .. }) => "nonsense",
        })
    }
}

impl Default for DeliveryMetrics {
    fn default() -> Self {
        Self {
            delivered_values: Counter::default(),
            splits: Counter::default(),
            kept_values: Counter::default(),
            replayed_values: Counter::default(),
            backing_off: Gauge::default(),
            closed_accounts: Gauge::default(),
            requests: Family::default(),
            // From 1 ms on loopback to the minute after which a client gives up.
            request_seconds: Histogram::new(exponential_buckets(0.001, 3.0, 11)),
            rejected_values: Family::default(),
            entity_changes: Family::default(),
            faults: Faults::default(),
            deliveries: Deliveries::default(),
        }
    }
}

impl DeliveryMetrics {
    /// Adds them to a registry.
    pub fn register(&self, registry: &mut Registry) {
        let delivery = registry.sub_registry_with_prefix("grafolean_delivery");
        delivery.register(
            "delivered_values",
            "Values that the backend stored",
            self.delivered_values.clone(),
        );
        delivery.register(
            "replayed_values",
            "Values taken from the backlog of an outage",
            self.replayed_values.clone(),
        );
        delivery.register("requests", "Requests to store values, by outcome", self.requests.clone());
        delivery.register("request_seconds", "How long a request took", self.request_seconds.clone());
        delivery.register("rejected_values", "Values that became dead letters", self.rejected_values.clone());
        delivery.register("splits", "Batches split to find what the backend refuses", self.splits.clone());
        delivery.register(
            "kept_values",
            "Values too old to be sent by POST while PUT is forbidden",
            self.kept_values.clone(),
        );
        delivery.register(
            "backing_off",
            "1 while all accounts wait for the backend",
            self.backing_off.clone(),
        );
        delivery.register(
            "closed_accounts",
            "Accounts that wait by themselves",
            self.closed_accounts.clone(),
        );
        delivery.register("entity_changes", "Changes to entities, by outcome", self.entity_changes.clone());
    }

    /// Returns an error, in a sentence, while the backend refuses the token or takes nothing of an account: values wait
    /// until a person has mended that.
    pub fn check(&self) -> Result<(), String> {
        let faults = self.faults.locked();
        if faults.is_empty() {
            return Ok(());
        }
        Err(faults.values().map(String::as_str).collect::<Vec<_>>().join("; "))
    }

    /// Returns an error, in a sentence, while values of an account can't be stored, for whatever reason.
    pub fn check_waiting(&self) -> Result<(), String> {
        let accounts = self.accounts().into_iter();
        let waiting = accounts.filter_map(|DeliveryStatus { account, failure, .. }| {
            failure.map(|failure| format!("the values of account {account} wait: {}", failure.evidence))
        });
        let waiting: Vec<_> = waiting.collect();
        if waiting.is_empty() { Ok(()) } else { Err(waiting.join("; ")) }
    }

    /// Returns what became of the values of each account.
    pub fn accounts(&self) -> Vec<DeliveryStatus> {
        self.deliveries.all()
    }

    /// Returns the number of values that the backend stored.
    pub fn delivered(&self) -> u64 {
        self.delivered_values.get()
    }

    pub(super) fn stored(&self, values: usize) {
        self.delivered_values.inc_by(count(values));
    }

    pub(super) fn requested(&self, outcome: Outcome, took: Duration) {
        self.requests.get_or_create(&OutcomeLabel { outcome: outcome.0 }).inc();
        self.request_seconds.observe(took.as_secs_f64());
    }

    pub(super) fn rejected(&self, settlement: &Settlement) {
        for rejected in &settlement.rejected {
            self.rejected_values
                .get_or_create(&ReasonLabel { reason: ReasonKind::as_str(rejected.kind()) })
                .inc();
        }
    }

    pub(super) fn changed_entity(&self, change: &'static str, outcome: Outcome) {
        self.entity_changes.get_or_create(&ChangeLabel { change, outcome: outcome.0 }).inc();
    }
}

pub(super) fn count(of: usize) -> u64 {
    u64::try_from(of).unwrap_or(u64::MAX)
}
