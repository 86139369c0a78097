//! From a socket's queues to the exchange.

use std::{
    io::IoSliceMut,
    net::IpAddr,
    os::fd::AsFd,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use grafolean_datagram::{Ancillary, BATCH_MAX, Reader, Wait};
use nix::{
    cmsg_space,
    errno::Errno,
    sys::{
        socket::{MsgFlags, SockaddrIn, SockaddrIn6, SockaddrLike, recvmsg},
        time::TimeSpec,
    },
};

use super::{
    exchange::{Arrival, Exchange},
    metrics::PingMetrics,
    socket::{IcmpSocket, SocketKind},
};
use crate::ping::codec::{Echo, Family, IcmpError, Ipv4Packet, Malformed, Message, Quoted};

/// Batches read in one turn, so that a flood cannot keep requests from being sent. The rest is read a turn later, when
/// an answer among it may be taken for late.
const MOST_BATCHES: usize = 64;

/// Reads what has arrived at sockets.
pub(super) struct Receiver {
    reader: Reader,
    metrics: PingMetrics,
}

impl Receiver {
    pub(super) fn new(metrics: PingMetrics) -> Self {
        Self { reader: Reader::default(), metrics }
    }

    /// Hands everything that waits at a socket to the exchange.
    pub(super) fn receive(&mut self, socket: &mut IcmpSocket, exchange: &mut Exchange) {
        if socket.kind == SocketKind::Datagram {
            self.receive_errors(socket, exchange);
        }
        for _ in 0..MOST_BATCHES {
            match self.receive_batch(socket, exchange) {
                // An error of some earlier request, told here as well: it has come by the error queue.
                Err(errno) if errno != Errno::EAGAIN => {}
                Ok(BATCH_MAX) => {}
                Ok(_) | Err(_) => return,
            }
        }
    }

    fn receive_batch(&mut self, socket: &mut IcmpSocket, exchange: &mut Exchange) -> nix::Result<usize> {
        let Self { reader, metrics } = self;
        let mut drops = socket.drops;
        let read = reader.read(&socket.as_fd(), Wait::Never, &mut drops, |batch| {
            let clocks = Clocks::read();
            metrics.kernel_drops.inc_by(batch.kernel_drops.into());
            for received in batch.datagrams.iter().filter(|received| !received.is_truncated) {
                let (ancillary, own_ids) = (received.ancillary, socket.kind == SocketKind::Raw);
                let (from, at) = (received.from.ip(), clocks.moment(ancillary.stamp));
                let arrival = Arrival { from, at, ttl: ancillary.ttl, own_ids };
                match parse(socket, received.payload, arrival) {
                    Ok((message, arrival)) => exchange.receive(message, arrival),
                    Err(_) => {
                        metrics.messages_malformed.inc();
                    }
                }
            }
            batch.read
        });
        socket.drops = drops;
        read
    }

    /// Reads the error queue of a datagram socket: the quoted request, with type and code beside it.
    fn receive_errors(&mut self, socket: &IcmpSocket, exchange: &mut Exchange) {
        for _ in 0..MOST_BATCHES * BATCH_MAX {
            let told = match socket.family {
                Family::V4 => self.receive_error::<SockaddrIn>(socket, exchange, |to| to.ip().into()),
                Family::V6 => self.receive_error::<SockaddrIn6>(socket, exchange, |to| to.ip().into()),
            };
            if told.is_err() {
                return;
            }
        }
    }

    fn receive_error<A: SockaddrLike>(
        &mut self,
        socket: &IcmpSocket,
        exchange: &mut Exchange,
        ip: impl Fn(A) -> IpAddr,
    ) -> nix::Result<()> {
        let mut control = cmsg_space!(TimeSpec, u32, i32, [u8; 64]);
        let mut slices = [IoSliceMut::new(self.reader.room())];
        let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
        let message = recvmsg::<A>(socket.fd(), &mut slices, Some(&mut control), flags)?;
        let ancillary = Ancillary::read(&message);
        let at = Clocks::read().moment(ancillary.stamp);
        let (bytes, destination) = (message.iovs().next().unwrap_or_default(), message.address.map(ip));
        let error = ancillary
            .icmp_error
            .and_then(|(icmp_type, code)| IcmpError::read(socket.family, icmp_type, code));
        if let (Some(error), Some(destination), Some(request)) = (error, destination, Echo::read(bytes)) {
            let arrival = Arrival { from: destination, at, ttl: None, own_ids: false };
            exchange.receive(Message::Error(error, Quoted { destination, request }), arrival);
        }
        Ok(())
    }
}

/// Parses one message as its socket gives it: a raw IPv4 socket with the IP header in front, and nothing checked.
fn parse<'a>(
    socket: &IcmpSocket,
    bytes: &'a [u8],
    arrival: Arrival,
) -> Result<(Message<'a>, Arrival), Malformed> {
    if (socket.family, socket.kind) == (Family::V4, SocketKind::Raw) {
        let packet = Ipv4Packet::read(bytes)?;
        let arrival = Arrival { ttl: Some(packet.ttl), ..arrival };
        return Ok((Message::read_verified(packet.icmp)?, arrival));
    }
    Ok((Message::read(socket.family, bytes)?, arrival))
}

/// The two clocks at one moment. The kernel stamps by the wall clock, which may be set at any time; the age of a
/// stamp that was made a moment ago brings it over to the clock that only runs on.
struct Clocks {
    wall: Duration,
    steady: Instant,
}

impl Clocks {
    fn read() -> Self {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { wall, steady: Instant::now() }
    }

    /// When a message arrived that was stamped so; without a stamp, when it was read.
    fn moment(&self, stamp: Option<Duration>) -> Instant {
        let age = stamp.map_or(Duration::ZERO, |stamp| self.wall.saturating_sub(stamp));
        self.steady.checked_sub(age).unwrap_or(self.steady)
    }
}
