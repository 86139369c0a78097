//! What the bot counts.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, histogram::Histogram},
    registry::{Registry, Unit},
};

use super::Failure;
use crate::net::ResolverMetrics;

/// What the bot counts; a clone counts the same.
#[derive(Clone, Debug)]
pub struct TcpMetrics {
    failures: Family<Reason, Counter>,
    /// What the resolver counts.
    pub names: ResolverMetrics,
    connect: Histogram,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

impl Default for TcpMetrics {
    fn default() -> Self {
        let bounds = [0.000_5, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0];
        Self {
            failures: Family::default(),
            names: ResolverMetrics::default(),
            connect: Histogram::new(bounds),
        }
    }
}

impl TcpMetrics {
    /// Registers all of them.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "grafolean_tcp_failures",
            "Connections that failed, by reason",
            self.failures.clone(),
        );
        self.names.register(registry);
        let connect = self.connect.clone();
        registry.register_with_unit(
            "grafolean_tcp_connect",
            "Time that connections took",
            Unit::Seconds,
            connect,
        );
    }

    /// Returns how many connections failed for a reason.
    pub fn failed(&self, failure: Failure) -> u64 {
        self.failures.get_or_create(&Reason { reason: failure.label() }).get()
    }

    pub(super) fn count_failure(&self, failure: Failure) {
        self.failures.get_or_create(&Reason { reason: failure.label() }).inc();
    }

    pub(super) fn count_connection(&self, seconds: f64) {
        self.connect.observe(seconds);
    }
}
