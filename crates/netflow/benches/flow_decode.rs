//! How many flows one core decodes: `cargo bench -p grafolean-bots --bench flow_decode [SECONDS]`.
//!
//! Each line is `name value unit`. Flows are those of [`Traffic`], 20 fields each in v9 and IPFIX; each goes through the whole
//! decoder (templates, sampling, ledger) to a sink that adds up. Time is this thread's on the processor, so that neighbours
//! count less.
#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs)]

use std::{collections::VecDeque, hint::black_box, net::SocketAddr, time::Duration};

use grafolean_collector::time::Timestamp;
use grafolean_netflow::{
    decoder::Decoder,
    generate::{Exporter, Families, Setup, Traffic},
    record::{Datagram, Flow, Origin, Protocol},
};
use nix::time::{ClockId, clock_gettime};

const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);
const DATAGRAMS: usize = 2_000;

fn main() {
    let seconds = std::env::args().filter_map(|argument| argument.parse().ok()).next().unwrap_or(2);
    let span = Duration::from_secs(seconds);
    for (name, protocol, families) in [
        ("netflow5", Protocol::Netflow5, Families::V4),
        ("netflow9", Protocol::Netflow9, Families::V4),
        ("ipfix", Protocol::Ipfix, Families::V4),
        ("ipfix_mixed_families", Protocol::Ipfix, Families::Mixed),
        ("sflow5", Protocol::Sflow5, Families::V4),
    ] {
        let (flows, elapsed) = decode(&datagrams(protocol, families), span);
        println!("flow_decode_{name} {:.2} Mflows/s", flows as f64 / elapsed.as_secs_f64() / 1e6);
    }
}

fn datagrams(protocol: Protocol, families: Families) -> Vec<Vec<u8>> {
    let setup = Setup { protocol, domain: 1, sampling: 1, boot: NOW - Duration::from_secs(3_600) };
    let (mut exporter, mut traffic) = (Exporter::new(setup), Traffic::new(1, 100_000, families));
    let mut flows = VecDeque::new();
    (0..DATAGRAMS)
        .map(|_| {
            while flows.len() < 40 {
                flows.push_back(traffic.flow(NOW));
            }
            let mut datagram = Vec::new();
            exporter.export(NOW, &mut flows, &mut datagram);
            datagram
        })
        .collect()
}

fn decode(datagrams: &[Vec<u8>], span: Duration) -> (u64, Duration) {
    let exporter = SocketAddr::from(([192, 0, 2, 1], 4_000));
    let (mut flows, mut bytes) = (0_u64, 0_u64);
    let mut decoder = Decoder::default();
    let start = processor_time();
    while processor_time() - start < span {
        for payload in datagrams {
            let datagram = Datagram { exporter, received: NOW, payload };
            let sink = &mut |_: &Origin, flow: &Flow| {
                flows += 1;
                bytes = bytes.wrapping_add(black_box(flow).scaled_bytes());
            };
            decoder.take(&datagram, sink).unwrap();
        }
    }
    black_box(bytes);
    (flows, processor_time() - start)
}

fn processor_time() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).unwrap().into()
}
