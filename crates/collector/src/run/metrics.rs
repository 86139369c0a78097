//! What is counted about runs.

use std::time::Duration;

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};

/// Counters, gauges and histograms of the run loop; a clone counts into the same ones.
#[derive(Clone, Debug)]
pub struct RunMetrics {
    pub(super) due: Counter,
    pub(super) coalesced: Counter,
    pub(super) skipped: Counter,
    pub(super) prompted: Counter,
    pub(super) started: Counter,
    pub(super) succeeded: Counter,
    pub(super) reports: Counter,
    pub(super) reports_not_kept: Counter,
    pub(super) in_flight: Gauge,
    failed: Family<Labels, Counter>,
    lateness: Histogram,
    duration: Histogram,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    kind: &'static str,
}

impl Default for RunMetrics {
    fn default() -> Self {
        // From what a timer costs to the longest default deadline.
        let lateness = [0.001, 0.002, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0, 300.0];
        let duration = [0.001, 0.01, 0.05, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0];
        Self {
            due: Counter::default(),
            coalesced: Counter::default(),
            skipped: Counter::default(),
            prompted: Counter::default(),
            started: Counter::default(),
            succeeded: Counter::default(),
            reports: Counter::default(),
            reports_not_kept: Counter::default(),
            in_flight: Gauge::default(),
            failed: Family::default(),
            lateness: Histogram::new(lateness),
            duration: Histogram::new(duration),
        }
    }
}

impl RunMetrics {
    /// Registers them.
    pub fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("grafolean");
        for (name, help, counter) in [
            ("runs_due", "Runs that fell due", &self.due),
            (
                "runs_coalesced",
                "Runs that stand for more than one firing, since the others were missed",
                &self.coalesced,
            ),
            (
                "runs_skipped",
                "Runs that were left out since the last one of their job went on",
                &self.skipped,
            ),
            (
                "runs_prompted",
                "Runs that the bot asked for ahead of their time, since it heard something",
                &self.prompted,
            ),
            ("runs_started", "Runs that were started", &self.started),
            ("runs_succeeded", "Runs that ended well", &self.succeeded),
            ("reports", "Reports that were handed over and kept", &self.reports),
            (
                "reports_not_kept",
                "Reports that the sink could not make safe; it tells what becomes of them",
                &self.reports_not_kept,
            ),
        ] {
            registry.register(name, help, counter.clone());
        }
        registry.register("runs_failed", "Runs that ended badly, by kind", self.failed.clone());
        registry.register("runs_in_flight", "Runs that go on", self.in_flight.clone());
        registry.register_with_unit(
            "run_lateness",
            "From the due time of a run to its start",
            Unit::Seconds,
            self.lateness.clone(),
        );
        registry.register_with_unit(
            "run_duration",
            "From the start of a run to the end of its measuring",
            Unit::Seconds,
            self.duration.clone(),
        );
    }

    /// Returns the number of runs that were started.
    pub fn started(&self) -> u64 {
        self.started.get()
    }

    /// Returns the number of runs that ended well.
    pub fn succeeded(&self) -> u64 {
        self.succeeded.get()
    }

    /// Returns the number of runs that were left out since the last one of their job went on.
    pub fn skipped(&self) -> u64 {
        self.skipped.get()
    }

    /// Returns the number of runs that ended badly in one way: a bot's own word, or `deadline`, `panic`, `sink`,
    /// `stopped`.
    pub fn failed(&self, kind: &'static str) -> u64 {
        self.failed.get(&Labels { kind }).map_or(0, |counter| counter.get())
    }

    pub(super) fn count_failure(&self, kind: &'static str) {
        self.failed.get_or_create(&Labels { kind }).inc();
    }

    pub(super) fn begun(&self, late: Duration) {
        self.started.inc();
        self.lateness.observe(late.as_secs_f64());
    }

    pub(super) fn measured(&self, took: Duration) {
        self.duration.observe(took.as_secs_f64());
    }
}
