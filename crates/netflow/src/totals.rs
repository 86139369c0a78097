//! Running totals: exporters that repeat a flow's whole count while it lives.
//!
//! A record whose bytes or packets are counted since its flow began (octetTotalCount, packetTotalCount and their kin) holds
//! those of the record before. What is counted of it is the difference to that one; the first record of a flow counts whole.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    time::Duration,
};

use grafolean_time::Timestamp;

use crate::{
    decode::Running,
    record::{Flow, Stream},
};

/// Flows whose last total is remembered, at about 80 octets each. Beyond it the eighth that was reported longest ago is
/// forgotten: should one of them be reported once more, it counts whole again, and is counted in [`RunningTotals::forgotten`].
pub const TOTALS_MAX: usize = 1 << 18;
/// How long the last total of a flow is remembered: exporters report a long flow every half hour at the least.
pub const TOTALS_LIFETIME: Duration = Duration::from_secs(2 * 60 * 60);
/// Starts of one flow that are told in several messages differ by less, as a message's own time is in whole seconds.
const SAME_START: Duration = Duration::from_millis(2_500);

/// The last totals of the flows of all exporters.
#[derive(Debug, Default)]
pub struct RunningTotals {
    flows: HashMap<u64, Total>,
    hasher: RandomState,
    forgotten: u64,
}

#[derive(Clone, Copy, Debug)]
struct Total {
    bytes: Option<u64>,
    packets: Option<u64>,
    first: Option<Timestamp>,
    reported: Timestamp,
}

impl RunningTotals {
    /// Replaces a flow's totals by what came since the last record of it. Whether anything did; a flow of which nothing is
    /// new is none.
    pub fn take_difference(
        &mut self,
        stream: &Stream,
        flow: &mut Flow,
        counts: Running,
        now: Timestamp,
    ) -> bool {
        let key = self.hasher.hash_one((
            (stream.exporter, stream.protocol, stream.domain, flow.biflow),
            (flow.source, flow.destination, flow.source_port, flow.destination_port),
            (flow.protocol, flow.tos, flow.input, flow.output, flow.direction),
        ));
        let total = Total {
            bytes: flow.bytes.filter(|_| counts.bytes),
            packets: flow.packets.filter(|_| counts.packets),
            first: flow.first,
            reported: now,
        };
        let Some(before) = self.flows.get_mut(&key) else {
            self.make_room();
            self.flows.insert(key, total);
            return true;
        };
        let before = std::mem::replace(before, total);
        if !goes_on(&before, &total) {
            return true;
        }
        if counts.bytes {
            flow.bytes = since(total.bytes, before.bytes);
        }
        if counts.packets {
            flow.packets = since(total.packets, before.packets);
        }
        flow.bytes.is_some_and(|bytes| bytes > 0) || flow.packets.is_some_and(|packets| packets > 0)
    }

    /// Forgets flows that were not reported for long.
    pub fn expire(&mut self, now: Timestamp) {
        self.flows.retain(|_, total| now.since(total.reported) < TOTALS_LIFETIME);
    }

    /// Returns how many flows were forgotten for want of room.
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }

    fn make_room(&mut self) {
        if self.flows.len() < TOTALS_MAX {
            return;
        }
        let mut times: Vec<_> = self.flows.values().map(|total| total.reported).collect();
        let (_, &mut limit, _) = times.select_nth_unstable(TOTALS_MAX / 8);
        let before = self.flows.len();
        let mut left = TOTALS_MAX / 8;
        self.flows.retain(|_, total| {
            let goes = left > 0 && total.reported <= limit;
            left -= usize::from(goes);
            !goes
        });
        self.forgotten += (before - self.flows.len()) as u64;
    }
}

/// Whether a record is of the same flow as the one before it: both began at the same moment, and nothing became less.
fn goes_on(before: &Total, total: &Total) -> bool {
    let began_together = match (before.first, total.first) {
        (Some(before), Some(first)) => before.since(first).max(first.since(before)) < SAME_START,
        (None, None) => true,
        _ => false,
    };
    began_together && before.bytes <= total.bytes && before.packets <= total.packets
}

