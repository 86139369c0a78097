//! Stops, kills and starts: what was sent meanwhile is received after all, or told as lost; nothing is told twice or never.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::print_stderr, missing_docs)]

#[path = "fixture/driven.rs"]
mod driven;
#[path = "fixture/local.rs"]
mod local;

use std::{
    collections::{BTreeMap, VecDeque},
    fs,
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

use driven::{Kept, device, put_in_force, run, run_kept};
use grafolean_collector::{
    model::Device,
    protocol::Protocol as _,
    report::Report,
    time::{Clock, SystemClock, Timestamp},
};
use grafolean_netflow::{
    aggregate::{GRACE_SECONDS, Span},
    bot::{NetflowBot, Options},
    generate::{Exporter, Families, Setup, Traffic},
    receive::Listen,
    record::Protocol,
    state::StoredState,
};
use local::bytes_of;
use serde_json::json;

const FLOWS_A_DATAGRAM: usize = 20;

/// An exporter that speaks from one port, whoever listens.
struct Sender {
    socket: UdpSocket,
    exporter: Exporter,
    traffic: Traffic,
}

impl Sender {
    fn new(protocol: Protocol) -> Self {
        let boot = SystemClock.now() - Duration::from_secs(3_600);
        let exporter = Exporter::new(Setup { protocol, domain: 3, sampling: 1, boot });
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        Self { socket, exporter, traffic: Traffic::new(9, 100, Families::V4) }
    }

    /// Sends datagrams; `None` loses them.
    fn send(&mut self, to: Option<SocketAddr>, datagrams: usize) {
        let mut datagram = Vec::new();
        for _ in 0..datagrams {
            let now = SystemClock.now();
            let mut flows: VecDeque<_> = (0..FLOWS_A_DATAGRAM).map(|_| self.traffic.flow(now)).collect();
            while !flows.is_empty() {
                self.exporter.export(now, &mut flows, &mut datagram);
                if let Some(to) = to {
                    self.socket.send_to(&datagram, to).unwrap();
                }
            }
        }
    }
}

fn listen() -> Listen {
    Listen::on([SocketAddr::from((Ipv4Addr::LOCALHOST, 0))])
}

fn open(folder: &Path, listen: Listen) -> NetflowBot {
    local::open(&Options { folder: Some(folder.to_owned()), ..Options::on(listen) })
}

fn wait_for_flows(bot: &NetflowBot, flows: u64) {
    while bot.metrics().flows.get() < flows {
        thread::yield_now();
    }
}

fn devices() -> [Device; 1] {
    [device(7, json!({"ipv4": "127.0.0.1"}))]
}

/// Copies what is on the disk at this moment, as a crash would leave it.
fn crash(folder: &Path) -> tempfile::TempDir {
    let left = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let _ = fs::copy(entry.path(), left.path().join(entry.file_name()));
    }
    left
}

fn lost(folder: &Path) -> u64 {
    StoredState::read(folder).unwrap().totals.streams.iter().map(|stream| stream.lost).sum()
}

#[tokio::test]
async fn what_was_sent_while_the_bot_was_down_is_told_as_lost() {
    for protocol in [Protocol::Netflow5, Protocol::Netflow9, Protocol::Ipfix] {
        let folder = tempfile::tempdir().unwrap();
        let mut sender = Sender::new(protocol);
        let bot = open(folder.path(), listen());
        sender.send(Some(bot.addresses()[0]), 10);
        wait_for_flows(&bot, 200);
        drop(bot);
        let before = sender.exporter.totals();
        sender.send(None, 6);
        let missed = sender.exporter.totals();
        let bot = open(folder.path(), listen());
        sender.send(Some(bot.addresses()[0]), 4);
        wait_for_flows(&bot, 80);
        let minute = minute_of(&bot, SystemClock.now().seconds(), Kept::Yes).await;
        let coverage = *minute.last_key_value().unwrap().1.get("netflow.coverage.entity.7").unwrap();
        assert!(coverage < 0.75, "{protocol:?}: {coverage}");
        drop(bot);
        let units = match protocol {
            Protocol::Netflow9 => missed.datagrams - before.datagrams,
            _ => missed.flows - before.flows,
        };
        assert_eq!(lost(folder.path()), units, "{protocol:?}");
    }
}

