//! What the SNMP bot counts.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

use grafolean_collector::model::{AccountId, EntityId};
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

use crate::{
    net::ResolverMetrics,
    snmp::{AskError, Request},
};

/// Counters of all devices of this process; clones count together.
#[derive(Clone, Debug)]
pub struct SnmpMetrics {
    /// Requests, by kind; repetitions of an unanswered one are not counted.
    pub requests: Family<KindLabels, Counter>,
    /// Requests that failed, by reason.
    pub request_errors: Family<ReasonLabels, Counter>,
    /// Objects that came.
    pub varbinds_received: Counter,
    /// Requests that were sent again, since there was no answer.
    pub requests_repeated: Counter,
    /// Datagrams that the kernel dropped on the sockets, since its buffer was full.
    pub kernel_drops: Counter,
    /// Agents of v3 that began to count their time anew between two answers.
    pub engine_restarts: Counter,
    /// Requests under way.
    pub requests_in_flight: Gauge,
    /// Datagrams that are no answer to anything: wrong source, id, version or community, late or doubled.
    pub datagrams_discarded: Gauge,
    /// Datagrams that are no SNMP.
    pub datagrams_malformed: Gauge,
    /// Values that sensors wanted and that were not there, by reason.
    pub values_missing: Family<ReasonLabels, Counter>,
    /// Counters that gave no rate, by reason.
    pub rates_missing: Family<ReasonLabels, Counter>,
    /// Values that came but were not stored, since they can be none that are true, by device and reason.
    pub values_withheld: Family<DeviceLabels, Counter>,
    /// The devices that are counted there.
    devices_withheld: Arc<Mutex<HashSet<(AccountId, EntityId)>>>,
    /// Results that were dropped since another one of the run has the same path.
    pub results_duplicate: Counter,
    /// Values that came to nothing in a path and became `_`.
    pub names_empty: Counter,
    /// Runs over a device that was silent, in which it got one small request before all else.
    pub runs_paused: Counter,
    /// How long a run over a device took.
    pub poll_seconds: Histogram,
    /// What is counted of names of devices.
    pub names: ResolverMetrics,
}

/// Devices whose withheld values are counted apart at most; those of others are counted together.
const MOST_DEVICES: usize = 1_000;

/// Whose value was withheld, and why.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct DeviceLabels {
    account: String,
    entity: String,
    reason: &'static str,
}

/// What kind of request.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct KindLabels {
    kind: &'static str,
}

/// Why something is not there.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ReasonLabels {
    reason: &'static str,
}

impl Default for SnmpMetrics {
    fn default() -> Self {
        Self {
            requests: Family::default(),
            request_errors: Family::default(),
            varbinds_received: Counter::default(),
            requests_repeated: Counter::default(),
            kernel_drops: Counter::default(),
            engine_restarts: Counter::default(),
            requests_in_flight: Gauge::default(),
            datagrams_discarded: Gauge::default(),
            datagrams_malformed: Gauge::default(),
            values_missing: Family::default(),
            rates_missing: Family::default(),
            values_withheld: Family::default(),
            devices_withheld: Arc::default(),
            results_duplicate: Counter::default(),
            names_empty: Counter::default(),
            runs_paused: Counter::default(),
            // 1 ms to 65 s, each twice the one before.
            poll_seconds: Histogram::new(exponential_buckets(0.001, 2.0, 17)),
            names: ResolverMetrics::default(),
        }
    }
}

