//! What a device can take, learnt from its answers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::snmp::{Oid, settings::PollPolicy};

/// Objects of one table row that are asked for in one GETBULK.
const MOST_COLUMNS: u32 = 16;

/// Objects that a first GETBULK asks for: about what fits into a packet without fragments.
const FIRST_VARBINDS: u32 = 60;

/// After so many runs without a complaint a device is tried with more again: firmware gets better, and what looked
/// like too much may have been a lost packet. At one run a minute that is about every four hours.
const CLEAN_RUNS: u32 = 250;

/// An object that was never answered is tried again after twice as many runs each time, but at least after so many: at one
/// run a minute that is about every four hours.
const MOST_RUNS_AVOIDED: u32 = 255;

/// What a device can take in one packet, and what it does not answer at all. Plain data that survives a restart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Objects of one GET.
    oids: u32,
    /// Objects that one GETBULK asks for.
    varbinds: u32,
    /// Objects of one GETBULK that were not yet too many.
    most_varbinds: u32,
    /// Columns walked in one packet.
    columns: u32,
    /// Runs since the last complaint.
    clean_runs: u32,
    /// Whether the rows of its walks come in another order than ascending.
    #[serde(default)]
    is_unordered: bool,
    /// Whether it answers when it is asked for its uptime.
    #[serde(default)]
    answers_uptime: bool,
    /// Runs in a row in which it was silent.
    #[serde(default)]
    silent_runs: u32,
    /// Objects to whose request alone it was silent, or answered what makes no sense.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    unanswered: BTreeMap<Oid, Unanswered>,
}

/// How often in a row an object was not answered, and for how many runs it is not asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Unanswered {
    times: u32,
    runs_left: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            oids: PollPolicy::MOST_OIDS,
            varbinds: FIRST_VARBINDS,
            most_varbinds: PollPolicy::MOST_VARBINDS,
            columns: MOST_COLUMNS,
            clean_runs: 0,
            is_unordered: false,
            answers_uptime: false,
            silent_runs: 0,
            unanswered: BTreeMap::new(),
        }
    }
}

impl Limits {
    /// Returns how many objects the next GET may ask for.
    pub fn oids(&self, policy: &PollPolicy) -> usize {
        to_usize(self.oids.min(policy.max_oids))
    }

    /// Returns how many columns the next request of a walk may ask for.
    pub fn columns(&self, policy: &PollPolicy) -> usize {
        to_usize(self.columns.min(policy.max_varbinds))
    }

    /// Returns how many rows of so many columns the next GETBULK may ask for.
    pub fn repetitions(&self, columns: usize, policy: &PollPolicy) -> u32 {
        let columns = u32::try_from(columns).unwrap_or(u32::MAX).max(1);
        (self.varbinds.min(policy.max_varbinds) / columns).max(1)
    }

    /// Whether the rows of its walks come in another order than ascending.
    pub const fn is_unordered(&self) -> bool {
        self.is_unordered
    }

    /// Returns the objects that it does not answer.
    pub fn unanswered(&self) -> impl Iterator<Item = &Oid> {
        self.unanswered.keys()
    }

    pub(super) const fn note_unordered(&mut self) {
        self.is_unordered = true;
    }

    pub(super) const fn answers_uptime(&self) -> bool {
        self.answers_uptime
    }

    /// Notes a run in which it was silent: the next one tries something else.
    pub const fn note_silent_run(&mut self) {
        self.silent_runs = self.silent_runs.saturating_add(1);
    }

    /// Returns one of some things, another one after each run in which it was silent.
    pub(super) fn in_turn<T>(&self, things: Vec<T>) -> Option<T> {
        let turn = usize::try_from(self.silent_runs).unwrap_or(0).checked_rem(things.len())?;
        things.into_iter().nth(turn)
    }

    pub(super) const fn note_uptime_answered(&mut self) {
        self.answers_uptime = true;
    }

    /// Whether an object was not answered the last time, so that it is asked for alone, lest it costs others.
    pub(super) fn is_suspect(&self, oid: &Oid) -> bool {
        self.unanswered.contains_key(oid)
    }

    /// Whether an object was not answered so often that it is not asked for in this run.
    pub(super) fn is_avoided(&self, oid: &Oid) -> bool {
        self.unanswered.get(oid).is_some_and(|unanswered| unanswered.runs_left > 0)
    }

    /// Notes that an object, which was asked for alone, was not answered. The first time that may be a loss, and it is
    /// asked for again in the next run.
    pub(super) fn note_unanswered(&mut self, oid: &Oid) {
        let known = self.unanswered.entry(oid.clone()).or_default();
        known.times = known.times.saturating_add(1);
        known.runs_left = 2_u32.saturating_pow(known.times - 1).min(MOST_RUNS_AVOIDED + 1);
    }

    /// Notes that an object was answered.
    pub(super) fn note_answered(&mut self, oid: &Oid) {
        self.unanswered.remove(oid);
    }

    /// Returns these with the sizes of others: what was tried was not too big, since a culprit was found.
    pub(super) fn with_sizes_of(&self, others: &Self) -> Self {
        Self {
            oids: others.oids,
            varbinds: others.varbinds,
            most_varbinds: others.most_varbinds,
            columns: others.columns,
            ..self.clone()
        }
    }

    /// Notes that a GET was answered with its first so many objects only.
    pub(super) fn fit_get(&mut self, came: usize) {
        self.clean_runs = 0;
        self.oids = to_u32(came).max(1);
    }

    /// Notes that a GET of so many objects was too much; returns whether fewer can be asked for.
    pub(super) fn shrink_get(&mut self, asked: usize) -> bool {
        self.clean_runs = 0;
        self.oids = half(asked);
        asked > 1
    }

    /// Notes that so many columns times rows were too much; returns whether fewer can be asked for. Rows go first.
    pub(super) fn shrink_walk(&mut self, columns: usize, repetitions: u32) -> bool {
        self.clean_runs = 0;
        if repetitions > 1 {
            self.varbinds = (repetitions / 2).saturating_mul(to_u32(columns)).max(1);
            self.most_varbinds = self.varbinds;
            return true;
        }
        self.columns = half(columns);
        columns > 1
    }

    /// Notes that a GETBULK for so many objects was answered with so many: a full answer may grow, a shorter one shows
    /// what fits.
    pub(super) fn fit(&mut self, asked: usize, came: usize, policy: &PollPolicy) {
        if came >= asked {
            let grown = to_u32(asked).saturating_add(to_u32(asked / 2));
            self.varbinds = self.varbinds.max(grown.min(policy.max_varbinds).min(self.most_varbinds));
        } else {
            self.varbinds = to_u32(came).max(1);
        }
    }

    /// Notes that a run is over in which it answered.
    pub(super) fn run_ended(&mut self) {
        self.silent_runs = 0;
        for unanswered in self.unanswered.values_mut() {
            unanswered.runs_left = unanswered.runs_left.saturating_sub(1);
        }
        self.clean_runs += 1;
        if self.clean_runs >= CLEAN_RUNS {
            let fresh = Self { varbinds: self.varbinds.max(FIRST_VARBINDS), ..Self::default() };
            *self = Self { clean_runs: 0, ..self.with_sizes_of(&fresh) };
        }
    }
}

fn half(number: usize) -> u32 {
    to_u32(number / 2).max(1)
}

fn to_u32(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn to_usize(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