/// What the minute's job reports when it runs after the minute of a moment.
async fn minute_of(bot: &NetflowBot, moment: i64, kept: Kept) -> BTreeMap<Timestamp, BTreeMap<String, f64>> {
    let due = Span::Minute.bin_of(moment) + 60 + GRACE_SECONDS;
    let reports = run_kept(bot, &devices(), "netflow.1.1min", due, kept).await;
    let values = reports.into_iter().map(|report| {
        let Report::Values(values) = report else { panic!("{report:?}") };
        (values.time, values.values.into_iter().collect())
    });
    values.collect()
}

#[tokio::test]
async fn a_kill_loses_the_flows_of_some_seconds_and_tells_that_it_did() {
    let folder = tempfile::tempdir().unwrap();
    let mut sender = Sender::new(Protocol::Ipfix);
    let bot = open(folder.path(), listen());
    sender.send(Some(bot.addresses()[0]), 10);
    wait_for_flows(&bot, 200);
    // until the state is on the disk
    let mut left = crash(folder.path());
    while !left.path().join("sequences.bin").exists() || lost_units(left.path()).0 < 200 {
        thread::sleep(Duration::from_millis(100));
        left = crash(folder.path());
    }
    let (seen, _) = lost_units(left.path());
    // what comes after the last time that it was written dies with the bot
    sender.send(Some(bot.addresses()[0]), 7);
    wait_for_flows(&bot, 340);
    let restarted = open(left.path(), listen());
    sender.send(Some(restarted.addresses()[0]), 1);
    wait_for_flows(&restarted, 20);
    let bytes = bytes_of(&restarted).await;
    assert!(bytes > 0.0);
    drop(restarted);
    let (after, missed) = lost_units(left.path());
    assert_eq!((seen, after, missed), (200, 220, 140), "seen and lost are all that was sent");
}

fn lost_units(folder: &Path) -> (u64, u64) {
    let Ok(known) = StoredState::read(folder) else { return (0, 0) };
    let sum = |of: fn(&grafolean_netflow::state::StreamTotals) -> u64| {
        known.totals.streams.iter().map(of).sum::<u64>()
    };
    (sum(|stream| stream.seen), sum(|stream| stream.lost))
}

#[tokio::test]
async fn a_report_that_is_not_safe_is_made_again_with_its_coverage_over_a_kill_too() {
    let folder = tempfile::tempdir().unwrap();
    let mut sender = Sender::new(Protocol::Ipfix);
    let bot = open(folder.path(), listen());
    sender.send(Some(bot.addresses()[0]), 9);
    sender.send(None, 1);
    sender.send(Some(bot.addresses()[0]), 1);
    wait_for_flows(&bot, 200);
    let moment = SystemClock.now().seconds();
    let first = minute_of(&bot, moment, Kept::No).await;
    let coverage = |told: &BTreeMap<Timestamp, BTreeMap<String, f64>>| {
        let values: Vec<f64> =
            told.values().filter_map(|values| values.get("netflow.coverage.entity.7").copied()).collect();
        values
    };
    assert!((coverage(&first)[0] - 200.0 / 220.0).abs() < 1e-9, "{first:?}");
    assert_eq!(minute_of(&bot, moment, Kept::No).await, first, "the run was dropped: the same is told again");
    drop(bot);
    let bot = open(folder.path(), listen());
    assert_eq!(
        coverage(&minute_of(&bot, moment, Kept::Yes).await),
        coverage(&first),
        "a restart makes up for it"
    );
    assert!(minute_of(&bot, moment, Kept::Yes).await.is_empty(), "what is safe is told once");
    let day = Span::Day.bin_of(moment) + Span::Day.seconds() + GRACE_SECONDS;
    let told = run_kept(&bot, &devices(), "netflow.1.24h", day, Kept::No).await;
    assert!(!told.is_empty());
    assert_eq!(run(&bot, &devices(), "netflow.1.24h", day).await, told, "nor is a day lost");
    assert!(run(&bot, &devices(), "netflow.1.24h", day).await.is_empty());
}

