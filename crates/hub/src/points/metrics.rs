//! What the store tells an operator.

use prometheus_client::{
    metrics::{
        counter::Counter,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::{Registry, Unit},
};

/// Counters and gauges of the store; cheap to clone, all clones are one.
#[derive(Clone, Debug)]
pub struct PointsMetrics {
    pub(super) stored_values: Counter,
    pub(super) stored_requests: Counter,
    pub(super) refused_requests: Counter,
    pub(super) commit_seconds: Histogram,
    pub(super) sealed_values: Counter,
    pub(super) recent_bytes: Gauge,
    pub(super) maintenance_failures: Counter,
    pub(super) damaged_blocks: Counter,
    pub(super) damaged_records: Counter,
    pub(super) forgotten_series: Counter,
    pub(super) disk_free_bytes: Gauge,
    pub(super) disk_reserve_bytes: Gauge,
}

impl Default for PointsMetrics {
    fn default() -> Self {
        Self {
            stored_values: Counter::default(),
            stored_requests: Counter::default(),
            refused_requests: Counter::default(),
            // From 0.1 ms on a fast disk to 6.5 s on one that is in trouble.
            commit_seconds: Histogram::new(exponential_buckets(0.000_1, 4.0, 9)),
            sealed_values: Counter::default(),
            recent_bytes: Gauge::default(),
            maintenance_failures: Counter::default(),
            damaged_blocks: Counter::default(),
            damaged_records: Counter::default(),
            forgotten_series: Counter::default(),
            disk_free_bytes: Gauge::default(),
            disk_reserve_bytes: Gauge::default(),
        }
    }
}

impl PointsMetrics {
    /// Registers them.
    pub fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("grafolean_hub");
        registry.register(
            "stored_values",
            "Values that were accepted and synced",
            self.stored_values.clone(),
        );
        registry.register("stored_requests", "Requests that brought them", self.stored_requests.clone());
        let help = "Requests of which nothing was stored because the disk or the database failed";
        registry.register("refused_requests", help, self.refused_requests.clone());
        let help = "How long a group of requests took to be on disk";
        registry.register_with_unit("commit", help, Unit::Seconds, self.commit_seconds.clone());
        registry.register("sealed_values", "Values that went into blocks", self.sealed_values.clone());
        let help = "Memory of values that are not yet in blocks";
        registry.register_with_unit("recent", help, Unit::Bytes, self.recent_bytes.clone());
        let help = "Steps of maintenance that failed, each of which is tried again";
        registry.register("housekeeping_failures", help, self.maintenance_failures.clone());
        let help = "Blocks that were not what was written, and were set aside or put right";
        registry.register("damaged_blocks", help, self.damaged_blocks.clone());
        let help = "Values of the journal that were not what was written, and were set aside";
        registry.register("damaged_journal_values", help, self.damaged_records.clone());
        let help = "Series that were deleted because none of their values is left";
        registry.register("forgotten_series", help, self.forgotten_series.clone());
        let help = "What was free on the hub's disk when values last came";
        registry.register_with_unit("disk_free", help, Unit::Bytes, self.disk_free_bytes.clone());
        let help = "What is left free on the hub's disk: with less, values are refused";
        registry.register_with_unit("disk_reserve", help, Unit::Bytes, self.disk_reserve_bytes.clone());
    }
}
