//! From a socket's queues to the exchange.

use std::{
    io::IoSliceMut,
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use nix::{
    cmsg_space,
    errno::Errno,
    sys::{
        socket::{
            ControlMessageOwned, MsgFlags, MultiHeaders, RecvMsg, SockaddrIn, SockaddrIn6, SockaddrLike,
            SockaddrStorage, recvmmsg, recvmsg,
        },
        time::TimeSpec,
    },
};

use super::{
    exchange::{Arrival, Exchange},
    metrics::PingMetrics,
    socket::{IcmpSocket, SocketKind},
};
use crate::ping::codec::{Echo, Family, IcmpError, Ipv4Packet, Malformed, Message, Quoted};

/// Messages read by one system call; more bring little.
const BATCH: usize = 64;

/// Room for one message: the longest packet there is. Of each only the pages that are written to cost memory.
const MESSAGE: usize = 65_536;

/// From one message's room to the next: apart by a little more, so that their beginnings do not fight for the same lines
/// of the processor's caches.
const STRIDE: usize = MESSAGE + 4_096 + 64;

/// Batches read in one turn, so that a flood cannot keep requests from being sent. The rest is read a turn later, when
/// an answer among it may be taken for late.
const MOST_BATCHES: usize = 64;

/// Reads what has arrived at sockets.
pub(super) struct Receiver {
    buffer: Vec<u8>,
    metrics: PingMetrics,
}

/// What the kernel says beside the bytes.
#[derive(Default)]
struct Ancillary {
    stamp: Option<Duration>,
    ttl: Option<u8>,
    drops: Option<u32>,
    error: Option<(u8, u8)>,
}

impl Receiver {
    pub(super) fn new(metrics: PingMetrics) -> Self {
        Self { buffer: vec![0; BATCH * STRIDE], metrics }
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
                Ok(BATCH) => {}
                Ok(_) | Err(_) => return,
            }
        }
    }

    fn receive_batch(&mut self, socket: &mut IcmpSocket, exchange: &mut Exchange) -> nix::Result<usize> {
        // The headers are made anew each time: the kernel writes into them how much room it used.
        let control = cmsg_space!(TimeSpec, u32, i32);
        let mut headers = MultiHeaders::<SockaddrStorage>::preallocate(BATCH, Some(control));
        let mut slices: Vec<_> =
            self.buffer.chunks_exact_mut(STRIDE).map(|room| [IoSliceMut::new(room)]).collect();
        let messages = recvmmsg(socket.fd(), &mut headers, slices.iter_mut(), MsgFlags::MSG_DONTWAIT, None)?;
        let clocks = Clocks::read();
        let mut received = 0;
        for message in messages {
            received += 1;
            let ancillary = Ancillary::read(&message);
            if let Some(drops) = ancillary.drops {
                self.metrics.kernel_drops.inc_by(drops.wrapping_sub(socket.drops_seen).into());
                socket.drops_seen = drops;
            }
            let bytes = message.iovs().next().unwrap_or_default();
            let Some(from) = message.address.as_ref().and_then(ip_of) else { continue };
            if message.flags.contains(MsgFlags::MSG_TRUNC) {
                continue;
            }
            let own_ids = socket.kind == SocketKind::Raw;
            let arrival = Arrival { from, at: clocks.moment(ancillary.stamp), ttl: ancillary.ttl, own_ids };
            match read(socket, bytes, arrival) {
                Ok((message, arrival)) => exchange.receive(message, arrival),
                Err(_) => {
                    self.metrics.messages_malformed.inc();
                }
            }
        }
        Ok(received)
    }

    /// Reads the error queue of a datagram socket: the quoted request, with type and code beside it.
    fn receive_errors(&mut self, socket: &IcmpSocket, exchange: &mut Exchange) {
        for _ in 0..MOST_BATCHES * BATCH {
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
        let mut slices = [IoSliceMut::new(&mut self.buffer)];
        let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
        let message = recvmsg::<A>(socket.fd(), &mut slices, Some(&mut control), flags)?;
        let ancillary = Ancillary::read(&message);
        let at = Clocks::read().moment(ancillary.stamp);
        let (bytes, destination) = (message.iovs().next().unwrap_or_default(), message.address.map(ip));
        let error =
            ancillary.error.and_then(|(icmp_type, code)| IcmpError::read(socket.family, icmp_type, code));
        if let (Some(error), Some(destination), Some(request)) = (error, destination, Echo::read(bytes)) {
            let arrival = Arrival { from: destination, at, ttl: None, own_ids: false };
            exchange.receive(Message::Error(error, Quoted { destination, request }), arrival);
        }
        Ok(())
    }
}

/// Reads one message as its socket gives it: a raw IPv4 socket with the IP header in front, and nothing checked.
fn read<'a>(
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

impl Ancillary {
    fn read<A>(message: &RecvMsg<'_, '_, A>) -> Self {
        let mut ancillary = Self::default();
        for control in message.cmsgs().into_iter().flatten() {
            match control {
                ControlMessageOwned::ScmTimestampns(stamp) => ancillary.stamp = Some(stamp.into()),
                ControlMessageOwned::Ipv4Ttl(ttl) | ControlMessageOwned::Ipv6HopLimit(ttl) => {
                    ancillary.ttl = u8::try_from(ttl).ok();
                }
                ControlMessageOwned::RxqOvfl(drops) => ancillary.drops = Some(drops),
                ControlMessageOwned::Ipv4RecvErr(error, _) if error.ee_origin == ORIGIN_ICMP => {
                    ancillary.error = Some((error.ee_type, error.ee_code));
                }
                ControlMessageOwned::Ipv6RecvErr(error, _) if error.ee_origin == ORIGIN_ICMPV6 => {
                    ancillary.error = Some((error.ee_type, error.ee_code));
                }
                _ => {}
            }
        }
        ancillary
    }
}

/// `SO_EE_ORIGIN_ICMP` and `SO_EE_ORIGIN_ICMP6` of the kernel: the error came from the network.
const ORIGIN_ICMP: u8 = 2;
const ORIGIN_ICMPV6: u8 = 3;

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

fn ip_of(address: &SockaddrStorage) -> Option<IpAddr> {
    let v4 = address.as_sockaddr_in().map(|address| IpAddr::from(address.ip()));
    v4.or_else(|| address.as_sockaddr_in6().map(|address| SocketAddr::from(*address).ip()))
}
