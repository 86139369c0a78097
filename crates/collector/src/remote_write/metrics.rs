//! What the senders of remote write tell an operator.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};
use tokio::time::Instant;

use super::receiver::Answer;

/// A receiver that takes nothing for longer than this is told by health checks: outages of minutes are bridged in silence.
const LONGEST_SILENCE: Duration = Duration::from_mins(10);

/// Counters and gauges of all sinks; cheap to clone, all clones are one.
#[derive(Clone, Debug, Default)]
pub struct RemoteWriteMetrics {
    stored: Family<SinkLabel, Counter>,
    was_there: Family<SinkLabel, Counter>,
    rejected: Family<SinkLabel, Counter>,
    markers: Family<SinkLabel, Counter>,
    requests: Family<OutcomeLabel, Counter>,
    request_bytes: Family<SinkLabel, Counter>,
    splits: Family<SinkLabel, Counter>,
    backing_off: Family<SinkLabel, Gauge>,
    faults: Arc<Mutex<BTreeMap<String, Fault>>>,
}

#[derive(Debug)]
struct Fault {
    since: Instant,
    needs_a_person: bool,
    text: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SinkLabel {
    sink: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabel {
    sink: String,
    outcome: &'static str,
}

impl RemoteWriteMetrics {
    /// Adds them to a registry.
    pub fn register(&self, registry: &mut Registry) {
        let sink = registry.sub_registry_with_prefix("grafolean_sink");
        sink.register("delivered_values", "Values that the receiver stored", self.stored.clone());
        sink.register(
            "was_there_values",
            "Values refused as out of order after a request whose answer was lost: the receiver has them",
            self.was_there.clone(),
        );
        sink.register("rejected_values", "Values that became dead letters", self.rejected.clone());
        sink.register("stale_markers", "Markers of series that ended", self.markers.clone());
        sink.register("requests", "Requests, by outcome", self.requests.clone());
        sink.register(
            "request_bytes",
            "Bytes of bodies that were sent, compressed",
            self.request_bytes.clone(),
        );
        sink.register("splits", "Requests split to find what the receiver refuses", self.splits.clone());
        sink.register("backing_off", "1 while the sink waits for its receiver", self.backing_off.clone());
    }

    /// Returns an error, in a sentence, while a receiver needs a person, or has taken nothing for
    /// ten minutes though values wait.
    pub fn check(&self) -> Result<(), String> {
        let faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        let told: Vec<_> = faults
            .iter()
            .filter(|(_, fault)| fault.needs_a_person || fault.since.elapsed() > LONGEST_SILENCE)
            .map(|(sink, fault)| {
                let seconds = fault.since.elapsed().as_secs();
                format!("the sink {sink} has taken nothing for {seconds} s: {}", fault.text)
            })
            .collect();
        if told.is_empty() { Ok(()) } else { Err(told.join("; ")) }
    }

    /// Returns how many values the receiver of a sink stored.
    pub fn delivered(&self, sink: &str) -> u64 {
        self.stored.get_or_create(&SinkLabel { sink: sink.to_owned() }).get()
    }

    pub(super) fn of(&self, sink: &str) -> SinkCounts {
        SinkCounts { all: self.clone(), label: SinkLabel { sink: sink.to_owned() } }
    }
}

/// The counts of one sink.
#[derive(Clone, Debug)]
pub(super) struct SinkCounts {
    all: RemoteWriteMetrics,
    label: SinkLabel,
}

impl SinkCounts {
    pub(super) fn stored(&self, values: usize) {
        self.all.stored.get_or_create(&self.label).inc_by(count(values));
    }

    pub(super) fn was_there(&self, values: usize) {
        self.all.was_there.get_or_create(&self.label).inc_by(count(values));
    }

    pub(super) fn rejected(&self, values: usize) {
        self.all.rejected.get_or_create(&self.label).inc_by(count(values));
    }

    pub(super) fn marked(&self, series: usize) {
        self.all.markers.get_or_create(&self.label).inc_by(count(series));
    }

    pub(super) fn split(&self) {
        self.all.splits.get_or_create(&self.label).inc();
    }

    pub(super) fn requested(&self, bytes: usize) {
        self.all.request_bytes.get_or_create(&self.label).inc_by(count(bytes));
    }

    pub(super) fn answered(&self, answer: &Answer) {
        let outcome = match answer {
            Answer::Stored => "ok",
            Answer::Refused { .. } => "refused",
            Answer::TooLarge => "too_large",
            Answer::Later { .. } => "later",
            Answer::Unauthorized(_) => "unauthorized",
            Answer::NoReceiver(_) => "no_receiver",
            Answer::OtherVersion => "other_version",
        };
        let label = OutcomeLabel { sink: self.label.sink.clone(), outcome };
        self.all.requests.get_or_create(&label).inc();
    }

    /// Notes that the receiver takes nothing, and why.
    pub(super) fn failing(&self, needs_a_person: bool, text: &str) {
        self.all.backing_off.get_or_create(&self.label).set(1);
        let mut faults = self.all.faults.lock().unwrap_or_else(PoisonError::into_inner);
        let fault = faults.entry(self.label.sink.clone()).or_insert_with(|| Fault {
            since: Instant::now(),
            needs_a_person,
            text: String::new(),
        });
        fault.needs_a_person = needs_a_person;
        text.clone_into(&mut fault.text);
    }

    pub(super) fn well(&self) {
        self.all.backing_off.get_or_create(&self.label).set(0);
        self.all.faults.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.label.sink);
    }
}

fn count(of: usize) -> u64 {
    u64::try_from(of).unwrap_or(u64::MAX)
}
