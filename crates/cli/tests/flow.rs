//! `grafolean flow` and `grafolean bot netflow`, from an exporter to what is printed and stored.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::print_stderr, missing_docs)]

mod world;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    io::{BufRead, BufReader, Read},
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    process::Stdio,
    sync::{Arc, Mutex},
    time::Duration,
};

use grafolean_collector::{
    backend::http::{HttpBackend, HttpSettings},
    collector::{CollectorSettings, Pipeline},
    health::Health,
    time::{Clock, SystemClock, Timestamp},
};
use grafolean_netflow::{
    aggregate::{GRACE_SECONDS, Span},
    bot::{NetflowBot, Options},
    generate::{Exporter, Setup},
    receive::Listen,
    record::{Direction, Flow, Protocol},
};
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use world::{Fill, Run, World, grafolean, json_lines, text};

/// A wall clock that stands still until it is set.
struct FixedClock(Mutex<Timestamp>);

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

/// Waits until a figure of `/metrics` is at least so high.
fn wait_for_figure(health: &Health, name: &str, least: f64) {
    let figure = |text: &str| {
        let line = text.lines().find(|line| line.starts_with(&format!("{name}{{")))?;
        line.rsplit(' ').next()?.parse::<f64>().ok()
    };
    world::until(|| figure(&health.render()).is_some_and(|figure| figure >= least));
}

#[test]
fn what_is_sent_is_shown_flow_by_flow() {
    for format in ["v5", "v9", "ipfix", "sflow"] {
        let folder = tempfile::tempdir().unwrap();
        let mut tail = grafolean(folder.path());
        tail.args(["flow", "tail", "--listen", "127.0.0.1:0", "--json", "--count", "100"]);
        let mut tail = tail.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut told = String::new();
        BufReader::new(tail.stderr.take().unwrap()).read_line(&mut told).unwrap();
        let address = told.trim().strip_prefix("listening on UDP ").unwrap();
        let send = ["flow", "send", "--to", address, "--count", "100", "--rate", "10000", "--json"];
        let more = ["--sampling", "10", "--format", format];
        let sent = grafolean(folder.path()).args(send).args(more).finished();
        assert!(sent.status.success(), "{sent:?}");
        let sent = &json_lines(&sent)[0];
        let mut lines = String::new();
        tail.stdout.take().unwrap().read_to_string(&mut lines).unwrap();
        assert!(tail.wait().unwrap().success());
        let flows: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let sum = |key: &str| flows.iter().map(|flow| flow[key].as_u64().unwrap()).sum::<u64>();
        assert_eq!((flows.len() as u64, Some(sum("bytes"))), (100, sent["bytes"].as_u64()), "{format}");
        let keys: Vec<_> = flows[0].as_object().unwrap().keys().map(String::as_str).collect();
        let always =
            "exporter src dst sport dport proto bytes packets in out dir sampling first last counter way";
        assert!(keys.starts_with(&always.split(' ').collect::<Vec<_>>()), "{keys:?}");
        let told = |key: &str| flows[0].get(key).is_some();
        assert_eq!(["received", "format", "tos", "dscp"].map(told), [true; 4], "{format}: {keys:?}");
        assert_eq!(told("duration"), format != "sflow", "{format}: what is not told is not there");
        assert_eq!(flows[0]["way"], "forward");
        assert_eq!(flows[0]["exporter"], "127.0.0.1");
        assert_eq!(flows[0]["sampling"].as_f64(), Some(10.0), "{format}");
        assert_eq!(flows[0]["first"].is_null(), format == "sflow", "sFlow tells no times");
        assert_eq!(flows[0]["dir"].is_null(), ["v5", "sflow"].contains(&format));
    }
}

