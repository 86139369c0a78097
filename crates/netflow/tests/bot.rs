//! The bot on loopback: datagrams in, values out, over restarts.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

#[path = "fixture/driven.rs"]
mod driven;

use std::{
    collections::{BTreeSet, VecDeque},
    fs,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    path::Path,
    thread,
    time::Duration,
};

use driven::{ACCOUNT, device, put_in_force, run, told, total};
use grafolean_collector::{
    report::Report,
    time::{Clock, SystemClock, Timestamp},
};
use grafolean_netflow::{
    aggregate::{GRACE_SECONDS, Span},
    bot::{NetflowBot, Options},
    generate::{Exporter, Families, Setup, Totals, Traffic},
    places::{Lists, PlaceFiles},
    receive::Listen,
    record::{Direction, Flow, Protocol},
};
use serde_json::{Value, json};

fn open(folder: Option<&Path>) -> NetflowBot {
    let listen = Listen::on([SocketAddr::from((Ipv4Addr::LOCALHOST, 0))]);
    NetflowBot::open(&Options { folder: folder.map(Path::to_owned), ..Options::on(listen) }, &SystemClock)
        .unwrap()
}

/// Sends flows to the bot and waits until it has taken them in; drops what `arrives` refuses, by number.
fn send(
    bot: &NetflowBot,
    exporter: &mut Exporter,
    flows: Vec<Flow>,
    arrives: impl Fn(usize) -> bool,
) -> Totals {
    send_from(&UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap(), bot, exporter, flows, arrives)
}

/// The same from one port, as an exporter does that goes on while the bot is restarted.
fn send_from(
    socket: &UdpSocket,
    bot: &NetflowBot,
    exporter: &mut Exporter,
    flows: Vec<Flow>,
    arrives: impl Fn(usize) -> bool,
) -> Totals {
    let mut flows = VecDeque::from(flows);
    let (mut datagram, mut sent, before) = (Vec::new(), 0, bot.metrics().datagrams.get());
    for number in 0.. {
        if flows.is_empty() {
            break;
        }
        exporter.export(SystemClock.now(), &mut flows, &mut datagram);
        if arrives(number) {
            socket.send_to(&datagram, bot.addresses()[0]).unwrap();
            sent += 1;
        }
        // no more than the buffer holds
        while bot.metrics().datagrams.get() + 200 < before + sent {
            thread::yield_now();
        }
    }
    while bot.metrics().datagrams.get() < before + sent {
        thread::yield_now();
    }
    exporter.totals()
}

fn exporter(sampling: u32) -> Exporter {
    let boot = SystemClock.now() - Duration::from_secs(3_600);
    Exporter::new(Setup { protocol: Protocol::Netflow9, domain: 3, sampling, boot })
}

fn invented(count: usize) -> Vec<Flow> {
    let mut traffic = Traffic::new(11, 50, Families::V4);
    (0..count).map(|_| traffic.flow(SystemClock.now())).collect()
}

fn now() -> i64 {
    SystemClock.now().seconds()
}

#[tokio::test]
async fn every_interval_tells_all_bytes_that_were_sent() {
    let bot = open(None);
    let devices = [device(7, json!({"ipv4": "127.0.0.1"})), device(8, json!({"ipv4": "192.0.2.9"}))];
    put_in_force(&bot, &devices);
    let flows = invented(3_000);
    let egress = |flow: &&Flow| flow.direction == Some(Direction::Egress);
    let out: u64 = flows.iter().filter(egress).filter_map(|flow| flow.bytes).sum();
    let sent = send(&bot, &mut exporter(1), flows, |_| true);
    assert_eq!(bot.metrics().flows.get(), 3_000);
    let moment = now();
    for span in [Span::Minute, Span::Quarter, Span::Hour, Span::FourHours, Span::Day] {
        let bins = told(&bot, &devices, span, moment).await;
        let prefix = format!("netflow.{}", span.label());
        for suffix in ["", ".entity.7"] {
            assert_eq!(total(&bins, &format!("{prefix}.egress{suffix}")), out as f64);
            assert_eq!(total(&bins, &format!("{prefix}.ingress{suffix}")), (sent.bytes - out) as f64);
        }
        let (time, last) = bins.last().unwrap();
        assert_eq!(time.seconds() % span.seconds(), 0, "the end of its bin");
        for path in [".ingress.entity.8", ".egress.entity.8"] {
            assert_eq!(last[&format!("{prefix}{path}")], 0.0, "a silent exporter is told too");
        }
        assert!(told(&bot, &devices, span, moment).await.is_empty(), "each bin is told once");
    }
}

