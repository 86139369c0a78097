//! One look at a counter, and the rate between two of them.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{Continuity, TimeBase};
use crate::snmp::{Moment, Value};

/// How far a counter counts before it begins anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Width {
    /// Counter32.
    #[serde(rename = "32")]
    Bits32,
    /// Counter64.
    #[serde(rename = "64")]
    Bits64,
}

/// One look at a counter.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// Its kind.
    pub width: Width,
    /// What it said.
    pub count: u64,
    /// When the answer came.
    #[serde(default, rename = "moment")]
    pub at: Moment,
    /// What the device's own clock said then, in hundredths of a second, where it is told.
    #[serde(default)]
    pub ticks: Option<u32>,
    /// A checksum of the names of the row; 0 is none.
    #[serde(default)]
    pub name: u32,
    /// How many looks in a row, up to this one, were more than the interface is said to carry.
    #[serde(default)]
    pub exceeded: u8,
}

/// Why two looks give no rate.
#[derive(Clone, Copy, Debug, PartialEq, Error)]
pub enum NoRate {
    /// There was no look before.
    #[error("the first reading")]
    First,
    /// The device started anew.
    #[error("the device restarted")]
    Restarted,
    /// The row is another one's than it was: its names have changed.
    #[error("the first reading under this name: the index was another one's")]
    Renamed,
    /// The counter went back, and nothing says that it wrapped.
    #[error("the counter went back from {from} to {to}")]
    Backwards {
        /// Before.
        from: u64,
        /// Now.
        to: u64,
    },
    /// More than the interface can carry.
    #[error("{rate:.0} a second is more than the {ceiling:.0} that {}", if *.is_wrap { "its speed allows of a counter that wrapped" } else { "any port carries" })]
    Implausible {
        /// What came out.
        rate: f64,
        /// What is possible.
        ceiling: f64,
        /// Whether it comes of a wrap that was corrected.
        is_wrap: bool,
    },
    /// The interface's counters began anew: ifCounterDiscontinuityTime has changed.
    #[error("the interface began to count anew")]
    Discontinuity,
    /// The object has become another kind of counter.
    #[error("the counter changed its type")]
    Retyped,
    /// Nobody knows whether the device counted all the time, or for how long.
    #[error("the device's clock and ours disagree, or one is missing: how long it counted is not known")]
    Unsure,
    /// The looks are not apart.
    #[error("no time passed between the readings")]
    NoTime,
}

impl NoRate {
    /// Returns a short word from a small fixed set, under which it is counted.
    pub fn label(&self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Restarted => "restarted",
            Self::Renamed => "renamed",
            Self::Backwards { .. } => "backwards",
            Self::Implausible { .. } => "implausible",
            Self::Discontinuity => "discontinuity",
            Self::Retyped => "retyped",
            Self::Unsure => "unsure",
            Self::NoTime => "no_time",
        }
    }

    /// Whether a value is withheld that there could have been. Of a counter that just begins there is none to be had.
    pub const fn is_withheld(&self) -> bool {
        !matches!(self, Self::First | Self::Restarted | Self::Renamed)
    }
}

/// Agents refresh their counters rarely, some twice a minute: between two looks a counter may grow by what the
/// interface carried in the time between and in this.
const REFRESH: Duration = Duration::from_secs(30);

/// After so many looks in a row that are more than the interface is said to carry it is the speed that is wrong, as it is
/// of many virtual machines and of ports with a `bandwidth` statement: then the counter is believed, also where it wrapped.
pub const MOST_EXCEEDED: u8 = 5;

/// The most a second that can be true of a counter, where it is known.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Bounds {
    /// What the device says of the interface: often wrong, so it decides only where the increase itself is in doubt.
    pub declared: Option<f64>,
    /// What no port there is can carry.
    pub possible: Option<f64>,
}

/// What a counter did between two looks.
struct Step {
    increase: u64,
    elapsed: Duration,
    is_wrap: bool,
}

