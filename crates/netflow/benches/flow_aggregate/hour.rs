//! An hour in virtual time.

use std::net::Ipv4Addr;

use grafolean_collector::time::Timestamp;
use grafolean_netflow::{
    aggregate::{Minutes, Rollup, Span},
    generate::{Families, Traffic},
    record::{Origin, Protocol, Stream},
};

use crate::{line, processor::peak_mb};

const PAIRS: u32 = 1_000_000;
const FLOWS_A_MINUTE: u64 = 1_500_000;

/// Feeds each minute of an hour, and adds it up.
pub(crate) fn feed() {
    let stream = Stream {
        exporter: (Ipv4Addr::LOCALHOST, 4_000).into(),
        protocol: Protocol::Netflow9,
        domain: 0,
        agent: None,
    };
    let mut traffic = Traffic::new(1, PAIRS, Families::V4);
    let (mut minutes, mut rollup) = (Minutes::default(), Rollup::default());
    let start = Span::Day.bin_of(1_700_000_000);
    for minute in 0..60 {
        for flow in 0..FLOWS_A_MINUTE {
            let micros = flow * 60_000_000 / FLOWS_A_MINUTE;
            let received = Timestamp::from_micros((start + minute * 60) * 1_000_000 + micros.cast_signed());
            let origin = Origin { stream, received, exported: Some(received) };
            minutes.add(&origin, &traffic.flow(received));
        }
        let end = start + (minute + 1) * 60;
        rollup.settle(minutes.close(end), end);
    }
    line("flow_memory_of_an_hour", peak_mb(), "MB");
}
