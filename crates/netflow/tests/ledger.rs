//! The ledger: what was lost is known, and what was only late or not yet readable is not lost.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

#[path = "fixture/wire.rs"]
mod wire;

use std::{collections::VecDeque, time::Duration};

use grafolean_netflow::{
    decoder::Decoder,
    generate::{Exporter, Families, Setup, Traffic},
    ledger::{Account, NumberedOver},
    record::Protocol,
};
use proptest::prelude::*;
use wire::{NOW, SMALL, ipfix, set, small, take, template, v9};

const PROTOCOLS: [Protocol; 5] =
    [Protocol::Netflow5, Protocol::Netflow7, Protocol::Netflow9, Protocol::Ipfix, Protocol::Sflow5];

/// So many datagrams of one exporter, of varied sizes, whose numbers begin at `first`.
fn datagrams(protocol: Protocol, count: usize, first: u32) -> Vec<Vec<u8>> {
    datagrams_of(3, protocol, count, first)
}

/// The same of a domain, engine or sub-agent.
fn datagrams_of(domain: u32, protocol: Protocol, count: usize, first: u32) -> Vec<Vec<u8>> {
    let setup = Setup { protocol, domain, sampling: 10, boot: NOW - Duration::from_secs(3_600) };
    let mut exporter = Exporter::with_sequence(setup, first);
    let mut traffic = Traffic::new(7, 1_000, Families::V4);
    (0..count)
        .map(|number| {
            let mut flows: VecDeque<_> = (0..1 + number * 11 % 29).map(|_| traffic.flow(NOW)).collect();
            let mut datagram = Vec::new();
            exporter.export(NOW, &mut flows, &mut datagram);
            datagram
        })
        .collect()
}

fn account(decoder: &Decoder) -> Account {
    decoder.ledger().accounts().next().unwrap().1.clone()
}

fn seen_and_lost(decoder: &Decoder) -> (u64, u64) {
    let coverage = account(decoder).coverage;
    (coverage.seen, coverage.lost)
}

fn lost(decoder: &Decoder) -> u64 {
    account(decoder).coverage.lost
}

#[test]
fn with_three_datagrams_of_a_hundred_dropped_the_coverage_is_097() {
    for protocol in PROTOCOLS {
        let mut decoder = Decoder::default();
        let mut flows = 0;
        for (number, datagram) in datagrams(protocol, 5_800, 0).iter().enumerate() {
            // three of each hundred, at places that no size of datagram goes with
            if (number * 7_919 + 13) % 100 >= 3 || number == 0 {
                flows += take(&mut decoder, 1, datagram).len();
            }
        }
        let windows = decoder.ledger_mut().close_window();
        let ratio = windows[0].1.ratio().unwrap();
        assert!((ratio - 0.97).abs() < 0.001, "{protocol:?}: {ratio} of {flows} flows");
        assert!(decoder.ledger_mut().close_window().is_empty(), "a window tells what is new");
    }
}

#[test]
fn numbers_that_wrap_lose_nothing_in_any_protocol() {
    for protocol in PROTOCOLS {
        let mut decoder = Decoder::default();
        datagrams(protocol, 200, u32::MAX - 50)
            .iter()
            .for_each(|datagram| drop(take(&mut decoder, 1, datagram)));
        assert_eq!((lost(&decoder), account(&decoder).restarts), (0, 0), "{protocol:?}");
    }
}

#[test]
fn domains_engines_and_sub_agents_of_one_exporter_are_numbered_apart() {
    // version 7 tells neither
    for protocol in PROTOCOLS.into_iter().filter(|protocol| *protocol != Protocol::Netflow7) {
        let mut decoder = Decoder::default();
        let streams = [(3, 0), (4, 700_000), (5, u32::MAX - 9)];
        let streams = streams.map(|(domain, first)| datagrams_of(domain, protocol, 40, first));
        for number in 0..40 {
            for (stream, datagrams) in streams.iter().enumerate() {
                // one of the second's is lost
                if (stream, number) != (1, 20) {
                    take(&mut decoder, 1, &datagrams[number]);
                }
            }
        }
        let ledger = decoder.ledger();
        let mut lost: Vec<_> =
            ledger.accounts().map(|(stream, account)| (stream.domain, account.coverage.lost > 0)).collect();
        lost.sort_unstable();
        assert_eq!(lost, [(3, false), (4, true), (5, false)], "{protocol:?}");
    }
}

