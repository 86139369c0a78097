//! The points store, measured: prints `name value unit` lines. Run with `cargo bench -p grafolean-hub --bench points`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, missing_docs)]

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use grafolean_collector::{
    model::{AccountId, Sample, SeriesPath},
    time::{SystemClock, Timestamp},
};
use grafolean_hub::{
    Hub, Options,
    points::{Order, Points, Settings, Span},
};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use secrecy::ExposeSecret;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_util::sync::CancellationToken;

const ACCOUNT: AccountId = AccountId::new(1);
const START: i64 = 1_790_000_000;
const MINUTE: i64 = 60;
const DAY: usize = 1_440;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let only = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    runtime.block_on(async {
        if only.as_deref() == Some("top") {
            top().await;
            return top_in_memory().await;
        }
        ingest(Load { producers: 4, values: 2_000_000, batch: 1_000, series: 10_000 }).await;
        ingest_http(Load { producers: 4, values: 2_000_000, batch: 1_000, series: 10_000 }).await;
        for kind in [Kind::RoundTrip, Kind::Rate, Kind::Ok, Kind::Temperature] {
            at_rest(kind).await;
        }
        day_read("day_60s_read", DAY, MINUTE).await;
        day_read("day_1s_read", 86_400, 1).await;
        reopen().await;
        top().await;
        top_in_memory().await;
    });
}

fn report(name: &str, value: f64, unit: &str) {
    println!("{name} {value:.3} {unit}");
}

fn open(folder: &Path) -> Points {
    Points::open(&folder.join("points.sqlite"), Settings::default(), Arc::new(SystemClock)).unwrap()
}

fn path(series: usize) -> SeriesPath {
    SeriesPath::parse(&format!("entity.{}.ping.p{}.rtt", 1_000_000 + series / 3, series % 3)).unwrap()
}

fn disk_bytes(folder: &Path) -> u64 {
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).sum()
}

#[derive(Clone, Copy)]
struct Load {
    producers: usize,
    values: usize,
    batch: usize,
    series: usize,
}

/// Several producers, each with one request under way, as bots send.
async fn ingest(load: Load) {
    let folder = tempfile::tempdir().unwrap();
    let points = open(folder.path());
    let begun = Instant::now();
    let share = load.values / load.producers;
    let producers: Vec<_> = (0..load.producers)
        .map(|producer| {
            let points = points.clone();
            tokio::spawn(async move {
                let mut random = StdRng::seed_from_u64(producer as u64);
                let own = load.series / load.producers;
                let paths: Vec<_> = (0..own).map(|i| path(producer * own + i)).collect();
                let mut slowest = Duration::ZERO;
                for batch in 0..share / load.batch {
                    let samples = (batch * load.batch..(batch + 1) * load.batch).map(|number| Sample {
                        path: paths.get(number % own).unwrap().clone(),
                        time: Timestamp::from_seconds(START + MINUTE * i64::try_from(number / own).unwrap()),
                        value: Kind::RoundTrip.next(&mut random, 0.0),
                    });
                    let samples = samples.collect();
                    let asked = Instant::now();
                    points.put(ACCOUNT, samples).await.unwrap();
                    slowest = slowest.max(asked.elapsed());
                }
                slowest
            })
        })
        .collect();
    let mut slowest = Duration::ZERO;
    for producer in producers {
        slowest = slowest.max(producer.await.unwrap());
    }
    report("ingest_direct", load.values as f64 / begun.elapsed().as_secs_f64(), "values/s");
    report("ingest_direct_slowest_put", slowest.as_secs_f64() * 1e3, "ms");
    drop(points);
}

