//! What asking over SNMP costs: GETs of 10 objects at 1,000 agents, walks of 1,000 rows, and 10,000 devices polled by the
//! whole bot. Agents are a thread of our own on loopback (`stub`), so what a device takes to think is left out.
//!
//! Prints `name value unit`, one a line. Beside the engine, in the same run: bare datagrams that come back (`echo`), and
//! net-snmp's library as Python uses it (`easysnmp`), where bench/run has installed it.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    clippy::cast_possible_truncation,
    missing_docs
)]

mod echo;
mod fleet;
mod neighbour;
mod stub;

use std::{
    env,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use grafolean_bots::snmp::{
    Oid, Request, drive,
    engine::{Engine, Session, SnmpMetrics},
    plan::{Dialect, Limits, Poll, Wanted},
    settings::{Access, Community, PollPolicy},
};
use nix::sys::resource::{UsageWho, getrusage};
use tokio::task::JoinSet;

use self::stub::{COLUMN, ROWS, Stub};

/// Agents that are asked at a time.
const AGENTS: u32 = 1_000;
const SECONDS: u64 = 5;

fn main() {
    // Cargo's own arguments begin with a dash; any other names the one part to run.
    let wanted = env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let parts: [(&str, fn()); 6] = [
        ("echo", echo::run),
        ("get", get),
        ("walk", walk),
        ("easysnmp", neighbour::run),
        ("snmpd", neighbour::walk_of_snmpd),
        ("fleet", fleet::run),
    ];
    for (name, part) in parts {
        if wanted.as_ref().is_none_or(|wanted| wanted == name) {
            part();
        }
    }
}

fn line(name: &str, value: f64, unit: &str) {
    println!("{name} {value:.3} {unit}");
}

fn cpu(who: UsageWho) -> Duration {
    let usage = getrusage(who).unwrap();
    let micros =
        |time: nix::sys::time::TimeVal| u64::try_from(time.tv_sec() * 1_000_000 + time.tv_usec()).unwrap();
    Duration::from_micros(micros(usage.user_time()) + micros(usage.system_time()))
}

fn public() -> Access {
    Access::Community(Community::V2c("public".into()))
}

/// Ten counters of an interface.
fn ten() -> Request {
    Request::Get((10..20).map(|column| Oid::new([1, 3, 6, 1, 2, 1, 2, 2, 1, column, 1]).unwrap()).collect())
}

fn on_a_runtime<F: Future>(work: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

async fn session(engine: &Engine, address: SocketAddr) -> Session {
    engine.session(address, &public(), PollPolicy::default()).await.unwrap()
}

fn get() {
    let (stub, metrics) = (Stub::start(), SnmpMetrics::default());
    let engine = Engine::start(metrics.clone()).unwrap();
    on_a_runtime(async {
        let mut sessions = Vec::new();
        for agent in 0..AGENTS {
            sessions.push(session(&engine, stub.agent(agent)).await);
        }
        for at_a_time in [1, AGENTS] {
            let sessions = sessions[..at_a_time as usize].to_vec();
            let work = async move {
                let (used, began) = (cpu(UsageWho::RUSAGE_THREAD), Instant::now());
                let (answers, failures) = (Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
                let mut asking = JoinSet::new();
                for session in sessions {
                    let (answers, failures) = (Arc::clone(&answers), Arc::clone(&failures));
                    asking.spawn(async move {
                        let request = ten();
                        while began.elapsed() < Duration::from_secs(SECONDS) {
                            match session.ask(&request).await {
                                Ok((varbinds, _)) if varbinds.len() == 10 => {
                                    answers.fetch_add(1, Ordering::Relaxed)
                                }
                                _ => failures.fetch_add(1, Ordering::Relaxed),
                            };
                        }
                    });
                }
                asking.join_all().await;
                let used = cpu(UsageWho::RUSAGE_THREAD) - used;
                (answers.load(Ordering::Relaxed), failures.load(Ordering::Relaxed), used, began.elapsed())
            };
            let (answers, failures, used, took) = engine.on_its_thread(work).await.unwrap();
            let name = format!("snmp_get_of_10_at_{at_a_time}_agents");
            line(&name, answers as f64 / took.as_secs_f64(), "GETs/s");
            line(&format!("{name}_cpu"), used.as_secs_f64() * 1e6 / answers as f64, "us/GET");
            line(&format!("{name}_of_one_core"), answers as f64 / used.as_secs_f64(), "GETs/s");
            line(&format!("{name}_failures"), failures as f64, "GETs");
        }
        line("snmp_get_kernel_drops", metrics.kernel_drops.get() as f64, "datagrams");
    });
}

fn walk() {
    let stub = Stub::start();
    let engine = Engine::start(SnmpMetrics::default()).unwrap();
    on_a_runtime(async {
        for at_a_time in [1, 16] {
            let mut sessions = Vec::new();
            for agent in 0..at_a_time {
                sessions.push(session(&engine, stub.agent(agent)).await);
            }
            let root = Oid::new(COLUMN).unwrap();
            let (rows, used, took) = walk_for_a_while(&engine, sessions, &root, Some(ROWS as usize)).await;
            let name = format!("snmp_walk_{at_a_time}_at_a_time");
            line(&name, rows as f64 / took.as_secs_f64(), "varbinds/s");
            line(&format!("{name}_of_one_core"), rows as f64 / used.as_secs_f64(), "varbinds/s");
        }
    });
}

/// Walks a column again and again, each session its own; returns rows, time on a processor, and time.
async fn walk_for_a_while(
    engine: &Engine,
    sessions: Vec<Session>,
    root: &Oid,
    rows: Option<usize>,
) -> (u64, Duration, Duration) {
    let root = root.clone();
    let work = async move {
        let (used, began) = (cpu(UsageWho::RUSAGE_THREAD), Instant::now());
        let mut walking = JoinSet::new();
        for session in sessions {
            let root = root.clone();
            walking.spawn(async move {
                let (mut sum, mut limits) = (0, Limits::default());
                while began.elapsed() < Duration::from_secs(SECONDS) {
                    let mut wanted = Wanted::default();
                    wanted.walk(root.clone());
                    let small = Oid::new([1, 3, 6, 1, 2, 1, 1, 3, 0]).unwrap();
                    let poll =
                        Poll::new(&wanted, small, Dialect::Bulk, limits.clone(), PollPolicy::default());
                    let until = tokio::time::Instant::now() + Duration::from_secs(60);
                    let result = drive(session.clone(), poll, PollPolicy::default(), until).await;
                    let column = result.column(&root).unwrap();
                    assert_eq!(column.end, Ok(()));
                    assert!(rows.is_none_or(|rows| rows == column.rows.len()));
                    sum += column.rows.len() as u64;
                    limits = result.limits;
                }
                sum
            });
        }
        let rows = walking.join_all().await.into_iter().sum();
        (rows, cpu(UsageWho::RUSAGE_THREAD) - used, began.elapsed())
    };
    engine.on_its_thread(work).await.unwrap()
}
