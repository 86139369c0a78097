//! The engine in a network that loses, repeats, delays, turns round, refuses and forges exactly as it is told.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout
)]

mod network;

use std::time::Duration;

use grafolean_bots::ping::{
    codec::Family,
    engine::{OpenError, Options, Outcome, Packet, Pinger, Probe, SocketKind},
};
use network::{Peer, Rights, inside_namespace};

const MS: Duration = Duration::from_millis(1);
const FAMILIES: [Family; 2] = [Family::V4, Family::V6];

/// An engine for each question, so that its counters answer only that.
struct World {
    rights: Rights,
    _peer: Peer,
}

impl World {
    fn start(rights: Rights) -> Self {
        Self { rights, _peer: Peer::start() }
    }

    async fn ping(
        &self,
        family: Family,
        kind: u8,
        number: u8,
        change: impl Fn(Probe) -> Probe,
    ) -> (Outcome, Pinger) {
        let pinger = Pinger::open(Options::default()).unwrap();
        let expected = if self.rights == Rights::Raw { SocketKind::Raw } else { SocketKind::Datagram };
        assert_eq!(pinger.socket_kind(family), Some(expected));
        let address = Peer::address(family, kind, number);
        let probe = Probe { packets: 12, gap: 3 * MS, timeout: 300 * MS, ..Probe::to(address) };
        (pinger.ping(change(probe)).await.unwrap(), pinger)
    }

    /// Which of the packets are answered, and why the others are not.
    async fn all_unanswered(&self, family: Family, kind: u8, number: u8) -> (String, Pinger) {
        let (outcome, pinger) = self.ping(family, kind, number, |probe| Probe { packets: 4, ..probe }).await;
        let reasons: Vec<_> =
            outcome.packets.iter().map(|packet| packet.reason.map(|reason| reason.to_string())).collect();
        assert!(reasons.iter().all(|reason| *reason == reasons[0]), "{outcome:?}");
        (reasons[0].clone().expect("no answer"), pinger)
    }
}

fn answered(outcome: &Outcome) -> Vec<bool> {
    outcome.packets.iter().map(|packet| packet.rtt.is_some()).collect()
}

async fn loss_is_exactly_what_the_network_lost(world: &World) {
    for family in FAMILIES {
        let (outcome, pinger) = world.ping(family, 2, 3, |probe| probe).await;
        assert_eq!(answered(&outcome), (0..12).map(|sequence| sequence % 3 != 0).collect::<Vec<_>>());
        assert_eq!(pinger.metrics().requests_sent.get(), 12);
        assert_eq!(pinger.metrics().replies_received.get(), 8);
        let (silence, _) = world.ping(family, 4, 0, |probe| probe).await;
        assert_eq!(answered(&silence), [false; 12]);
    }
}

async fn a_repetition_answers_for_a_packet_that_was_lost(world: &World) {
    for family in FAMILIES {
        // Sequence numbers 0 to 5 are lost: the first attempts of all packets, 0 to 3, and the second ones of two.
        let change = |probe| Probe { packets: 4, retry: 2, timeout: 100 * MS, ..probe };
        let (outcome, pinger) = world.ping(family, 13, 6, change).await;
        assert_eq!(answered(&outcome), [true; 4], "{outcome:?}");
        assert_eq!(outcome.packets.iter().map(|packet| packet.sent).collect::<Vec<_>>(), [3, 3, 2, 2]);
        assert_eq!(pinger.metrics().requests_sent.get(), 10);
    }
}

async fn further_copies_are_duplicates(world: &World) {
    for family in FAMILIES {
        let (outcome, pinger) = world.ping(family, 3, 2, |probe| Probe { gap: 30 * MS, ..probe }).await;
        assert_eq!(answered(&outcome), [true; 12]);
        let (last, others) = outcome.packets.split_last().unwrap();
        assert!(others.iter().all(|packet| packet.duplicates == 2), "{outcome:?}");
        assert!(last.duplicates <= 2, "the copies of the last come when the probe has ended");
        while pinger.metrics().replies_duplicate.get() < 24 {
            tokio::time::sleep(MS).await;
        }
        assert_eq!(pinger.metrics().replies_received.get(), 12);
    }
}

async fn round_trips_are_never_shorter_than_the_networks_delay_and_order_does_not_matter(world: &World) {
    for family in FAMILIES {
        for delay_ms in [5, 40, 120] {
            let (outcome, _) =
                world.ping(family, 1, delay_ms, |probe| Probe { timeout: 2_000 * MS, ..probe }).await;
            let delay = Duration::from_millis(delay_ms.into());
            assert!(
                outcome.packets.iter().all(|packet| packet.rtt.is_some_and(|rtt| rtt >= delay)),
                "{outcome:?}"
            );
        }
        let (outcome, pinger) =
            world.ping(family, 8, 6, |probe| Probe { timeout: 2_000 * MS, ..probe }).await;
        assert_eq!(answered(&outcome), [true; 12]);
        let rtts: Vec<_> = outcome.packets[..6].iter().filter_map(|packet| packet.rtt).collect();
        assert!(rtts.is_sorted_by(|earlier, later| earlier > later), "held back until the sixth: {rtts:?}");
        assert_eq!(pinger.metrics().replies_foreign.get() + pinger.metrics().replies_late.get(), 0);
    }
}

