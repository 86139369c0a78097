//! One look at a counter, and the rate between two of them.

use std::time::Duration;

use grafolean_collector::time::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::Continuity;
use crate::snmp::Value;

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
    pub at: Timestamp,
    /// How many looks in a row, up to this one, were more than the interface can carry.
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
    /// The counter went back, and nothing says that it wrapped.
    #[error("the counter went back from {from} to {to}")]
    Backwards {
        /// Before.
        from: u64,
        /// Now.
        to: u64,
    },
    /// More than the interface can carry.
    #[error("{rate} a second is more than the {ceiling} that the interface can carry")]
    Implausible {
        /// What came out.
        rate: f64,
        /// What its speed allows.
        ceiling: f64,
    },
    /// The interface's counters began anew: ifCounterDiscontinuityTime has changed.
    #[error("the interface began to count anew")]
    Discontinuity,
    /// The object has become another kind of counter.
    #[error("the counter changed its type")]
    Retyped,
    /// The looks are not apart: the clock was set back.
    #[error("no time passed between the readings")]
    NoTime,
}

impl NoRate {
    /// A short word from a small fixed set, under which it is counted.
    pub fn label(&self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Restarted => "restarted",
            Self::Backwards { .. } => "backwards",
            Self::Implausible { .. } => "implausible",
            Self::Discontinuity => "discontinuity",
            Self::Retyped => "retyped",
            Self::NoTime => "no_time",
        }
    }
}

/// Agents refresh their counters rarely, some twice a minute: between two looks a counter may grow by what the
/// interface carried in the time between and in this.
const REFRESH: Duration = Duration::from_secs(30);

/// After so many looks in a row that are more than the interface can carry it is the speed that is wrong, as it is of
/// many virtual machines: then the counter is believed.
pub const MOST_EXCEEDED: u8 = 5;

impl Reading {
    /// Takes a value if it is a counter.
    pub fn of(value: &Value, at: Timestamp) -> Option<Self> {
        match *value {
            Value::Counter32(count) => {
                Some(Self { width: Width::Bits32, count: count.into(), at, exceeded: 0 })
            }
            Value::Counter64(count) => Some(Self { width: Width::Bits64, count, at, exceeded: 0 }),
            _ => None,
        }
    }