#[tokio::test]
async fn an_sflow_exporter_may_be_named_by_its_agents_address() {
    let bot = open(None);
    // the agent that the datagrams name; they come from this machine, as a relay's would
    let devices = [device(7, json!({"ipv4": "192.0.2.254", "netflow_sampling": 5}))];
    put_in_force(&bot, &devices);
    let boot = SystemClock.now() - Duration::from_secs(3_600);
    let mut agent = Exporter::new(Setup { protocol: Protocol::Sflow5, domain: 3, sampling: 100, boot });
    let sent = send(&bot, &mut agent, invented(200), |_| true);
    let moment = now();
    let minutes = told(&bot, &devices, Span::Minute, moment).await;
    assert_eq!(total(&minutes, "netflow.coverage.entity.7"), 1.0);
    let bins = told(&bot, &devices, Span::Day, moment).await;
    let bytes = total(&bins, "netflow.24h.ingress.entity.7") + total(&bins, "netflow.24h.egress.entity.7");
    assert_eq!(bytes, (sent.bytes * 5) as f64);
}

#[tokio::test]
async fn sampling_is_scaled_in_unless_the_entity_says_otherwise() {
    for (sampling, factor) in [(Value::Null, 100), ("off".into(), 1), (7.into(), 7), ("20".into(), 20)] {
        let bot = open(None);
        let devices = [device(7, json!({"ipv4": "127.0.0.1", "netflow_sampling": sampling}))];
        assert!(put_in_force(&bot, &devices).refused.is_empty());
        let sent = send(&bot, &mut exporter(100), invented(200), |_| true);
        let bins = told(&bot, &devices, Span::Day, now()).await;
        let bytes = total(&bins, "netflow.24h.ingress") + total(&bins, "netflow.24h.egress");
        assert_eq!(bytes, (sent.bytes * factor) as f64, "{sampling}");
    }
}

#[tokio::test]
async fn an_exporter_of_ipv6_is_known_by_its_address_and_suggested_by_it() {
    let listen = Listen::on([SocketAddr::from((Ipv6Addr::LOCALHOST, 0))]);
    let bot = NetflowBot::open(&Options::on(listen), &SystemClock).unwrap();
    let devices = [device(7, json!({"ipv6": "0:0:0:0:0:0:0:1"}))];
    put_in_force(&bot, &devices);
    let (mut flows, mut datagram) = (VecDeque::from(invented(20)), Vec::new());
    let mut exporter = exporter(1);
    exporter.export(SystemClock.now(), &mut flows, &mut datagram);
    let socket = UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).unwrap();
    socket.send_to(&datagram, bot.addresses()[0]).unwrap();
    while bot.metrics().datagrams.get() < 1 {
        thread::yield_now();
    }
    let bins = told(&bot, &devices, Span::Day, now()).await;
    let bytes = total(&bins, "netflow.24h.ingress.entity.7") + total(&bins, "netflow.24h.egress.entity.7");
    assert_eq!(bytes, exporter.totals().bytes as f64);
    let suggested = run(&bot, &[], "netflow.1.suggest", now()).await;
    let [Report::Suggestions(proposed)] = &suggested[..] else { panic!("{suggested:?}") };
    assert_eq!(
        (proposed.key.as_str(), proposed.entities[0].name.as_str()),
        ("ipv6", "::1 (NetFlow exporter)")
    );
}

