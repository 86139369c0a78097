//! What stores beside the backend cost: the spool with none, with one, and with one alone; values of one core to Debian's
//! Prometheus, and bytes of a value on the wire; beside it Debian's vmagent and Prometheus in agent mode, which take the same
//! values by remote write, keep them on disk and send them on, as the spool does.
//!
//! Prints lines of `name value unit`. Processor time is counted, so that what else the machine does is left out; what is not
//! installed is left out, and told.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::cast_precision_loss,
    missing_docs
)]

use std::{
    fs,
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{Router, body::Bytes, extract::State, http::StatusCode, routing::post};
use grafolean_collector::{
    backend::{Backend, BackendError, EntityChange, Inventory, Stamp},
    deliver::{Delivery, DeliveryMetrics, DeliverySettings},
    model::{AccountId, Entity, EntityId, Sample},
    protocol::{
        Output,
        prometheus::{Mappings, TEMPLATE},
    },
    remote_write::{
        Declared, Entities, HttpReceiver, KnownOwner, RemoteWrite, RemoteWriteMetrics, RemoteWriteSettings,
        VersionChoice, message::v1,
    },
    report::{Report, Values},
    spool::{Limits, SinkSettings, Spool, SpoolError, SpoolMetrics},
    time::{Clock, SystemClock, Timestamp},
};
use prost::Message;
use tokio::{task::JoinHandle, time::sleep};
use tokio_util::sync::CancellationToken;

const ENTITIES: usize = 10;
const INTERFACES: usize = 100;
const STEPS: usize = 400;
const VALUES: usize = ENTITIES * INTERFACES * STEPS;

/// Rounds of what is compared, one after the other.
const ROUNDS: usize = 3;

const OUTPUTS: [Output; 1] = [Output::new(
    "entity.{entity}.snmp.if.in-octets.{index}.{interface}",
    "By/s",
    "In",
    "Octets that entered",
)];

/// Removes everything at once.
struct Nowhere;

impl Backend for Nowhere {
    async fn inventory(&self) -> Result<Inventory, BackendError> {
        Ok(Inventory::default())
    }

    async fn entity(&self, _: AccountId, _: EntityId) -> Result<Option<Entity>, BackendError> {
        Ok(None)
    }

    async fn put_values(&self, _: AccountId, _: &[Sample], _: Stamp) -> Result<(), BackendError> {
        Ok(())
    }

    async fn change_entity(&self, _: AccountId, _: EntityChange) -> Result<EntityId, BackendError> {
        Ok(EntityId::new(1))
    }
}

/// Ten devices with names and addresses.
struct Devices;

impl Entities for Devices {
    fn owner(&self, _: AccountId, entity: Option<EntityId>) -> KnownOwner {
        let number = entity.map_or(0, |id| id.number());
        KnownOwner {
            account: "Example Ltd".to_owned(),
            entity: format!("agg-sw-{number}"),
            address: format!("192.0.2.{number}"),
        }
    }

    fn generation(&self) -> u64 {
        0
    }
}

/// A receiver that counts.
#[derive(Clone, Default)]
struct Tap {
    bytes: Arc<AtomicUsize>,
    samples: Arc<AtomicUsize>,
}

async fn take(State(tap): State<Tap>, body: Bytes) -> (StatusCode, [(&'static str, String); 1]) {
    tap.bytes.fetch_add(body.len(), Ordering::Relaxed);
    let plain = snap::raw::Decoder::new().decompress_vec(&body).unwrap();
    // Of version 2.0, whose fields have other numbers, nothing is read: all that was sent counts as written.
    let samples = v1::WriteRequest::decode(&*plain)
        .map_or(0, |request| request.timeseries.iter().map(|series| series.samples.len()).sum());
    tap.samples.fetch_add(samples, Ordering::Relaxed);
    (StatusCode::NO_CONTENT, [("x-prometheus-remote-write-samples-written", usize::MAX.to_string())])
}

impl Tap {
    async fn start() -> (Self, String) {
        let tap = Self::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/api/v1/write", post(take)).with_state(tap.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        (tap, format!("http://{address}/api/v1/write"))
    }
}

/// Hands over all values: of each step a report of each device. Times begin at this moment: an agent sends what is newer.
async fn accept_all(spool: &Spool) {
    let began = SystemClock.now();
    for step in 0..STEPS {
        let time = Timestamp::from_micros(began.micros() + i64::try_from(step).unwrap() * 1_000_000);
        let reports = (1..=ENTITIES).map(|entity| {
            let path = |index| format!("entity.{entity}.snmp.if.in-octets.{index}.xe-0%2f0%2f{index}");
            let value = |index| (step * 7_919 + index * 104_729) as f64;
            let values = (0..INTERFACES).map(|index| (path(index), value(index))).collect();
            Report::Values(Values { account: AccountId::new(1), time, values })
        });
        let accepted = spool.accept(&reports.collect::<Vec<_>>()).await;
        // What a busy disk leaves in memory is written when it answers again.
        assert!(matches!(accepted, Ok(()) | Err(SpoolError::Held { .. })), "{accepted:?}");
    }
}

fn send_on(spool: &Spool, url: &str, version: VersionChoice) -> (CancellationToken, JoinHandle<()>) {
    let mut settings = RemoteWriteSettings::new("a", url.parse().unwrap());
    settings.version = version;
    let stop = CancellationToken::new();
    let task = RemoteWrite {
        spool: spool.clone(),
        sink: spool.sink("a").unwrap(),
        receiver: Arc::new(HttpReceiver::new(&settings).unwrap()),
        naming: Declared::new(Mappings::of([("snmp", &OUTPUTS[..])], TEMPLATE), Devices, Vec::new()),
        settings,
        clock: Arc::new(SystemClock),
        metrics: RemoteWriteMetrics::default(),
        stop: stop.clone(),
    };
    (stop, tokio::spawn(async move { task.run().await.unwrap() }))
}

fn drain(spool: &Spool) -> (CancellationToken, JoinHandle<()>) {
    let stop = CancellationToken::new();
    let delivery = Delivery {
        backend: Arc::new(Nowhere),
        spool: spool.clone(),
        clock: Arc::new(SystemClock),
        settings: DeliverySettings { replay_values_per_second: None, ..DeliverySettings::default() },
        inventory: None,
        metrics: DeliveryMetrics::default(),
        stop: stop.clone(),
    };
    (stop, tokio::spawn(async move { delivery.run().await.unwrap() }))
}

async fn emptied(spool: &Spool) {
    let waits = |spool: &Spool| {
        let statistics = spool.statistics();
        statistics.queue.reports > 0 || statistics.sinks.iter().any(|sink| sink.waiting.values > 0)
    };
    while waits(spool) {
        sleep(Duration::from_millis(2)).await;
    }
}

/// Who takes what the spool accepts.
#[derive(Clone, Copy)]
enum Consumers {
    Backend,
    BackendAndSink,
    Sink,
}

/// Takes all values through a spool; returns the processor time of a value.
async fn through(consumers: Consumers, url: &str, version: VersionChoice) -> Duration {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spool.sqlite");
    let (limits, clock, counts) = (Limits::default(), Arc::new(SystemClock), SpoolMetrics::default());
    let sinks = vec![SinkSettings::new("a")];
    let spool = match consumers {
        Consumers::Backend => Spool::open(path, limits, clock, counts).await,
        Consumers::BackendAndSink => Spool::open_with_sinks(path, limits, sinks, clock, counts).await,
        Consumers::Sink => Spool::open_for_sinks(path, limits, sinks, clock, counts).await,
    };
    let spool = spool.unwrap();
    let began = processor_time();
    let mut tasks = Vec::new();
    if !matches!(consumers, Consumers::Sink) {
        tasks.push(drain(&spool));
    }
    if !matches!(consumers, Consumers::Backend) {
        tasks.push(send_on(&spool, url, version));
    }
    accept_all(&spool).await;
    emptied(&spool).await;
    let took = processor_time() - began;
    for (stop, task) in tasks {
        stop.cancel();
        task.await.unwrap();
    }
    spool.close().await.unwrap();
    took / u32::try_from(VALUES).unwrap()
}

/// Time of all threads of this process on a processor.
fn processor_time() -> Duration {
    let times = nix::sys::resource::getrusage(nix::sys::resource::UsageWho::RUSAGE_SELF).unwrap();
    let span = |time: nix::sys::time::TimeVal| {
        Duration::from_secs(u64::try_from(time.tv_sec()).unwrap())
            + Duration::from_micros(u64::try_from(time.tv_usec()).unwrap())
    };
    span(times.user_time()) + span(times.system_time())
}

/// The same of another process, in ticks of 10 ms.
fn processor_time_of(process: &Child) -> Duration {
    let text = fs::read_to_string(format!("/proc/{}/stat", process.id())).unwrap();
    let (_, fields) = text.rsplit_once(") ").unwrap();
    let ticks: u64 = fields.split(' ').skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 10)
}

/// A program of the machine that listens, and ends with this.
struct Program {
    process: Child,
    url: String,
    _folder: tempfile::TempDir,
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Starts a program; None, told, if the machine has none.
async fn start(name: &str, arguments: impl FnOnce(&Path, &str) -> Vec<String>) -> Option<Program> {
    let program = Path::new("/usr/bin").join(name);
    if !program.exists() {
        eprintln!("left out: this machine has no {name}");
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let arguments = arguments(folder.path(), &address);
    let process =
        Command::new(program).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while std::net::TcpStream::connect(&address).is_err() {
        sleep(Duration::from_millis(50)).await;
    }
    // It opens its disk after its port.
    sleep(Duration::from_secs(3)).await;
    Some(Program { process, url: format!("http://{address}/api/v1/write"), _folder: folder })
}

async fn prometheus(more: &[&str], config: &str) -> Option<Program> {
    start("prometheus", |folder, address| {
        fs::write(folder.join("prometheus.yml"), config).unwrap();
        let mut arguments = vec![
            format!("--config.file={}", folder.join("prometheus.yml").display()),
            format!("--web.listen-address={address}"),
            "--web.enable-remote-write-receiver".to_owned(),
        ];
        arguments.extend(more.iter().map(|text| text.replace("FOLDER", &folder.display().to_string())));
        arguments
    })
    .await
}

/// Sends all values to a program that sends them on to a tap: its processor time of a value, and its bytes.
async fn beside(name: &str, program: Option<Program>, tap: &Tap) {
    let Some(program) = program else { return };
    let (before, bytes, samples) = (
        processor_time_of(&program.process),
        tap.bytes.load(Ordering::Relaxed),
        tap.samples.load(Ordering::Relaxed),
    );
    through(Consumers::Sink, &program.url, VersionChoice::V1).await;
    let mut waited = 0;
    while tap.samples.load(Ordering::Relaxed) - samples < VALUES && waited < 600 {
        sleep(Duration::from_millis(100)).await;
        waited += 1;
    }
    let came = tap.samples.load(Ordering::Relaxed) - samples;
    let took = processor_time_of(&program.process) - before;
    println!("sinks_{name}_sent_on {:.1} % of values", came as f64 / VALUES as f64 * 100.0);
    println!("sinks_{name}_values_of_one_core {:.0} values/s", VALUES as f64 / took.as_secs_f64());
    let sent = tap.bytes.load(Ordering::Relaxed) - bytes;
    println!("sinks_{name}_bytes_of_a_value {:.2} bytes", sent as f64 / came.max(1) as f64);
}

#[tokio::main]
async fn main() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (tap, url) = Tap::start().await;
    let version = VersionChoice::V2;
    let mut costs = [Duration::MAX; 3];
    for _ in 0..ROUNDS {
        for (cost, consumers) in
            costs.iter_mut().zip([Consumers::Backend, Consumers::BackendAndSink, Consumers::Sink])
        {
            *cost = through(consumers, &url, version).await.min(*cost);
        }
    }
    let [backend, both, sink] = costs.map(|cost| cost.as_nanos());
    println!("sinks_spool_of_backend_alone {backend} ns/value");
    println!("sinks_spool_of_backend_and_sink {both} ns/value");
    println!("sinks_spool_of_sink_alone {sink} ns/value");

    for (name, version) in [("v1", VersionChoice::V1), ("v2", VersionChoice::V2)] {
        let before = tap.bytes.load(Ordering::Relaxed);
        through(Consumers::Sink, &url, version).await;
        let sent = tap.bytes.load(Ordering::Relaxed) - before;
        println!("sinks_bytes_of_a_value_{name} {:.2} bytes", sent as f64 / VALUES as f64);
    }
    if let Some(store) = prometheus(&["--storage.tsdb.path=FOLDER/data"], "").await {
        let cost = through(Consumers::Sink, &store.url, VersionChoice::V1).await;
        println!("sinks_to_prometheus_of_one_core {:.0} values/s", 1.0 / cost.as_secs_f64());
    }
    let config = format!("remote_write: [{{url: '{url}'}}]\n");
    let agent = prometheus(&["--enable-feature=agent", "--storage.agent.path=FOLDER/data"], &config).await;
    beside("prometheus_agent", agent, &tap).await;
    let vmagent = start("vmagent", |folder, address| {
        vec![
            format!("-httpListenAddr={address}"),
            format!("-remoteWrite.url={url}"),
            format!("-remoteWrite.tmpDataPath={}", folder.display()),
        ]
    });
    beside("vmagent", vmagent.await, &tap).await;
}
