//! The sums of one stream.

use std::collections::HashMap;

use grafolean_time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::record::Factor;

use super::{Counted, Coverage, Sequence, Step, Units};

/// Sources of sFlow samples whose numbers are followed in one stream (ports of a switch); the samples of others are taken
/// in without being watched for loss.
pub const SAMPLE_SOURCES_MAX: usize = 2_048;

/// Samples that an agent can have dropped between two that arrived.
const DROPS_MAX: u32 = 1 << 24;

/// What one stream sent, and what became of it. All counts are since the stream was first seen.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Account {
    /// Datagrams received.
    pub datagrams: u64,
    /// Octets received.
    pub octets: u64,
    /// Flows decoded.
    pub flows: u64,
    /// Records of options decoded.
    pub options: u64,
    /// Templates declared, repetitions included.
    pub templates: u64,
    /// sFlow's counter samples, which are not used.
    pub counter_samples: u64,
    /// sFlow's flow samples known to be taken that did not arrive.
    pub samples_lost: u64,
    /// sFlow's flow samples that the agent dropped itself, by its own count.
    pub samples_dropped: u64,
    /// The sampling of the latest flow.
    pub factor: Factor,
    /// Datagrams that name a sampling which is not believed.
    pub disbelieved: u64,
    /// Units seen and lost since the stream was first seen.
    pub coverage: Coverage,
    /// Units counted as lost that came late, or could be decoded late.
    pub recovered: u64,
    /// Datagrams that came after a later one.
    pub late: u64,
    /// Datagrams whose number had been seen.
    pub repeated: u64,
    /// Times the numbers began anew.
    pub restarts: u64,
    /// Datagrams that could not be decoded, or not wholly.
    pub undecodable: u64,
    /// Data sets that had to wait for their template.
    pub deferred: u64,
    /// Data sets that were decoded after waiting.
    pub resumed: u64,
    /// Data sets dropped while waiting: too old, or no room.
    pub expired: u64,
    /// When its latest datagram came.
    pub last_seen: Timestamp,
    pub(super) sequence: Sequence,
    /// Whether other domains of the same session are known.
    pub(super) has_siblings: bool,
    /// What was counted as lost while it seemed that the exporter numbers otherwise, and since which time that is.
    aside: (u32, u64),
    samples: HashMap<(u32, u32), SampleSource>,
    /// Where the window that is open began.
    window: Coverage,
}

/// One source of sFlow's samples.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct SampleSource {
    sequence: Sequence,
    /// What the agent had dropped of it, when it was last told.
    drops: Option<u32>,
}

/// What one datagram was found to hold.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    /// Flows handed on.
    pub(crate) flows: u32,
    /// Data records decoded, of flows and of options.
    pub(crate) records: u32,
    /// Records of options among them.
    pub(crate) options: u32,
    /// Templates declared.
    pub(crate) templates: u32,
    /// Data sets deferred.
    pub(crate) deferred: u32,
    /// Counter samples.
    pub(crate) counter_samples: u32,
    /// Flows whose sampling is not known.
    pub(crate) unscaled: u32,
    /// The sampling of the latest flow.
    pub(crate) factor: Option<Factor>,
    /// The algorithm of a sampling that it names and that is not believed.
    pub(crate) disbelieved: Option<u64>,
    /// Whether all of it could be read.
    pub(crate) undecodable: bool,
}

impl Tally {
    /// Adds what a set of the datagram held.
    pub(crate) fn add(&mut self, set: &Self) {
        self.flows += set.flows;
        self.records += set.records;
        self.options += set.options;
        self.unscaled += set.unscaled;
        self.factor = set.factor.or(self.factor);
        self.disbelieved = self.disbelieved.or(set.disbelieved);
        self.undecodable |= set.undecodable;
    }
}

impl Account {
    /// Records what a datagram's number showed. `seen` is how many units of it were decoded, and `missing` how many are in it
    /// that could not be.
    pub(super) fn enter(&mut self, step: Step, units: Units, seen: u32, missing: u32) {
        let (seen, missing) = match self.sequence.counted() {
            Counted::ByRule => (seen, missing),
            counted => (units.counted(counted), 0),
        };
        self.coverage.seen += u64::from(seen);
        self.coverage.lost += u64::from(missing);
        self.apply(step);
    }

    /// Returns what the stream's numbers count.
    pub fn counted(&self) -> Counted {
        self.sequence.counted()
    }

    /// Sets aside what was counted as lost, in case that it was not.
    pub(super) fn set_aside(&mut self, epoch: u32, lost: u32) {
        if self.aside.0 != epoch {
            self.aside = (epoch, 0);
        }
        self.aside.1 += u64::from(lost);
    }

    /// Restores what was set aside: it was not lost.
    pub(super) fn give_back_aside(&mut self, epoch: u32) {
        if self.aside.0 == epoch {
            self.give_back(self.aside.1);
        }
        self.aside.1 = 0;
    }

    /// Adds what a datagram held.
    pub(super) fn tally(&mut self, tally: &Tally) {
        self.flows += u64::from(tally.flows);
        self.coverage.flows += u64::from(tally.flows);
        self.coverage.unscaled += u64::from(tally.unscaled);
        self.disbelieved += u64::from(tally.disbelieved.is_some());
        self.factor = tally.factor.unwrap_or(self.factor);
        self.options += u64::from(tally.options);
        self.templates += u64::from(tally.templates);
        self.deferred += u64::from(tally.deferred);
        self.counter_samples += u64::from(tally.counter_samples);
        self.undecodable += u64::from(tally.undecodable);
    }

    /// Follows the numbers of one source of sFlow samples, and what the agent says it dropped of it.
    pub(super) fn sample(&mut self, source: (u32, u32), number: u32, drops: u32) {
        if self.samples.len() >= SAMPLE_SOURCES_MAX && !self.samples.contains_key(&source) {
            return;
        }
        let one = Units::same(1);
        let source = self.samples.entry(source).or_default();
        let step = source.sequence.observe(number, one, None, self.last_seen);
        let dropped = source.drops.map_or(0, |before| drops.wrapping_sub(before));
        if !step.late {
            source.drops = Some(drops);
            // more than that is an agent that started anew
            if !step.restarted && dropped <= DROPS_MAX {
                self.samples_dropped += u64::from(dropped);
                self.coverage.dropped += u64::from(dropped);
            }
        }
        self.samples_lost =
            (self.samples_lost + u64::from(step.lost)).saturating_sub(u64::from(step.recovered));
    }

    /// Records what was decoded after waiting for their template, some of which had been counted as lost.
    pub(super) fn credit(&mut self, records: u32, recovered: u32) {
        self.coverage.seen += u64::from(records);
        self.give_back(u64::from(recovered));
    }

    /// Records a datagram that had been counted as lost since it had to wait.
    pub(super) fn credit_datagram(&mut self) {
        self.coverage.seen += 1;
        self.give_back(1);
    }

    /// Ends the window that is open and begins the next. Returns what was seen and lost in it; what came late after its
    /// window ended is seen in the next one.
    pub(super) fn close_window(&mut self) -> Coverage {
        let window = self.coverage.since(self.window);
        self.window = self.coverage;
        window
    }

    fn apply(&mut self, step: Step) {
        self.coverage.lost += u64::from(step.lost);
        self.give_back(u64::from(step.recovered));
        self.late += u64::from(step.late);
        self.repeated += u64::from(step.repeated);
        self.restarts += u64::from(step.restarted);
    }

    fn give_back(&mut self, units: u64) {
        self.recovered += units;
        self.coverage.lost = self.coverage.lost.saturating_sub(units);
    }
}
