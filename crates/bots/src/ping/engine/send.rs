//! From the exchange to the sockets.
//!
//! One system call a request, with the clock read just before it. `sendmmsg` saves next to nothing (nearly all of the
//! time is the kernel's way down to the device), but a request would leave some microseconds after its stamp for each
//! one before it in its batch, and they would be measured as the network's.

use std::{
    io::IoSlice,
    net::{IpAddr, SocketAddr, SocketAddrV6, UdpSocket},
    time::Instant,
};

use nix::{
    errno::Errno,
    libc,
    net::if_::if_indextoname,
    sys::socket::{ControlMessage, MsgFlags, SockaddrStorage, sendmsg, sendto},
};

use super::{
    exchange::{Exchange, Outgoing},
    probe::{Header, Probe, Reason, Source},
    socket::IcmpSocket,
};
use crate::ping::codec::{EchoRequest, Family};

/// Bytes that cost as much of the pace as a packet: a long one is as many as its fragments on an Ethernet.
const BYTES_OF_A_PACKET: usize = 1_480;

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

    /// Sends requests as long as they are fewer than `most`, long ones counted as their fragments; returns how many were
    /// tried.
    pub(super) fn send(&mut self, sockets: &mut [IcmpSocket], exchange: &mut Exchange, most: usize) -> usize {
        let mut tried = 0;
        while tried < most
            && let Some((outgoing, probe, request)) = exchange.outgoing(Instant::now())
        {
            tried += 1 + probe.payload_bytes / BYTES_OF_A_PACKET;
            let Some(socket) = sockets.iter_mut().find(|socket| socket.family == request.family) else {
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
        socket: &mut IcmpSocket,
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
            match transmit(socket, &self.bytes, &address, &probe.header) {
                Ok(_) => exchange.sent(outgoing, now),
                Err(_) if attempts < MOST_ATTEMPTS => continue,
                Err(errno) if Reason::of_send(errno) == Reason::NoBuffers => {
                    exchange.requeue(outgoing, now);
                    return false;
                }
                Err(errno) => exchange.unsendable(outgoing, reason(errno, probe.header.source), now),
            }
            return true;
        }
    }
}

/// A kernel answers to a source that is not this machine's in several ways, some of which mean other things too.
fn reason(errno: Errno, source: Option<Source>) -> Reason {
    let is_ours = match source {
        None => true,
        Some(Source::Address(address)) => errno != Errno::EINVAL && UdpSocket::bind((address, 0)).is_ok(),
        Some(Source::Interface(index)) => errno != Errno::EINVAL && if_indextoname(index).is_ok(),
    };
    if is_ours { Reason::of_send(errno) } else { Reason::NoSource }
}

fn transmit(
    socket: &mut IcmpSocket,
    bytes: &[u8],
    address: &SockaddrStorage,
    header: &Header,
) -> nix::Result<usize> {
    socket.forbid_fragments(header.dont_fragment)?;
    let Header { source, dscp, ttl, .. } = *header;
    if (source, dscp, ttl) == (None, None, None) {
        return sendto(socket.fd(), bytes, address, MsgFlags::MSG_DONTWAIT);
    }
    let class = dscp.map(|dscp| dscp << 2);
    let (wide_class, hops) = (class.map(i32::from), ttl.map(libc::c_int::from));
    let mut control = Vec::new();
    let (v4_source, v6_source);
    match socket.family {
        Family::V4 => {
            v4_source = source.map(v4_info).transpose()?;
            control.extend(v4_source.as_ref().map(ControlMessage::Ipv4PacketInfo));
            control.extend(class.as_ref().map(ControlMessage::Ipv4Tos));
            control.extend(hops.as_ref().map(ControlMessage::Ipv4Ttl));
        }
        Family::V6 => {
            v6_source = source.map(v6_info).transpose()?;
            control.extend(v6_source.as_ref().map(ControlMessage::Ipv6PacketInfo));
            control.extend(wide_class.as_ref().map(ControlMessage::Ipv6TClass));
            control.extend(hops.as_ref().map(ControlMessage::Ipv6HopLimit));
        }
    }
    sendmsg(socket.fd(), &[IoSlice::new(bytes)], &control, MsgFlags::MSG_DONTWAIT, Some(address))
}

fn v4_info(source: Source) -> nix::Result<libc::in_pktinfo> {
    let unspecified = libc::in_addr { s_addr: 0 };
    let info = libc::in_pktinfo { ipi_ifindex: 0, ipi_spec_dst: unspecified, ipi_addr: unspecified };
    match source {
        Source::Address(IpAddr::V4(address)) => {
            let address = libc::in_addr { s_addr: u32::from_ne_bytes(address.octets()) };
            Ok(libc::in_pktinfo { ipi_spec_dst: address, ..info })
        }
        Source::Address(IpAddr::V6(_)) => Err(Errno::EINVAL),
        Source::Interface(index) => {
            let ipi_ifindex = libc::c_int::try_from(index).map_err(|_| Errno::ENODEV)?;
            Ok(libc::in_pktinfo { ipi_ifindex, ..info })
        }
    }
}

fn v6_info(source: Source) -> nix::Result<libc::in6_pktinfo> {
    let unspecified = libc::in6_addr { s6_addr: [0; 16] };
    match source {
        Source::Address(IpAddr::V6(address)) => {
            let ipi6_addr = libc::in6_addr { s6_addr: address.octets() };
            Ok(libc::in6_pktinfo { ipi6_addr, ipi6_ifindex: 0 })
        }
        Source::Address(IpAddr::V4(_)) => Err(Errno::EINVAL),
        Source::Interface(index) => Ok(libc::in6_pktinfo { ipi6_addr: unspecified, ipi6_ifindex: index }),
    }
}

fn sockaddr(probe: &Probe) -> SockaddrStorage {
    SockaddrStorage::from(match probe.address {
        IpAddr::V4(address) => SocketAddr::from((address, 0)),
        IpAddr::V6(address) => SocketAddrV6::new(address, 0, 0, probe.scope).into(),
    })
}