#[tokio::test]
async fn a_restart_goes_on_in_the_open_bins_and_knows_the_templates() {
    let folder = tempfile::tempdir().unwrap();
    let devices = [device(7, json!({"ipv4": "127.0.0.1"}))];
    let mut exporter = exporter(10);
    let flows = invented(1_000);
    let (first, second) = flows.split_at(500);
    let mut bot = open(Some(folder.path()));
    put_in_force(&bot, &devices);
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    send_from(&socket, &bot, &mut exporter, first.to_vec(), |_| true);
    drop(bot);
    bot = open(Some(folder.path()));
    put_in_force(&bot, &devices);
    // these come without templates
    let sent = send_from(&socket, &bot, &mut exporter, second.to_vec(), |_| true);
    assert_eq!(bot.metrics().flows.get(), 500);
    let bins = told(&bot, &devices, Span::Day, now()).await;
    let bytes = total(&bins, "netflow.24h.ingress") + total(&bins, "netflow.24h.egress");
    assert_eq!(bytes, (sent.bytes * 10) as f64);
}

#[tokio::test]
async fn after_a_restart_flows_count_before_the_configuration_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let devices = [device(7, json!({"ipv4": "127.0.0.1", "netflow_sampling": "7"}))];
    put_in_force(&open(Some(folder.path())), &devices);
    let bot = open(Some(folder.path()));
    let sent = send(&bot, &mut exporter(100), invented(100), |_| true);
    let bins = told(&bot, &devices, Span::Day, now()).await;
    let bytes = total(&bins, "netflow.24h.ingress") + total(&bins, "netflow.24h.egress");
    assert_eq!(bytes, (sent.bytes * 7) as f64);
}

/// Copies what is on the disk at this moment, as a crash would leave it.
fn crash(folder: &Path) -> tempfile::TempDir {
    let left = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        // a file that is being replaced is gone when it is copied: it is not whole, and nobody reads it
        let _ = fs::copy(entry.path(), left.path().join(entry.file_name()));
    }
    left
}

#[tokio::test]
async fn what_was_received_is_on_the_disk_without_a_stop_in_good_order() {
    let folder = tempfile::tempdir().unwrap();
    let devices = [device(7, json!({"ipv4": "127.0.0.1"}))];
    let bot = open(Some(folder.path()));
    put_in_force(&bot, &devices);
    let sent = send(&bot, &mut exporter(1), invented(500), |_| true);
    // written every five seconds; a minute is as good as never
    for _ in 0..240 {
        let left = crash(folder.path());
        let restarted = open(Some(left.path()));
        put_in_force(&restarted, &devices);
        let bins = told(&restarted, &devices, Span::Day, now()).await;
        let bytes = total(&bins, "netflow.24h.ingress") + total(&bins, "netflow.24h.egress");
        assert!(bytes <= sent.bytes as f64, "nothing counts twice");
        if bytes == sent.bytes as f64 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    panic!("it was never written");
}

#[tokio::test]
async fn three_datagrams_lost_of_each_hundred_are_a_coverage_of_97_percent() {
    let bot = open(None);
    let devices = [device(7, json!({"ipv4": "127.0.0.1"}))];
    put_in_force(&bot, &devices);
    send(&bot, &mut exporter(1), invented(20_000), |number| ![11, 50, 83].contains(&(number % 100)));
    let bins = told(&bot, &devices, Span::Minute, now()).await;
    let coverage = bins.last().unwrap().1["netflow.coverage.entity.7"];
    assert!((coverage - 0.97).abs() < 0.001, "{coverage}");
}

#[tokio::test]
async fn exporters_that_an_account_does_not_name_are_suggested_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut bot = open(Some(folder.path()));
    send(&bot, &mut exporter(1), invented(10), |_| true);
    let now = now();
    let named = [device(7, json!({"ipv4": "127.0.0.1"}))];
    assert!(run(&bot, &named, "netflow.1.suggest", now).await.is_empty());
    let suggested = run(&bot, &[], "netflow.1.suggest", now).await;
    let [Report::Suggestions(proposed)] = &suggested[..] else { panic!("{suggested:?}") };
    assert_eq!((proposed.account, proposed.key.as_str(), proposed.entities.len()), (ACCOUNT, "ipv4", 1));
    assert_eq!(proposed.entities[0].name, "127.0.0.1 (NetFlow exporter)");
    assert_eq!(Value::Object(proposed.entities[0].details.clone()), json!({"ipv4": "127.0.0.1"}));
    assert!(run(&bot, &[], "netflow.1.suggest", now + 120).await.is_empty());
    drop(bot);
    bot = open(Some(folder.path()));
    send(&bot, &mut exporter(1), invented(10), |_| true);
    assert!(run(&bot, &[], "netflow.1.suggest", now + 240).await.is_empty(), "nor after a restart");
}

