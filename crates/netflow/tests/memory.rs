//! What decoding costs in memory: nothing for a flow, and little whatever is sent.
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "fixture/wire.rs"]
mod wire;

use std::{collections::VecDeque, net::SocketAddr, time::Duration};

use grafolean_netflow::{
    decoder::Decoder,
    generate::{Exporter, Families, Setup, Traffic},
    record::{Datagram, Flow, Origin, Protocol},
    template::{FIELDS_MAX, SESSIONS_MAX},
};
use wire::{NOW, SMALL, exporter, set, small, take, template, v9};

#[test]
fn nothing_is_allocated_for_a_flow() {
    for protocol in [Protocol::Netflow5, Protocol::Netflow9, Protocol::Ipfix, Protocol::Sflow5] {
        let setup = Setup { protocol, domain: 1, sampling: 10, boot: NOW - Duration::from_secs(60) };
        let (mut sender, mut traffic) = (Exporter::new(setup), Traffic::new(3, 1_000, Families::V4));
        let mut flows: VecDeque<Flow> = (0..20_000).map(|_| traffic.flow(NOW)).collect();
        let mut datagrams = vec![Vec::new(); 401];
        datagrams.iter_mut().for_each(|datagram| sender.export(NOW, &mut flows, datagram));
        let (mut decoder, mut bytes) = (Decoder::default(), 0_u64);
        let mut sink = |_: &Origin, flow: &Flow| bytes += flow.scaled_bytes();
        let mut take = |payload: &Vec<u8>| {
            let datagram = Datagram { exporter: exporter(1), received: NOW, payload };
            decoder.take(&datagram, &mut sink).unwrap();
        };
        // the first brings the templates, and the account
        let (first, rest) = datagrams.split_first().unwrap();
        take(first);
        rest.iter().take(20).for_each(&mut take);
        let used = allocation_counter::measure(|| rest.iter().skip(20).for_each(&mut take));
        assert_eq!(used.count_total, 0, "{protocol:?}");
        assert!(bytes > 0);
    }
}

#[test]
fn twenty_thousand_templates_of_forged_sources_stay_under_64_mb_and_the_honest_one_is_kept() {
    let fields: Vec<(u16, u16)> = (1..=20).map(|element| (element, 4)).collect();
    let mut decoder = Decoder::default();
    let used = allocation_counter::measure(|| {
        take(&mut decoder, 1, &v9(0, 5, &[set(0, &template(256, SMALL))]));
        for source in 0..20_000_u32 {
            let forged = SocketAddr::from(((0x0A00_0000 + source).to_be_bytes(), 2_055));
            let payload = v9(0, source, &[set(0, &template(256, &fields)), set(300, &[1; 1_000])]);
            let datagram = Datagram { exporter: forged, received: NOW, payload: &payload };
            decoder.take(&datagram, &mut |_: &Origin, _: &Flow| {}).unwrap();
        }
    });
    assert_eq!(decoder.templates().len(), 20_001);
    assert!(used.bytes_max < 64 << 20, "{} bytes", used.bytes_max);
    assert_eq!(take(&mut decoder, 1, &v9(1, 5, &[set(256, &small(70))])).len(), 1);
}

#[test]
fn a_flood_of_huge_templates_is_bounded_and_an_exporter_that_speaks_keeps_its_own() {
    let fields: Vec<(u16, u16)> = (0..350).map(|element| (400 + element, 4)).collect();
    let mut decoder = Decoder::default();
    take(&mut decoder, 1, &v9(0, 5, &[set(0, &template(256, SMALL))]));
    let used = allocation_counter::measure(|| {
        for source in 0..4_000_u32 {
            let second = NOW + Duration::from_millis(u64::from(source));
            let forged = SocketAddr::from(((0x0A00_0000 + source).to_be_bytes(), 2_055));
            let payload = v9(0, source, &[set(0, &template(256, &fields))]);
            let datagram = Datagram { exporter: forged, received: second, payload: &payload };
            decoder.take(&datagram, &mut |_: &Origin, _: &Flow| {}).unwrap();
            if source % 100 == 0 {
                let data = v9(1 + source / 100, 5, &[set(256, &small(70))]);
                assert_eq!(wire::take_at(&mut decoder, 1, &data, second).len(), 1);
            }
        }
    });
    assert!(decoder.templates().len() <= (FIELDS_MAX / 350).min(SESSIONS_MAX));
    assert!(used.bytes_max < 64 << 20, "{} bytes", used.bytes_max);
}