impl Step {
    fn exceeds(&self, ceiling: f64) -> bool {
        self.increase as f64 > ceiling * (self.elapsed + REFRESH).as_secs_f64()
    }
}

impl Reading {
    /// Returns a reading of a value if it is a counter.
    pub fn of(value: &Value, at: Moment) -> Option<Self> {
        let (width, count) = match *value {
            Value::Counter32(count) => (Width::Bits32, count.into()),
            Value::Counter64(count) => (Width::Bits64, count),
            _ => return None,
        };
        Some(Self { width, count, at, ticks: None, name: 0, exceeded: 0 })
    }

    /// Returns the rate a second since an earlier look.
    ///
    /// # Errors
    /// Why there is none: then there is a gap, never a guess.
    pub fn rate(
        &self,
        earlier: Option<&Self>,
        continuity: Continuity,
        bounds: Bounds,
    ) -> Result<f64, NoRate> {
        let step = self.step(earlier, continuity)?;
        let rate = step.increase as f64 / step.elapsed.as_secs_f64();
        let is_disbelieved = earlier.is_some_and(|earlier| earlier.exceeded >= MOST_EXCEEDED);
        let declared = bounds.declared.filter(|_| step.is_wrap && !is_disbelieved);
        match declared.or(bounds.possible) {
            Some(ceiling) if step.exceeds(ceiling) => {
                Err(NoRate::Implausible { rate, ceiling, is_wrap: declared.is_some() })
            }
            _ => Ok(rate),
        }
    }

    /// Returns how many looks in a row are more than the interface is said to carry, with this one; an interface that was
    /// often enough is no longer believed to have its speed.
    pub fn exceeded(&self, earlier: Option<&Self>, continuity: Continuity, declared: Option<f64>) -> u8 {
        let before = earlier.map_or(0, |earlier| earlier.exceeded);
        match (self.step(earlier, continuity), declared) {
            (Ok(step), Some(declared)) if step.exceeds(declared) => before.saturating_add(1),
            _ if before >= MOST_EXCEEDED => before,
            _ => 0,
        }
    }

    fn step(&self, earlier: Option<&Self>, continuity: Continuity) -> Result<Step, NoRate> {
        let earlier = earlier.ok_or(NoRate::First)?;
        match continuity {
            Continuity::Restarted => return Err(NoRate::Restarted),
            Continuity::Unsure => return Err(NoRate::Unsure),
            Continuity::Unbroken(_) | Continuity::Untold => {}
        }
        if earlier.name != self.name {
            return Err(NoRate::Renamed);
        }
        if earlier.width != self.width {
            return Err(NoRate::Retyped);
        }
        let elapsed = self.elapsed(earlier, continuity).ok_or(NoRate::Unsure)?;
        if elapsed.is_zero() {
            return Err(NoRate::NoTime);
        }
        match self.count.checked_sub(earlier.count) {
            Some(increase) => Ok(Step { increase, elapsed, is_wrap: false }),
            None if self.width == Width::Bits32 && matches!(continuity, Continuity::Unbroken(_)) => {
                let increase = (self.count + (1 << 32)).saturating_sub(earlier.count);
                Ok(Step { increase, elapsed, is_wrap: true })
            }
            None => Err(NoRate::Backwards { from: earlier.count, to: self.count }),
        }
    }

