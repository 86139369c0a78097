//! What exporters say about their sampling, and which flows it is taken for.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

#[path = "fixture/wire.rs"]
mod wire;

use grafolean_netflow::{
    decode::DecodeError,
    decoder::Decoder,
    record::{Datagram, Flow, Origin},
};
use wire::{NOW, exporter, ipfix, set, take, template, v9, words};

/// Elements with their values, each as wide as it is written.
type Fields<'a> = &'a [(u16, &'a [u8])];

fn declared(id: u16, scopes: Fields<'_>, fields: Fields<'_>) -> Vec<u8> {
    let all: Vec<_> = scopes.iter().chain(fields).collect();
    let count = |of: &[_]| u16::try_from(of.len()).unwrap();
    let mut out = words(&[id, count(&all), u16::try_from(scopes.len()).unwrap()]);
    for (element, value) in all {
        out.extend(words(&[*element, u16::try_from(value.len()).unwrap()]));
    }
    out
}

fn record(fields: Fields<'_>) -> Vec<u8> {
    fields.iter().flat_map(|(_, value)| value.to_vec()).collect()
}

/// A message of IPFIX that tells options, then one of flows in that domain.
fn options(sequence: u32, domain: u32, id: u16, scopes: Fields<'_>, fields: Fields<'_>) -> Vec<u8> {
    let data = [record(scopes), record(fields)].concat();
    ipfix(sequence, domain, &[set(3, &declared(id, scopes, fields)), set(id, &data)])
}

fn flow_of(domain: u32, id: u16, extra: Fields<'_>) -> Vec<u8> {
    let fixed: Fields<'_> = &[(8, &[10, 0, 0, 1]), (12, &[10, 0, 0, 2]), (1, &[0, 0, 0, 70])];
    let all: Vec<_> = fixed.iter().chain(extra).copied().collect();
    let fields: Vec<_> = all.iter().map(|(e, value)| (*e, u16::try_from(value.len()).unwrap())).collect();
    ipfix(0, domain, &[set(2, &template(id, &fields)), set(id, &record(&all))])
}

fn factor(decoder: &mut Decoder, datagram: &[u8]) -> f64 {
    let flows = take(decoder, 1, datagram);
    assert_eq!(flows.len(), 1);
    flows[0].1.factor.as_f64()
}

fn unscaled(decoder: &Decoder) -> u64 {
    decoder.ledger().accounts().map(|(_, account)| account.coverage.unscaled).sum()
}

const HUNDRED: (u16, &[u8]) = (34, &[0, 0, 0, 100]);

#[test]
fn a_sampling_of_a_narrow_scope_scales_only_what_lies_in_it() {
    let card: (u16, &[u8]) = (141, &[0, 0, 0, 4]);
    for (name, scopes, inside, outside) in [
        ("egress interface", &[(14, &[0, 7][..])][..], &[(14, &[0, 7][..])][..], &[(14, &[0, 8][..])][..]),
        ("physical egress", &[(253, &[0, 7])], &[(14, &[0, 7])], &[(14, &[0, 8])]),
        ("ingress interface", &[(10, &[0, 7])], &[(10, &[0, 7])], &[(10, &[0, 8])]),
        ("line card", &[(141, &[0, 4])], &[card], &[(141, &[0, 0, 0, 5])]),
        ("selector", &[(302, &[9])], &[(302, &[9])], &[(302, &[0])]),
        (
            "interface and line card",
            &[(10, &[0, 7]), (141, &[0, 4])],
            &[(10, &[0, 7]), card],
            &[(10, &[0, 8]), card],
        ),
    ] {
        let mut decoder = Decoder::default();
        take(&mut decoder, 1, &options(0, 5, 300, scopes, &[HUNDRED]));
        assert_eq!(factor(&mut decoder, &flow_of(5, 256, inside)), 100.0, "{name}: inside");
        assert_eq!(factor(&mut decoder, &flow_of(5, 256, outside)), 1.0, "{name}: outside");
        assert_eq!(unscaled(&decoder), 0, "{name}");
    }
}

#[test]
fn a_sampling_of_one_template_scales_its_records_alone() {
    let mut decoder = Decoder::default();
    take(&mut decoder, 1, &options(0, 5, 300, &[(145, &[1, 2])], &[HUNDRED]));
    assert_eq!(factor(&mut decoder, &flow_of(5, 258, &[])), 100.0);
    assert_eq!(factor(&mut decoder, &flow_of(5, 259, &[])), 1.0);
    // as NetFlow v9 writes it: scope 5
    let mut decoder = Decoder::default();
    let told = [words(&[300, 4, 4, 5, 2, 34, 4]), vec![0; 2]].concat();
    take(&mut decoder, 1, &v9(0, 5, &[set(1, &told), set(300, &[1, 2, 0, 0, 0, 100])]));
    for (id, expected) in [(258, 100.0), (259, 1.0)] {
        let fields = template(id, &[(8, 4), (1, 4)]);
        let datagram = v9(1, 5, &[set(0, &fields), set(id, &[10, 0, 0, 1, 0, 0, 0, 70])]);
        assert_eq!(factor(&mut decoder, &datagram), expected);
    }
}

#[test]
fn domain_0_speaks_for_the_whole_exporter_and_a_scope_may_name_another_domain() {
    let mut decoder = Decoder::default();
    take(&mut decoder, 1, &options(0, 0, 300, &[(149, &[0, 0, 0, 5])], &[HUNDRED]));
    take(&mut decoder, 1, &options(1, 0, 301, &[(149, &[0, 0, 0, 6])], &[(34, &[50])]));
    assert_eq!(factor(&mut decoder, &flow_of(5, 256, &[])), 100.0);
    assert_eq!(factor(&mut decoder, &flow_of(6, 256, &[])), 50.0);
    assert_eq!(factor(&mut decoder, &flow_of(7, 256, &[])), 1.0);
    take(&mut decoder, 1, &options(2, 0, 302, &[(144, &[1])], &[(34, &[20])]));
    assert_eq!(factor(&mut decoder, &flow_of(7, 256, &[])), 20.0);
    assert_eq!(factor(&mut decoder, &flow_of(5, 256, &[])), 100.0, "its own word comes first");
}

#[test]
fn a_selection_sequence_scales_by_the_selectors_it_is_made_of() {
    let mut decoder = Decoder::default();
    let sequence: (u16, &[u8]) = (301, &[0, 0, 0, 9]);
    take(&mut decoder, 1, &options(0, 5, 300, &[sequence], &[(138, &[1]), (302, &[1]), (302, &[2])]));
    let count_based: Fields<'_> = &[(304, &[1]), (305, &[1]), (306, &[9])];
    take(&mut decoder, 1, &options(1, 5, 301, &[(302, &[1])], count_based));
    assert_eq!(factor(&mut decoder, &flow_of(5, 256, &[sequence])), 1.0);
    assert_eq!(unscaled(&decoder), 1, "one of its selectors was not told yet");
    let random: Fields<'_> = &[(304, &[3]), (309, &[1]), (310, &[20])];
    take(&mut decoder, 1, &options(2, 5, 302, &[(302, &[2])], random));
    assert_eq!(factor(&mut decoder, &flow_of(5, 256, &[sequence])), 200.0);
    // a filter picks by what a packet holds: nothing is scaled by it
    take(&mut decoder, 1, &options(3, 5, 303, &[(302, &[2])], &[(304, &[5])]));
    assert_eq!(factor(&mut decoder, &flow_of(5, 256, &[sequence])), 10.0);
    assert_eq!(unscaled(&decoder), 1);
}

#[test]
fn a_sampling_whose_algorithm_is_none_is_not_believed_and_that_is_said() {
    let system: Fields<'_> = &[(144, &[1])];
    for (fields, algorithm) in [
        (&[(34, &[0, 67][..]), (35, &[131][..])][..], 131),
        (&[(34, &[0, 68]), (35, &[59])], 59),
        (&[(50, &[0, 69]), (49, &[250])], 250),
        (&[(305, &[1]), (306, &[99]), (304, &[0, 77])], 77),
    ] {
        let mut decoder = Decoder::default();
        let datagram = options(0, 5, 300, system, fields);
        let given = Datagram { exporter: exporter(1), received: NOW, payload: &datagram };
        let said = decoder.take(&given, &mut |_: &Origin, _: &Flow| {});
        assert_eq!(said, Err(DecodeError::Sampling { algorithm }));
        assert_eq!(factor(&mut decoder, &flow_of(5, 256, &[])), 1.0);
        // also where each record says it
        assert_eq!(factor(&mut decoder, &flow_of(5, 257, fields)), 1.0);
        let ledger = decoder.ledger();
        let (_, account) = ledger.accounts().next().unwrap();
        assert_eq!((account.disbelieved, account.undecodable, account.coverage.unscaled), (2, 0, 0));
    }
    for known in [&[(34, &[0, 67][..]), (35, &[1][..])][..], &[(34, &[0, 67]), (35, &[2])]] {
        let mut decoder = Decoder::default();
        take(&mut decoder, 1, &options(0, 5, 300, system, known));
        assert_eq!(factor(&mut decoder, &flow_of(5, 256, &[])), 67.0);
        assert_eq!(factor(&mut decoder, &flow_of(6, 256, known)), 67.0);
    }
}

#[test]
fn flows_whose_sampling_nobody_told_are_counted_as_unscaled() {
    let mut decoder = Decoder::default();
    // a sampler that was not told yet
    assert_eq!(factor(&mut decoder, &flow_of(5, 256, &[(48, &[1])])), 1.0);
    assert_eq!(unscaled(&decoder), 1);
    // sampler 0 is none
    factor(&mut decoder, &flow_of(5, 256, &[(48, &[0])]));
    factor(&mut decoder, &flow_of(5, 257, &[]));
    assert_eq!(unscaled(&decoder), 1);
    take(&mut decoder, 1, &options(0, 5, 300, &[(144, &[1])], &[(48, &[1]), (49, &[2]), (50, &[100])]));
    assert_eq!(factor(&mut decoder, &flow_of(5, 256, &[(48, &[1])])), 100.0);
    assert_eq!(unscaled(&decoder), 1);
    // a flow that names no sampler, though one was told
    assert_eq!(factor(&mut decoder, &flow_of(5, 257, &[])), 1.0);
    assert_eq!(unscaled(&decoder), 2);
    let ledger_coverage = decoder.ledger_mut().close_window();
    let ratio = ledger_coverage[0].1.ratio().unwrap();
    assert!(ratio < 1.0, "{ratio}");
}
