//! The engine in a network that loses, repeats, delays, turns round, refuses and forges exactly as it is told.

use std::{ops::RangeInclusive, time::Duration};

use futures_util::future::join_all;
use grafolean_bots::ping::{
    codec::Family,
    engine::{OpenError, Options, Outcome, Pinger, Probe, Reason, SocketKind},
};
use prometheus_client::metrics::counter::Counter;

use crate::{
    namespace::{Rights, inside_namespace},
    peer::Peer,
};

const MS: Duration = Duration::from_millis(1);
const FAMILIES: [Family; 2] = [Family::V4, Family::V6];

/// Enough for a peer that has to wait for a core. Where silence is what is measured, less does as well.
const PATIENCE: Duration = Duration::from_secs(2);
const SHORT: Duration = Duration::from_millis(60);

fn probe(family: Family, kind: u8, number: u8) -> Probe {
    Probe { packets: 12, gap: 3 * MS, timeout: PATIENCE, ..Probe::to(Peer::address(family, kind, number)) }
}

/// An engine for each question, since its counters are to answer only that.
fn engine(rights: Rights) -> Pinger {
    let pinger = Pinger::open(Options::default()).unwrap();
    let expected = if rights == Rights::Raw { SocketKind::Raw } else { SocketKind::Datagram };
    assert_eq!(FAMILIES.map(|family| pinger.socket_kind(family)), [Some(expected); 2]);
    pinger
}

async fn ping(rights: Rights, probe: Probe) -> (Outcome, Pinger) {
    let pinger = engine(rights);
    (pinger.ping(probe).await.unwrap(), pinger)
}

fn answered(outcome: &Outcome) -> Vec<bool> {
    outcome.packets.iter().map(|packet| packet.rtt.is_some()).collect()
}

/// Waits for what is sure to come.
async fn reaches(counter: &Counter, number: u64) {
    while counter.get() < number {
        tokio::time::sleep(MS).await;
    }
    assert_eq!(counter.get(), number);
}

async fn loss_is_exactly_what_the_network_lost(rights: Rights, family: Family) {
    let (outcome, pinger) = ping(rights, probe(family, 2, 3)).await;
    assert_eq!(answered(&outcome), (0..12).map(|sequence| sequence % 3 != 0).collect::<Vec<_>>());
    assert_eq!(pinger.metrics().requests_sent.get(), 12);
    assert_eq!(pinger.metrics().replies_received.get(), 8);
    let (silence, _) = ping(rights, Probe { timeout: SHORT, ..probe(family, 4, 0) }).await;
    assert_eq!(answered(&silence), [false; 12]);
}

async fn a_repetition_answers_for_a_packet_that_was_lost(rights: Rights, family: Family) {
    // Sequence numbers 0 to 5 are lost: the first attempts of all packets, 0 to 3, and the second ones of two.
    let probe = Probe { packets: 4, retry: 2, timeout: Duration::from_millis(700), ..probe(family, 13, 6) };
    let (outcome, pinger) = ping(rights, probe).await;
    assert_eq!(answered(&outcome), [true; 4], "{outcome:?}");
    assert_eq!(outcome.packets.iter().map(|packet| packet.sent).collect::<Vec<_>>(), [3, 3, 2, 2]);
    assert_eq!(pinger.metrics().requests_sent.get(), 10);
}

async fn further_copies_are_duplicates(rights: Rights, family: Family) {
    let (outcome, pinger) = ping(rights, Probe { gap: 30 * MS, ..probe(family, 3, 2) }).await;
    assert_eq!(answered(&outcome), [true; 12]);
    assert_eq!(outcome.packets[0].duplicates, 2, "{outcome:?}");
    assert!(outcome.packets.iter().all(|packet| packet.duplicates <= 2), "{outcome:?}");
    reaches(&pinger.metrics().replies_duplicate, 24).await;
    assert_eq!(pinger.metrics().replies_received.get(), 12);
}

