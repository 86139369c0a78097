//! What became of one host's packets, and the figures of it.

use std::{net::IpAddr, time::Duration};

use grafolean_bots::ping::{Percentiles, RttStatistics, Statistics, engine::Packet};
use serde::Serialize;

use super::EventKind;

/// One host and its packets so far.
pub(super) struct Tally {
    pub(super) host: String,
    pub(super) address: Option<IpAddr>,
    /// By sequence number; none where a packet is still awaited.
    packets: Vec<Option<Packet>>,
    /// Why there was nothing to ping.
    pub(super) error: Option<String>,
}

/// The figures of a host; times in seconds.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Summary<'a> {
    pub(super) host: &'a str,
    pub(super) addr: Option<IpAddr>,
    pub(super) sent: usize,
    pub(super) received: usize,
    /// From 0 to 1; none if nothing was sent.
    pub(super) loss: Option<f64>,
    pub(super) rtt_min: Option<f64>,
    pub(super) rtt_avg: Option<f64>,
    pub(super) rtt_max: Option<f64>,
    pub(super) rtt_stddev: Option<f64>,
    pub(super) rtt_p50: Option<f64>,
    pub(super) rtt_p90: Option<f64>,
    pub(super) rtt_p99: Option<f64>,
    pub(super) jitter: Option<f64>,
    pub(super) duplicates: u64,
    /// Answers that came after their time-out.
    pub(super) late: u64,
    pub(super) error: Option<&'a str>,
}

impl Tally {
    pub(super) fn of(host: &str) -> Self {
        Self { host: host.to_owned(), address: None, packets: Vec::new(), error: None }
    }

    /// Keeps what happened.
    pub(super) fn note(&mut self, event: EventKind) {
        match event {
            EventKind::Resolved(address) => self.address = Some(address),
            EventKind::Packet(sequence, packet) => {
                let place = usize::from(sequence);
                self.packets.resize(self.packets.len().max(place + 1), None);
                if let Some(known) = self.packets.get_mut(place) {
                    *known = Some(packet);
                }
            }
            EventKind::Done(packets) => self.packets = packets.into_iter().map(Some).collect(),
            EventKind::Failed(reason) => self.error = Some(reason),
        }
    }

    /// Whether at least one packet was answered.
    pub(super) fn answered(&self) -> bool {
        self.packets.iter().flatten().any(|packet| packet.rtt.is_some())
    }

    /// Whether there was nothing to ping.
    pub(super) fn failed(&self) -> bool {
        self.error.is_some()
    }

    /// Returns the figures.
    pub(super) fn summary(&self) -> Summary<'_> {
        let packets: Vec<Packet> = self.packets.iter().flatten().copied().collect();
        let statistics = Statistics::of(&packets);
        let figure = |figure: fn(&RttStatistics) -> Duration| {
            statistics.rtt.as_ref().map(|rtt| figure(rtt).as_secs_f64())
        };
        let percentile = |percentile: fn(&Percentiles) -> Duration| {
            let percentiles = statistics.rtt.as_ref().and_then(|rtt| rtt.percentiles.as_ref());
            percentiles.map(|percentiles| percentile(percentiles).as_secs_f64())
        };
        let seconds = |span: Duration| span.as_secs_f64();
        let total = |count: fn(&Packet) -> u32| packets.iter().map(|packet| u64::from(count(packet))).sum();
        Summary {
            host: &self.host,
            addr: self.address,
            sent: statistics.packets,
            received: statistics.answered,
            loss: statistics.loss(),
            rtt_min: figure(|rtt| rtt.min),
            rtt_avg: figure(|rtt| rtt.avg),
            rtt_max: figure(|rtt| rtt.max),
            rtt_stddev: statistics.rtt.and_then(|rtt| rtt.stddev).map(seconds),
            rtt_p50: percentile(|percentiles| percentiles.p50),
            rtt_p90: percentile(|percentiles| percentiles.p90),
            rtt_p99: percentile(|percentiles| percentiles.p99),
            jitter: statistics.jitter.map(seconds),
            duplicates: total(|packet| packet.duplicates),
            late: total(|packet| packet.late),
            error: self.error.as_deref(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figures_are_of_the_answered_packets() {
        let mut tally = Tally::of("h");
        let millis = [Some(10), None, Some(30), Some(20)];
        for (sequence, rtt) in (0..).zip(millis) {
            let rtt = rtt.map(Duration::from_millis);
            let packet = Packet { sent: 1, rtt, duplicates: 1, ..Packet::default() };
            tally.note(EventKind::Packet(sequence, packet));
        }
        let Summary { sent, received, loss, rtt_min, rtt_max, jitter, duplicates, .. } = tally.summary();
        assert_eq!((sent, received, loss, duplicates), (4, 3, Some(0.25), 4));
        assert_eq!((rtt_min, rtt_max, jitter), (Some(0.01), Some(0.03), Some(0.015)));
    }

    #[test]
    fn a_host_without_answers_has_no_times() {
        let mut tally = Tally::of("h");
        assert_eq!(tally.summary().loss, None);
        tally.note(EventKind::Packet(0, Packet::default()));
        assert_eq!((tally.summary().sent, tally.summary().loss), (0, None), "what never left is no loss");
        tally.note(EventKind::Packet(0, Packet { sent: 1, ..Packet::default() }));
        let summary = tally.summary();
        assert_eq!((summary.loss, summary.rtt_avg, summary.jitter), (Some(1.0), None, None));
    }
}