#[test]
fn what_is_held_back_on_purpose_is_counted_to_the_flow() {
    let folder = tempfile::tempdir().unwrap();
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let to = socket.local_addr().unwrap().to_string();
    let send = ["flow", "send", "--to", &to, "--count", "1000", "--rate", "100000", "--json"];
    let sent = grafolean(folder.path()).args(send).args(["--exporters", "5", "--drop", "10%"]).finished();
    let sent = &json_lines(&sent)[0];
    let datagrams = |told: &Value| told["datagrams"].as_u64().unwrap();
    assert_eq!((sent["flows"].as_u64(), datagrams(&sent["held_back"])), (Some(1_000), datagrams(sent) / 10));
    let (mut buffer, mut domains) = ([0; 2_048], BTreeSet::new());
    for _ in 0..datagrams(sent) - datagrams(&sent["held_back"]) {
        let (_, from) = socket.recv_from(&mut buffer).unwrap();
        domains.insert((from.port(), buffer[16..20].to_vec()));
    }
    assert_eq!(domains.len(), 5);
    socket.set_nonblocking(true).unwrap();
    assert!(socket.recv_from(&mut buffer).is_err(), "no more than was told");
    let refused = grafolean(folder.path()).args(send).args(["--drop", "101"]).finished();
    assert!(text(&refused.stderr).contains("from 0 to 100"), "{refused:?}");
}

#[tokio::test]
async fn the_netflow_bot_refuses_to_run_once_and_says_what_else_to_do() {
    let world = World::start_for("netflow", Fill { devices: &["127.0.0.1"], interval: 60 }).await;
    let refused = world.bot().args(["bot", "netflow", "--once"]).finished();
    assert_eq!(refused.status.code(), Some(2));
    assert!(text(&refused.stderr).contains("flows come by themselves"), "{refused:?}");
    let refused = world.bot().args(["bot", "netflow", "--netflow-port", "70000"]).finished();
    assert_eq!(refused.status.code(), Some(2));
    assert!(text(&refused.stderr).contains("from 1 to 65535"), "{refused:?}");
}

/// Two flows in, one out, of 1,000 and 500 and 30 bytes.
fn flows() -> VecDeque<Flow> {
    let into = |last: u8, bytes| Flow {
        source: Some([10, 0, 0, last].into()),
        destination: Some([10, 9, 9, 9].into()),
        source_port: Some(50_000),
        destination_port: Some(443),
        protocol: Some(6),
        bytes: Some(bytes),
        packets: Some(1),
        input: Some(3),
        output: Some(4),
        direction: Some(Direction::Ingress),
        first: Some(SystemClock.now()),
        last: Some(SystemClock.now()),
        ..Flow::default()
    };
    let out = Flow { direction: Some(Direction::Egress), protocol: Some(39), ..into(1, 30) };
    VecDeque::from([into(1, 1_000), into(2, 500), out])
}

/// What dashboards hang on, for these flows and one device.
fn expected(entity: impl std::fmt::Display) -> BTreeMap<String, f64> {
    let mut expected = BTreeMap::from([(format!("netflow.coverage.entity.{entity}"), 1.0)]);
    for span in ["1min", "15min", "1h", "4h", "24h"] {
        let (into, out) = (format!("netflow.{span}.ingress"), format!("netflow.{span}.egress"));
        let (device, port) = (format!("{into}.entity.{entity}"), format!("{into}.entity.{entity}.if.3"));
        for prefix in [&device, &port] {
            expected.insert(format!("{prefix}.topip.10%2e0%2e0%2e1"), 1_000.0);
            expected.insert(format!("{prefix}.topip.10%2e0%2e0%2e2"), 500.0);
            expected.insert(format!("{prefix}.topprotocol.TCP"), 1_500.0);
        }
        expected.extend([&into, &device, &port].map(|path| (path.clone(), 1_500.0)));
        expected.insert(format!("{device}.topdstports.443"), 1_500.0);
        expected.insert(format!("{device}.topconn.10%2e0%2e0%2e1.10%2e9%2e9%2e9"), 1_000.0);
        expected.insert(format!("{device}.topconn.10%2e0%2e0%2e2.10%2e9%2e9%2e9"), 500.0);
        let (device, port) = (format!("{out}.entity.{entity}"), format!("{out}.entity.{entity}.if.4"));
        for prefix in [&device, &port] {
            expected.insert(format!("{prefix}.topip.10%2e9%2e9%2e9"), 30.0);
            expected.insert(format!("{prefix}.topprotocol.TP--"), 30.0);
        }
        expected.extend([&out, &device, &port].map(|path| (path.clone(), 30.0)));
        expected.insert(format!("{device}.topdstports.443"), 30.0);
        expected.insert(format!("{device}.topconn.10%2e0%2e0%2e1.10%2e9%2e9%2e9"), 30.0);
    }
    expected
}