#[test]
fn an_exporter_that_starts_anew_is_told_apart_from_loss() {
    for protocol in PROTOCOLS {
        let mut decoder = Decoder::default();
        datagrams(protocol, 500, 900_000).iter().for_each(|datagram| drop(take(&mut decoder, 1, datagram)));
        datagrams(protocol, 500, 0).iter().for_each(|datagram| drop(take(&mut decoder, 1, datagram)));
        assert_eq!((lost(&decoder), account(&decoder).restarts), (0, 1), "{protocol:?}");
    }
}

#[test]
fn ipfix_records_whose_template_comes_late_are_lost_until_they_are_decoded() {
    let mut decoder = Decoder::default();
    let unknown = set(256, &[small(70), small(71)].concat());
    let known = [set(2, &template(257, SMALL)), set(257, &small(72))];
    take(&mut decoder, 1, &ipfix(0, 5, &known));
    take(&mut decoder, 1, &ipfix(1, 5, &[unknown, known[1].clone()]));
    take(&mut decoder, 1, &ipfix(4, 5, &known));
    assert_eq!(seen_and_lost(&decoder), (3, 2));
    let flows = take(&mut decoder, 1, &ipfix(5, 5, &[set(2, &template(256, SMALL))]));
    assert_eq!(flows.len(), 2);
    assert_eq!(seen_and_lost(&decoder), (5, 0));
}

#[test]
fn a_datagram_that_holds_its_template_after_its_data_loses_nothing() {
    let sets = [set(256, &[small(70), small(71)].concat()), set(2, &template(256, SMALL))];
    let mut decoder = Decoder::default();
    assert_eq!(take(&mut decoder, 1, &ipfix(10, 5, &sets)).len(), 2);
    take(&mut decoder, 1, &ipfix(12, 5, &sets[..1]));
    assert_eq!(seen_and_lost(&decoder), (4, 0));

    let sets = [sets[0].clone(), set(0, &template(256, SMALL))];
    let mut decoder = Decoder::default();
    assert_eq!(take(&mut decoder, 1, &v9(10, 5, &sets)).len(), 2);
    take(&mut decoder, 1, &v9(11, 5, &sets[..1]));
    assert_eq!(seen_and_lost(&decoder), (2, 0));
}

#[test]
fn a_datagram_whose_template_never_comes_is_not_counted_as_seen() {
    let mut decoder = Decoder::default();
    for sequence in 0..10 {
        take(&mut decoder, 1, &v9(sequence, 5, &[set(256, &small(70))]));
    }
    assert_eq!(account(&decoder).coverage.ratio(), Some(0.0));
    assert_eq!(account(&decoder).deferred, 10);
}

