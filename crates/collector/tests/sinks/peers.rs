//! Real receivers: Debian's Prometheus and VictoriaMetrics. What is read back is what was measured.

use std::{
    collections::BTreeMap,
    net::TcpListener,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use grafolean_collector::{
    model::AccountId,
    remote_write::{ByPath, HttpReceiver, RemoteWrite, RemoteWriteMetrics, RemoteWriteSettings},
    report::{Report, Values},
    spool::{Content, Letters, Limits, SinkSettings, Spool, SpoolFile, SpoolMetrics},
    time::{Clock, SystemClock, Timestamp},
};
use serde_json::Value;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Value by path and time in milliseconds.
type Points = BTreeMap<(String, i64), f64>;

/// Long enough for any machine; nothing waits for it to pass.
const PATIENCE: Duration = Duration::from_mins(2);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Prometheus,
    VictoriaMetrics,
}

/// A receiver's process, its folder and its port; it ends with this.
struct Peer {
    kind: Kind,
    folder: tempfile::TempDir,
    port: u16,
    process: Child,
}

impl Peer {
    /// Starts it; None, told, if the machine has no such program.
    async fn start(kind: Kind) -> Option<Self> {
        let program = program(kind)?;
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("prometheus.yml"), "").unwrap();
        let process = spawn(kind, &program, folder.path().to_owned(), port);
        let peer = Self { kind, folder, port, process };
        peer.ready().await;
        Some(peer)
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    async fn ready(&self) {
        let path = if self.kind == Kind::Prometheus { "/-/ready" } else { "/health" };
        until("the receiver is ready", async || {
            client().get(self.url(path)).send().await.is_ok_and(|answer| answer.status().is_success())
        })
        .await;
    }

    fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    async fn start_again(&mut self) {
        self.process =
            spawn(self.kind, &program(self.kind).unwrap(), self.folder.path().to_owned(), self.port);
        self.ready().await;
    }

