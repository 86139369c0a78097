//! Whether a device went on counting between two looks at it.

use std::time::Duration;

use grafolean_collector::time::Timestamp;
use serde::{Deserialize, Serialize};

/// A hundredth of a second, the unit of sysUpTime.
const TICK: Duration = Duration::from_millis(10);

/// sysUpTime begins anew after this many ticks.
const ROUND: u64 = 1 << 32;

/// How far sysUpTime and our clock may disagree over the same time: answers are delayed, some agents step it in
/// whole seconds or refresh it rarely.
const SLACK: Duration = Duration::from_secs(15);

/// How far they may before a device counts as started since the last look: as far as an answer may be delayed.
const DELAY: Duration = Duration::from_secs(3);

/// And by this part of the time: cheap agents' clocks are off by a few in a thousand.
const DRIFT: f64 = 0.01;

/// How long a device said to have been up, and when it said so.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Uptime {
    /// sysUpTime: hundredths of a second since the agent started, over 2^32 it begins anew (497 days).
    pub ticks: u32,
    /// snmpEngineBoots, where the version tells it.
    pub boots: Option<u32>,
    /// When the answer came.
    pub at: Timestamp,
}

/// What two looks at a device's uptime say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Continuity {
    /// It was up all the time between.
    Unbroken,
    /// It started anew.
    Restarted,
    /// It does not tell.
    Unknown,
}

impl Uptime {
    /// Compares with an earlier look.
    pub fn continuity(&self, earlier: &Self) -> Continuity {
        if let (Some(boots), Some(before)) = (self.boots, earlier.boots)
            && boots != before
        {
            return Continuity::Restarted;
        }
        let elapsed = self.at.since(earlier.at);
        let drift = elapsed.mul_f64(DRIFT);
        let expected = u64::from(earlier.ticks).saturating_add(ticks(elapsed));
        let may_have_gone_round = expected.saturating_add(ticks(SLACK + drift)) >= ROUND;
        let went_back = self.ticks < earlier.ticks;
        let is_younger = TICK.saturating_mul(self.ticks) + DELAY + drift < elapsed;
        if (went_back || is_younger) && !may_have_gone_round {
            return Continuity::Restarted;
        }
        // The shorter way round.
        let apart = (expected % ROUND).abs_diff(self.ticks.into());
        if apart.min(ROUND - apart) <= ticks(SLACK + drift) {
            Continuity::Unbroken
        } else if went_back {
            Continuity::Restarted
        } else {
            // It ran, but not at our pace: a clock of ours or theirs was set.
            Continuity::Unknown
        }
    }
}

fn ticks(span: Duration) -> u64 {
    u64::try_from(span.as_millis() / TICK.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64, ticks: u32) -> Uptime {
        Uptime { ticks, boots: None, at: Timestamp::from_seconds(second) }
    }

    #[test]
    fn a_device_that_ran_is_unbroken_even_over_497_days() {
        assert_eq!(at(60, 106_000).continuity(&at(0, 100_000)), Continuity::Unbroken);
        assert_eq!(at(60, 5_000).continuity(&at(0, u32::MAX - 999)), Continuity::Unbroken);
    }

    #[test]
    fn a_device_that_started_since_is_restarted() {
        assert_eq!(at(60, 3_000).continuity(&at(0, 100_000)), Continuity::Restarted);
        // Restarted so early that it was up longer at the second look than at the first.
        assert_eq!(at(600, 50_000).continuity(&at(0, 1_000)), Continuity::Restarted);
        // And within a second of its last start.
        assert_eq!(at(1, 10).continuity(&at(0, 50)), Continuity::Restarted);
        assert_eq!(at(60, 5_000).continuity(&at(0, 100)), Continuity::Restarted);
    }

    #[test]
    fn boots_tell_what_an_uptime_hides() {
        let before = Uptime { boots: Some(7), ..at(0, 100_000) };
        let after = Uptime { boots: Some(8), ..at(60, 106_000) };
        assert_eq!(after.continuity(&before), Continuity::Restarted);
    }

    #[test]
    fn a_clock_that_was_set_says_nothing() {
        assert_eq!(at(60, 900_000).continuity(&at(0, 100_000)), Continuity::Unknown);
    }
}