#[test]
fn a_datagram_cut_short_is_undecodable_and_its_missing_flows_are_lost() {
    let datagram = &datagrams(Protocol::Netflow5, 4, 0)[3];
    let mut decoder = Decoder::default();
    take(&mut decoder, 1, &datagram[..24 + 48 * 3 + 10]);
    assert_eq!(seen_and_lost(&decoder), (3, 2));
    assert_eq!(account(&decoder).undecodable, 1);
    take(&mut decoder, 1, b"GET / HTTP/1.1");
    assert_eq!(decoder.ledger().foreign_datagrams(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever is dropped and however the rest is shuffled within a window, seen and lost are exact in the end.
    #[test]
    fn loss_and_reordering_are_told_apart(
        dropped in proptest::collection::hash_set(1..99_usize, 0..30),
        keys in proptest::collection::vec(0..12_usize, 100),
        first in any::<u32>(),
    ) {
        for protocol in PROTOCOLS {
            let all = datagrams(protocol, 100, first);
            let mut order: Vec<usize> = (0..100).filter(|number| !dropped.contains(number)).collect();
            // the first and last datagrams mark what was sent
            order.sort_by_key(|&number| if number == 0 || number == 99 { number } else { (number + keys[number]).clamp(1, 98) });
            let mut decoder = Decoder::default();
            order.iter().for_each(|&number| drop(take(&mut decoder, 1, &all[number])));
            let mut whole = Decoder::default();
            all.iter().for_each(|datagram| drop(take(&mut whole, 1, datagram)));
            let (part, whole) = (account(&decoder).coverage, account(&whole).coverage);
            prop_assert_eq!(whole.lost, 0);
            prop_assert_eq!(part.seen + part.lost, whole.seen, "{:?} {:?}", protocol, part);
        }
    }
}

/// Loss of all streams together.
fn lost_of_all(decoder: &Decoder) -> u64 {
    decoder.ledger().accounts().map(|(_, account)| account.coverage.lost).sum()
}

#[test]
fn numbers_that_run_over_all_domains_of_an_exporter_are_no_loss_and_said() {
    let datagram =
        |number: u32, domain| v9(number, domain, &[set(0, &template(256, SMALL)), set(256, &small(70))]);
    for domains in [2, 3, 5] {
        let mut decoder = Decoder::default();
        for number in 0..40 {
            take(&mut decoder, 1, &datagram(1_000 + number, number % domains));
        }
        assert_eq!(lost_of_all(&decoder), 0, "{domains} domains");
        let over = |decoder: &Decoder| {
            let ledger = decoder.ledger();
            ledger.accounts().map(|(stream, _)| ledger.numbered_over(stream)).next().unwrap()
        };
        assert_eq!(over(&decoder), NumberedOver::Exporter);
        // what is really lost is counted, and once
        take(&mut decoder, 1, &datagram(1_043, 0));
        assert_eq!(lost_of_all(&decoder), 3, "{domains} domains");
    }
}

#[test]
fn numbers_of_each_domain_stay_its_own_whatever_order_they_come_in() {
    let datagram =
        |number, domain| v9(number, domain, &[set(0, &template(256, SMALL)), set(256, &small(70))]);
    let mut decoder = Decoder::default();
    // in step, so that each number fits the other domain's row as well
    for number in 0..40 {
        for domain in 0..2 {
            if (number, domain) != (20, 1) {
                take(&mut decoder, 1, &datagram(number, domain));
            }
        }
    }
    assert_eq!(lost_of_all(&decoder), 1);
    let ledger = decoder.ledger();
    assert!(ledger.accounts().all(|(stream, _)| ledger.numbered_over(stream) == NumberedOver::Domain));
}

#[test]
fn netflow_1_has_no_numbers_and_netflow_7_has_them() {
    for (protocol, lost) in [(Protocol::Netflow1, 0), (Protocol::Netflow7, 20)] {
        let mut decoder = Decoder::default();
        let setup = Setup { protocol, domain: 0, sampling: 1, boot: NOW - Duration::from_secs(60) };
        let (mut exporter, mut traffic) = (Exporter::new(setup), Traffic::new(7, 100, Families::V4));
        let mut flows = 0;
        for number in 0..4 {
            let mut batch: VecDeque<_> = (0..20).map(|_| traffic.flow(NOW)).collect();
            let mut datagram = Vec::new();
            exporter.export(NOW, &mut batch, &mut datagram);
            if number != 1 {
                flows += take(&mut decoder, 1, &datagram).len();
            }
        }
        assert_eq!((flows, lost_of_all(&decoder)), (60, lost), "{protocol:?}");
    }
}
