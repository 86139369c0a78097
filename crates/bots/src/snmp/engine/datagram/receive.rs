//! From the socket to the exchange.

use std::{io::IoSliceMut, net::SocketAddr, os::fd::AsRawFd};

use nix::{
    cmsg_space,
    errno::Errno,
    sys::socket::{ControlMessageOwned, MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg},
};
use tokio::net::UdpSocket;

use super::SharedSocket;
use crate::snmp::engine::clock;

/// Datagrams read by one system call; more bring little.
const BATCH: usize = 64;

/// Room for the largest datagram, and a little more, lest all begin in the same few lines of the processor's cache. Memory
/// that is never written costs nothing.
const ROOM: usize = 65_536 + 4_416;

/// Whether more may wait at the socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Remaining {
    Nothing,
    Perhaps,
}

/// Reads the socket.
pub(super) struct Receiver {
    buffer: Vec<u8>,
    /// The kernel's count of drops, which wraps.
    drops: u32,
}

impl Receiver {
    pub(super) fn new() -> Self {
        Self { buffer: vec![0; BATCH * ROOM], drops: 0 }
    }

    /// Hands on what has arrived, one batch of it.
    pub(super) fn receive(&mut self, socket: &UdpSocket, shared: &SharedSocket) -> Remaining {
        // The headers are made anew each time: the kernel writes into them how much room it used.
        let mut headers = MultiHeaders::<SockaddrStorage>::preallocate(BATCH, Some(cmsg_space!(u32)));
        let mut slices: Vec<_> =
            self.buffer.chunks_exact_mut(ROOM).map(|room| [IoSliceMut::new(room)]).collect();
        let flags = MsgFlags::MSG_DONTWAIT;
        let messages = match recvmmsg(socket.as_raw_fd(), &mut headers, slices.iter_mut(), flags, None) {
            Ok(messages) => messages,
            Err(Errno::EAGAIN) => return Remaining::Nothing,
            // Interrupted, or told of something that was sent before.
            Err(_) => return Remaining::Perhaps,
        };
        let at = clock::now();
        let mut exchange = shared.exchange();
        let mut received = 0;
        for message in messages {
            received += 1;
            for control in message.cmsgs().into_iter().flatten() {
                if let ControlMessageOwned::RxqOvfl(drops) = control {
                    shared.traffic().kernel_drops.inc_by(drops.wrapping_sub(self.drops).into());
                    self.drops = drops;
                }
            }
            let datagram = message.iovs().next().unwrap_or_default();
            if let Some(from) = message.address.as_ref().and_then(source) {
                exchange.receive(datagram, from, at);
            }
        }
        if received < BATCH { Remaining::Nothing } else { Remaining::Perhaps }
    }
}

fn source(address: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = address.as_sockaddr_in().map(|address| SocketAddr::V4((*address).into()));
    v4.or_else(|| address.as_sockaddr_in6().map(|address| SocketAddr::V6((*address).into())))
}
