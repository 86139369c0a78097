//! What is counted on the sockets.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use prometheus_client::metrics::counter::Counter;

/// What is counted on the sockets; clones count together.
#[derive(Clone, Default)]
pub(in super::super) struct Traffic {
    counts: Arc<Counts>,
    repeats: Counter,
    pub(super) kernel_drops: Counter,
    /// Agents of v3 that began to count their time anew.
    pub(in super::super) engine_restarts: Counter,
}

#[derive(Default)]
struct Counts {
    discarded: AtomicU64,
    malformed: AtomicU64,
}

impl Traffic {
    pub(in super::super) fn new(repeats: Counter, kernel_drops: Counter, engine_restarts: Counter) -> Self {
        Self { counts: Arc::default(), repeats, kernel_drops, engine_restarts }
    }

    pub(super) fn discard(&self) {
        self.counts.discarded.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn malformed(&self) {
        self.counts.malformed.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn repeat(&self) {
        self.repeats.inc();
    }

    /// Returns how many datagrams answered nothing, and how many were no SNMP.
    pub(in super::super) fn rejected(&self) -> (u64, u64) {
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
        (count(&self.counts.discarded), count(&self.counts.malformed))
    }
}
