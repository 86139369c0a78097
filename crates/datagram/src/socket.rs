//! What reading needs of a socket.

use std::io;

use nix::sys::socket::{setsockopt, sockopt};
use socket2::Socket;

/// Asks for a receive buffer of so many octets: beyond the system's limit where this process may, else up to it. Returns how
/// many octets the kernel granted; it books twice of that, to have room for its own needs.
///
/// # Errors
/// Fails where the kernel takes no size at all.
pub fn set_receive_buffer(socket: &Socket, bytes: usize) -> io::Result<usize> {
    if setsockopt(socket, sockopt::RcvBufForce, &bytes).is_err() {
        socket.set_recv_buffer_size(bytes)?;
    }
    Ok(socket.recv_buffer_size()? / 2)
}

/// Has the kernel say how many datagrams it dropped, see [`Batch::kernel_drops`](crate::Batch::kernel_drops).
///
/// # Errors
/// Fails where the kernel does not know the option.
pub fn count_drops(socket: &Socket) -> io::Result<()> {
    Ok(setsockopt(socket, sockopt::RxqOvfl, &1)?)
}

/// Has the kernel say when each datagram arrived, see [`Ancillary::stamp`](crate::Ancillary::stamp).
///
/// # Errors
/// Fails where the kernel does not know the option.
pub fn stamp_arrivals(socket: &Socket) -> io::Result<()> {
    Ok(setsockopt(socket, sockopt::ReceiveTimestampns, &true)?)
}
