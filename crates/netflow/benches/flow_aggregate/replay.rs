//! The sender: datagrams made before, sent at a rate, numbered on and on.

use std::{
    collections::VecDeque,
    io::IoSlice,
    net::{SocketAddr, SocketAddrV4},
    os::fd::AsRawFd,
    thread,
    time::{Duration, Instant},
};

use grafolean_collector::time::{Clock, SystemClock};
use grafolean_netflow::{
    generate::{Exporter, Families, Setup, Traffic},
    record::Protocol,
};
use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrIn, sendmmsg};
use socket2::{Domain, Socket, Type};

const BATCH: usize = 32;
const PAUSE: Duration = Duration::from_micros(200);

pub(crate) struct Replay {
    /// Each with its flows.
    pub(crate) datagrams: Vec<(Vec<u8>, u64)>,
}

/// What was sent.
#[derive(Clone, Copy, Default)]
pub(crate) struct Sent {
    pub(crate) datagrams: u64,
    pub(crate) flows: u64,
}

impl Replay {
    /// Creates flows between so many pairs.
    pub(crate) fn new(pairs: u32, flows: u64) -> Self {
        let now = SystemClock.now();
        let boot = now - Duration::from_secs(3_600);
        let mut exporter =
            Exporter::new(Setup { protocol: Protocol::Netflow9, domain: 1, sampling: 1, boot });
        let mut traffic = Traffic::new(1, pairs, Families::V4);
        let (mut datagrams, mut waiting) = (Vec::new(), VecDeque::new());
        while exporter.totals().flows < flows {
            waiting.extend((waiting.len()..64).map(|_| traffic.flow(now)));
            let (mut datagram, before) = (Vec::new(), exporter.totals().flows);
            exporter.export(now, &mut waiting, &mut datagram);
            datagrams.push((datagram, exporter.totals().flows - before));
        }
        Self { datagrams }
    }

    /// Sends so many flows a second for a while, all of them again and again.
    pub(crate) fn send(&self, to: SocketAddr, rate: u64, span: Duration) -> Sent {
        let SocketAddr::V4(to) = to else { panic!("{to}") };
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, None).unwrap();
        let (began, mut sent, mut batch) = (Instant::now(), Sent::default(), Vec::with_capacity(BATCH));
        let mut datagrams = self.datagrams.iter().cycle();
        loop {
            let elapsed = began.elapsed().min(span);
            let due = (elapsed.as_secs_f64() * rate as f64) as u64;
            while sent.flows < due {
                for (datagram, flows) in datagrams.by_ref().take(BATCH) {
                    let mut datagram = datagram.clone();
                    datagram[12..16].copy_from_slice(&(sent.datagrams as u32).to_be_bytes());
                    batch.push(datagram);
                    sent.datagrams += 1;
                    sent.flows += flows;
                }
                send_all(&socket, to, &batch);
                batch.clear();
            }
            if elapsed >= span {
                return sent;
            }
            thread::sleep(PAUSE);
        }
    }
}

fn send_all(socket: &Socket, to: SocketAddrV4, batch: &[Vec<u8>]) {
    let slices: Vec<_> = batch.iter().map(|datagram| [IoSlice::new(datagram)]).collect();
    let addresses = vec![Some(SockaddrIn::from(to)); batch.len()];
    let mut headers = MultiHeaders::preallocate(batch.len(), None);
    sendmmsg(socket.as_raw_fd(), &mut headers, slices.iter(), &addresses, [], MsgFlags::empty()).unwrap();
}