fn since(total: Option<u64>, before: Option<u64>) -> Option<u64> {
    total.map(|total| total - before.unwrap_or(0).min(total))
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, SocketAddr};

    use super::*;
    use crate::record::Protocol;

    const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

    fn stream(port: u16) -> Stream {
        Stream {
            exporter: SocketAddr::from(([192, 0, 2, 7], port)),
            protocol: Protocol::Ipfix,
            domain: 5,
            agent: None,
        }
    }

    fn flow(bytes: u64, packets: u64, first: Option<i64>) -> Flow {
        Flow {
            source: Some(IpAddr::from([192, 0, 2, 1])),
            source_port: Some(5_000),
            bytes: Some(bytes),
            packets: Some(packets),
            first: first.map(Timestamp::from_seconds),
            ..Flow::default()
        }
    }

    const BOTH: Running = Running { bytes: true, packets: true };

    /// Bytes of each record that counts.
    fn counted(totals: &mut RunningTotals, flows: &[Flow]) -> Vec<u64> {
        let mut bytes = Vec::new();
        for mut flow in flows.iter().copied() {
            if totals.take_difference(&stream(1), &mut flow, BOTH, NOW) {
                bytes.push(flow.bytes.unwrap());
            }
        }
        bytes
    }

    #[test]
    fn a_repeated_total_counts_what_came_since_the_record_before() {
        let reports = [(6_076, 4), (7_594, 5), (9_112, 6), (9_112, 6), (12_148, 8)]
            .map(|(b, p)| flow(b, p, Some(1_000)));
        assert_eq!(counted(&mut RunningTotals::default(), &reports), [6_076, 1_518, 1_518, 3_036]);
    }

    #[test]
    fn another_flow_of_the_same_ends_counts_whole() {
        let mut totals = RunningTotals::default();
        assert_eq!(counted(&mut totals, &[flow(100, 1, Some(1_000)), flow(300, 3, Some(1_060))]), [100, 300]);
        assert_eq!(counted(&mut totals, &[flow(40, 1, None), flow(30, 1, None)]), [40, 30]);
        let mut elsewhere = flow(300, 3, Some(1_060));
        assert!(totals.take_difference(&stream(2), &mut elsewhere, BOTH, NOW));
        assert_eq!(elsewhere.bytes, Some(300));
    }

    #[test]
    fn a_count_that_is_no_total_stays_as_it_is() {
        let mut totals = RunningTotals::default();
        let packets_alone = Running { bytes: false, packets: true };
        for (packets, expected) in [(4, 4), (9, 5)] {
            let mut flow = flow(1_000, packets, Some(1_000));
            assert!(totals.take_difference(&stream(1), &mut flow, packets_alone, NOW));
            assert_eq!((flow.bytes, flow.packets), (Some(1_000), Some(expected)));
        }
    }

    #[test]
    fn a_start_that_is_told_in_whole_seconds_of_the_message_is_the_same_start() {
        let mut totals = RunningTotals::default();
        assert_eq!(counted(&mut totals, &[flow(100, 1, Some(1_000)), flow(150, 2, Some(1_001))]), [100, 50]);
    }

    #[test]
    fn what_is_remembered_is_bounded_and_what_was_forgotten_is_counted() {
        let mut totals = RunningTotals::default();
        for port in 0..=u16::MAX {
            for interface in 0..5 {
                let mut flow = Flow { source_port: Some(port), input: Some(interface), ..flow(1, 1, None) };
                totals.take_difference(&stream(1), &mut flow, BOTH, NOW);
            }
        }
        assert!(totals.flows.len() <= TOTALS_MAX);
        assert_eq!(totals.forgotten() + totals.flows.len() as u64, 5 << 16);
        totals.expire(NOW + TOTALS_LIFETIME);
        assert!(totals.flows.is_empty());
    }
}