#[tokio::test]
async fn what_is_wrong_with_an_exporter_is_named_and_costs_only_itself() {
    let bot = open(None);
    let devices = [
        device(1, json!({})),
        device(2, json!({"ipv4": "10.0.0.300"})),
        device(3, json!({"ipv4": "10.0.0.3", "netflow_sampling": "often"})),
        device(4, json!({"ipv6": "2001:db8::4"})),
    ];
    let plan = put_in_force(&bot, &devices);
    let refused: Vec<_> = plan.refused.iter().map(|refusal| refusal.reason.clone()).collect();
    assert_eq!(refused.len(), 3);
    assert!(
        refused[1].contains("10.0.0.300")
            && refused[2].contains("expected the packets of which one is sampled"),
        "{refused:?}"
    );
    let ids: BTreeSet<_> = plan.jobs.iter().map(|job| job.id.as_str()).collect();
    let spans = Span::ALL.map(|span| format!("netflow.1.{}", span.label()));
    assert_eq!(ids, spans.iter().map(String::as_str).chain(["netflow.1.suggest"]).collect());
    for job in &plan.jobs {
        let seconds = job.intervals.shortest().seconds();
        let aligned = job.start == Some(Timestamp::from_seconds(GRACE_SECONDS));
        assert!(aligned || (job.id.as_str().ends_with("suggest") && seconds == 120), "{}", job.id);
    }
}

#[tokio::test]
async fn traffic_is_listed_by_networks_and_systems_and_a_file_that_changes_counts_from_the_next_minute() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("networks.txt");
    fs::write(&path, "198.51.100.0/24 partner\n").unwrap();
    let lists = Lists { systems: true, networks: true, ..Lists::default() };
    let places = PlaceFiles { networks: Some(path.clone()), lists, ..PlaceFiles::default() };
    let listen = Listen::on([SocketAddr::from((Ipv4Addr::LOCALHOST, 0))]);
    let bot = NetflowBot::open(&Options { places, ..Options::on(listen) }, &SystemClock).unwrap();
    let devices = [device(7, json!({"ipv4": "127.0.0.1"}))];
    put_in_force(&bot, &devices);
    let flow = |bytes: u64| Flow {
        source: Some(Ipv4Addr::new(198, 51, 100, 9).into()),
        destination: Some(Ipv4Addr::new(10, 0, 0, 1).into()),
        source_as: Some(64_500),
        bytes: Some(bytes),
        ..invented(1)[0]
    };
    let listed = |bins: &[(Timestamp, std::collections::BTreeMap<String, f64>)]| {
        let values = bins.iter().flat_map(|(_, values)| values);
        let lists = values.filter(|(path, _)| path.contains(".topnet.") || path.contains(".topas."));
        lists
            .map(|(path, value)| (path.rsplit_once("entity.7.").unwrap().1.to_owned(), *value))
            .collect::<Vec<_>>()
    };
    let expected = |rows: &[(&str, f64)]| {
        rows.iter().map(|(path, value)| ((*path).to_owned(), *value)).collect::<Vec<_>>()
    };
    let mut exporter = exporter(1);
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let mut send = |bytes: u64| {
        let flow = Flow { direction: Some(Direction::Ingress), ..flow(bytes) };
        send_from(&socket, &bot, &mut exporter, vec![flow], |_| true);
    };
    send(1_000);
    let first = now();
    let bins = told(&bot, &devices, Span::Minute, first).await;
    assert_eq!(listed(&bins), expected(&[("topas.64500", 1_000.0), ("topnet.partner", 1_000.0)]));
    for (content, name, faulty) in
        [("198.51.100.0/24 neighbour", "neighbour", 0), ("nonsense", "neighbour", 1)]
    {
        fs::write(&path, content).unwrap();
        // what comes late counts in the first minute that is open
        send(500);
        let moment = first + 60 * (1 + faulty);
        let bins = told(&bot, &devices, Span::Minute, moment).await;
        assert_eq!(listed(&bins), expected(&[("topas.64500", 500.0), (&format!("topnet.{name}"), 500.0)]));
        assert_eq!(bot.metrics().place_files_faulty.get(), faulty);
    }
}