    fn elapsed(&self, earlier: &Self, continuity: Continuity) -> Option<Duration> {
        let ours = self.at.since(earlier.at);
        let device = match (continuity, self.ticks, earlier.ticks) {
            (Continuity::Unbroken(TimeBase::Device), Some(now), Some(before)) => {
                let ticks = now.wrapping_sub(before);
                // An agent that refreshes its uptime rarely may say the same twice.
                (ticks > 0).then(|| Duration::from_millis(10).saturating_mul(ticks))
            }
            _ => None,
        };
        device.or(ours)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNBROKEN: Continuity = Continuity::Unbroken(TimeBase::Device);

    fn at(second: u64) -> Moment {
        Moment::new(1, second * 1_000_000)
    }

    fn reading(value: Value, second: u64) -> Reading {
        Reading::of(&value, at(second)).unwrap()
    }

    fn declared(ceiling: f64) -> Bounds {
        Bounds { declared: Some(ceiling), possible: Some(1e12) }
    }

    fn rate(before: Value, after: Value, continuity: Continuity, bounds: Bounds) -> Result<f64, NoRate> {
        reading(after, 60).rate(Some(&reading(before, 0)), continuity, bounds)
    }

    use Continuity::{Restarted, Unsure, Untold};
    use Value::{Counter32, Counter64};

    #[test]
    fn a_rate_is_the_increase_by_the_time_between_the_answers() {
        assert_eq!(rate(Counter64(1_000), Counter64(7_000), Untold, Bounds::default()), Ok(100.0));
        let half_second = Reading { at: Moment::new(1, 500_000), ..reading(Counter32(10), 0) };
        assert_eq!(half_second.rate(Some(&reading(Counter32(0), 0)), UNBROKEN, Bounds::default()), Ok(20.0));
    }

    #[test]
    fn the_devices_clock_counts_where_it_tells_and_ours_else() {
        let before = Reading { ticks: Some(u32::MAX - 999), ..reading(Counter64(0), 0) };
        let after = Reading { ticks: Some(5_000), ..reading(Counter64(6_000), 72) };
        let rate = |before: &Reading, after: &Reading, continuity| {
            after.rate(Some(before), continuity, Bounds::default())
        };
        assert_eq!(rate(&before, &after, UNBROKEN), Ok(100.0), "60 s on its clock, also over 497 days");
        assert_eq!(rate(&before, &after, Continuity::Unbroken(TimeBase::Ours)), Ok(6_000.0 / 72.0));
        let untold = Reading { ticks: None, ..before };
        assert_eq!(rate(&untold, &after, UNBROKEN), Ok(6_000.0 / 72.0));
        let same = Reading { ticks: before.ticks, ..after };
        assert_eq!(rate(&before, &same, UNBROKEN), Ok(6_000.0 / 72.0));
        // After a restart of this machine.
        let elsewhere = Reading { at: Moment::new(2, 5), ..after };
        assert_eq!(rate(&before, &elsewhere, Untold), Err(NoRate::Unsure));
        assert_eq!(rate(&before, &after, Unsure), Err(NoRate::Unsure));
    }

    #[test]
    fn the_first_look_gives_no_rate_and_what_is_no_counter_is_none() {
        assert_eq!(reading(Counter32(1), 0).rate(None, UNBROKEN, Bounds::default()), Err(NoRate::First));
        assert_eq!(Reading::of(&Value::Gauge32(1), Moment::default()), None);
    }

    #[test]
    fn a_counter32_that_wrapped_is_corrected_only_while_the_device_ran() {
        let (before, after) = (Counter32(u32::MAX - 2_999), Counter32(3_000));
        let rate = |continuity| rate(before.clone(), after.clone(), continuity, Bounds::default());
        assert_eq!(rate(UNBROKEN), Ok(100.0));
        assert_eq!(rate(Restarted), Err(NoRate::Restarted));
        assert!(matches!(rate(Untold), Err(NoRate::Backwards { .. })));
    }

    #[test]
    fn a_counter64_never_wraps() {
        let backwards = rate(Counter64(u64::MAX), Counter64(5), UNBROKEN, Bounds::default());
        assert_eq!(backwards, Err(NoRate::Backwards { from: u64::MAX, to: 5 }));
    }

    #[test]
    fn a_restart_is_a_gap_even_if_the_counter_is_ahead() {
        let restarted = rate(Counter32(5), Counter32(900_000), Restarted, Bounds::default());
        assert_eq!(restarted, Err(NoRate::Restarted));
    }

    #[test]
    fn a_row_of_another_name_begins_anew() {
        let before = Reading { name: 7, ..reading(Counter64(0), 0) };
        let named = |name| Reading { name, ..reading(Counter64(6_000), 60) };
        assert_eq!(named(7).rate(Some(&before), UNBROKEN, Bounds::default()), Ok(100.0));
        for name in [8, 0] {
            let renamed = named(name).rate(Some(&before), UNBROKEN, Bounds::default());
            assert_eq!(renamed, Err(NoRate::Renamed));
        }
    }

    #[test]
    fn a_peak_beyond_the_declared_speed_is_stored() {
        let peak = rate(Counter64(0), Counter64(60 * 200_000_000), UNBROKEN, declared(125_000.0));
        assert_eq!(peak, Ok(200_000_000.0));
        let of_32_bits = rate(Counter32(0), Counter32(60 * 2_000_000), UNBROKEN, declared(125_000.0));
        assert_eq!(of_32_bits, Ok(2_000_000.0));
    }

    #[test]
    fn a_wrap_that_a_cleared_counter_feigned_is_withheld() {
        let cleared = rate(Counter32(500_000_000), Counter32(100), UNBROKEN, declared(125_000.0));
        assert!(matches!(cleared, Err(NoRate::Implausible { is_wrap: true, .. })), "{cleared:?}");
    }

    #[test]
    fn what_no_port_can_carry_is_withheld_however_often_it_comes() {
        let before = Reading { exceeded: MOST_EXCEEDED, ..reading(Counter64(0), 0) };
        let jump = reading(Counter64(1 << 60), 60).rate(Some(&before), UNBROKEN, declared(125_000.0));
        assert!(matches!(jump, Err(NoRate::Implausible { is_wrap: false, .. })), "{jump:?}");
    }

    #[test]
    fn a_speed_that_is_exceeded_again_and_again_is_not_believed() {
        let mut before = reading(Counter32(0), 0);
        for look in 1..=u64::from(MOST_EXCEEDED) {
            let mut after = reading(Counter32(u32::try_from(look).unwrap() * 60 * 2_000_000), 60 * look);
            after.exceeded = after.exceeded(Some(&before), UNBROKEN, Some(125_000.0));
            assert_eq!(u64::from(after.exceeded), look);
            before = after;
        }
        let wrapped = Reading { count: before.count, ..before };
        let after = reading(Counter32(5), 60 * 6);
        let wrapped = Reading { count: u64::from(u32::MAX) - 5, ..wrapped };
        let believed = Reading { count: 119_999_994, ..after };
        assert_eq!(believed.rate(Some(&wrapped), UNBROKEN, declared(125_000.0)), Ok(2_000_000.0));
    }

    #[test]
    fn no_time_and_a_changed_type_give_no_rate() {
        let (early, late) = (reading(Counter32(1), 0), reading(Counter32(2), 60));
        assert_eq!(early.rate(Some(&early), UNBROKEN, Bounds::default()), Err(NoRate::NoTime));
        assert_eq!(early.rate(Some(&late), UNBROKEN, Bounds::default()), Err(NoRate::Unsure));
        let retyped = rate(Counter32(1), Counter64(2), UNBROKEN, Bounds::default());
        assert_eq!(retyped, Err(NoRate::Retyped));
    }

    #[test]
    fn a_reading_survives_a_restart_of_the_bot_and_one_of_an_older_bot_has_no_time() {
        let reading = Reading { ticks: Some(7), name: 9, ..reading(Counter64(u64::MAX), 1_700_000_000) };
        let written = serde_json::to_string(&reading).unwrap();
        assert_eq!(serde_json::from_str::<Reading>(&written).unwrap(), reading);
        let older = r#"{"width":"64","count":5,"at":1700000000000000,"exceeded":0}"#;
        let older: Reading = serde_json::from_str(older).unwrap();
        assert_eq!((older.count, older.at), (5, Moment::default()));
    }
}