async fn round_trips_take_no_less_than_the_network_does_in_whatever_order(rights: Rights, family: Family) {
    for delay_ms in [5, 40, 120] {
        let (outcome, _) = ping(rights, probe(family, 1, delay_ms)).await;
        let delay = Duration::from_millis(delay_ms.into());
        assert!(
            outcome.packets.iter().all(|packet| packet.rtt.is_some_and(|rtt| rtt >= delay)),
            "{outcome:?}"
        );
    }
    let (outcome, pinger) = ping(rights, probe(family, 8, 6)).await;
    assert_eq!(answered(&outcome), [true; 12]);
    let rtts: Vec<_> = outcome.packets[..6].iter().filter_map(|packet| packet.rtt).collect();
    assert!(rtts.is_sorted_by(|earlier, later| earlier > later), "held back until the sixth: {rtts:?}");
    assert_eq!(pinger.metrics().replies_foreign.get() + pinger.metrics().replies_late.get(), 0);
}

async fn what_comes_after_the_time_out_is_late_and_no_answer(rights: Rights, family: Family) {
    let probe = Probe { packets: 6, timeout: SHORT, gap: 200 * MS, ..probe(family, 1, 150) };
    let (outcome, pinger) = ping(rights, probe).await;
    assert_eq!(answered(&outcome), [false; 6]);
    assert_eq!(
        (outcome.packets[0].late, outcome.packets[0].reason),
        (1, Some(Reason::Timeout)),
        "{outcome:?}"
    );
    reaches(&pinger.metrics().replies_late, 6).await;
}

async fn errors_are_the_reason(rights: Rights) {
    let expected = [
        (5, 0, "net-unreachable (code 0)", "net-unreachable (code 0)"),
        (5, 1, "host-unreachable (code 1)", "prohibited (code 1)"),
        (5, 3, "port-unreachable (code 3)", "host-unreachable (code 3)"),
        (5, 4, "packet-too-big (code 4)", "port-unreachable (code 4)"),
        (5, 13, "prohibited (code 13)", "unreachable (code 13)"),
        (6, 0, "ttl-exceeded (code 0)", "ttl-exceeded (code 0)"),
        (6, 1, "reassembly-timeout (code 1)", "reassembly-timeout (code 1)"),
        (7, 1, "packet-too-big (code 4)", "packet-too-big (code 0)"),
        (11, 0, "parameter-problem (code 0)", "parameter-problem (code 0)"),
    ];
    // One error the kernel keeps to itself on datagram sockets.
    let is_told =
        |family, kind, number| (rights, family, kind, number) != (Rights::Datagram, Family::V4, 6, 1);
    let questions: Vec<_> = expected
        .into_iter()
        .flat_map(|(kind, number, v4, v6)| [(Family::V4, kind, number, v4), (Family::V6, kind, number, v6)])
        .filter(|(family, kind, number, _)| is_told(*family, *kind, *number))
        .collect();
    let pinger = engine(rights);
    let probes = questions
        .iter()
        .map(|(family, kind, number, _)| pinger.ping(Probe { packets: 4, ..probe(*family, *kind, *number) }));
    for (outcome, question) in join_all(probes).await.into_iter().zip(&questions) {
        for packet in outcome.unwrap().packets {
            assert_eq!(
                packet.reason.map(|reason| reason.to_string()).as_deref(),
                Some(question.3),
                "{question:?}"
            );
        }
    }
    assert_eq!(pinger.metrics().icmp_errors.get(), 4 * questions.len() as u64);
}

/// How many of four wrong answers are counted as foreign, and as malformed. The kernel keeps some of them to itself.
fn count_of_wrong(family: Family, rights: Rights, wrong: u8) -> (u64, u64) {
    match (wrong, rights, family) {
        (1, Rights::Datagram, _) => (0, 0),
        // A wrong checksum is ours to see only on raw IPv4, four bytes of a message only on raw IPv6.
        (5, Rights::Raw, Family::V4) | (7, Rights::Raw, Family::V6) => (0, 4),
        (5 | 7, ..) => (0, 0),
        // No replies at all.
        (10 | 11, ..) => (0, 0),
        _ => (4, 0),
    }
}

const WRONG: RangeInclusive<u8> = 1..=14;

