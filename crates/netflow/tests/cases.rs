//! Inputs after public reports about tools of this kind, with what is right; they are read in place.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    missing_docs
)]

use std::{
    fs,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
};

use grafolean_netflow::{
    Timestamp,
    decoder::Decoder,
    record::{Datagram, Flow, Origin},
};

fn folder() -> Option<PathBuf> {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/cases/flow"));
    if !folder.exists() {
        println!("skipped: no cases at {}", folder.display());
        return None;
    }
    Some(folder.to_owned())
}

/// All exporters of a case from one address, each from its own port, or each from an address of its own.
#[derive(Clone, Copy)]
enum Exporters {
    OneAddress,
    Apart,
}

fn replayed(folder: &Path, name: &str, exporters: Exporters) -> (Decoder, Vec<Flow>) {
    let octets = fs::read(folder.join(name).join("packets.bin")).unwrap();
    let (mut decoder, mut flows) = (Decoder::default(), Vec::new());
    let (mut rest, mut second) = (octets.as_slice(), 1_764_000_000);
    while let Some((head, after)) = rest.split_first_chunk::<8>() {
        let exporter = head[3];
        let length = u32::from_be_bytes(*head.last_chunk().unwrap()) as usize;
        let address = match exporters {
            Exporters::OneAddress => IpAddr::from([127, 10, 0, 1]),
            Exporters::Apart => IpAddr::from([127, 10, 0, 1 + exporter]),
        };
        let from = SocketAddr::new(address, 40_000 + u16::from(exporter));
        second += 1;
        let datagram =
            Datagram { exporter: from, received: Timestamp::from_seconds(second), payload: &after[..length] };
        let _ = decoder.take(&datagram, &mut |_: &Origin, flow: &Flow| flows.push(*flow));
        rest = &after[length..];
    }
    (decoder, flows)
}

/// Source, bytes, packets and factor, in order.
fn told(flows: &[Flow]) -> Vec<(String, u64, u64, f64)> {
    let mut told: Vec<_> = flows
        .iter()
        .map(|flow| {
            let source = flow.source.map_or_else(|| "-".to_owned(), |source| source.to_string());
            (source, flow.bytes.unwrap_or(0), flow.packets.unwrap_or(0), flow.factor.as_f64())
        })
        .collect();
    told.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.cmp(&b.1)));
    told
}

/// Flows that came out, by source and factor.
fn factors(flows: &[Flow]) -> Vec<(String, f64)> {
    told(flows).into_iter().map(|(source, _, _, factor)| (source, factor)).collect()
}

fn sum(decoder: &Decoder, of: fn(&grafolean_netflow::ledger::Account) -> u64) -> u64 {
    decoder.ledger().accounts().map(|(_, account)| of(account)).sum()
}

#[test]
fn sets_without_padding_before_templates() {
    let Some(folder) = folder() else { return };
    let (decoder, flows) = replayed(&folder, "01-v9-unpadded-set-before-templates", Exporters::Apart);
    let sources: Vec<_> = told(&flows).into_iter().map(|(source, bytes, _, _)| (source, bytes)).collect();
    let expected = ["192.0.2.1", "192.0.2.2", "192.0.2.3"].map(|source| (source.to_owned(), 1_000));
    assert_eq!(sources, expected);
    assert_eq!(sum(&decoder, |account| account.undecodable), 0);
}

#[test]
fn two_exporters_behind_one_nat() {
    let Some(folder) = folder() else { return };
    let (_, flows) = replayed(&folder, "03-two-exporters-behind-nat", Exporters::OneAddress);
    let sources: Vec<_> = told(&flows).into_iter().map(|(source, bytes, _, _)| (source, bytes)).collect();
    let expected =
        [("192.0.2.1", 1_000), ("192.0.2.7", 1_000), ("203.0.113.10", 10_000), ("203.0.113.9", 10_000)];
    assert_eq!(sources, expected.map(|(source, bytes)| (source.to_owned(), bytes)));
}

