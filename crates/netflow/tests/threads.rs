//! Several threads that receive: the kernel spreads sessions over them, and what is told is the same.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

#[path = "fixture/driven.rs"]
mod driven;
#[path = "fixture/local.rs"]
mod local;

use std::{
    collections::VecDeque,
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    num::NonZeroUsize,
    path::Path,
    thread,
    time::Duration,
};

use grafolean_collector::time::{Clock, SystemClock};
use grafolean_netflow::{
    bot::{NetflowBot, Options},
    generate::{Exporter, Families, Setup, Traffic},
    receive::Listen,
    record::Protocol,
};
use local::bytes_of;

/// Datagrams of one session, which go to two ports in turn and so to two threads.
const DATAGRAMS: u64 = 40;

fn open(threads: usize, folder: Option<&Path>) -> NetflowBot {
    let both = [SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), SocketAddr::from((Ipv4Addr::LOCALHOST, 0))];
    let listen = Listen { threads: NonZeroUsize::new(threads).unwrap(), ..Listen::on(both) };
    let bot = local::open(&Options { folder: folder.map(Path::to_owned), ..Options::on(listen) });
    assert_eq!(bot.addresses().len(), 2, "one a port, whatever the threads");
    bot
}

/// An exporter that speaks to both ports, and what it sent.
struct Session {
    socket: UdpSocket,
    exporter: Exporter,
    traffic: Traffic,
}

impl Session {
    fn new() -> Self {
        let boot = SystemClock.now() - Duration::from_secs(60);
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let exporter = Exporter::new(Setup { protocol: Protocol::Netflow9, domain: 1, sampling: 10, boot });
        Self { socket, exporter, traffic: Traffic::new(9, 300, Families::Mixed) }
    }

    /// Sends datagrams to both ports in turn; the first one ever holds the templates and the sampling.
    fn send(&mut self, bot: &NetflowBot) {
        let before = bot.metrics().datagrams.get();
        for sent in 1..=DATAGRAMS {
            let now = SystemClock.now();
            let mut flows: VecDeque<_> = (0..10).map(|_| self.traffic.flow(now)).collect();
            let mut datagram = Vec::new();
            self.exporter.export(now, &mut flows, &mut datagram);
            self.socket.send_to(&datagram, bot.addresses()[usize::from(sent % 2 == 0)]).unwrap();
            while bot.metrics().datagrams.get() < before + sent {
                thread::yield_now();
            }
        }
    }
}

#[tokio::test]
async fn templates_and_samplings_that_one_thread_was_told_hold_on_all() {
    let (bot, mut session) = (open(4, None), Session::new());
    session.send(&bot);
    assert_eq!(bytes_of(&bot).await, (session.exporter.totals().bytes * 10) as f64);
}

#[tokio::test]
async fn a_restart_with_fewer_or_more_threads_has_all_that_was_open() {
    let (folder, mut session) = (tempfile::tempdir().unwrap(), Session::new());
    for threads in [4, 1, 3] {
        session.send(&open(threads, Some(folder.path())));
    }
    let bot = open(2, Some(folder.path()));
    assert_eq!(bytes_of(&bot).await, (session.exporter.totals().bytes * 10) as f64);
}
