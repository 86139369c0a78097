//! The engine against this machine's own answers: all of 127.0.0.0/8, and ::1.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout
)]

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::Duration,
};

use grafolean_bots::ping::{
    PingBot, PingTask, Settings, Target,
    codec::Family,
    engine::{OpenError, Options, Outcome, PingError, Pinger, Probe, Reason, SocketChoice, SocketKind},
};
use grafolean_collector::{
    bot::Run,
    model::{AccountId, EntityId},
    protocol::Protocol,
    report::{Report, Values},
    time::Timestamp,
};

const MS: Duration = Duration::from_millis(1);

/// An engine of its own for each test; None where this process may have no such socket.
fn pinger(sockets: SocketChoice) -> Option<Pinger> {
    match Pinger::open(Options { sockets, ..Options::default() }) {
        Ok(pinger) => Some(pinger),
        Err(OpenError::NotPermitted(_)) => {
            println!("skipped: this process may not open {sockets:?}");
            None
        }
        Err(error) => panic!("{error}: {error:?}"),
    }
}

fn probe(address: impl Into<IpAddr>) -> Probe {
    Probe { packets: 5, gap: 2 * MS, timeout: Duration::from_secs(2), ..Probe::to(address.into()) }
}

fn assert_all_answered(outcome: &Outcome) {
    for packet in &outcome.packets {
        assert_eq!(
            (packet.sent, packet.reason, packet.duplicates, packet.late),
            (1, None, 0, 0),
            "{outcome:?}"
        );
        assert!(packet.rtt.is_some_and(|rtt| rtt < Duration::from_secs(1)), "{outcome:?}");
    }
}

#[tokio::test]
async fn every_address_of_loopback_answers_over_every_kind_of_socket() {
    for kind in [SocketKind::Raw, SocketKind::Datagram] {
        let Some(pinger) = pinger(SocketChoice::Only(kind)) else { continue };
        let addresses: [IpAddr; 3] =
            [Ipv4Addr::LOCALHOST.into(), Ipv4Addr::new(127, 9, 8, 7).into(), Ipv6Addr::LOCALHOST.into()];
        for address in addresses {
            if pinger.socket_kind(Family::of(&address)).is_none() {
                println!("skipped: no socket for {address}");
                continue;
            }
            let outcome = pinger.ping(probe(address)).await.unwrap();
            assert_eq!((outcome.address, outcome.packets.len()), (address, 5));
            assert_all_answered(&outcome);
            assert!(outcome.packets.iter().all(|packet| packet.ttl == Some(64)), "{outcome:?}");
        }
        let metrics = pinger.metrics();
        assert_eq!(metrics.requests_sent.get(), metrics.replies_received.get());
        let amiss = [&metrics.messages_malformed, &metrics.replies_duplicate, &metrics.replies_late];
        assert!(amiss.iter().all(|counter| counter.get() == 0), "{metrics:?}");
    }
}

#[tokio::test]
async fn probes_to_one_address_at_the_same_time_do_not_take_each_others_answers() {
    let Some(pinger) = pinger(SocketChoice::Any) else { return };
    let probes = (0..50).map(|_| pinger.ping(probe(Ipv4Addr::LOCALHOST)));
    for outcome in futures_util::future::join_all(probes).await {
        assert_all_answered(&outcome.unwrap());
    }
    assert_eq!(pinger.metrics().replies_received.get(), 250);
}

#[tokio::test]
async fn an_address_that_may_not_be_sent_to_is_an_outcome_with_its_reason() {
    let Some(pinger) = pinger(SocketChoice::Any) else { return };
    let to_broadcast = Probe { timeout: 10 * MS, ..probe(Ipv4Addr::BROADCAST) };
    let outcome = pinger.ping(to_broadcast).await.unwrap();
    assert_eq!(outcome.packets.len(), 5);
    for packet in outcome.packets {
        assert!(matches!(packet.reason, Some(Reason::NotPermitted | Reason::NoRoute)), "{packet:?}");
        assert_eq!((packet.sent, packet.rtt), (0, None));
    }
}

#[tokio::test]
async fn a_probe_outside_its_limits_is_refused() {
    let Some(pinger) = pinger(SocketChoice::Any) else { return };
    let refused = pinger.ping(Probe { packets: 0, ..probe(Ipv4Addr::LOCALHOST) }).await;
    assert!(matches!(refused, Err(PingError::OutOfRange { what: "packets", .. })), "{refused:?}");
}

#[tokio::test]
async fn dropping_a_ping_gives_its_place_back() {
    let Some(pinger) = pinger(SocketChoice::Any) else { return };
    let long = Probe { packets: 1_000, gap: 5 * MS, ..probe(Ipv4Addr::LOCALHOST) };
    tokio::select! {
        outcome = pinger.ping(long) => panic!("it should take five seconds: {outcome:?}"),
        outcome = pinger.ping(probe(Ipv4Addr::LOCALHOST)) => assert_all_answered(&outcome.unwrap()),
    }
    while pinger.metrics().probes_under_way.get() > 0 {
        tokio::time::sleep(MS).await;
    }
    let sent = pinger.metrics().requests_sent.get();
    assert!(sent < 1_000, "{sent}");
}

async fn run(bot: &PingBot, target: Target) -> Vec<Report> {
    let settings = Settings { packets: 2, gap: MS, ..Settings::default() };
    let (account, entity) = (AccountId::new(3), EntityId::new(9));
    let task = PingTask { account, entity, target, settings };
    let due = Timestamp::from_seconds(1_700_000_000);
    let run = Run {
        id: "ping.3.9".into(),
        task: task.into(),
        due,
        intervals: vec![],
        troubles: Default::default(),
    };
    bot.perform(run).await.unwrap()
}

async fn values(bot: &PingBot, target: Target) -> Values {
    let reports = run(bot, target).await;
    let [Report::Values(values)] = <[Report; 1]>::try_from(reports).unwrap() else { panic!("no values") };
    assert_eq!((values.account, values.time), (AccountId::new(3), Timestamp::from_seconds(1_700_000_000)));
    values
}

#[tokio::test]
async fn a_run_of_the_bot_reports_every_path() {
    let Some(pinger) = pinger(SocketChoice::Any) else { return };
    let values = values(&PingBot::new(pinger), Target::Name("localhost".into(), Some(Family::V4))).await;
    let names: Vec<_> =
        values.values.iter().map(|(path, _)| path.strip_prefix("entity.9.ping.").unwrap()).collect();
    let expected = [
        "p0.ok",
        "p0.rtt",
        "p1.ok",
        "p1.rtt",
        "success",
        "loss",
        "rtt.min",
        "rtt.avg",
        "rtt.max",
        "rtt.stddev",
        "jitter",
    ];
    assert_eq!(names, expected);
    assert_eq!(values.values[4].1, 1.0);
}

#[tokio::test]
async fn a_name_that_does_not_resolve_has_no_values_and_is_counted() {
    let Some(pinger) = pinger(SocketChoice::Any) else { return };
    // A label of 64 letters cannot be in any DNS, so that none is asked.
    let bot = PingBot::new(pinger.clone());
    assert_eq!(run(&bot, Target::Name("a".repeat(64), None)).await, []);
    assert_eq!(pinger.metrics().unanswered(Reason::Name).get(), 2);
    assert_eq!(pinger.metrics().requests_sent.get(), 0);
}
