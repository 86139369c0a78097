//! What is generated is decoded to the same, by us and by others.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

#[path = "fixture/wire.rs"]
mod wire;

use std::{collections::VecDeque, net::IpAddr, time::Duration};

use grafolean_collector::time::Timestamp;
use grafolean_netflow::{
    decoder::Decoder,
    generate::{Exporter, Families, Setup, Totals, Traffic},
    record::{Direction, Factor, Flow, Protocol},
    sampling::Override,
};
use netflow_parser::{NetflowParser, netflow_common::NetflowCommonFlowSet};
use proptest::prelude::*;
use sflow_parser::{SampleData, models::FlowData, parse_datagram};
use wire::{NOW, exporter, take};

fn setup(protocol: Protocol, sampling: u32) -> Setup {
    Setup { protocol, domain: 3, sampling, boot: NOW - Duration::from_secs(3_600) }
}

/// Sends flows. Returns the datagrams and what was counted.
fn send(setup: Setup, flows: &[Flow]) -> (Vec<Vec<u8>>, Totals) {
    let mut exporter = Exporter::new(setup);
    let mut queue: VecDeque<Flow> = flows.iter().copied().collect();
    let mut datagrams = Vec::new();
    while !queue.is_empty() {
        let mut datagram = Vec::new();
        exporter.export(NOW, &mut queue, &mut datagram);
        assert!(datagram.len() <= grafolean_netflow::generate::DATAGRAM_BYTES);
        datagrams.push(datagram);
    }
    (datagrams, exporter.totals())
}

fn receive(datagrams: &[Vec<u8>]) -> Vec<Flow> {
    let mut decoder = Decoder::default();
    datagrams.iter().flat_map(|datagram| take(&mut decoder, 1, datagram)).map(|(_, flow)| flow).collect()
}

/// A flow with every field at any value that its protocol has room for.
fn any_flow() -> impl Strategy<Value = Flow> {
    let millis =
        |from: i64| (0..3_000_000_i64).prop_map(move |ms| Timestamp::from_micros((from + ms) * 1_000));
    let times = (millis(1_699_996_400_000), millis(1_699_996_400_000));
    let ends = prop_oneof![
        (any::<[u8; 4]>(), any::<[u8; 4]>()).prop_map(|(a, b)| (IpAddr::from(a), IpAddr::from(b))),
        (any::<[u8; 16]>(), any::<[u8; 16]>()).prop_map(|(a, b)| (IpAddr::from(a), IpAddr::from(b))),
    ];
    (ends, any::<(u16, u16, u8, u64, u64)>(), any::<(u32, u32, u8)>(), times, any::<(u8, u8, u32, u32)>())
        .prop_map(
            |(
                (source, destination),
                (source_port, destination_port, protocol, bytes, packets),
                (input, output, direction),
                (first, last),
                (tcp_flags, tos, source_as, destination_as),
            )| Flow {
                source: Some(source),
                destination: Some(destination),
                source_port: Some(source_port),
                destination_port: Some(destination_port),
                protocol: Some(protocol),
                tcp_flags: Some(u16::from(tcp_flags)),
                tos: Some(tos),
                source_as: Some(source_as),
                destination_as: Some(destination_as),
                bytes: Some(bytes),
                packets: Some(packets),
                input: Some(input),
                output: Some(output),
                direction: Some(Direction::from_number(direction)),
                first: Some(first),
                last: Some(last),
                ..Flow::default()
            },
        )
}

