//! What a run's packets come to. Pure.

use std::time::Duration;

use super::engine::Packet;

/// The figures of one run.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Statistics {
    /// Packets that left; what never did is no loss.
    pub packets: usize,
    /// Those that were answered in time.
    pub answered: usize,
    /// Of the round-trip times; None if there was no answer.
    pub rtt: Option<RttStatistics>,
    /// The mean difference between the round-trip times of consecutive answers, without sign (as RFC 3550, section
    /// 6.4.1 has it, without its smoothing). None below two answers.
    pub jitter: Option<Duration>,
}

/// The figures of a run's round-trip times.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RttStatistics {
    /// The shortest.
    pub min: Duration,
    /// Their mean.
    pub avg: Duration,
    /// The longest.
    pub max: Duration,
    /// Their standard deviation, of these packets and no others (divided by n). None below two answers.
    pub stddev: Option<Duration>,
    /// None below [`Percentiles::MIN_ANSWERS`] answers.
    pub percentiles: Option<Percentiles>,
}

/// Round-trip times below which so many of a hundred lie: each is the time of one packet (nearest rank).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Percentiles {
    /// The median.
    pub p50: Duration,
    /// Of 90 in 100.
    pub p90: Duration,
    /// Of 99 in 100.
    pub p99: Duration,
}

impl Percentiles {
    /// Below this many answers the 90th percentile is the longest time, which is told anyway.
    pub const MIN_ANSWERS: usize = 10;

    fn of(rtts: &[f64]) -> Option<Self> {
        let mut sorted = rtts.to_vec();
        sorted.sort_by(f64::total_cmp);
        let rank = |percent: usize| (sorted.len() * percent).div_ceil(100).saturating_sub(1);
        let at = |percent| sorted.get(rank(percent)).copied().map(span);
        let enough = sorted.len() >= Self::MIN_ANSWERS;
        enough.then_some(Self { p50: at(50)?, p90: at(90)?, p99: at(99)? })
    }
}

impl Statistics {
    /// Works out the figures.
    pub fn of(packets: &[Packet]) -> Self {
        let sent = packets.iter().filter(|packet| packet.counts()).count();
        let rtts: Vec<f64> =
            packets.iter().filter_map(|packet| packet.rtt).map(|rtt| rtt.as_secs_f64()).collect();
        let steps: Vec<f64> =
            rtts.iter().zip(rtts.iter().skip(1)).map(|(one, next)| (next - one).abs()).collect();
        let rtt = mean(&rtts).map(|avg| {
            let squares: Vec<f64> = rtts.iter().map(|rtt| (rtt - avg).powi(2)).collect();
            RttStatistics {
                min: span(rtts.iter().copied().fold(f64::INFINITY, f64::min)),
                avg: span(avg),
                max: span(rtts.iter().copied().fold(0.0, f64::max)),
                stddev: mean(&squares).filter(|_| rtts.len() > 1).map(|variance| span(variance.sqrt())),
                percentiles: Percentiles::of(&rtts),
            }
        });
        Self { packets: sent, answered: rtts.len(), rtt, jitter: mean(&steps).map(span) }
    }

    /// Returns the answered packets of those that left, 0 to 1; none if none left.
    pub fn success(&self) -> Option<f64> {
        self.share(self.answered)
    }

    /// Returns the unanswered packets of those that left, 0 to 1; none if none left.
    pub fn loss(&self) -> Option<f64> {
        self.share(self.packets.saturating_sub(self.answered))
    }

    fn share(&self, of_packets: usize) -> Option<f64> {
        (self.packets > 0).then(|| of_packets as f64 / self.packets as f64)
    }
}

fn mean(numbers: &[f64]) -> Option<f64> {
    (!numbers.is_empty()).then(|| numbers.iter().sum::<f64>() / numbers.len() as f64)
}

fn span(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn packets(rtts_ms: &[Option<u64>]) -> Vec<Packet> {
        let packet = |rtt_ms: &Option<u64>| Packet {
            sent: 1,
            rtt: rtt_ms.map(Duration::from_millis),
            ..Packet::default()
        };
        rtts_ms.iter().map(packet).collect()
    }

    #[test]
    fn the_figures_of_a_run_are_those_worked_out_by_hand() {
        let statistics = Statistics::of(&packets(&[Some(10), None, Some(30), Some(20)]));
        let ms = Duration::from_millis;
        assert_eq!((statistics.packets, statistics.answered), (4, 3));
        assert_eq!((statistics.success(), statistics.loss()), (Some(0.75), Some(0.25)));
        assert_eq!(statistics.jitter, Some(ms(15)), "|30 - 10| and |20 - 30|");
        let rtt = statistics.rtt.unwrap();
        assert_eq!((rtt.min, rtt.avg, rtt.max), (ms(10), ms(20), ms(30)));
        let stddev_us = rtt.stddev.unwrap().as_micros();
        assert_eq!(stddev_us, 8_164, "the root of 200 / 3, in ms");
    }

    #[test]
    fn what_is_not_defined_is_not_given() {
        let silence = Statistics::of(&packets(&[None, None]));
        assert_eq!((silence.rtt, silence.jitter, silence.loss()), (None, None, Some(1.0)));
        let unsent = Statistics::of(&[Packet::default()]);
        assert_eq!((unsent.packets, unsent.success(), unsent.loss()), (0, None, None));
        let single = Statistics::of(&packets(&[None, Some(5)]));
        assert_eq!((single.rtt.unwrap().stddev, single.jitter), (None, None));
        assert_eq!(single.rtt.unwrap().avg, Duration::from_millis(5));
    }

    proptest! {
        #[test]
        fn the_mean_lies_between_the_extremes(rtts_ms in prop::collection::vec(prop::option::of(0..100_000_u64), 0..50)) {
            let statistics = Statistics::of(&packets(&rtts_ms));
            if let Some(rtt) = statistics.rtt {
                let rounding = Duration::from_micros(1);
                prop_assert!(rtt.min <= rtt.avg + rounding && rtt.avg <= rtt.max + rounding);
                let spread = rtt.max - rtt.min + rounding;
                prop_assert!(rtt.stddev.unwrap_or_default() <= spread);
                prop_assert!(statistics.jitter.unwrap_or_default() <= spread);
            }
            let whole = statistics.success().zip(statistics.loss()).map(|(success, loss)| success + loss);
            prop_assert_eq!(whole.is_none(), rtts_ms.is_empty());
            prop_assert!(whole.is_none_or(|whole| (whole - 1.0).abs() < 1e-9));
        }
    }
}
