//! What the engine counts.

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

use super::probe::Reason;
use crate::net::ResolverMetrics;

/// Counters of all pings of this process; clones count together.
#[derive(Clone, Debug)]
pub struct PingMetrics {
    /// Echo requests that left.
    pub requests_sent: Counter,
    /// Requests for which the kernel had no room and that were tried again.
    pub send_retries: Counter,
    /// Answers that came in time, each request's first.
    pub replies_received: Counter,
    /// Right answers after their time-out, or after their probe was dropped.
    pub replies_late: Counter,
    /// Further copies of an answer.
    pub replies_duplicate: Counter,
    /// Replies that are no answer to any request of ours: wrong source, identifier, sequence or payload.
    pub replies_foreign: Counter,
    /// Messages cut short or with a wrong checksum. A kernel drops the latter itself on IPv6 and datagram sockets.
    pub messages_malformed: Counter,
    /// ICMP errors about requests of ours.
    pub icmp_errors: Counter,
    /// Messages the kernel dropped for want of buffer (on IPv6 those with a wrong checksum too).
    pub kernel_drops: Counter,
    /// Packets that were given up, by reason.
    pub packets_unanswered: Family<ReasonLabels, Counter>,
    /// Probes under way.
    pub probes_under_way: Gauge,
    /// Round-trip times.
    pub rtt_seconds: Histogram,
    /// Lookups of names.
    pub names: ResolverMetrics,
}

/// Why packets were given up.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ReasonLabels {
    reason: &'static str,
}

impl Default for PingMetrics {
    fn default() -> Self {
        Self {
            requests_sent: Counter::default(),
            send_retries: Counter::default(),
            replies_received: Counter::default(),
            replies_late: Counter::default(),
            replies_duplicate: Counter::default(),
            replies_foreign: Counter::default(),
            messages_malformed: Counter::default(),
            icmp_errors: Counter::default(),
            kernel_drops: Counter::default(),
            packets_unanswered: Family::default(),
            probes_under_way: Gauge::default(),
            // 50 us to 13 s, each twice the one before: a LAN and a satellite both fall inside.
            rtt_seconds: Histogram::new(exponential_buckets(5e-5, 2.0, 19)),
            names: ResolverMetrics::default(),
        }
    }
}

impl PingMetrics {
    /// Names everything in a registry.
    pub fn register(&self, registry: &mut Registry) {
        let mut counter = |name: &str, help: &str, counter: &Counter| {
            registry.register(format!("grafolean_ping_{name}"), help, counter.clone());
        };
        counter("requests_sent", "Echo requests that left", &self.requests_sent);
        counter("send_retries", "Requests tried again for want of room in the kernel", &self.send_retries);
        counter("replies_received", "Answers in time, each request's first", &self.replies_received);
        counter("replies_late", "Right answers that came too late", &self.replies_late);
        counter("replies_duplicate", "Further copies of an answer", &self.replies_duplicate);
        counter("replies_foreign", "Replies to nothing that was asked", &self.replies_foreign);
        counter("messages_malformed", "ICMP messages cut short or changed", &self.messages_malformed);
        counter("icmp_errors", "ICMP errors about requests of ours", &self.icmp_errors);
        counter("kernel_drops", "Messages the kernel dropped before they were read", &self.kernel_drops);
        registry.register(
            "grafolean_ping_packets_unanswered",
            "Packets given up, by reason",
            self.packets_unanswered.clone(),
        );
        registry.register(
            "grafolean_ping_probes_under_way",
            "Probes under way",
            self.probes_under_way.clone(),
        );
        registry.register("grafolean_ping_rtt_seconds", "Round-trip times", self.rtt_seconds.clone());
        self.names.register(registry);
    }

    /// Counts a packet that was given up.
    pub fn count_unanswered(&self, reason: Reason) {
        self.unanswered(reason).inc();
    }

    /// The counter of packets that were given up for a reason.
    pub fn unanswered(&self, reason: Reason) -> Counter {
        self.packets_unanswered.get_or_create(&ReasonLabels { reason: reason.label() }).clone()
    }
}