impl SnmpMetrics {
    /// Names everything in a registry.
    pub fn register(&self, registry: &mut Registry) {
        self.names.register(registry);
        registry.register("grafolean_snmp_requests", "Requests, by kind", self.requests.clone());
        registry.register(
            "grafolean_snmp_request_errors",
            "Failed requests, by reason",
            self.request_errors.clone(),
        );
        registry.register(
            "grafolean_snmp_varbinds_received",
            "Objects that came",
            self.varbinds_received.clone(),
        );
        registry.register(
            "grafolean_snmp_requests_repeated",
            "Requests that were sent again",
            self.requests_repeated.clone(),
        );
        registry.register(
            "grafolean_snmp_kernel_drops",
            "Datagrams that the kernel dropped before they were read",
            self.kernel_drops.clone(),
        );
        registry.register(
            "grafolean_snmp_engine_restarts",
            "Agents of v3 that began to count their time anew",
            self.engine_restarts.clone(),
        );
        registry.register(
            "grafolean_snmp_requests_in_flight",
            "Requests under way",
            self.requests_in_flight.clone(),
        );
        registry.register(
            "grafolean_snmp_datagrams_discarded",
            "Datagrams that answer nothing",
            self.datagrams_discarded.clone(),
        );
        registry.register(
            "grafolean_snmp_datagrams_malformed",
            "Datagrams that are no SNMP",
            self.datagrams_malformed.clone(),
        );
        registry.register(
            "grafolean_snmp_values_missing",
            "Wanted values, by reason",
            self.values_missing.clone(),
        );
        registry.register(
            "grafolean_snmp_rates_missing",
            "Counters without a rate",
            self.rates_missing.clone(),
        );
        registry.register(
            "grafolean_snmp_values_withheld",
            "Values that came but were not stored, by device and reason",
            self.values_withheld.clone(),
        );
        registry.register(
            "grafolean_snmp_results_duplicate",
            "Results of one path",
            self.results_duplicate.clone(),
        );
        registry.register(
            "grafolean_snmp_names_empty",
            "Values that became _ in a path",
            self.names_empty.clone(),
        );
        registry.register(
            "grafolean_snmp_runs_paused",
            "Runs that began with a single request, since the device was silent",
            self.runs_paused.clone(),
        );
        registry.register("grafolean_snmp_poll_seconds", "How long a run took", self.poll_seconds.clone());
    }

    /// Counts a value that was not there.
    pub fn count_missing(&self, reason: &'static str) {
        self.values_missing.get_or_create(&ReasonLabels { reason }).inc();
    }

    /// Counts a counter that gave no rate.
    pub fn count_no_rate(&self, reason: &'static str) {
        self.rates_missing.get_or_create(&ReasonLabels { reason }).inc();
    }

    /// Counts a value that came but was not stored.
    pub fn count_withheld(&self, account: AccountId, entity: EntityId, reason: &'static str) {
        let mut known = self.devices_withheld.lock().unwrap_or_else(PoisonError::into_inner);
        let is_apart = known.contains(&(account, entity)) || known.len() < MOST_DEVICES;
        let labels = if is_apart {
            known.insert((account, entity));
            DeviceLabels { account: account.to_string(), entity: entity.to_string(), reason }
        } else {
            DeviceLabels { account: "other".to_owned(), entity: "other".to_owned(), reason }
        };
        self.values_withheld.get_or_create(&labels).inc();
    }

    pub(super) fn count_request(&self, request: &Request) {
        let kind = match request {
            Request::Get(_) => "get",
            Request::Next(_) => "next",
            Request::Bulk { .. } => "bulk",
        };
        self.requests.get_or_create(&KindLabels { kind }).inc();
    }

    pub(super) fn count_answer(&self, varbinds: usize) {
        self.varbinds_received.inc_by(varbinds as u64);
    }

    pub(super) fn count_error(&self, error: &AskError) {
        self.request_errors.get_or_create(&ReasonLabels { reason: error.label() }).inc();
    }

    pub(super) fn note_datagrams(&self, discarded: u64, malformed: u64) {
        self.datagrams_discarded.set(i64::try_from(discarded).unwrap_or(i64::MAX));
        self.datagrams_malformed.set(i64::try_from(malformed).unwrap_or(i64::MAX));
    }

    pub(super) fn in_flight(&self) -> InFlight {
        self.requests_in_flight.inc();
        InFlight(self.requests_in_flight.clone())
    }
}

/// A request under way, however it ends.
pub(super) struct InFlight(Gauge);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}
