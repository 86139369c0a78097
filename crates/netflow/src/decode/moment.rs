//! Times of flows, which exporters write in six ways.

use grafolean_time::Timestamp;

use super::{element::Moment, reader::unsigned};
use crate::record::Flow;

/// Seconds from 1900 to 1970: NTP's epoch to ours.
const NTP_TO_UNIX_S: i64 = 2_208_988_800;

/// When a message was exported, by the exporter's clock.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Exported {
    pub(crate) at: Timestamp,
    /// The exporter's uptime then, modulo 2^32, if it is known; what times by uptime count from.
    pub(crate) uptime_ms: Option<u32>,
}

impl Exported {
    /// Learns the uptime from the moment the system started, in milliseconds since 1970.
    pub(super) fn started(&mut self, init_ms: u64) {
        let init_ms = i64::try_from(init_ms).unwrap_or(i64::MAX);
        let uptime_ms = (self.at.micros() / 1_000).wrapping_sub(init_ms).rem_euclid(1 << 32);
        self.uptime_ms = u32::try_from(uptime_ms).ok();
    }

    /// Uses the start that options data named, where the message itself names no uptime.
    pub(crate) fn started_unless_known(&mut self, init: Timestamp) {
        if self.uptime_ms.is_none() {
            self.started(u64::try_from(init.micros() / 1_000).unwrap_or(0));
        }
    }

    /// Reads a moment. By uptime it may lie up to 24 days before or after the export, whatever the counter's wraps.
    #[inline]
    pub(super) fn moment(&self, moment: Moment, value: &[u8]) -> Option<Timestamp> {
        let number = match moment {
            Moment::Ntp => u64::from_be_bytes(*value.first_chunk::<8>()?),
            _ => unsigned(value),
        };
        self.moment_of(moment, number)
    }

    /// Reads a moment that was written as this number.
    #[inline]
    pub(super) fn moment_of(&self, moment: Moment, number: u64) -> Option<Timestamp> {
        let micros = match moment {
            Moment::Uptime => {
                let uptime_ms = u32::try_from(number & 0xFFFF_FFFF).ok()?;
                let Some(now_ms) = self.uptime_ms else {
                    return Some(Timestamp::from_micros(i64::from(uptime_ms) * 1_000));
                };
                let age_ms = now_ms.wrapping_sub(uptime_ms).cast_signed();
                self.at.micros() - i64::from(age_ms) * 1_000
            }
            Moment::Seconds => scaled(number, 1_000_000),
            Moment::Milliseconds => scaled(number, 1_000),
            Moment::Microseconds => scaled(number, 1),
            Moment::Ntp => ntp_micros(number)?,
            Moment::BeforeExport => self.at.micros().saturating_sub(scaled(number, 1)),
        };
        Some(Timestamp::from_micros(micros))
    }

    /// Places a flow whose times count from a start that was never told: its end is put at the export, which keeps its
    /// length.
    pub(super) fn anchor(&self, flow: &mut Flow) {
        let length = match (flow.first, flow.last) {
            (Some(first), Some(last)) => last.since(first),
            _ => std::time::Duration::ZERO,
        };
        flow.first = flow.first.map(|_| self.at - length);
        flow.last = flow.last.map(|_| self.at);
    }
}

/// Reads a duration.
pub(super) fn duration_micros(moment: Moment, number: u64) -> i64 {
    scaled(number, if moment == Moment::Milliseconds { 1_000 } else { 1 })
}

fn scaled(number: u64, micros: i64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX).saturating_mul(micros)
}

/// Reads seconds since 1900 and their binary fraction; era 1 begins in 2036.
fn ntp_micros(number: u64) -> Option<i64> {
    let seconds = i64::try_from(number >> 32).ok()?;
    let era = if seconds < NTP_TO_UNIX_S { 1 << 32 } else { 0 };
    let micros = i64::try_from(((number & 0xFFFF_FFFF) * 1_000_000) >> 32).ok()?;
    Some((seconds + era - NTP_TO_UNIX_S) * 1_000_000 + micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPORT: Exported = Exported { at: Timestamp::from_seconds(1_700_000_000), uptime_ms: Some(500) };

    #[test]
    fn a_time_by_uptime_survives_the_counters_wrap() {
        let before_the_wrap = (u32::MAX - 499).to_be_bytes();
        let first = EXPORT.moment(Moment::Uptime, &before_the_wrap);
        assert_eq!(first, Some(Timestamp::from_seconds(1_699_999_999)));
    }

    #[test]
    fn a_start_that_was_told_makes_uptimes_absolute() {
        let mut exported = Exported { uptime_ms: None, ..EXPORT };
        exported.started(1_699_999_000_000);
        let first = exported.moment(Moment::Uptime, &400_000_u32.to_be_bytes());
        assert_eq!(first, Some(Timestamp::from_seconds(1_699_999_400)));
    }

    #[test]
    fn a_fraction_in_ntps_format_is_binary_and_its_era_ends_in_2036() {
        let value = ((2_208_988_800_u64 + 10) << 32 | 0x8000_0000).to_be_bytes();
        assert_eq!(EXPORT.moment(Moment::Ntp, &value), Some(Timestamp::from_micros(10_500_000)));
        let second_era = (1_u64 << 32).to_be_bytes();
        assert_eq!(EXPORT.moment(Moment::Ntp, &second_era), Some(Timestamp::from_seconds(2_085_978_497)));
    }

    #[test]
    fn a_flow_without_a_known_start_keeps_its_length_and_ends_at_the_export() {
        let at = |seconds| Some(Timestamp::from_seconds(seconds));
        let mut flow = Flow { first: at(100), last: at(130), ..Flow::default() };
        Exported { uptime_ms: None, ..EXPORT }.anchor(&mut flow);
        assert_eq!((flow.first, flow.last), (at(1_699_999_970), at(1_700_000_000)));
    }
}