async fn a_wrong_answer_is_none_and_is_counted(rights: Rights, family: Family) {
    for wrong in WRONG {
        let (outcome, pinger) =
            ping(rights, Probe { packets: 4, timeout: SHORT, ..probe(family, 9, wrong) }).await;
        assert!(
            outcome.packets.iter().all(|packet| packet.reason == Some(Reason::Timeout)),
            "{wrong}: {outcome:?}"
        );
        let (foreign, malformed) = count_of_wrong(family, rights, wrong);
        reaches(&pinger.metrics().replies_foreign, foreign).await;
        reaches(&pinger.metrics().messages_malformed, malformed).await;
    }
}

async fn a_wrong_answer_does_not_hide_the_right_one(rights: Rights, family: Family) {
    let pinger = engine(rights);
    let probes = WRONG.map(|wrong| pinger.ping(probe(family, 10, wrong)));
    for (outcome, wrong) in join_all(probes).await.into_iter().zip(WRONG) {
        let outcome = outcome.unwrap();
        assert_eq!(answered(&outcome), [true; 12], "{family:?} wrong answer {wrong}: {outcome:?}");
    }
    assert_eq!(pinger.metrics().replies_duplicate.get(), 0);
}

async fn noise_is_told_from_answers(rights: Rights, family: Family) {
    let (outcome, _) = ping(rights, Probe { gap: 20 * MS, ..probe(family, 12, 200) }).await;
    for packet in &outcome.packets {
        assert!(packet.rtt.is_some(), "{outcome:?}");
        assert_eq!((packet.reason, packet.duplicates, packet.late), (None, 0, 0), "{outcome:?}");
    }
}

async fn all_of_it(rights: Rights) {
    let _peer = Peer::start();
    for family in FAMILIES {
        loss_is_exactly_what_the_network_lost(rights, family).await;
        a_repetition_answers_for_a_packet_that_was_lost(rights, family).await;
        further_copies_are_duplicates(rights, family).await;
        round_trips_take_no_less_than_the_network_does_in_whatever_order(rights, family).await;
        what_comes_after_the_time_out_is_late_and_no_answer(rights, family).await;
        a_wrong_answer_is_none_and_is_counted(rights, family).await;
        a_wrong_answer_does_not_hide_the_right_one(rights, family).await;
        noise_is_told_from_answers(rights, family).await;
    }
    errors_are_the_reason(rights).await;
}

#[tokio::test]
async fn a_bad_network_is_measured_exactly_over_raw_sockets() {
    if inside_namespace("misbehaving::a_bad_network_is_measured_exactly_over_raw_sockets", Rights::Raw) {
        all_of_it(Rights::Raw).await;
    }
}

#[tokio::test]
async fn a_bad_network_is_measured_exactly_over_datagram_sockets() {
    if inside_namespace(
        "misbehaving::a_bad_network_is_measured_exactly_over_datagram_sockets",
        Rights::Datagram,
    ) {
        all_of_it(Rights::Datagram).await;
    }
}

#[tokio::test]
async fn an_unreachable_network_is_a_measurement_with_its_reason() {
    if !inside_namespace("misbehaving::an_unreachable_network_is_a_measurement_with_its_reason", Rights::Raw)
    {
        return;
    }
    let _peer = Peer::start();
    let pinger = Pinger::open(Options::default()).unwrap();
    for address in ["192.0.2.1", "2001:db8::1"] {
        let probe =
            Probe { packets: 3, gap: MS, timeout: 20 * MS, retry: 1, ..Probe::to(address.parse().unwrap()) };
        let outcome = pinger.ping(probe).await.unwrap();
        for packet in &outcome.packets {
            assert_eq!((packet.sent, packet.reason.unwrap().label()), (0, "no-route"), "{outcome:?}");
        }
    }
    assert_eq!(pinger.metrics().requests_sent.get(), 0);
}

#[test]
fn without_any_right_the_error_names_both_remedies() {
    if !inside_namespace("misbehaving::without_any_right_the_error_names_both_remedies", Rights::Neither) {
        return;
    }
    let error = Pinger::open(Options::default()).err().expect("no socket is permitted");
    assert!(matches!(error, OpenError::NotPermitted(_)), "{error:?}");
    let message = error.to_string();
    assert!(message.contains("sudo setcap cap_net_raw+ep $(command -v grafolean)"), "{message}");
    assert!(message.contains("sudo sysctl net.ipv4.ping_group_range"), "{message}");
}
