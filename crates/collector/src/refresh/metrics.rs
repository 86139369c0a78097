//! What is counted about refreshes.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};

use super::Planned;
use crate::{backend::BackendError, cause::Cause, status::Reading, time::Timestamp};

/// Counters and gauges of the refresh task; a clone counts into the same ones.
#[derive(Clone, Debug)]
pub struct RefreshMetrics {
    refreshes: Counter,
    failures: Family<Labels, Counter>,
    duration: Histogram,
    read_at: Gauge,
    devices: Gauge,
    jobs: Gauge,
    faults: Gauge,
    pub(super) second_looks: Counter,
    pub(super) not_kept: Counter,
    /// Why the backend refuses the token.
    refused: Arc<Mutex<Option<String>>>,
    /// Why the configuration can't be read otherwise.
    unread: Arc<Mutex<Option<String>>>,
    /// Why nothing is measured.
    idle: Arc<Mutex<Vec<String>>>,
    reading: Reading,
    /// Which rights to send values are missing.
    rights: Arc<Mutex<Vec<String>>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
enum Kind {
    Unreachable,
    Unauthorized,
    Forbidden,
    Refused,
    Failed,
    Nonsense,
}

impl Default for RefreshMetrics {
    fn default() -> Self {
        // From a list of a few entities on loopback to a request that meets its deadline.
        let seconds = [0.005, 0.02, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
        Self {
            refreshes: Counter::default(),
            failures: Family::default(),
            duration: Histogram::new(seconds),
            read_at: Gauge::default(),
            devices: Gauge::default(),
            jobs: Gauge::default(),
            faults: Gauge::default(),
            second_looks: Counter::default(),
            not_kept: Counter::default(),
            refused: Arc::default(),
            unread: Arc::default(),
            idle: Arc::default(),
            reading: Reading::default(),
            rights: Arc::default(),
        }
    }
}

impl RefreshMetrics {
    /// Registers them.
    pub fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("grafolean");
        registry.register("refreshes", "Looks at the backend's configuration", self.refreshes.clone());
        registry.register("refresh_failures", "Looks that failed, by kind", self.failures.clone());
        registry.register_with_unit(
            "refresh_duration",
            "How long a look took",
            Unit::Seconds,
            self.duration.clone(),
        );
        registry.register_with_unit(
            "configuration_read_timestamp",
            "When the configuration in force was last seen to be right, since 1970",
            Unit::Seconds,
            self.read_at.clone(),
        );
        registry.register("devices", "Devices this bot measures", self.devices.clone());
        registry.register("jobs", "Jobs made of them", self.jobs.clone());
        registry.register(
            "configuration_faults",
            "Rows, sensors and devices that are refused",
            self.faults.clone(),
        );
        registry.register(
            "refresh_second_looks",
            "Devices that seemed to have vanished and were read again",
            self.second_looks.clone(),
        );
        registry.register(
            "configuration_write_failures",
            "Configurations that could not be kept on disk",
            self.not_kept.clone(),
        );
    }

    /// Returns an error, in a sentence, while the backend refuses the token: jobs go on as they were.
    pub fn check(&self) -> Result<(), String> {
        match &*self.refused.lock().unwrap_or_else(PoisonError::into_inner) {
            None => Ok(()),
            Some(reason) => Err(format!("the configuration can't be read: {reason}")),
        }
    }

    /// Returns an error, in a sentence, while the configuration can't be read for another reason: jobs go on as they were.
    pub fn check_unread(&self) -> Result<(), String> {
        match &*self.unread.lock().unwrap_or_else(PoisonError::into_inner) {
            None => Ok(()),
            Some(reason) => Err(format!("the configuration can't be read, jobs go on as they are: {reason}")),
        }
    }

    /// Returns an error, in the words of `grafolean check`, while the configuration leaves the bot nothing to measure.
    pub fn check_idle(&self) -> Result<(), String> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.is_empty() { Ok(()) } else { Err(format!("nothing is measured: {}", idle.join("; "))) }
    }

    /// Returns an error, in the words of `grafolean check`, while the token may not send all values.
    pub fn check_rights(&self) -> Result<(), String> {
        let rights = self.rights.lock().unwrap_or_else(PoisonError::into_inner);
        if rights.is_empty() { Ok(()) } else { Err(rights.join("; ")) }
    }

    pub(super) fn rights(&self, missing: Vec<String>) {
        *self.rights.lock().unwrap_or_else(PoisonError::into_inner) = missing;
    }

    pub(super) fn idle(&self, reasons: Vec<String>) {
        self.reading.idle(reasons.clone());
        *self.idle.lock().unwrap_or_else(PoisonError::into_inner) = reasons;
    }

    /// Returns what was read last.
    pub(crate) fn reading(&self) -> Reading {
        self.reading.clone()
    }

    pub(super) fn looked(&self, took: Duration, error: Option<&BackendError>, now: Timestamp) {
        self.refreshes.inc();
        self.duration.observe(took.as_secs_f64());
        if error.is_none_or(|error| matches!(error, BackendError::Unauthorized { .. })) {
            let reason = error.map(ToString::to_string);
            *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = reason;
        }
        let unread = error.filter(|error| !matches!(error, BackendError::Unauthorized { .. }));
        *self.unread.lock().unwrap_or_else(PoisonError::into_inner) = unread.map(BackendError::with_causes);
        if let Some(error) = error {
            self.failures.get_or_create(&Labels { kind: Kind::of(error) }).inc();
            let cause = match error {
                BackendError::Forbidden { .. } => Cause::NoReadRight,
                error => error.cause(),
            };
            self.reading.failed(cause, error.with_causes(), now);
        }
    }

    pub(super) fn in_force<T>(&self, planned: &Planned<T>) {
        self.devices.set(count(planned.devices.len()));
        self.jobs.set(count(planned.plan.jobs.len()));
        self.faults.set(count(planned.faults().count()));
        let (inventory, plan) = (&planned.inventory, &planned.plan);
        self.reading.planned(inventory, &plan.refused, planned.devices.len(), plan.jobs.len());
    }

    pub(super) fn read_at(&self, moment: Timestamp) {
        self.read_at.set(moment.seconds());
        self.reading.read_at(moment);
    }
}

impl Kind {
    fn of(error: &BackendError) -> Self {
        match error {
            BackendError::Unreachable { .. } => Self::Unreachable,
            BackendError::Unauthorized { .. } => Self::Unauthorized,
            BackendError::Forbidden { .. } => Self::Forbidden,
            BackendError::Refused { .. } => Self::Refused,
            BackendError::Failed { .. } => Self::Failed,
            BackendError::Nonsense { .. } => Self::Nonsense,
        }
    }
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