/// What comes of a flow on its way through a protocol.
fn as_sent(protocol: Protocol, sampling: u32, flow: &Flow) -> Option<Flow> {
    let factor = Factor::one_in(sampling);
    let narrow = |count: Option<u64>| count.map(|count| count.min(u64::from(u32::MAX)));
    let index =
        |interface: Option<u32>| interface.map(|interface| u32::from(u16::try_from(interface).unwrap_or(0)));
    let system = |number: Option<u32>| number.map(|number| u16::try_from(number).map_or(23_456, u32::from));
    match protocol {
        Protocol::Netflow1 | Protocol::Netflow5 | Protocol::Netflow7 => {
            flow.source.unwrap().is_ipv4().then_some(Flow {
                bytes: narrow(flow.bytes),
                packets: narrow(flow.packets),
                input: index(flow.input),
                output: index(flow.output),
                source_as: system(flow.source_as).filter(|_| protocol != Protocol::Netflow1),
                destination_as: system(flow.destination_as).filter(|_| protocol != Protocol::Netflow1),
                direction: None,
                // version 5 alone tells its sampling
                sampling: (sampling > 1 && protocol == Protocol::Netflow5).then_some(factor),
                factor: if protocol == Protocol::Netflow5 { factor } else { Factor::NONE },
                ..*flow
            })
        }
        Protocol::Netflow9 | Protocol::Ipfix => {
            Some(Flow { sampler: Some(u64::from(sampling > 1)), factor, ..*flow })
        }
        Protocol::Sflow5 => {
            let single = |interface: Option<u32>| interface.filter(|interface| *interface < 1 << 30);
            let with_ports = matches!(flow.protocol, Some(6 | 17 | 33 | 132 | 136));
            let behind_extensions = matches!(flow.protocol, Some(0 | 43 | 44 | 51 | 60 | 135));
            (!behind_extensions).then_some(Flow {
                bytes: narrow(flow.bytes),
                packets: Some(1),
                tcp_flags: flow.tcp_flags.filter(|_| flow.protocol == Some(6)),
                source_as: None,
                destination_as: None,
                source_port: flow.source_port.filter(|_| with_ports),
                destination_port: flow.destination_port.filter(|_| with_ports),
                input: single(flow.input),
                output: single(flow.output),
                direction: None,
                first: None,
                last: None,
                sampling: Some(factor),
                factor,
                ..*flow
            })
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_sent_is_what_is_decoded(flows in proptest::collection::vec(any_flow(), 0..80), sampling in 1..9_000_u32) {
        for protocol in [
            Protocol::Netflow1,
            Protocol::Netflow5,
            Protocol::Netflow7,
            Protocol::Netflow9,
            Protocol::Ipfix,
            Protocol::Sflow5,
        ] {
            let sendable: Vec<Flow> = flows.iter().filter(|flow| as_sent(protocol, 1, flow).is_some()).copied().collect();
            let (datagrams, totals) = send(setup(protocol, sampling), &sendable);
            let mut received = receive(&datagrams);
            if protocol == Protocol::Sflow5 {
                // told by the source of the sample only
                received.iter_mut().for_each(|flow| flow.direction = None);
            }
            let expected: Vec<Flow> = sendable.iter().filter_map(|flow| as_sent(protocol, sampling, flow)).collect();
            prop_assert_eq!(&received, &expected, "{:?}", protocol);
            prop_assert_eq!(totals.flows, received.len() as u64);
        }
    }

    #[test]
    fn another_decoder_sees_the_same_flows(seed: u64, count in 1..200_usize) {
        for (protocol, families) in [
            (Protocol::Netflow5, Families::V4),
            (Protocol::Netflow9, Families::Mixed),
            (Protocol::Ipfix, Families::Mixed),
        ] {
            let mut traffic = Traffic::new(seed, 5_000, families);
            let flows: Vec<Flow> = (0..count).map(|_| traffic.flow(NOW)).collect();
            let (datagrams, _) = send(setup(protocol, 1), &flows);
            let mut parser = NetflowParser::default();
            let theirs: Vec<_> = datagrams
                .iter()
                .flat_map(|datagram| parser.parse_bytes(datagram).packets)
                .flat_map(|packet| packet.as_netflow_common().unwrap().flowsets)
                .map(|flow: NetflowCommonFlowSet| (flow.src_addr, flow.dst_addr, flow.src_port, flow.dst_port, flow.protocol_number))
                .collect();
            let ours: Vec<_> = receive(&datagrams)
                .iter()
                .map(|flow| (flow.source, flow.destination, flow.source_port, flow.destination_port, flow.protocol))
                .collect();
            prop_assert_eq!(ours, theirs, "{:?}", protocol);
        }
    }

    #[test]
    fn another_decoder_sees_the_same_samples(seed: u64, count in 1..100_usize) {
        let mut traffic = Traffic::new(seed, 5_000, Families::Mixed);
        let flows: Vec<Flow> = (0..count).map(|_| traffic.flow(NOW)).collect();
        let (datagrams, _) = send(setup(Protocol::Sflow5, 400), &flows);
        let samples = datagrams.iter().flat_map(|datagram| parse_datagram(datagram).unwrap().samples);
        let theirs: Vec<_> = samples
            .map(|sample| {
                let SampleData::FlowSample(sample) = sample.sample_data else { panic!("{sample:?}") };
                let FlowData::SampledHeader(header) = &sample.flow_records[0].flow_data else { panic!("{sample:?}") };
                (u64::from(header.frame_length), sample.sampling_rate, sample.input.value(), sample.output.value())
            })
            .collect();
        let ours: Vec<_> = receive(&datagrams)
            .iter()
            .map(|flow| (flow.bytes.unwrap(), flow.factor.population(), flow.input.unwrap(), flow.output.unwrap()))
            .collect();
        prop_assert_eq!(ours, theirs);
    }

    #[test]
    fn no_octets_break_the_intake(datagrams in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..200), 1..20), version in 0..4_usize) {
        let mut decoder = Decoder::default();
        for mut datagram in datagrams {
            let head: &[u8] = [&[0, 5][..], &[0, 9], &[0, 10], &[0, 0, 0, 5]][version];
            datagram.splice(0..0, head.iter().copied());
            take(&mut decoder, 1, &datagram);
        }
    }
}

#[test]
fn what_an_operator_set_wins_over_what_the_exporter_says() {
    let mut traffic = Traffic::new(1, 10, Families::V4);
    let flow = traffic.flow(NOW);
    for protocol in [Protocol::Netflow5, Protocol::Netflow9, Protocol::Ipfix, Protocol::Sflow5] {
        let (datagrams, _) = send(setup(protocol, 100), &[flow]);
        let told = |set: Option<Override>| {
            let mut decoder = Decoder::default();
            decoder.set_sampling(set.map(|set| (exporter(1).ip(), set)).into_iter().collect());
            take(&mut decoder, 1, &datagrams[0])[0].1.factor
        };
        assert_eq!(told(None), Factor::one_in(100), "{protocol:?}");
        assert_eq!(told(Some(Override::Off)), Factor::NONE, "{protocol:?}");
        assert_eq!(told(Some(Override::Factor(Factor::one_in(7)))), Factor::one_in(7), "{protocol:?}");
    }
}
