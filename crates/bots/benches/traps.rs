//! Traps that come from many sources at a fixed rate: how many are lost, and what it costs. Prints `name value unit` lines.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::indexing_slicing, missing_docs)]

use std::{
    fs,
    net::UdpSocket,
    thread,
    time::{Duration, Instant},
};

use grafolean_bots::snmp::engine::traps::{TrapMetrics, TrapReceiver, TrapSettings};
use tokio::sync::mpsc;

/// No source sends more than its share: none is a flood.
const SOURCES: u32 = 100;
const RATE: u32 = 50_000;
const SECONDS: u32 = 10;

/// linkDown of v2c with ifIndex, ifAdminStatus and ifOperStatus.
const TRAP: &[u8] = &[
    0x30, 0x73, 2, 1, 1, 4, 6, b'p', b'u', b'b', b'l', b'i', b'c', 0xa7, 0x66, 2, 1, 7, 2, 1, 0, 2, 1, 0,
    0x30, 0x5b, 0x30, 0x0d, 6, 8, 0x2b, 6, 1, 2, 1, 1, 3, 0, 0x43, 1, 100, 0x30, 0x17, 6, 0x0a, 0x2b, 6, 1,
    6, 3, 1, 1, 4, 1, 0, 6, 9, 0x2b, 6, 1, 6, 3, 1, 1, 5, 3, 0x30, 0x0f, 6, 0x0a, 0x2b, 6, 1, 2, 1, 2, 2, 1,
    1, 3, 2, 1, 3, 0x30, 0x0f, 6, 0x0a, 0x2b, 6, 1, 2, 1, 2, 2, 1, 7, 3, 2, 1, 1, 0x30, 0x0f, 6, 0x0a, 0x2b,
    6, 1, 2, 1, 2, 2, 1, 8, 3, 2, 1, 2,
];

fn main() {
    let (sender, mut receiver) = mpsc::channel(65_536);
    let settings = TrapSettings { listen: vec!["127.0.0.1:0".parse().unwrap()], ..TrapSettings::default() };
    let metrics = TrapMetrics::default();
    let listening = TrapReceiver::start(&settings, &sender, &metrics).unwrap();
    let to = listening.addresses()[0];
    let taking = thread::spawn(move || {
        let mut taken = 0_u64;
        while receiver.blocking_recv().is_some() {
            taken += 1;
        }
        taken
    });
    let sockets: Vec<UdpSocket> =
        (0..SOURCES).map(|source| UdpSocket::bind((format!("127.1.0.{}", source + 1), 0)).unwrap()).collect();
    let (began, busy) = (Instant::now(), cpu_seconds());
    let mut sent = 0_u64;
    while began.elapsed() < Duration::from_secs(SECONDS.into()) {
        let due = u64::try_from(began.elapsed().as_micros()).unwrap() * u64::from(RATE) / 1_000_000;
        while sent < due {
            sockets[usize::try_from(sent % u64::from(SOURCES)).unwrap()].send_to(TRAP, to).unwrap();
            sent += 1;
        }
        thread::sleep(Duration::from_micros(500));
    }
    let took = began.elapsed();
    thread::sleep(Duration::from_secs(1));
    let busy = cpu_seconds() - busy;
    drop(listening);
    drop(sender);
    let taken = taking.join().unwrap();
    println!("traps_sent {:.0} traps/s", sent as f64 / took.as_secs_f64());
    println!("traps_lost {} of {sent}", sent - taken);
    println!(
        "floods {} overrun {} malformed {}",
        metrics.floods.get(),
        metrics.overrun.get(),
        metrics.malformed.get()
    );
    println!("cpu_of_sending_and_receiving {:.0} %", busy / took.as_secs_f64() * 100.0);
}

/// What this process took of the processors, in seconds.
fn cpu_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}
