//! From the exchange to the sockets.
//!
//! One system call a request, with the clock read just before it. `sendmmsg` saves next to nothing (nearly all of the
//! time is the kernel's way down to the device), but a request would leave some microseconds after its stamp for each
//! one before it in its batch, and they would be measured as the network's.

use std::{
    net::{IpAddr, SocketAddr, SocketAddrV6},
    time::Instant,
};

use nix::sys::socket::{MsgFlags, SockaddrStorage, sendto};

use super::{
    exchange::{Exchange, Outgoing},
    probe::{Probe, Reason},
    socket::IcmpSocket,
};
use crate::ping::codec::EchoRequest;

/// How often a request is handed over again after an error. A datagram socket reports an error about an earlier
/// request to whoever calls next, once each; an error of this request comes every time.
const MOST_ATTEMPTS: usize = 3;

/// Sends what is due.
pub(super) struct Sender {
    bytes: Vec<u8>,
}

impl Sender {
    pub(super) fn new() -> Self {
        Self { bytes: Vec::new() }
    }

    /// Sends at most `most` requests, as many as there are; gives how many were tried.
    pub(super) fn send(&mut self, sockets: &[IcmpSocket], exchange: &mut Exchange, most: usize) -> usize {
        let mut tried = 0;
        while tried < most
            && let Some((outgoing, probe, request)) = exchange.outgoing(Instant::now())
        {
            tried += 1;
            let Some(socket) = sockets.iter().find(|socket| socket.family == request.family) else {
                exchange.unsendable(outgoing, Reason::NoSocket, Instant::now());
                continue;
            };
            if !self.send_one(socket, exchange, outgoing, &probe, &request) {
                break;
            }
        }
        tried
    }

    /// Sends one request. False if the kernel has no room, so that whatever follows would fare the same.
    fn send_one(
        &mut self,
        socket: &IcmpSocket,
        exchange: &mut Exchange,
        outgoing: Outgoing,
        probe: &Probe,
        request: &EchoRequest,
    ) -> bool {
        self.bytes.clear();
        request.encode(&mut self.bytes);
        let address = sockaddr(probe);
        let mut attempts = 0;
        loop {
            attempts += 1;
            let now = Instant::now();
            match sendto(socket.fd(), &self.bytes, &address, MsgFlags::MSG_DONTWAIT) {
                Ok(_) => exchange.sent(outgoing, now),
                Err(_) if attempts < MOST_ATTEMPTS => continue,
                Err(errno) if Reason::of_send(errno) == Reason::NoBuffers => {
                    exchange.crowded_out(outgoing, now);
                    return false;
                }
                Err(errno) => exchange.unsendable(outgoing, Reason::of_send(errno), now),
            }
            return true;
        }
    }
}

fn sockaddr(probe: &Probe) -> SockaddrStorage {
    SockaddrStorage::from(match probe.address {
        IpAddr::V4(address) => SocketAddr::from((address, 0)),
        IpAddr::V6(address) => SocketAddrV6::new(address, 0, 0, probe.scope).into(),
    })
}
