//! Whether a device went on counting between two looks at it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::snmp::Moment;

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

/// Ticks of a second: an uptime that is a multiple of it each time is stepped in whole seconds.
const SECOND: u32 = 100;

/// How long a device said to have been up, and when it said so.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Uptime {
    /// sysUpTime: hundredths of a second since the agent started, over 2^32 it begins anew (497 days).
    pub ticks: u32,
    /// snmpEngineBoots, where the version tells it.
    pub boots: Option<u32>,
    /// When the answer came.
    #[serde(default, rename = "moment")]
    pub at: Moment,
}

/// What two looks at a device's uptime say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Continuity {
    /// It was up all the time between, which is best told by one of the clocks.
    Unbroken(TimeBase),
    /// It started anew.
    Restarted,
    /// It does not tell, and did not before, or its clock stands still: only our own does.
    Untold,
    /// It may have been up, or not: its clock and ours disagree, or one of them is missing.
    Unsure,
}

/// By whose clock a span is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeBase {
    /// sysUpTime: exactly the time in which the device counted, however long its answers were under way.
    Device,
    /// Ours, which no one sets: closer than an uptime in whole seconds.
    Ours,
}

impl Uptime {
    /// Returns the device's own time, in ticks, at a moment close to when it told it.
    pub fn ticks_at(&self, at: Moment) -> u32 {
        let since = at.since(self.at).unwrap_or_default();
        u32::try_from((u64::from(self.ticks) + ticks(since)) % ROUND).unwrap_or(self.ticks)
    }

    /// Compares with an earlier look.
    pub fn continuity(&self, earlier: &Self) -> Continuity {
        if let (Some(boots), Some(before)) = (self.boots, earlier.boots)
            && boots != before
        {
            return Continuity::Restarted;
        }
        // Without a clock of ours a device that started anew long ago looks as one that went on.
        let Some(elapsed) = self.at.since(earlier.at) else { return Continuity::Unsure };
        let drift = elapsed.mul_f64(DRIFT);
        // Some agents say the same for ever: a clock that stands still tells nothing.
        if self.ticks == earlier.ticks && elapsed > SLACK {
            return Continuity::Untold;
        }
        let expected = u64::from(earlier.ticks).saturating_add(ticks(elapsed));
        let may_have_gone_round = expected.saturating_add(ticks(SLACK + drift)) >= ROUND;
        let went_back = self.ticks < earlier.ticks;
        let age = TICK.saturating_mul(self.ticks);
        // One that had only just started may have done so again, and be older now than it was then.
        let was_young = TICK.saturating_mul(earlier.ticks) <= SLACK + drift;
        let is_younger = age + DELAY + drift < elapsed || (was_young && age < elapsed);
        if (went_back || is_younger) && !may_have_gone_round {
            return Continuity::Restarted;
        }
        // The shorter way round.
        let apart = (expected % ROUND).abs_diff(self.ticks.into());
        let apart = apart.min(ROUND - apart);
        if apart <= ticks(SLACK + drift) {
            let is_coarse = self.ticks.is_multiple_of(SECOND) && earlier.ticks.is_multiple_of(SECOND);
            let is_close = apart <= SECOND.into();
            Continuity::Unbroken(if is_coarse && is_close { TimeBase::Ours } else { TimeBase::Device })
        } else if went_back {
            Continuity::Restarted
        } else {
            // It ran, but not at our pace: its clock was set, or this machine stood still.
            Continuity::Unsure
        }
    }
}

fn ticks(span: Duration) -> u64 {
    u64::try_from(span.as_millis() / TICK.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: u64, ticks: u32) -> Uptime {
        Uptime { ticks, boots: None, at: Moment::new(1, second * 1_000_000) }
    }

    #[test]
    fn a_device_that_ran_is_unbroken_even_over_497_days() {
        let unbroken = Continuity::Unbroken(TimeBase::Device);
        assert_eq!(at(60, 106_001).continuity(&at(0, 100_000)), unbroken);
        assert_eq!(at(60, 5_000).continuity(&at(0, u32::MAX - 999)), unbroken);
    }

    #[test]
    fn a_device_that_started_since_is_restarted() {
        assert_eq!(at(60, 3_000).continuity(&at(0, 100_000)), Continuity::Restarted);
        // Restarted so early that it was up longer at the second look than at the first.
        assert_eq!(at(600, 50_000).continuity(&at(0, 1_000)), Continuity::Restarted);
        // And within a second of its last start.
        assert_eq!(at(1, 10).continuity(&at(0, 50)), Continuity::Restarted);
        assert_eq!(at(60, 5_000).continuity(&at(0, 100)), Continuity::Restarted);
        // Soon after its last start, and up for longer than it was then.
        assert_eq!(at(7, 601).continuity(&at(0, 500)), Continuity::Restarted);
        assert_eq!(at(1, 95).continuity(&at(0, 50)), Continuity::Restarted);
        let unbroken = Continuity::Unbroken(TimeBase::Device);
        assert_eq!(at(7, 1_201).continuity(&at(0, 500)), unbroken);
        assert_eq!(at(7, 1_001).continuity(&at(0, 500)), unbroken, "an answer may be late");
    }

    #[test]
    fn boots_tell_what_an_uptime_hides() {
        let before = Uptime { boots: Some(7), ..at(0, 100_000) };
        let after = Uptime { boots: Some(8), ..at(60, 106_000) };
        assert_eq!(after.continuity(&before), Continuity::Restarted);
    }

    #[test]
    fn a_clock_that_was_set_says_nothing() {
        assert_eq!(at(60, 900_000).continuity(&at(0, 100_000)), Continuity::Unsure);
    }

    #[test]
    fn an_uptime_in_whole_seconds_is_no_measure_of_short_spans() {
        assert_eq!(at(5, 100_600).continuity(&at(0, 100_000)), Continuity::Unbroken(TimeBase::Ours));
        // Such a one that is far off is its own: our answers were late.
        assert_eq!(at(5, 101_000).continuity(&at(0, 100_000)), Continuity::Unbroken(TimeBase::Device));
    }

    #[test]
    fn a_clock_that_stands_still_tells_nothing() {
        for ticks in [0, 5, 100_000] {
            assert_eq!(at(60, ticks).continuity(&at(0, ticks)), Continuity::Untold);
        }
    }

    #[test]
    fn without_our_clock_nothing_is_sure() {
        let after = Uptime { at: Moment::new(2, 60_000_000), ..at(60, 106_000) };
        assert_eq!(after.continuity(&at(0, 100_000)), Continuity::Unsure);
        assert_eq!(at(0, 106_000).continuity(&at(60, 100_000)), Continuity::Unsure);
    }

    #[test]
    fn the_devices_time_goes_on_after_it_told_it() {
        assert_eq!(at(10, 500).ticks_at(Moment::new(1, 12_345_678)), 500 + 234);
        assert_eq!(at(10, u32::MAX).ticks_at(Moment::new(1, 10_010_000)), 0);
    }
}
