//! From the exchange to the sockets.

use std::{
    io::IoSlice,
    net::{IpAddr, SocketAddr, SocketAddrV6},
    time::Instant,
};

use nix::{
    errno::Errno,
    sys::socket::{MsgFlags, MultiHeaders, SockaddrStorage, sendmmsg},
};

use super::{
    exchange::{Exchange, Outgoing},
    probe::{Probe, Reason},
    socket::IcmpSocket,
};
use crate::ping::codec::{EchoRequest, Family};

/// Requests handed over by one system call.
const BATCH: usize = 16;

/// How often a request is handed over again after an error. A datagram socket reports an error about an earlier
/// request to whoever calls next, once each; an error of this request comes every time.
const MOST_ATTEMPTS: usize = 3;

/// Sends what is due.
pub(super) struct Sender {
    bytes: Vec<u8>,
}

type Due = (Outgoing, Probe, EchoRequest);

impl Sender {
    pub(super) fn new() -> Self {
        Self { bytes: Vec::new() }
    }

    /// Sends at most `most` requests, as many as there are; gives how many were tried.
    pub(super) fn send(&mut self, sockets: &[IcmpSocket], exchange: &mut Exchange, most: usize) -> usize {
        let due = exchange.outgoing(most, Instant::now());
        let tried = due.len();
        for family in [Family::V4, Family::V6] {
            let of_family: Vec<_> =
                due.iter().copied().filter(|(.., request)| request.family == family).collect();
            match sockets.iter().find(|socket| socket.family == family) {
                Some(socket) => {
                    for batch in of_family.chunks(BATCH) {
                        self.send_batch(socket, exchange, batch);
                    }
                }
                None => {
                    for (outgoing, ..) in of_family {
                        exchange.unsendable(outgoing, Reason::NoSocket, Instant::now());
                    }
                }
            }
        }
        tried
    }

    fn send_batch(&mut self, socket: &IcmpSocket, exchange: &mut Exchange, mut batch: &[Due]) {
        let mut attempts = 0;
        while let Some(((outgoing, ..), rest)) = batch.split_first() {
            let now = Instant::now();
            match self.hand_over(socket, batch) {
                Ok(taken) => {
                    let (sent, left) = batch.split_at(taken.min(batch.len()));
                    for (outgoing, ..) in sent {
                        exchange.sent(*outgoing, now);
                    }
                    batch = left;
                    attempts = 0;
                }
                Err(Errno::EINTR) => {}
                Err(_) if attempts + 1 < MOST_ATTEMPTS => attempts += 1,
                Err(errno) if Reason::of_send(errno) == Reason::NoBuffers => {
                    // Whatever follows would fare the same.
                    batch.iter().rev().for_each(|(outgoing, ..)| exchange.crowded_out(*outgoing, now));
                    return;
                }
                Err(errno) => {
                    exchange.unsendable(*outgoing, Reason::of_send(errno), now);
                    batch = rest;
                    attempts = 0;
                }
            }
        }
    }

    fn hand_over(&mut self, socket: &IcmpSocket, batch: &[Due]) -> nix::Result<usize> {
        self.bytes.clear();
        let mut ends = Vec::with_capacity(BATCH);
        for (.., request) in batch {
            request.encode(&mut self.bytes);
            ends.push(self.bytes.len());
        }
        let mut start = 0;
        let slices: Vec<_> = ends
            .into_iter()
            .map(|end| {
                let message = self.bytes.get(start..end).unwrap_or_default();
                start = end;
                [IoSlice::new(message)]
            })
            .collect();
        let addresses: Vec<_> = batch.iter().map(|(_, probe, _)| Some(sockaddr(probe))).collect();
        let mut headers = MultiHeaders::preallocate(batch.len(), None);
        let sent =
            sendmmsg(socket.fd(), &mut headers, slices.iter(), &addresses, [], MsgFlags::MSG_DONTWAIT)?;
        Ok(sent.count())
    }
}

fn sockaddr(probe: &Probe) -> SockaddrStorage {
    SockaddrStorage::from(match probe.address {
        IpAddr::V4(address) => SocketAddr::from((address, 0)),
        IpAddr::V6(address) => SocketAddrV6::new(address, 0, 0, probe.scope).into(),
    })
}
