//! `grafolean flow tail --json`, by recorded datagrams of many vendors. Skipped where the recordings are not.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    missing_docs
)]

#[path = "../../netflow/tests/fixture/captures.rs"]
mod captures;
#[path = "../../netflow/tests/fixture/verdicts.rs"]
mod verdicts;
mod world;

use std::{
    collections::{BTreeMap, HashMap},
    io::{BufRead, BufReader, Lines},
    net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket},
    process::{ChildStdout, Stdio},
    time::Duration,
};

use captures::{Capture, Normal, captures, golden};
use grafolean_collector::time::{Clock, SystemClock};
use grafolean_netflow::{
    generate::{Exporter, Setup},
    record::Protocol,
};
use nix::sys::signal::Signal;
use serde_json::Value;
use verdicts::{VERDICTS, Verdict};
use world::{Process, grafolean};

/// Datagrams sent before they are waited for: as many as the smallest socket buffer holds.
const AT_ONCE: usize = 8;
/// Who sends the flow that is waited for.
const MARKER: Ipv4Addr = Ipv4Addr::new(127, 255, 0, 1);

/// `flow tail` at work.
struct Tail {
    process: Process,
    lines: Lines<BufReader<ChildStdout>>,
    to: SocketAddr,
    marker: (UdpSocket, Vec<u8>),
    sockets: HashMap<Ipv4Addr, UdpSocket>,
    seen: HashMap<IpAddr, Vec<Value>>,
}

fn socket(address: Ipv4Addr) -> UdpSocket {
    UdpSocket::bind((address, 0)).unwrap()
}

/// A datagram of one flow that needs no template.
fn marker() -> Vec<u8> {
    let boot = SystemClock.now() - Duration::from_secs(60);
    let mut exporter = Exporter::new(Setup { protocol: Protocol::Netflow5, domain: 1, sampling: 1, boot });
    let flow = grafolean_netflow::record::Flow {
        source: Some(MARKER.into()),
        destination: Some(MARKER.into()),
        ..Default::default()
    };
    let mut datagram = Vec::new();
    exporter.export(SystemClock.now(), &mut [flow].into(), &mut datagram);
    datagram
}

impl Tail {
    fn start(folder: &std::path::Path) -> Self {
        let mut command = grafolean(folder);
        command.args(["flow", "tail", "--listen", "127.0.0.1:0", "--json", "--log", "error"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut told = String::new();
        BufReader::new(child.stderr.take().unwrap()).read_line(&mut told).unwrap();
        let to = told.trim().strip_prefix("listening on UDP ").unwrap().parse().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self {
            process: Process::of(child),
            lines,
            to,
            marker: (socket(MARKER), marker()),
            sockets: HashMap::new(),
            seen: HashMap::new(),
        }
    }

    /// Sends a capture's datagrams, each exporter from an address of its own.
    fn replay(&mut self, number: u8, capture: &Capture) {
        for datagrams in capture.datagrams().chunks(AT_ONCE) {
            for (exporter, payload) in datagrams {
                let socket = self.sockets.entry(address(number, *exporter));
                let from = address(number, *exporter);
                socket.or_insert_with(|| self::socket(from)).send_to(payload, self.to).unwrap();
            }
            self.catch_up();
        }
    }

    /// Waits until all that was sent is shown.
    fn catch_up(&mut self) {
        self.marker.0.send_to(&self.marker.1, self.to).unwrap();
        loop {
            let line: Value = serde_json::from_str(&self.lines.next().unwrap().unwrap()).unwrap();
            let exporter: IpAddr = line["exporter"].as_str().unwrap().parse().unwrap();
            if exporter == IpAddr::V4(MARKER) {
                return;
            }
            self.seen.entry(exporter).or_default().push(line);
        }
    }
}

fn address(capture: u8, exporter: u32) -> Ipv4Addr {
    let [.., high, low] = exporter.to_be_bytes();
    Ipv4Addr::new(127, capture + 1, high, low + 1)
}

/// What a line says in the words of the oracles: delta counts of the way there; sFlow's packets are samples.
fn normal(line: &Value, sampled: bool) -> Option<Normal> {
    let flow = golden(line);
    let delta = line["counter"] == "delta";
    (line["way"] == "forward").then(|| Normal {
        bytes: flow.bytes.filter(|_| delta),
        packets: flow.packets.filter(|_| delta && !sampled),
        ..flow
    })
}

fn counted<'a>(flows: impl IntoIterator<Item = &'a Normal>) -> BTreeMap<&'a Normal, usize> {
    let mut count = BTreeMap::new();
    flows.into_iter().for_each(|flow| *count.entry(flow).or_default() += 1);
    count
}

fn sums(flows: &[Normal]) -> (u64, u64) {
    (flows.iter().filter_map(|flow| flow.bytes).sum(), flows.iter().filter_map(|flow| flow.packets).sum())
}

/// Returns how what was shown differs from what is right.
fn judge(capture: &Capture, lines: &[Value]) -> Vec<String> {
    let sampled = capture.payloads().any(|payload| payload.starts_with(&[0, 0, 0, 5]));
    let ours: Vec<Normal> = lines.iter().filter_map(|line| normal(line, sampled)).collect();
    let verdict = VERDICTS.iter().find(|(id, ..)| *id == capture.id).map(|(_, verdict, _)| *verdict);
    if let Some(Verdict::Is { flows, bytes }) = verdict {
        let sum: u64 = lines.iter().filter_map(|line| line["bytes"].as_u64()).sum();
        return if (lines.len(), sum) == (flows, bytes) {
            Vec::new()
        } else {
            vec![format!("{} flows of {sum} bytes", lines.len())]
        };
    }
    let mut found = Vec::new();
    for oracle in capture.oracles() {
        let right = match verdict {
            Some(Verdict::Agrees(name)) => oracle.name == name,
            Some(_) => false,
            None => true,
        };
        let (own, theirs) = (counted(&ours), counted(&oracle.flows));
        let agrees = if oracle.sums_only {
            sums(&ours) == sums(&oracle.flows)
        } else if oracle.partial {
            theirs.iter().all(|(flow, count)| own.get(flow).is_some_and(|own| own >= count))
        } else {
            own == theirs
        };
        if right && !agrees {
            found.push(format!("{}: {} flows, {} shown", oracle.name, oracle.flows.len(), ours.len()));
        }
    }
    found
}

#[test]
fn every_capture_is_shown_flow_by_flow_as_other_decoders_see_it() {
    let Some(captures) = captures() else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut tail = Tail::start(folder.path());
    for (number, capture) in (0..).zip(&captures) {
        tail.replay(number, capture);
    }
    let mut wrong = Vec::new();
    for (number, capture) in (0_u8..).zip(&captures) {
        let of_capture =
            |exporter: &IpAddr| matches!(exporter, IpAddr::V4(it) if it.octets()[1] == number + 1);
        let lines: Vec<Value> = tail
            .seen
            .iter()
            .filter(|(exporter, _)| of_capture(exporter))
            .flat_map(|(_, lines)| lines.clone())
            .collect();
        wrong.extend(judge(capture, &lines).into_iter().map(|how| format!("{}: {how}", capture.id)));
    }
    assert!(captures.len() >= 127 && wrong.is_empty(), "{} captures\n{}", captures.len(), wrong.join("\n"));
    assert!(tail.process.end(Signal::SIGINT).success());
}