async fn what_comes_after_the_time_out_is_late_and_no_answer(world: &World) {
    for family in FAMILIES {
        let change = |probe| Probe { packets: 6, timeout: 60 * MS, gap: 60 * MS, ..probe };
        let (outcome, pinger) = world.ping(family, 1, 150, change).await;
        assert_eq!(answered(&outcome), [false; 6]);
        assert!(outcome.packets[..3].iter().all(|packet| packet.late == 1), "{outcome:?}");
        while pinger.metrics().replies_late.get() < 6 {
            tokio::time::sleep(MS).await;
        }
    }
}

async fn errors_are_the_reason(world: &World) {
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
    for (kind, number, v4, v6) in expected {
        for (family, reason) in [(Family::V4, v4), (Family::V6, v6)] {
            if (family, world.rights, kind, number) == (Family::V4, Rights::Datagram, 6, 1) {
                continue; // The kernel keeps this one to itself.
            }
            let (told, pinger) = world.all_unanswered(family, kind, number).await;
            assert_eq!(told, reason, "{family:?} {kind} {number} over {:?}", world.rights);
            assert_eq!(pinger.metrics().icmp_errors.get(), 4);
        }
    }
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

async fn a_wrong_answer_is_none_and_does_not_hide_the_right_one(world: &World) {
    for family in FAMILIES {
        for wrong in 1..=14 {
            let (reason, pinger) = world.all_unanswered(family, 9, wrong).await;
            assert_eq!(reason, "timeout");
            let metrics = pinger.metrics();
            let counted = (metrics.replies_foreign.get(), metrics.messages_malformed.get());
            assert_eq!(
                counted,
                count_of_wrong(family, world.rights, wrong),
                "{family:?} wrong answer {wrong}"
            );
            let (outcome, pinger) =
                world.ping(family, 10, wrong, |probe| Probe { packets: 4, ..probe }).await;
            assert_eq!(answered(&outcome), [true; 4], "{family:?} wrong answer {wrong}: {outcome:?}");
            assert_eq!(pinger.metrics().replies_duplicate.get(), 0);
        }
    }
}

async fn noise_is_told_from_answers(world: &World) {
    for family in FAMILIES {
        let (outcome, _) =
            world.ping(family, 12, 200, |probe| Probe { gap: 20 * MS, timeout: 2_000 * MS, ..probe }).await;
        for packet in &outcome.packets {
            let Packet { rtt, reason, duplicates, late, .. } = packet;
            assert!(rtt.is_some(), "{outcome:?}");
            assert_eq!((*reason, *duplicates, *late), (None, 0, 0), "{outcome:?}");
        }
    }
}

async fn all_of_it(rights: Rights) {
    let world = World::start(rights);
    loss_is_exactly_what_the_network_lost(&world).await;
    a_repetition_answers_for_a_packet_that_was_lost(&world).await;
    further_copies_are_duplicates(&world).await;
    round_trips_are_never_shorter_than_the_networks_delay_and_order_does_not_matter(&world).await;
    what_comes_after_the_time_out_is_late_and_no_answer(&world).await;
    errors_are_the_reason(&world).await;
    a_wrong_answer_is_none_and_does_not_hide_the_right_one(&world).await;
    noise_is_told_from_answers(&world).await;
}

#[tokio::test]
async fn a_bad_network_is_measured_exactly_over_raw_sockets() {
    if inside_namespace("a_bad_network_is_measured_exactly_over_raw_sockets", Rights::Raw) {
        all_of_it(Rights::Raw).await;
    }
}

#[tokio::test]
async fn a_bad_network_is_measured_exactly_over_datagram_sockets() {
    if inside_namespace("a_bad_network_is_measured_exactly_over_datagram_sockets", Rights::Datagram) {
        all_of_it(Rights::Datagram).await;
    }
}

#[tokio::test]
async fn an_unreachable_network_is_a_measurement_with_its_reason() {
    if !inside_namespace("an_unreachable_network_is_a_measurement_with_its_reason", Rights::Raw) {
        return;
    }
    let world = World::start(Rights::Raw);
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
    drop(world);
}

#[test]
fn without_any_right_the_error_names_both_remedies() {
    if !inside_namespace("without_any_right_the_error_names_both_remedies", Rights::Neither) {
        return;
    }
    let error = Pinger::open(Options::default()).err().expect("no socket is permitted");
    assert!(matches!(error, OpenError::NotPermitted(_)), "{error:?}");
    let message = error.to_string();
    assert!(message.contains("sudo setcap cap_net_raw+ep $(command -v grafolean)"), "{message}");
    assert!(message.contains("sudo sysctl net.ipv4.ping_group_range"), "{message}");
}
