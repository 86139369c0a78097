//! What users would take instead: DuckDB on the same files, and nfdump on what nfcapd stored of the same traffic.

use std::{
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::{FLOWS, PAIRS, TRIES, replay::Replay};

/// What nfcapd stores without losing any.
const RATE: u64 = 1_000_000;
const SPAN: Duration = Duration::from_secs(FLOWS as u64 / RATE);

pub(crate) fn duckdb(folder: &Path) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let python = root.join("target/oracles/bin/python");
    if !python.exists() {
        return println!("skipped: ./test installs DuckDB into target/oracles");
    }
    let script = root.join("bench/flow_query_duckdb.py");
    assert!(Command::new(python).arg(script).arg(folder).status().unwrap().success());
}

pub(crate) fn nfdump() {
    let folder = tempfile::tempdir().unwrap();
    let port = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    let mut nfcapd = Command::new("nfcapd");
    nfcapd.args(["-b", "127.0.0.1", "-p", &port.to_string(), "-B", "33554432", "-l"]).arg(folder.path());
    let Ok(mut nfcapd) = nfcapd.stdout(Stdio::null()).stderr(Stdio::null()).spawn() else {
        return println!("skipped: nfcapd is not installed");
    };
    thread::sleep(Duration::from_secs(1));
    Replay::new(PAIRS, 1_000_000).send(SocketAddr::from((Ipv4Addr::LOCALHOST, port)), RATE, SPAN);
    thread::sleep(Duration::from_secs(1));
    // it ends its file when it is asked to stop
    assert!(Command::new("kill").arg(nfcapd.id().to_string()).status().unwrap().success());
    nfcapd.wait().unwrap();
    for (name, filter) in [("by_src", "any"), ("443_from_10_by_src", "dst port 443 and src net 10.0.0.0/8")] {
        let best = (0..TRIES).map(|_| flows_a_second(folder.path(), filter)).fold(0.0, f64::max);
        println!("nfdump_query_{name} {:.1} Mflows/s", best / 1e6);
    }
}

fn flows_a_second(folder: &Path, filter: &str) -> f64 {
    let mut nfdump = Command::new("nfdump");
    nfdump.arg("-R").arg(folder).args(["-s", "srcip/bytes", "-n", "10", filter]);
    let begun = Instant::now();
    let told = String::from_utf8(nfdump.output().unwrap().stdout).unwrap();
    let took = begun.elapsed();
    let (_, flows) = told.split_once("flows processed: ").unwrap();
    let digits: String = flows.chars().take_while(char::is_ascii_digit).collect();
    digits.parse::<f64>().unwrap() / took.as_secs_f64()
}
