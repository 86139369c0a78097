//! The sums of one stream.

use std::collections::HashMap;

use grafolean_time::Timestamp;

use super::{Coverage, Sequence, Step, Units};

/// Sources of sFlow samples whose numbers are followed in one stream (ports of a switch); the samples of others are taken
/// in without being watched for loss.
pub const SAMPLE_SOURCES_MAX: usize = 2_048;

/// What one stream sent, and what became of it. All counts are since the stream was first seen.
#[derive(Clone, Debug, Default)]
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
    pub parked: u64,
    /// Data sets that were decoded after waiting.
    pub unparked: u64,
    /// Data sets dropped while waiting: too old, or no room.
    pub expired: u64,
    /// When its latest datagram came.
    pub last_seen: Timestamp,
    sequence: Sequence,
    samples: HashMap<(u32, u32), Sequence>,
    /// Where the window that is open began.
    window: Coverage,
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
    /// Data sets parked.
    pub(crate) parked: u32,
    /// Counter samples.
    pub(crate) counter_samples: u32,
    /// Whether all of it could be read.
    pub(crate) undecodable: bool,
}

impl Tally {
    /// Adds what a set of the datagram held.
    pub(crate) fn add(&mut self, set: &Self) {
        self.flows += set.flows;
        self.records += set.records;
        self.options += set.options;
        self.undecodable |= set.undecodable;
    }
}

impl Account {
    /// Takes in one datagram's number and what it held. `seen` is how many units of it were decoded, and `missing` how
    /// many are in it that could not be.
    pub(super) fn enter(
        &mut self,
        number: u32,
        units: Units,
        seen: u32,
        missing: u32,
        uptime_ms: Option<u32>,
    ) {
        let step = self.sequence.observe(number, units, uptime_ms, self.last_seen);
        let (seen, missing) =
            if self.sequence.counts_otherwise() { (units.otherwise, 0) } else { (seen, missing) };
        self.coverage.seen += u64::from(seen);
        self.coverage.lost += u64::from(missing);
        self.apply(step);
    }

    /// Adds what a datagram held.
    pub(super) fn tally(&mut self, tally: &Tally) {
        self.flows += u64::from(tally.flows);
        self.options += u64::from(tally.options);
        self.templates += u64::from(tally.templates);
        self.parked += u64::from(tally.parked);
        self.counter_samples += u64::from(tally.counter_samples);
        self.undecodable += u64::from(tally.undecodable);
    }

    /// Follows the numbers of one source of sFlow samples.
    pub(super) fn sample(&mut self, source: (u32, u32), number: u32) {
        if self.samples.len() >= SAMPLE_SOURCES_MAX && !self.samples.contains_key(&source) {
            return;
        }
        let one = Units { by_rule: 1, otherwise: 1, without_options: 1 };
        let step = self.samples.entry(source).or_default().observe(number, one, None, self.last_seen);
        self.samples_lost =
            (self.samples_lost + u64::from(step.lost)).saturating_sub(u64::from(step.recovered));
    }

    /// Takes in records that were decoded after waiting for their template: so many from this position on.
    pub(super) fn credit(&mut self, position: u32, records: u32) {
        let recovered = self.sequence.credit(position, records);
        self.coverage.seen += u64::from(records);
        self.give_back(u64::from(recovered));
    }

    /// Takes in a datagram that had been counted as lost since it had to wait.
    pub(super) fn credit_datagram(&mut self) {
        self.coverage.seen += 1;
        self.give_back(1);
    }

    /// Ends the window that is open and begins the next. Gives what was seen and lost in it; what came late after its
    /// window ended is seen in the next one.
    pub(super) fn close_window(&mut self) -> Coverage {
        let window = Coverage {
            seen: self.coverage.seen - self.window.seen,
            lost: self.coverage.lost.saturating_sub(self.window.lost),
        };
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