    /// Gives the rate a second since an earlier look; `ceiling` is the most a second that can be true, where known.
    ///
    /// # Errors
    /// Says why there is none: then there is a gap, never a guess.
    pub fn rate(
        &self,
        earlier: Option<&Self>,
        continuity: Continuity,
        ceiling: Option<f64>,
    ) -> Result<f64, NoRate> {
        let earlier = earlier.ok_or(NoRate::First)?;
        if continuity == Continuity::Restarted {
            return Err(NoRate::Restarted);
        }
        if earlier.width != self.width {
            return Err(NoRate::Retyped);
        }
        let elapsed = self.at.since(earlier.at);
        if elapsed.is_zero() {
            return Err(NoRate::NoTime);
        }
        let increase = match self.count.checked_sub(earlier.count) {
            Some(increase) => increase,
            None if self.width == Width::Bits32 && continuity == Continuity::Unbroken => {
                (self.count + (1 << 32)).saturating_sub(earlier.count)
            }
            None => return Err(NoRate::Backwards { from: earlier.count, to: self.count }),
        };
        let rate = increase as f64 / elapsed.as_secs_f64();
        match ceiling {
            Some(ceiling)
                if earlier.exceeded < MOST_EXCEEDED
                    && increase as f64 > ceiling * (elapsed + REFRESH).as_secs_f64() =>
            {
                Err(NoRate::Implausible { rate, ceiling })
            }
            _ => Ok(rate),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(value: Value, second: i64) -> Reading {
        Reading::of(&value, Timestamp::from_seconds(second)).unwrap()
    }

    fn rate(
        before: Value,
        after: Value,
        continuity: Continuity,
        ceiling: Option<f64>,
    ) -> Result<f64, NoRate> {
        reading(after, 60).rate(Some(&reading(before, 0)), continuity, ceiling)
    }

    use Continuity::{Restarted, Unbroken, Unknown};
    use Value::{Counter32, Counter64};

    #[test]
    fn a_rate_is_the_increase_by_the_time_between_the_answers() {
        assert_eq!(rate(Counter64(1_000), Counter64(7_000), Unknown, None), Ok(100.0));
        let half_second = Reading { at: Timestamp::from_micros(500_000), ..reading(Counter32(10), 0) };
        assert_eq!(half_second.rate(Some(&reading(Counter32(0), 0)), Unbroken, None), Ok(20.0));
    }

    #[test]
    fn the_first_look_gives_no_rate_and_what_is_no_counter_is_none() {
        assert_eq!(reading(Counter32(1), 0).rate(None, Unbroken, None), Err(NoRate::First));
        assert_eq!(Reading::of(&Value::Gauge32(1), Timestamp::default()), None);
    }

    #[test]
    fn a_counter32_that_wrapped_is_corrected_only_while_the_device_ran() {
        let (before, after) = (Counter32(u32::MAX - 2_999), Counter32(3_000));
        assert_eq!(rate(before.clone(), after.clone(), Unbroken, None), Ok(100.0));
        assert_eq!(rate(before.clone(), after.clone(), Restarted, None), Err(NoRate::Restarted));
        assert!(matches!(rate(before, after, Unknown, None), Err(NoRate::Backwards { .. })));
    }

    #[test]
    fn a_counter64_never_wraps() {
        let backwards = rate(Counter64(u64::MAX), Counter64(5), Unbroken, None);
        assert_eq!(backwards, Err(NoRate::Backwards { from: u64::MAX, to: 5 }));
    }

    #[test]
    fn a_restart_is_a_gap_even_if_the_counter_is_ahead() {
        assert_eq!(rate(Counter32(5), Counter32(900_000), Restarted, None), Err(NoRate::Restarted));
    }

    #[test]
    fn more_than_the_interface_can_carry_is_no_rate() {
        let ceiling = Some(125_000.0);
        assert_eq!(rate(Counter64(0), Counter64(60 * 125_000), Unbroken, ceiling), Ok(125_000.0));
        let spike = rate(Counter64(0), Counter64(60 * 200_000), Unbroken, ceiling);
        assert!(matches!(spike, Err(NoRate::Implausible { .. })), "{spike:?}");
        // A wrap that a cleared counter feigned.
        let cleared = rate(Counter32(500_000_000), Counter32(100), Unbroken, ceiling);
        assert!(matches!(cleared, Err(NoRate::Implausible { .. })), "{cleared:?}");
    }

    #[test]
    fn a_speed_that_is_exceeded_again_and_again_is_not_believed() {
        let before = Reading { exceeded: MOST_EXCEEDED, ..reading(Counter64(0), 0) };
        let after = reading(Counter64(60 * 200_000), 60);
        assert_eq!(after.rate(Some(&before), Unbroken, Some(125_000.0)), Ok(200_000.0));
    }

    #[test]
    fn a_clock_set_back_and_a_changed_type_give_no_rate() {
        let (early, late) = (reading(Counter32(1), 0), reading(Counter32(2), 60));
        assert_eq!(early.rate(Some(&late), Unbroken, None), Err(NoRate::NoTime));
        assert_eq!(rate(Counter32(1), Counter64(2), Unbroken, None), Err(NoRate::Retyped));
    }

    #[test]
    fn a_reading_survives_a_restart_of_the_bot() {
        let reading = reading(Counter64(u64::MAX), 1_700_000_000);
        let written = serde_json::to_string(&reading).unwrap();
        assert_eq!(serde_json::from_str::<Reading>(&written).unwrap(), reading);
    }
}
