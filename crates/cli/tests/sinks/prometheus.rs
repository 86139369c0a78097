//! Values in a real Prometheus beside the hub: from bots that are killed, and from the hub itself.

use std::{
    collections::BTreeMap,
    fs,
    net::TcpListener,
    path::Path,
    process::{Command, Stdio},
};

use grafolean_collector::time::{Clock, SystemClock};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::world::{self, Fill, Process, Run, World, may_ping, request_to, until};

/// Labels of a series, with times in milliseconds and values.
type Series = (BTreeMap<String, String>, Vec<(i64, f64)>);

/// A Prometheus that takes remote write.
struct Prometheus {
    folder: tempfile::TempDir,
    address: String,
    process: Process,
}

impl Prometheus {
    /// Starts one; None, told, where there is none.
    fn start() -> Option<Self> {
        if !Path::new("/usr/bin/prometheus").exists() {
            eprintln!("skipped: this machine has no prometheus");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("prometheus.yml"), "").unwrap();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let process = Self::process(folder.path(), &address);
        let prometheus = Self { folder, address, process };
        prometheus.ready();
        Some(prometheus)
    }

    fn process(folder: &Path, address: &str) -> Process {
        let mut command = Command::new("/usr/bin/prometheus");
        command
            .arg(format!("--config.file={}", folder.join("prometheus.yml").display()))
            .arg(format!("--storage.tsdb.path={}", folder.join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .args(["--web.enable-remote-write-receiver", "--log.level=error"])
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        Process::start(&mut command)
    }

    fn kill_and_start(&mut self) {
        self.process.end(Signal::SIGKILL);
        self.process = Self::process(self.folder.path(), &self.address);
        self.ready();
    }

    fn ready(&self) {
        until(|| std::net::TcpStream::connect(&self.address).is_ok() && self.get("/-/ready").0 == 200);
    }

    fn get(&self, path: &str) -> (u16, String) {
        let host = &self.address;
        let request = format!("GET {path} HTTP/1.0\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        let (status, _, body) = request_to(host, &request);
        (status, body)
    }

    fn url(&self) -> String {
        format!("http://{}/api/v1/write", self.address)
    }

    /// All values of the last hour: of each series its labels, with time in milliseconds and value.
    fn series(&self) -> Vec<Series> {
        let (status, body) = self.get("/api/v1/query?query=%7B__name__%3D~%22grafolean.%2A%22%7D%5B1h%5D");
        assert_eq!(status, 200, "{body}");
        let answer: Value = serde_json::from_str(&body).unwrap();
        let series = answer["data"]["result"].as_array().unwrap().iter().map(|one| {
            let labels = serde_json::from_value(one["metric"].clone()).unwrap();
            let point = |pair: &Value| {
                let millis = (pair[0].as_f64().unwrap() * 1_000.0).round() as i64;
                (millis, pair[1].as_str().unwrap().parse().unwrap())
            };
            (labels, one["values"].as_array().unwrap().iter().map(point).collect())
        });
        series.collect()
    }

    /// Path, time and value of what `ping` measured, put together from names and labels.
    fn pings(&self) -> BTreeMap<(String, i64), f64> {
        let mut pings = BTreeMap::new();
        for (labels, points) in self.series() {
            let name = labels["__name__"].strip_prefix("grafolean_ping_").unwrap();
            let name = name.trim_end_matches("_seconds").trim_end_matches("_ratio").replace('_', ".");
            let entity = &labels["entity_id"];
            let path = match labels.get("n") {
                Some(packet) => format!("entity.{entity}.ping.p{packet}.{name}"),
                None => format!("entity.{entity}.ping.{name}"),
            };
            pings.extend(points.into_iter().map(|(time, value)| ((path.clone(), time), value)));
        }
        pings
    }
}

/// Waits until runs are due at another time than those of a bot that was just killed: of two at one time the hub keeps the
/// later one, and Prometheus the first.
fn next_second() {
    let second = SystemClock.now().seconds();
    until(|| SystemClock.now().seconds() > second);
}

async fn stored(world: &mut World) -> BTreeMap<(String, i64), f64> {
    let stored = world.stored().await;
    let all = stored.into_iter().flat_map(|(path, points)| {
        points.into_iter().map(move |(time, value)| ((path.clone(), time.micros() / 1_000), value))
    });
    all.collect()
}

/// What waits for each sink of the ping bot.
fn waiting_for_sinks(world: &World) -> Vec<u64> {
    let listed = world.bot().args(["spool", "list", "--json"]).finished();
    let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
    listed["sinks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|sink| sink["waiting"]["values"].as_u64().unwrap())
        .collect()
}

#[tokio::test]
async fn every_value_of_a_bot_that_is_killed_is_in_the_hub_and_in_a_prometheus_that_is_killed_too() {
    if !may_ping() {
        return;
    }
    let Some(mut prometheus) = Prometheus::start() else { return };
    let mut world = World::start(Fill { devices: &["127.0.0.1", "127.255.255.255"], interval: 1 }).await;
    let url = prometheus.url();
    let start = |world: &World| {
        let mut command = world.bot();
        command.args(["bot", "ping", "--log", "error"]).env("GRAFOLEAN_REMOTE_WRITE_URL", &url);
        command
    };
    let delivered = format!("entity.{}.ping.success", world.entities[0]);
    let mut bot = Process::start(&mut start(&world));
    world.wait_for_value(&delivered);
    bot.end(Signal::SIGKILL);
    next_second();
    let mut bot = Process::start(&mut start(&world));
    let seen = prometheus.pings().len();
    until(|| prometheus.pings().len() > seen + 30);
    prometheus.kill_and_start();
    let seen = prometheus.pings().len();
    until(|| prometheus.pings().len() > seen + 30);
    bot.end(Signal::SIGKILL);
    let mut command = world.bot();
    command
        .args(["bot", "ping", "--once", "--log", "error"])
        .env("GRAFOLEAN_REMOTE_WRITE_URL", prometheus.url());
    until(|| {
        next_second();
        let once = command.finished();
        assert!(once.status.success(), "{once:?}");
        world.waiting() == 0 && waiting_for_sinks(&world) == [0]
    });
    let (hub, there) = (stored(&mut world).await, prometheus.pings());
    assert!(hub.len() > 60, "{}", hub.len());
    assert_eq!(there.len(), hub.len());
    assert!(there == hub);
    let listed = world.bot().args(["spool", "list", "--sink", "remote_write"]).finished();
    assert!(world::text(&listed.stdout).contains("waiting       0 values"), "{listed:?}");
    let labels: Vec<_> = prometheus.series().into_iter().map(|(labels, _)| labels).collect();
    let rtt = labels.iter().find(|labels| labels["__name__"] == "grafolean_ping_rtt_avg_seconds").unwrap();
    assert_eq!((rtt["entity"].as_str(), rtt["address"].as_str()), ("device 127.0.0.1", "127.0.0.1"));
    assert_eq!(
        (rtt["account"].as_str(), &rtt["account_id"]),
        ("Office", &world.account.number().to_string())
    );
    // Without the sink nothing is held for it any more.
    assert!(world.bot().args(["spool", "list", "--sink", "nobody"]).finished().status.code() == Some(2));
}

#[tokio::test]
async fn a_hub_forwards_what_scripts_bring_and_what_waits_outlives_a_kill() {
    let Some(prometheus) = Prometheus::start() else { return };
    let mut world = World::start(Fill { devices: &["127.0.0.1"], interval: 60 }).await;
    world.stop_hub();
    let folder = world.folder.path().join("sinks.toml");
    let url = prometheus.url();
    fs::write(
        &folder,
        format!("[[remote_write]]\nname = \"prom\"\nurl = \"{url}\"\nlabels = {{ site = \"berlin\" }}\n"),
    )
    .unwrap();
    world.hub_arguments = vec!["--forward", folder.display().to_string().leak()];
    world.start_hub();
    let entity = world.entities[0];
    let values = format!("/accounts/{}/values", world.account);
    let now = SystemClock.now().seconds() as f64;
    let mut brought = BTreeMap::new();
    for step in 0..50 {
        let time = now - 50.0 + f64::from(step);
        let body: Vec<_> = (0..10)
            .map(|place| json!({"p": format!("entity.{entity}.ping.p{place}.rtt"), "t": time, "v": f64::from(step) / 4.0}))
            .chain([json!({"p": "cellar.temperature", "t": time, "v": 21.5})])
            .collect();
        assert_eq!(world.tell("PUT", &values, &json!(body)).0, 204);
        brought.insert(((time * 1_000.0).round() as i64, "rtt"), f64::from(step) / 4.0);
        if step == 25 {
            world.kill_hub();
            world.start_hub();
        }
    }
    until(|| prometheus.series().iter().map(|(_, points)| points.len()).sum::<usize>() == 550);
    let series = prometheus.series();
    assert!(series.iter().all(|(labels, _)| labels["site"] == "berlin"));
    let (cellar, points) = series.iter().find(|(labels, _)| labels["__name__"] == "grafolean_value").unwrap();
    assert_eq!((cellar["path"].as_str(), points.len()), ("cellar.temperature", 50));
    for (labels, points) in series.iter().filter(|(labels, _)| labels.contains_key("n")) {
        assert_eq!(labels["entity"], "device 127.0.0.1");
        let expected: Vec<_> = brought.iter().map(|((time, _), value)| (*time, *value)).collect();
        assert_eq!(*points, expected, "{labels:?}");
    }
}

#[tokio::test]
async fn what_a_prometheus_kept_is_imported_and_an_import_that_was_killed_goes_on() {
    let Some(prometheus) = Prometheus::start() else { return };
    let mut source = World::start(Fill { devices: &["127.0.0.1"], interval: 60 }).await;
    source.stop_hub();
    source.hub_arguments = vec!["--forward", prometheus.url().leak()];
    source.start_hub();
    let values = format!("/accounts/{}/values", source.account);
    let first = SystemClock.now().seconds() - 600;
    let mut expected = BTreeMap::new();
    for step in 0..60 {
        let body: Vec<_> = (0..10)
            .map(|place| {
                let (time, value) = (first + step * 10, step as f64 + f64::from(place) / 8.0);
                expected.insert((format!("rack.r{place}.volts"), time * 1_000), value);
                json!({"p": format!("rack.r{place}.volts"), "t": time, "v": value})
            })
            .collect();
        assert_eq!(source.tell("PUT", &values, &json!(body)).0, 204);
    }
    until(|| prometheus.series().iter().map(|(_, points)| points.len()).sum::<usize>() == 600);

    let mut target = World::start(Fill { devices: &["127.0.0.1"], interval: 60 }).await;
    let import = |target: &World| {
        let mut command = target.bot();
        command.args(["import", "prometheus", "--url", &format!("http://{}", prometheus.address)]);
        command.args(["--match", "grafolean_value", "--match", "{account=~\".+\"}", "--window", "7s"]);
        command.args(["--from", &first.to_string(), "--account", &target.account.number().to_string()]);
        command
    };
    let mut killed = Process::start(import(&target).stdout(Stdio::null()));
    let marks = target.folder.path().join("bot/import");
    until(|| marks.is_dir() || killed.has_ended());
    killed.end_if_running(Signal::SIGKILL);
    let told = import(&target).finished();
    assert!(told.status.success(), "{told:?}");
    assert!(world::text(&told.stdout).contains("values of 10 series imported"), "{told:?}");
    assert_eq!(fs::read_dir(&marks).unwrap().count(), 0, "what is done leaves no mark");
    assert!(stored(&mut target).await == expected);
    target.start_hub();
    let refused = import(&target).args(["--match", "{"]).finished();
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    assert!(world::text(&refused.stderr).contains("refused with 400"), "{refused:?}");
}
