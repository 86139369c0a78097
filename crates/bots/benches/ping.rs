//! How many targets can be pinged, and at what cost: 10,000 addresses of loopback, one packet a second each.
//!
//! Prints `name value unit`, one a line. Beside the engine, in the same run: the least that any program could take
//! (bare `sendmmsg` and `recvmmsg`, nothing looked at), and fping where it is installed. `error` is by how much a round
//! trip is measured too long on a network whose delay is known: a TUN device, in a namespace of its own (takes root).
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::cast_sign_loss,
    clippy::cast_possible_truncation
)]

use std::{
    env,
    io::{BufRead, BufReader, IoSlice, IoSliceMut, Write},
    net::{Ipv4Addr, SocketAddrV4},
    os::fd::AsRawFd,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use grafolean_bots::ping::{
    codec::{EchoRequest, Family, Tag},
    engine::{OpenError, Options, Pinger, Probe, SocketChoice, SocketKind},
};
use nix::sys::{
    resource::{UsageWho, getrusage},
    socket::{MsgFlags, MultiHeaders, SockaddrIn, recvmmsg, sendmmsg, setsockopt, sockopt},
};
use socket2::{Domain, Protocol, Socket, Type};

const TARGETS: u32 = 10_000;
const PACKETS: u16 = 10;
const PINGS: f64 = TARGETS as f64 * PACKETS as f64;

fn main() {
    // Cargo's own arguments begin with a dash; any other names the one part to run.
    let wanted = env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let parts: [(&str, fn()); 5] = [
        ("raw", || engine("raw", SocketKind::Raw)),
        ("datagram", || engine("datagram", SocketKind::Datagram)),
        ("bare", bare),
        ("fping", fping),
        ("error", error),
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

/// The middle of some microseconds, and what one in a hundred exceeds.
fn ranks(name: &str, mut micros: Vec<f64>) {
    micros.sort_by(f64::total_cmp);
    let rank = |share: f64| micros.get((micros.len() as f64 * share) as usize).copied().unwrap_or(f64::NAN);
    line(&format!("{name}_median"), rank(0.5), "us");
    line(&format!("{name}_p99"), rank(0.99), "us");
}

fn target(number: u32) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(Ipv4Addr::new(127, 1, 0, 0)) + number)
}

fn cpu(who: UsageWho) -> Duration {
    let usage = getrusage(who).unwrap();
    let micros =
        |time: nix::sys::time::TimeVal| u64::try_from(time.tv_sec() * 1_000_000 + time.tv_usec()).unwrap();
    Duration::from_micros(micros(usage.user_time()) + micros(usage.system_time()))
}

fn engine(name: &str, kind: SocketKind) {
    let pinger = match Pinger::open(Options { sockets: SocketChoice::Only(kind), ..Options::default() }) {
        Ok(pinger) => pinger,
        Err(OpenError::NotPermitted(_)) => return println!("skipped: a {name} socket is not permitted"),
        Err(error) => panic!("{error}"),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (began, used) = (Instant::now(), cpu(UsageWho::RUSAGE_SELF));
    let outcomes = runtime.block_on(async {
        let probe = |number| Probe {
            packets: PACKETS,
            gap: Duration::from_secs(1),
            timeout: Duration::from_secs(1),
            ..Probe::to(target(number).into())
        };
        join_all((0..TARGETS).map(|number| pinger.ping(probe(number)))).await
    });
    let (took, used) = (began.elapsed(), cpu(UsageWho::RUSAGE_SELF) - used);
    let packets = outcomes.into_iter().flat_map(|outcome| outcome.unwrap().packets);
    let rtts: Vec<f64> = packets.filter_map(|packet| packet.rtt).map(|rtt| rtt.as_secs_f64() * 1e6).collect();
    line(&format!("ping_{name}_lost"), PINGS - rtts.len() as f64, "packets");
    line(&format!("ping_{name}_cpu"), used.as_secs_f64() * 1e6 / PINGS, "us/ping");
    line(&format!("ping_{name}_took"), took.as_secs_f64(), "s");
    ranks(&format!("ping_{name}_rtt"), rtts);
    line(&format!("ping_{name}_kernel_drops"), pinger.metrics().kernel_drops.get() as f64, "messages");
}

/// Sends and receives as many in batches, and does nothing else.
fn bare() {
    const BATCH: u16 = 64;
    let Ok(socket) = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::ICMPV4)) else { return };
    let _ = setsockopt(&socket, sockopt::RcvBufForce, &(8 << 20));
    let tag = Tag { slot: 0, generation: 0, cookie: 0 };
    let mut request = Vec::new();
    EchoRequest { family: Family::V4, id: 0x6262, sequence: 0, tag, payload: 56 }.encode(&mut request);
    let mut room = vec![0_u8; usize::from(BATCH) * 256];
    let used = cpu(UsageWho::RUSAGE_SELF);
    let mut replies = 0_u32;
    for first in (0..u32::from(PACKETS) * TARGETS).step_by(BATCH.into()) {
        let addresses: Vec<_> = (0..u32::from(BATCH))
            .map(|offset| Some(SockaddrIn::from(SocketAddrV4::new(target((first + offset) % TARGETS), 0))))
            .collect();
        let slices = vec![[IoSlice::new(&request)]; BATCH.into()];
        let mut headers = MultiHeaders::preallocate(BATCH.into(), None);
        let flags = MsgFlags::MSG_DONTWAIT;
        sendmmsg(socket.as_raw_fd(), &mut headers, slices.iter(), &addresses, [], flags).unwrap();
        loop {
            let mut headers = MultiHeaders::<SockaddrIn>::preallocate(BATCH.into(), None);
            let mut slices: Vec<_> = room.chunks_exact_mut(256).map(|room| [IoSliceMut::new(room)]).collect();
            let Ok(messages) = recvmmsg(socket.as_raw_fd(), &mut headers, slices.iter_mut(), flags, None)
            else {
                break;
            };
            replies += messages
                .filter_map(|message| message.iovs().next())
                .map(|b| u32::from(b.get(20) == Some(&0)))
                .sum::<u32>();
        }
    }
    let used = cpu(UsageWho::RUSAGE_SELF) - used;
    line("bare_cpu", used.as_secs_f64() * 1e6 / f64::from(replies), "us/ping");
}

