//! What raw flows cost: to hand them over, to write them, to look through them.
//!
//! Prints `name value unit` lines; beside ours DuckDB's on the same files and nfdump's on its own. With a folder as its argument the flows are kept there, for others to be measured on them.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_sign_loss,
    clippy::cast_possible_truncation,
    missing_docs
)]

mod beside;
#[path = "../flow_aggregate/replay.rs"]
mod replay;

use std::{
    num::NonZeroUsize,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use grafolean_collector::time::Timestamp;
use grafolean_netflow::{
    archive::{Archive, ArchiveMetrics, BATCHES, Catalog, Settings},
    generate::{Families, Traffic},
    query::{Answer, By, Filter, FlowTime, Order, Progress, Query, ask},
    record::{Flow, Origin, Protocol, Stream},
};
use nix::sys::{
    resource::{UsageWho, getrusage},
    time::TimeValLike,
};

const START: Timestamp = Timestamp::from_seconds(1_699_999_800);
const FLOWS: usize = 8_000_000;
/// Flows of one datagram, which were received at once.
const TOGETHER: usize = 20;
/// Between two datagrams: a million flows a second.
const PAUSE: Duration = Duration::from_micros(20);
const PAIRS: u32 = 100_000;
/// Each query is asked so many times, the quickest counts.
const TRIES: usize = 3;

const QUESTIONS: [(&str, &str, &[&str]); 4] = [
    ("totals", "any", &[]),
    ("by_src", "any", &["src"]),
    ("443_from_10_by_src", "dst port 443 and src net 10.0.0.0/8", &["src"]),
    ("udp_by_pair", "proto udp and not dst port 53 and bytes > 1000", &["src", "dst"]),
];

fn main() {
    let given = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).map(PathBuf::from);
    let temporary = tempfile::tempdir().unwrap();
    let folder = given.unwrap_or_else(|| temporary.path().join("archive"));
    if !folder.is_dir() {
        write(&folder);
    }
    let bytes: u64 = Catalog::read(&folder).unwrap().files.iter().map(|file| file.bytes).sum();
    println!("flow_archive_at_rest {:.1} bytes/flow", bytes as f64 / FLOWS as f64);
    let cores = thread::available_parallelism().unwrap();
    for (name, filter, by) in QUESTIONS {
        for threads in [NonZeroUsize::MIN, cores] {
            let best = (0..TRIES).map(|_| answer(&folder, filter, by, threads)).min().unwrap();
            let (took, cpu) = best;
            println!(
                "flow_query_{name}_on_{threads} {:.1} Mflows/s",
                FLOWS as f64 / took.as_secs_f64() / 1e6
            );
            println!(
                "flow_query_{name}_on_{threads}_cpu {:.1} ns/flow",
                cpu.as_nanos() as f64 / FLOWS as f64
            );
        }
    }
    beside::duckdb(&folder);
    beside::nfdump();
}

fn answer(folder: &Path, filter: &str, by: &[&str], threads: NonZeroUsize) -> (Duration, Duration) {
    let query = Query {
        filter: Filter::parse(filter).unwrap(),
        from: START,
        to: START + Duration::from_secs(1_000_000),
        by: by.iter().map(|by| By::parse(by).unwrap()).collect(),
        top: 10,
        time: FlowTime::Received,
        order: Order::Bytes,
        timed: false,
        unscaled: false,
    };
    let (begun, before) = (Instant::now(), cpu());
    let Answer { scanned, total, .. } = ask(folder, &query, threads, &Progress::default()).unwrap();
    let took = (begun.elapsed(), cpu() - before);
    assert!(scanned.flows == FLOWS as u64 && total.flows > 0);
    took
}

/// Keeps flows as quickly as they can be written.
fn write(folder: &Path) {
    let metrics = ArchiveMetrics::default();
    let settings = Settings::new(folder.to_owned(), Duration::MAX, u64::MAX);
    let archive = Archive::open(&settings, metrics.clone(), START).unwrap();
    let mut feed = archive.feed();
    let mut traffic = Traffic::new(1, PAIRS, Families::V4);
    let mut flows: Vec<Flow> = (0..FLOWS / 8).map(|_| traffic.flow(START)).collect();
    let exporter = "192.0.2.7:9995".parse().unwrap();
    let stream = Stream { exporter, protocol: Protocol::Netflow9, domain: 1, agent: None };
    let mut now = START;
    let mut handing_over = Duration::ZERO;
    let before = cpu_of_others();
    for _ in 0..8 {
        let later = now;
        for flow in &mut flows {
            flow.first = flow.first.map(|first| first + later.since(START));
            flow.last = flow.last.map(|last| last + later.since(START));
        }
        for datagram in flows.chunks(TOGETHER) {
            now = now + PAUSE;
            let origin = Origin { stream, received: now, exported: Some(now) };
            let begun = Instant::now();
            datagram.iter().for_each(|flow| feed.flow(&origin, flow));
            feed.pass(now);
            handing_over += begun.elapsed();
            while metrics.waiting.get() > i64::try_from(BATCHES).unwrap() / 2 {
                thread::sleep(Duration::from_millis(1));
            }
        }
    }
    drop(feed);
    drop(archive);
    let each = |span: Duration| span.as_nanos() as f64 / FLOWS as f64;
    println!("flow_archive_hand_over {:.1} ns/flow", each(handing_over));
    println!("flow_archive_write {:.1} ns/flow", each(cpu_of_others() - before));
    assert_eq!((metrics.flows.get(), metrics.dropped.get()), (FLOWS as u64, 0));
}

/// Time that all cores spent on us.
fn cpu() -> Duration {
    spent(UsageWho::RUSAGE_SELF)
}

/// Time that all cores spent on other threads than this one: on the one that writes.
fn cpu_of_others() -> Duration {
    cpu() - spent(UsageWho::RUSAGE_THREAD)
}

fn spent(who: UsageWho) -> Duration {
    let usage = getrusage(who).unwrap();
    let spent = usage.user_time() + usage.system_time();
    Duration::from_micros(u64::try_from(spent.num_microseconds()).unwrap())
}