#[tokio::test(flavor = "multi_thread")]
async fn from_an_exporter_to_the_hub_the_paths_and_bytes_are_those_of_the_contract() {
    let mut world = World::start_for("netflow", Fill { devices: &["127.0.0.1"], interval: 60 }).await;
    let now = SystemClock.now();
    let midnight = Span::Day.bin_of(now.seconds()) + Span::Day.seconds();
    let clock = Arc::new(FixedClock(Mutex::new(Timestamp::from_seconds(midnight - 30))));
    let listen = Listen::on([SocketAddr::from((Ipv4Addr::LOCALHOST, 0))]);
    let data = world.folder.path().join("bot");
    let options = Options { folder: Some(data.join("netflow")), ..Options::on(listen) };
    let bot = Arc::new(NetflowBot::open(&options, &*clock).unwrap());
    let backend = HttpBackend::new(HttpSettings::new(world.url(), world.bot.token.clone())).unwrap();
    // what is sent before the bot ever knew its exporters is not counted
    let devices = grafolean_collector::refresh::plan_once(&backend, &*bot).await.unwrap();
    assert_eq!(devices.devices.len(), 1);
    grafolean_collector::protocol::Protocol::in_force(&*bot, &devices.plan);
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let boot = now - Duration::from_secs(60);
    let mut exporter = Exporter::new(Setup { protocol: Protocol::Ipfix, domain: 1, sampling: 1, boot });
    let mut datagram = Vec::new();
    exporter.export(SystemClock.now(), &mut flows(), &mut datagram);
    socket.send_to(&datagram, bot.addresses()[0]).unwrap();
    world::until(|| bot.metrics().datagrams.get() == 1);

    let settings = CollectorSettings::new(world.url(), data);
    let mut health = Health::new("test", clock.now());
    let (clock_of_bot, backend) = (Arc::clone(&clock), Arc::new(backend));
    let pipeline = Pipeline::new(Arc::clone(&bot), backend, settings).with_clock(clock_of_bot);
    let collector = pipeline.open(&mut health).await.unwrap();
    let stop = CancellationToken::new();
    let running = tokio::spawn(collector.run(stop.clone()));
    wait_for_figure(&health, "grafolean_jobs", 6.0);
    // the day ends, and with it every interval
    *clock.0.lock().unwrap() = Timestamp::from_seconds(midnight + GRACE_SECONDS);
    wait_for_figure(&health, "grafolean_runs_due_total", 5.0);
    stop.cancel();
    running.await.unwrap().unwrap();
    let entity = world.entities[0];
    let stored = world.stored().await;
    let expected = expected(entity);
    assert_eq!(stored.keys().collect::<BTreeSet<_>>(), expected.keys().collect::<BTreeSet<_>>());
    for (path, points) in &stored {
        // the bin in which the flows came, and the last one of the day, which is empty
        let sum: f64 = points.iter().map(|(_, value)| value).sum();
        assert_eq!(sum, expected[path], "{path}");
        assert!(points.iter().all(|(time, _)| time.seconds() % 60 == 0), "{path}: the ends of bins");
    }
}