fn fping() {
    let count = PACKETS.to_string();
    let used = cpu(UsageWho::RUSAGE_CHILDREN);
    // A period of a second and one packet each 100 us is what the engine does; fping's usual is 10 ms.
    let spawned = Command::new("fping")
        .args(["-q", "-C", &count, "-p", "1000", "-i", "0.1", "-t", "1000"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = spawned else { return println!("skipped: fping is not installed") };
    let mut targets = child.stdin.take().unwrap();
    for number in 0..TARGETS {
        writeln!(targets, "{}", target(number)).unwrap();
    }
    drop(targets);
    let output = child.wait_with_output().unwrap();
    let used = cpu(UsageWho::RUSAGE_CHILDREN) - used;
    let said = String::from_utf8_lossy(&output.stderr);
    let lost = said
        .lines()
        .filter_map(|line| line.split_once(" : "))
        .flat_map(|(_, rtts)| rtts.split(' '))
        .filter(|rtt| *rtt == "-");
    line("fping_lost", lost.count() as f64, "packets");
    line("fping_cpu", used.as_secs_f64() * 1e6 / PINGS, "us/ping");
}

fn error() {
    const INSIDE: &str = "GRAFOLEAN_BENCH_NAMESPACE";
    const DELAY_MS: f64 = 20.0;
    const COUNT: &str = "300";
    if env::var_os(INSIDE).is_none() {
        let mut inside = Command::new("unshare");
        inside.arg("--net").arg(env::current_exe().unwrap()).arg("error").env(INSIDE, "1");
        if !inside.status().is_ok_and(|status| status.success()) {
            println!("skipped: no network namespace can be made");
        }
        return;
    }
    // Before all others on its core, so that what is measured is our error and not the other side's wait for a core.
    let mut peer = Command::new("chrt")
        .args([
            "-f",
            "1",
            "python3",
            concat!(env!("CARGO_MANIFEST_DIR"), "/tests/ping_network/peer.py"),
            "awake",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    BufReader::new(peer.stdout.take().unwrap()).read_line(&mut String::new()).unwrap();
    let target = Ipv4Addr::new(100, 64, 1, 20);
    let packets = COUNT.parse().unwrap();
    let probe = Probe { packets, gap: Duration::from_millis(10), ..Probe::to(target.into()) };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let outcome = runtime.block_on(Pinger::open(Options::default()).unwrap().ping(probe)).unwrap();
    let rtts = outcome.packets.iter().filter_map(|packet| packet.rtt);
    ranks("ping_error", rtts.map(|rtt| rtt.as_secs_f64() * 1e6 - DELAY_MS * 1e3).collect());
    let fping = Command::new("fping")
        .args(["-q", "-p", "10", "-t", "1000", "-C", COUNT, &target.to_string()])
        .output();
    if let Ok(output) = fping {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let rtts_ms = said.split_whitespace().filter_map(|rtt| rtt.parse::<f64>().ok());
        ranks("fping_error", rtts_ms.map(|rtt_ms| (rtt_ms - DELAY_MS) * 1e3).collect());
    }
    peer.kill().unwrap();
    peer.wait().unwrap();
}
