//! The socket itself.

use std::{
    io,
    net::{IpAddr, SocketAddr, UdpSocket},
};

use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, Protocol, Socket, Type};
use tracing::warn;

/// The kernel's buffer for replies that have not been read. It books twice of what is asked for, for its own needs. Where
/// it allows less, fewer requests are under way at a time.
const RECEIVE_BUFFER: usize = 4 << 20;

/// Less than this is told: the kernel's usual limit without any setting.
const LEAST_BUFFER: usize = 200 << 10;

/// Opens a socket on a free port of an address; gives it and how many octets of replies its buffer takes.
pub(super) fn open(local: IpAddr) -> io::Result<(UdpSocket, usize)> {
    let local = SocketAddr::new(local, 0);
    let socket = Socket::new(Domain::for_address(local), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    if local.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    setsockopt(&socket, sockopt::RxqOvfl, &1)?;
    // Beyond the system's limit where we are allowed to, else up to it.
    if setsockopt(&socket, sockopt::RcvBufForce, &RECEIVE_BUFFER).is_err() {
        socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
    }
    let granted = socket.recv_buffer_size()?;
    if granted < LEAST_BUFFER {
        warn!(granted, "the kernel grants a small receive buffer: sysctl net.core.rmem_max would allow more");
    }
    socket.bind(&local.into())?;
    Ok((socket.into(), granted))
}
