//! Real exporters, fed with packets whose totals they tell themselves; and a second collector beside us.
//!
//! Packets are those of our own generator and, where they lie beside the checkout, recorded ones. A tool that is not
//! installed is told, and its tests pass over: Debian has `softflowd`, `pmacct`, `nfdump` and `nfdump-sflow`.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    missing_docs
)]

mod nfdump;
mod packets;
mod pmacct;
mod softflowd;

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    process::Command,
};

use grafolean_collector::time::Timestamp;
use grafolean_netflow::{
    decoder::Decoder,
    record::{Datagram, Flow, Origin},
};
use nix::sys::socket::{setsockopt, sockopt};

const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);
/// All that one exporter sends here fits into it.
const BUFFER_BYTES: usize = 8 << 20;

/// Packets and bytes by IP protocol; what is no IP packet is left out.
type Sums = BTreeMap<u8, (u64, u64)>;

/// A socket that keeps what an exporter sends until that has ended.
struct Listener {
    socket: UdpSocket,
}

impl Listener {
    fn open() -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        setsockopt(&socket, sockopt::RcvBuf, &BUFFER_BYTES).unwrap();
        Self { socket }
    }

    fn address(&self) -> SocketAddr {
        self.socket.local_addr().unwrap()
    }

    /// Returns what was sent since the last time; on loopback all has arrived when its sender has ended.
    fn heard(&self) -> Vec<Vec<u8>> {
        self.socket.set_nonblocking(true).unwrap();
        let mut room = [0; 65_536];
        let heard =
            std::iter::from_fn(|| self.socket.recv(&mut room).ok().map(|length| room[..length].to_vec()));
        heard.collect()
    }
}

/// Decodes datagrams of one exporter, all of which must be whole. Returns also how many units the ledger has as lost.
fn decoded(datagrams: &[Vec<u8>]) -> (Vec<Flow>, u64) {
    let (mut decoder, mut flows) = (Decoder::default(), Vec::new());
    for payload in datagrams {
        let datagram =
            Datagram { exporter: SocketAddr::from((Ipv4Addr::LOCALHOST, 9)), received: NOW, payload };
        decoder.take(&datagram, &mut |_: &Origin, flow: &Flow| flows.push(*flow)).unwrap();
    }
    let lost =
        decoder.ledger().accounts().map(|(_, account)| account.coverage.lost + account.samples_lost).sum();
    (flows, lost)
}

fn sums(flows: &[Flow]) -> Sums {
    let mut sums = Sums::new();
    for flow in flows {
        let Some(protocol) = flow.protocol else { continue };
        let (packets, bytes) = sums.entry(protocol).or_default();
        *packets += flow.scaled_packets();
        *bytes += flow.scaled_bytes();
    }
    sums
}

/// Whether a tool is there; else it is told.
fn is_there(tool: &str) -> bool {
    let found =
        Command::new("sh").args(["-c", &format!("PATH=$PATH:/usr/sbin:/sbin command -v {tool}")]).output();
    let found = found.unwrap().status.success();
    if !found {
        println!("skipped: {tool} is not installed");
    }
    found
}

/// The same, for a program that lies where administrators' do.
fn tool(name: &str) -> Command {
    let mut command = Command::new(name);
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{path}:/usr/sbin:/sbin"));
    command
}