#[tokio::test]
async fn a_suggestion_that_is_not_safe_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let bot = open(folder.path(), listen());
    let mut sender = Sender::new(Protocol::Ipfix);
    sender.send(Some(bot.addresses()[0]), 1);
    wait_for_flows(&bot, 20);
    let now = SystemClock.now().seconds();
    let suggest = |due, kept| run_kept(&bot, &[], "netflow.1.suggest", due, kept);
    let first = suggest(now, Kept::No).await;
    assert_eq!(first.len(), 1);
    assert_eq!(suggest(now + 120, Kept::Yes).await, first);
    assert!(suggest(now + 240, Kept::Yes).await.is_empty());
}

#[tokio::test]
async fn a_plan_that_never_takes_effect_unnames_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let bot = open(folder.path(), listen());
    put_in_force(&bot, &devices());
    // half of a list, as a backend may write it; the re-check answers 503, so that it never takes effect
    assert!(bot.plan(&[driven::ACCOUNT], &[device(8, json!({"ipv4": "192.0.2.8"}))]).jobs.len() > 1);
    assert_eq!(bot.plan(&[driven::ACCOUNT], &[]).jobs.len(), 1);
    let mut sender = Sender::new(Protocol::Netflow9);
    sender.send(Some(bot.addresses()[0]), 150);
    wait_for_flows(&bot, 3_000);
    assert_eq!(bot.metrics().flows_unnamed.get(), 0);
    assert_eq!(bytes_of(&bot).await, sender.exporter.totals().bytes as f64, "all of 3,000 flows");
}

#[tokio::test]
async fn a_restart_under_ten_thousand_flows_a_second_loses_none_where_the_socket_is_handed_over() {
    const ROUNDS: usize = 3;
    let folder = tempfile::tempdir().unwrap();
    let socket = Arc::new(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
    let to = socket.local_addr().unwrap();
    let handed_over = || Listen { sockets: vec![Arc::clone(&socket)], ..listen() };
    let stop = Arc::new(AtomicBool::new(false));
    let mut bot = Some(open(folder.path(), handed_over()));
    assert_eq!(bot.as_ref().unwrap().addresses(), [to]);
    let sending = {
        let stop = Arc::clone(&stop);
        thread::spawn(move || {
            let mut sender = Sender::new(Protocol::Ipfix);
            while !stop.load(Relaxed) {
                // 200 flows each 20 ms
                sender.send(Some(to), 10);
                thread::sleep(Duration::from_millis(20));
            }
            sender
        })
    };
    let mut received = 0;
    for _ in 0..ROUNDS {
        let running = bot.take().unwrap();
        wait_for_flows(&running, 3_000);
        let metrics = running.metrics().clone();
        drop(running);
        received += metrics.flows.get();
        assert_eq!(metrics.kernel_drops.get(), 0);
        bot = Some(open(folder.path(), handed_over()));
    }
    stop.store(true, Relaxed);
    let sender = sending.join().unwrap();
    let bot = bot.unwrap();
    wait_for_flows(&bot, sender.exporter.totals().flows - received);
    assert_eq!(bytes_of(&bot).await, sender.exporter.totals().bytes as f64);
    drop(bot);
    assert_eq!(lost_units(folder.path()), (sender.exporter.totals().flows, 0), "seen and lost");
}