    /// All that it has of `grafolean_value`.
    async fn points(&self) -> Points {
        match self.kind {
            Kind::Prometheus => {
                let query = self.url("/api/v1/query?query=grafolean_value[1h]");
                let answer: Value = client().get(query).send().await.unwrap().json().await.unwrap();
                let series = answer["data"]["result"].as_array().unwrap();
                series
                    .iter()
                    .flat_map(|one| {
                        let path = one["metric"]["path"].as_str().unwrap().to_owned();
                        one["values"].as_array().unwrap().iter().map(move |pair| {
                            let millis = (pair[0].as_f64().unwrap() * 1_000.0).round() as i64;
                            ((path.clone(), millis), pair[1].as_str().unwrap().parse().unwrap())
                        })
                    })
                    .collect()
            }
            Kind::VictoriaMetrics => {
                client().get(self.url("/internal/force_flush")).send().await.unwrap();
                let query = self.url("/api/v1/export?match[]=grafolean_value");
                let text = client().get(query).send().await.unwrap().text().await.unwrap();
                let mut points = Points::new();
                for line in text.lines() {
                    let one: Value = serde_json::from_str(line).unwrap();
                    let path = one["metric"]["path"].as_str().unwrap();
                    let pairs =
                        one["timestamps"].as_array().unwrap().iter().zip(one["values"].as_array().unwrap());
                    // A marker of staleness is no number.
                    for (time, value) in pairs.filter(|(_, value)| !value.is_null()) {
                        points.insert((path.to_owned(), time.as_i64().unwrap()), value.as_f64().unwrap());
                    }
                }
                points
            }
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn program(kind: Kind) -> Option<PathBuf> {
    let name = if kind == Kind::Prometheus { "prometheus" } else { "victoria-metrics" };
    let path = std::env::var_os("PATH")?;
    let found = std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file());
    if found.is_none() {
        println!("skipped: this machine has no {name}");
    }
    found
}

fn spawn(kind: Kind, program: &PathBuf, folder: PathBuf, port: u16) -> Child {
    let (data, address) = (folder.join("data").display().to_string(), format!("127.0.0.1:{port}"));
    let mut command = Command::new(program);
    match kind {
        Kind::Prometheus => command
            .arg(format!("--config.file={}", folder.join("prometheus.yml").display()))
            .arg(format!("--storage.tsdb.path={data}"))
            .arg(format!("--web.listen-address={address}"))
            .args(["--web.enable-remote-write-receiver", "--log.level=error"]),
        Kind::VictoriaMetrics => command
            .arg(format!("-storageDataPath={data}"))
            .arg(format!("-httpListenAddr={address}"))
            .arg("-loggerLevel=ERROR"),
    };
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

fn client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap()
}

async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    let began = tokio::time::Instant::now();
    while !is_so().await {
        assert!(began.elapsed() < PATIENCE, "{what}: not in time");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Our side: a spool and a task for each receiver.
struct Side {
    spool: Spool,
    tasks: Vec<JoinHandle<()>>,
}

impl Side {
    async fn begin(folder: &tempfile::TempDir, peers: &[&Peer], metrics: &RemoteWriteMetrics) -> Self {
        let name = |peer: &Peer| format!("{:?}", peer.kind);
        let sinks = peers.iter().map(|peer| SinkSettings::new(name(peer))).collect();
        let (path, clock) = (folder.path().join("spool.sqlite"), Arc::new(SystemClock));
        let (limits, counts) = (Limits::default(), SpoolMetrics::default());
        let spool = Spool::open_with_sinks(path, limits, sinks, clock, counts).await.unwrap();
        let mut tasks = Vec::new();
        for peer in peers {
            let url = peer.url("/api/v1/write").parse().unwrap();
            let settings = RemoteWriteSettings::new(name(peer), url);
            let task = RemoteWrite {
                spool: spool.clone(),
                sink: spool.sink(&name(peer)).unwrap(),
                receiver: Arc::new(HttpReceiver::new(&settings).unwrap()),
                naming: ByPath::default(),
                settings,
                clock: Arc::new(SystemClock),
                metrics: metrics.clone(),
                stop: CancellationToken::new(),
            };
            tasks.push(tokio::spawn(async move { task.run().await.unwrap() }));
        }
        Self { spool, tasks }
    }

    /// Ends wherever it stands.
    async fn cut_off(self) {
        for task in self.tasks {
            task.abort();
            let _ = task.await;
        }
        self.spool.close().await.unwrap();
    }

    async fn drained(&self) {
        until("the sinks are empty", async || {
            self.spool.statistics().sinks.iter().all(|sink| sink.waiting.values == 0)
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prometheus_and_victoria_metrics_give_back_every_value_after_kills_of_each_side() {
    let (Some(mut prometheus), Some(victoria)) =
        (Peer::start(Kind::Prometheus).await, Peer::start(Kind::VictoriaMetrics).await)
    else {
        return;
    };
    let (folder, metrics) = (tempfile::tempdir().unwrap(), RemoteWriteMetrics::default());
    let mut side = Side::begin(&folder, &[&prometheus, &victoria], &metrics).await;
    let began = SystemClock.now() - Duration::from_mins(20);
    let mut measured = Points::new();
    for round in 0..40_i64 {
        for step in 0..25 {
            let number = round * 25 + step;
            // Times to the millisecond, values with all signs.
            let time = Timestamp::from_micros(began.micros() + number * 1_000_000 + number * 7_000);
            let values: Vec<_> = (0..20)
                .map(|place| {
                    (format!("entity.{place}.ping.rtt"), (number - 500) as f64 / 8.0 + f64::from(place))
                })
                .collect();
            for (path, value) in &values {
                measured.insert((path.clone(), time.micros().div_euclid(1_000)), *value);
            }
            side.spool
                .accept(&[Report::Values(Values { account: AccountId::new(1), time, values })])
                .await
                .unwrap();
        }
        match round {
            10 => prometheus.kill(),
            14 => prometheus.start_again().await,
            20 | 21 | 30 => {
                side.cut_off().await;
                side = Side::begin(&folder, &[&prometheus, &victoria], &metrics).await;
            }
            _ => {}
        }
    }
    side.drained().await;
    let letters = SpoolFile::open(side.spool.path()).unwrap().dead_letters(Letters::All, None, 10).unwrap();
    assert!(letters.is_empty(), "{letters:?}");
    for peer in [&prometheus, &victoria] {
        let got = peer.points().await;
        assert_eq!(got.len(), measured.len(), "{:?}", peer.kind);
        assert!(got == measured, "{:?}", peer.kind);
    }

    // What is older than what Prometheus has is a dead letter of that sink alone.
    let late = Timestamp::from_micros(began.micros() - 5_000_000);
    let values = vec![("entity.3.ping.rtt".to_owned(), 0.5)];
    side.spool
        .accept(&[Report::Values(Values { account: AccountId::new(1), time: late, values })])
        .await
        .unwrap();
    side.drained().await;
    let letters = SpoolFile::open(side.spool.path()).unwrap().dead_letters(Letters::All, None, 10).unwrap();
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].sink.as_deref(), Some("Prometheus"));
    assert!(matches!(&letters[0].content, Content::Report(Report::Values(values)) if values.time == late));
    assert!(letters[0].reason.contains("out of order"), "{}", letters[0].reason);
    measured.insert(("entity.3.ping.rtt".to_owned(), late.micros().div_euclid(1_000)), 0.5);
    assert!(victoria.points().await == measured);
    side.cut_off().await;
}