#[test]
fn samplings_that_are_narrowed() {
    let Some(folder) = folder() else { return };
    for (name, expected) in [
        ("04-ipfix-sampling-scope-egress-if", [("192.0.2.1", 100.0), ("192.0.2.2", 1.0)]),
        ("09-ipfix-options-of-domain-0", [("192.0.2.1", 500.0), ("192.0.2.2", 50.0)]),
        ("50-ipfix-sampling-scope-template", [("192.0.2.1", 100.0), ("192.0.2.2", 1.0)]),
    ] {
        let (_, flows) = replayed(&folder, name, Exporters::Apart);
        let expected = expected.map(|(source, factor)| (source.to_owned(), factor));
        assert_eq!(factors(&flows), expected, "{name}");
    }
}

#[test]
fn sections_of_packets() {
    let Some(folder) = folder() else { return };
    let (_, flows) = replayed(&folder, "06-ipfix-datalink-frame-section", Exporters::Apart);
    assert_eq!(told(&flows), [("192.0.2.10".to_owned(), 1_494, 1, 100.0)]);
    let flow = &flows[0];
    assert_eq!((flow.source_port, flow.destination_port, flow.protocol), (Some(5_000), Some(443), Some(6)));
    assert_eq!((flow.input, flow.output), (Some(11), Some(12)));
    let (_, flows) = replayed(&folder, "07-ipfix-ip-header-section", Exporters::Apart);
    assert_eq!(told(&flows)[0].1, 1_480);
    let flow = &flows[0];
    assert_eq!(flow.source, Some(IpAddr::from([192, 0, 2, 11])));
    assert_eq!((flow.source_port, flow.destination_port, flow.protocol), (Some(53), Some(5_353), Some(17)));
    assert_eq!((flow.input, flow.output, flow.packets), (Some(3), Some(4), Some(1)));
}

#[test]
fn totals_that_run_on() {
    let Some(folder) = folder() else { return };
    let (_, flows) = replayed(&folder, "08-ipfix-running-totals", Exporters::Apart);
    assert_eq!(flows.iter().filter_map(|flow| flow.bytes).sum::<u64>(), 12_148);
    assert_eq!(flows.iter().filter_map(|flow| flow.packets).sum::<u64>(), 8);
}

#[test]
fn flows_whose_sampling_is_not_known() {
    let Some(folder) = folder() else { return };
    for name in ["10-v9-sampler-table-flows-without-sampler", "33-sampler-table-after-flows"] {
        let (decoder, flows) = replayed(&folder, name, Exporters::Apart);
        let unscaled = sum(&decoder, |account| account.coverage.unscaled);
        let ones = flows.iter().filter(|flow| flow.factor.is_none()).count() as u64;
        assert!(unscaled > 0 && unscaled == ones, "{name}: {unscaled} of {ones}");
    }
    let (decoder, flows) = replayed(&folder, "47-fortigate-senseless-sampling", Exporters::Apart);
    assert!(flows.len() >= 2 && flows.iter().all(|flow| flow.factor.is_none()));
    assert!(sum(&decoder, |account| account.disbelieved) > 0);
}

#[test]
fn numbers_over_two_source_ids() {
    let Some(folder) = folder() else { return };
    let (decoder, flows) = replayed(&folder, "11-v9-one-sequence-for-two-source-ids", Exporters::Apart);
    assert_eq!((flows.len(), sum(&decoder, |account| account.coverage.lost)), (40, 0));
}

#[test]
fn both_directions_of_a_biflow() {
    let Some(folder) = folder() else { return };
    let (_, flows) = replayed(&folder, "20-biflow-reverse-times-and-flags", Exporters::Apart);
    let [forward, reverse] = flows.as_slice() else { panic!("{flows:?}") };
    assert_eq!((forward.bytes, forward.packets), (Some(1_000), Some(10)));
    assert_eq!((reverse.bytes, reverse.packets), (Some(70_000), Some(60)));
    let after =
        |of: fn(&Flow) -> Option<Timestamp>| of(reverse).unwrap().micros() - of(forward).unwrap().micros();
    assert_eq!((after(|flow| flow.first), after(|flow| flow.last)), (100_000, 100_000));
}
