//! What reading needs of a socket.

use std::io;

use nix::{
    errno::Errno,
    sys::socket::{setsockopt, sockopt},
};
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

/// Has the kernel say how many datagrams it dropped, see [`Batch::kernel_drops`](crate::Batch::kernel_drops). Returns
/// whether it can: emulators and sandboxes that stand in for a kernel may not know the option.
///
/// # Errors
/// Fails where the socket refuses an option that is known.
pub fn count_drops(socket: &Socket) -> io::Result<bool> {
    if_known(setsockopt(socket, sockopt::RxqOvfl, &1))
}

/// Has the kernel say when each datagram arrived, see [`Ancillary::stamp`](crate::Ancillary::stamp). Returns whether it can;
/// where it cannot, a datagram's time is that of its reading.
///
/// # Errors
/// Fails where the socket refuses an option that is known.
pub fn stamp_arrivals(socket: &Socket) -> io::Result<bool> {
    if_known(setsockopt(socket, sockopt::ReceiveTimestampns, &true))
}

fn if_known(set: nix::Result<()>) -> io::Result<bool> {
    match set {
        Ok(()) => Ok(true),
        Err(Errno::ENOPROTOOPT | Errno::EOPNOTSUPP) => Ok(false),
        Err(errno) => Err(errno.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_that_is_unknown_is_no_error_and_one_that_is_refused_is() {
        assert!(if_known(Ok(())).unwrap());
        assert!(!if_known(Err(Errno::ENOPROTOOPT)).unwrap());
        assert!(!if_known(Err(Errno::EOPNOTSUPP)).unwrap());
        assert!(if_known(Err(Errno::EPERM)).is_err());
    }
}