/// The same through HTTP: a hub on loopback, JSON bodies, a bot's token; the producers share its cores.
async fn ingest_http(load: Load) {
    let folder = tempfile::tempdir().unwrap();
    let hub = Arc::new(Hub::open(folder.path(), Options::default()).unwrap());
    let account = hub.setup().account("bench").await.unwrap();
    let bot = hub.setup().bot(account, "bench", "ping").await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let serving = tokio::spawn(grafolean_hub::serve(listener, hub, stop.clone()));
    let target = format!("/api/accounts/{account}/values?b={}", bot.token.expose_secret());
    let requests: Vec<_> = (0..load.producers).map(|producer| requests(load, producer, &target)).collect();
    let begun = Instant::now();
    let producers: Vec<_> = requests
        .into_iter()
        .map(|requests| {
            tokio::spawn(async move {
                let mut stream = TcpStream::connect(address).await.unwrap();
                stream.set_nodelay(true).unwrap();
                let mut answer = vec![0; 4096];
                for request in requests {
                    stream.write_all(&request).await.unwrap();
                    let read = stream.read(&mut answer).await.unwrap();
                    assert!(answer.starts_with(b"HTTP/1.1 204"), "{:?}", answer.get(..read));
                }
            })
        })
        .collect();
    for producer in producers {
        producer.await.unwrap();
    }
    report("ingest_http", load.values as f64 / begun.elapsed().as_secs_f64(), "values/s");
    stop.cancel();
    serving.await.unwrap().unwrap();
}

/// The requests of one producer, written beforehand: what is measured is the hub.
fn requests(load: Load, producer: usize, target: &str) -> Vec<Vec<u8>> {
    let mut random = StdRng::seed_from_u64(producer as u64);
    let own = load.series / load.producers;
    let batches = load.values / load.producers / load.batch;
    (0..batches)
        .map(|batch| {
            let rows = (batch * load.batch..(batch + 1) * load.batch).map(|number| Sample {
                path: path(producer * own + number % own),
                time: Timestamp::from_seconds(START + MINUTE * i64::try_from(number / own).unwrap()),
                value: Kind::RoundTrip.next(&mut random, 0.0),
            });
            let body = serde_json::to_string(&rows.collect::<Vec<_>>()).unwrap();
            format!("PUT {target} HTTP/1.1\r\nhost: bench\r\ncontent-length: {}\r\n\r\n{body}", body.len())
                .into()
        })
        .collect()
}

#[derive(Clone, Copy)]
enum Kind {
    /// A round-trip time in seconds to a nanosecond, with noise of 0.4 ms.
    RoundTrip,
    /// Octets a second: a counter's difference over 60 s.
    Rate,
    /// 1.0, seldom 0.0.
    Ok,
    /// Drifts, in tenths of a degree.
    Temperature,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::RoundTrip => "rtt",
            Self::Rate => "rate",
            Self::Ok => "ok",
            Self::Temperature => "temperature",
        }
    }

    fn next(self, random: &mut StdRng, before: f64) -> f64 {
        // The sum of twelve even numbers is near enough to a normal one.
        let noise = (0..12).map(|_| random.random::<f64>()).sum::<f64>() - 6.0;
        match self {
            Self::RoundTrip => (12_300_000.0 + noise * 400_000.0).round() / 1e9,
            Self::Rate => (1e6 + noise * 3e5).abs().round() / 60.0,
            Self::Ok => f64::from(u8::from(random.random::<f64>() > 0.001)),
            Self::Temperature => ((before + noise * 0.1) * 10.0).round() / 10.0,
        }
    }
}

/// A week of 200 series that arrive together, minute by minute, as they do from a bot.
async fn at_rest(kind: Kind) {
    const SERIES: usize = 200;
    let folder = tempfile::tempdir().unwrap();
    let points = open(folder.path());
    let mut random = StdRng::seed_from_u64(1);
    let paths: Vec<_> = (0..SERIES).map(path).collect();
    let mut last = [45.0; SERIES];
    let minutes = DAY * 7;
    for minute in 0..minutes {
        let samples = paths.iter().zip(&mut last).map(|(path, last)| {
            *last = kind.next(&mut random, *last);
            let time = Timestamp::from_seconds(START + MINUTE * i64::try_from(minute).unwrap());
            Sample { path: path.clone(), time, value: *last }
        });
        points.put(ACCOUNT, samples.collect()).await.unwrap();
    }
    points.seal().await.unwrap();
    drop(points);
    let bytes = disk_bytes(folder.path()) as f64;
    report(&format!("at_rest_{}", kind.name()), bytes / (SERIES * minutes) as f64, "bytes/value");
}

