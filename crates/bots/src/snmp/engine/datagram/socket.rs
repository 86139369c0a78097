//! The socket itself: opened, and read into the exchange.

use std::{
    io,
    net::{IpAddr, SocketAddr},
};

use grafolean_datagram::{BATCH_MAX, DropCounter, Reader, Wait, count_drops, set_receive_buffer};
use nix::errno::Errno;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;
use tracing::warn;

use super::SharedSocket;
use crate::snmp::engine::clock;

/// The kernel's buffer for replies that have not been read. Where it allows less, fewer requests are under way at a time.
const RECEIVE_BUFFER: usize = 4 << 20;

/// Less than this is told: the kernel's usual limit without any setting.
const LEAST_BUFFER: usize = 100 << 10;

/// Opens a socket on a free port of an address; returns it and how many octets of replies its buffer takes.
pub(super) fn open(local: IpAddr) -> io::Result<(std::net::UdpSocket, usize)> {
    let local = SocketAddr::new(local, 0);
    let socket = Socket::new(Domain::for_address(local), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    if local.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    count_drops(&socket)?;
    let granted = set_receive_buffer(&socket, RECEIVE_BUFFER)?;
    if granted < LEAST_BUFFER {
        warn!(granted, "the kernel grants a small receive buffer: sysctl net.core.rmem_max would allow more");
    }
    socket.bind(&local.into())?;
    // The kernel books a datagram with its own needs, for which it has as much again.
    Ok((socket.into(), granted * 2))
}

/// Whether more may wait at the socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Remaining {
    Nothing,
    Perhaps,
}

/// Reads the socket.
#[derive(Default)]
pub(super) struct Receiver {
    reader: Reader,
    drops: DropCounter,
}

impl Receiver {
    /// Hands on what has arrived, one batch of it.
    pub(super) fn receive(&mut self, socket: &UdpSocket, shared: &SharedSocket) -> Remaining {
        let read = self.reader.read(socket, Wait::Never, &mut self.drops, |batch| {
            let at = clock::now();
            shared.traffic().kernel_drops.inc_by(batch.kernel_drops.into());
            let mut exchange = shared.exchange();
            for received in &batch.datagrams {
                exchange.receive(received.payload, received.from, at);
            }
            batch.read
        });
        match read {
            Ok(BATCH_MAX..) => Remaining::Perhaps,
            Ok(_) | Err(Errno::EAGAIN) => Remaining::Nothing,
            // Interrupted, or told of something that was sent before.
            Err(_) => Remaining::Perhaps,
        }
    }
}
