//! What a device can take, learnt from its answers.

use serde::{Deserialize, Serialize};

use crate::snmp::settings::Manners;

/// Objects of one table row that are asked for in one GETBULK.
const MOST_COLUMNS: u32 = 16;

/// Objects that a first GETBULK asks for: about what fits into a packet without fragments.
const FIRST_VARBINDS: u32 = 60;

/// After so many runs without a complaint a device is tried with more again: firmware gets better, and what looked
/// like too much may have been a lost packet. At one run a minute that is about every four hours.
const CLEAN_RUNS: u32 = 250;

/// What a device can take in one packet. Plain data that survives a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            oids: *Manners::OIDS.end(),
            varbinds: FIRST_VARBINDS,
            most_varbinds: *Manners::VARBINDS.end(),
            columns: MOST_COLUMNS,
            clean_runs: 0,
        }
    }
}

impl Limits {
    /// Gives how many objects the next GET may ask for.
    pub fn oids(&self, manners: &Manners) -> usize {
        to_usize(self.oids.min(manners.max_oids))
    }

    /// Gives how many columns the next request of a walk may ask for.
    pub fn columns(&self, manners: &Manners) -> usize {
        to_usize(self.columns.min(manners.max_varbinds))
    }

    /// Gives how many rows of so many columns the next GETBULK may ask for.
    pub fn repetitions(&self, columns: usize, manners: &Manners) -> u32 {
        let columns = u32::try_from(columns).unwrap_or(u32::MAX).max(1);
        (self.varbinds.min(manners.max_varbinds) / columns).max(1)
    }

    /// Notes that a GET of so many objects was too much; gives whether fewer can be asked for.
    pub(super) fn shrink_get(&mut self, asked: usize) -> bool {
        self.clean_runs = 0;
        self.oids = half(asked);
        asked > 1
    }

    /// Notes that so many columns times rows were too much; gives whether fewer can be asked for. Rows go first.
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
    pub(super) fn fit(&mut self, asked: usize, came: usize, manners: &Manners) {
        if came >= asked {
            let grown = to_u32(asked).saturating_add(to_u32(asked / 2));
            self.varbinds = self.varbinds.max(grown.min(manners.max_varbinds).min(self.most_varbinds));
        } else {
            self.varbinds = to_u32(came).max(1);
        }
    }

    /// Notes that a run is over.
    pub(super) fn run_ended(&mut self) {
        self.clean_runs += 1;
        if self.clean_runs >= CLEAN_RUNS {
            *self = Self { varbinds: self.varbinds.max(FIRST_VARBINDS), ..Self::default() };
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