async fn day_read(name: &str, values: usize, step: i64) {
    const SERIES: usize = 20;
    const READS: u32 = 50;
    let folder = tempfile::tempdir().unwrap();
    let points = open(folder.path());
    let mut random = StdRng::seed_from_u64(2);
    for series in 0..SERIES {
        let samples = (0..values).map(|number| Sample {
            path: path(series),
            time: Timestamp::from_seconds(START + step * i64::try_from(number).unwrap()),
            value: Kind::RoundTrip.next(&mut random, 0.0),
        });
        points.put(ACCOUNT, samples.collect()).await.unwrap();
    }
    points.seal().await.unwrap();
    let begun = Instant::now();
    for read in 0..READS {
        let wanted = path(usize::try_from(read).unwrap() % SERIES);
        let window = points
            .read(move |reader| {
                let id = reader.series(ACCOUNT, &wanted)?.unwrap();
                reader.window(id, Span::ALL, Order::Ascending, 100_000)
            })
            .await
            .unwrap();
        assert_eq!(window.points.len(), values);
    }
    report(name, begun.elapsed().as_secs_f64() * 1e3 / f64::from(READS), "ms");
    drop(points);
}

/// The longest start: memory's share of values has to be read back from the journal.
async fn reopen() {
    let folder = tempfile::tempdir().unwrap();
    let points = open(folder.path());
    // 10,000 series with 120 values each: just below what is sealed.
    for minute in 0..120 {
        let time = Timestamp::from_seconds(START + MINUTE * minute);
        let samples = (0..10_000).map(|series| Sample { path: path(series), time, value: 0.012_345_678 });
        points.put(ACCOUNT, samples.collect()).await.unwrap();
    }
    drop(points);
    let begun = Instant::now();
    let points = open(folder.path());
    report("reopen_1200k_unsealed", begun.elapsed().as_secs_f64() * 1e3, "ms");
    drop(points);
}

/// The highest of the newest moment, when most series ended long ago, as those of flows do.
async fn top() {
    const ENDED: usize = 420_000;
    const GO_ON: usize = 10_000;
    let folder = tempfile::tempdir().unwrap();
    let points = open(folder.path());
    for (series, minute) in [(0..ENDED, 0), (ENDED..ENDED + GO_ON, 1), (ENDED..ENDED + GO_ON, 2)] {
        let numbers: Vec<_> = series.collect();
        for numbers in numbers.chunks(10_000) {
            let time = Timestamp::from_seconds(START + MINUTE * minute);
            let sample = |&number: &usize| Sample { path: path(number), time, value: number as f64 };
            points.put(ACCOUNT, numbers.iter().map(sample).collect()).await.unwrap();
        }
        points.seal().await.unwrap();
    }
    for (name, filter, minute) in [
        ("top_of_430000_series", "*", 3),
        ("top_of_430000_series_one_segment_each", "entity.?.ping.?.rtt", 3),
        ("top_of_430000_series_of_none", "*.none", 3),
        ("top_of_430000_series_a_minute_ago", "*", 1),
    ] {
        ask_top(&points, name, filter, minute).await;
    }
    drop(points);
}

/// The same while nothing of it is in blocks yet.
async fn top_in_memory() {
    const SERIES: usize = 420_000;
    const NEWEST: usize = 10_000;
    let folder = tempfile::tempdir().unwrap();
    let points = open(folder.path());
    for (series, minute) in [(0..SERIES, 0), (SERIES..SERIES + NEWEST, 1)] {
        let numbers: Vec<_> = series.collect();
        for numbers in numbers.chunks(10_000) {
            let time = Timestamp::from_seconds(START + MINUTE * minute);
            let sample = |&number: &usize| Sample { path: path(number), time, value: number as f64 };
            points.put(ACCOUNT, numbers.iter().map(sample).collect()).await.unwrap();
        }
    }
    for (name, minute) in
        [("top_of_430000_series_in_memory", 2), ("top_of_430000_series_in_memory_a_minute_ago", 0)]
    {
        ask_top(&points, name, "*", minute).await;
    }
    drop(points);
}

async fn ask_top(points: &Points, name: &str, filter: &str, minute: i64) {
    const ASKED: u32 = 20;
    let begun = Instant::now();
    for _ in 0..ASKED {
        let filter = filter.parse().unwrap();
        let at = Timestamp::from_seconds(START + MINUTE * minute);
        points.read(move |reader| reader.top(ACCOUNT, &filter, at, 10)).await.unwrap();
    }
    report(name, begun.elapsed().as_secs_f64() * 1e3 / f64::from(ASKED), "ms");
}
