//! The sockets.

use std::{
    io,
    net::{Ipv6Addr, SocketAddr, UdpSocket},
    num::NonZeroUsize,
    sync::{Arc, LazyLock},
    time::Duration,
};

use grafolean_datagram::{count_drops, set_receive_buffer, stamp_arrivals};
use listenfd::ListenFd;
use socket2::{Domain, Protocol, Socket, Type};
use tracing::warn;

use super::ReceiveError;

/// Octets of a socket's buffer that are asked for: two thirds of a second at 100 MB/s, while our own thread is held up.
/// Where the kernel grants less ([`Bound::granted_bytes`]) bursts are lost earlier, and told as kernel drops.
pub const BUFFER_BYTES: usize = 64 << 20;
/// How long a thread waits for a datagram before it looks whether it should stop.
const IDLE: Duration = Duration::from_millis(250);

/// Where to listen, and how.
#[derive(Clone, Debug)]
pub struct Listen {
    /// Addresses and ports. `[::]` takes IPv4 as well.
    pub addresses: Vec<SocketAddr>,
    /// Threads for each address. With more than one the kernel spreads sessions over them, each session to one thread.
    pub threads: NonZeroUsize,
    /// Octets of buffer to ask for, for each socket.
    pub buffer_bytes: usize,
    /// Addresses and ports on which IPFIX is accepted over TCP; none accepts none.
    pub tcp_addresses: Vec<SocketAddr>,
    /// Sockets that are bound already, as systemd hands them over ([`handed_over`]): with any, no address is bound, and each
    /// has one thread.
    pub sockets: Vec<Arc<UdpSocket>>,
}

/// Returns the UDP sockets that whoever started the process handed over to it, as `sd_listen_fds(3)` describes: while the
/// process is restarted, datagrams wait in them.
pub fn handed_over() -> Vec<Arc<UdpSocket>> {
    // the environment names them once
    static SOCKETS: LazyLock<Vec<Arc<UdpSocket>>> = LazyLock::new(|| {
        let mut handed_over = ListenFd::from_env();
        let places = 0..handed_over.len();
        // what is no UDP socket is somebody else's
        places.filter_map(|place| handed_over.take_udp_socket(place).ok().flatten()).map(Arc::new).collect()
    });
    SOCKETS.clone()
}

impl Listen {
    /// Listens on these addresses with one thread each and the usual buffer.
    pub fn on(addresses: impl Into<Vec<SocketAddr>>) -> Self {
        Self {
            addresses: addresses.into(),
            threads: NonZeroUsize::MIN,
            buffer_bytes: BUFFER_BYTES,
            tcp_addresses: Vec::new(),
            sockets: Vec::new(),
        }
    }
}

/// A socket that is bound.
#[derive(Debug)]
#[non_exhaustive]
pub struct Bound {
    pub(super) socket: Socket,
    /// Where it listens; the port is the one given by the kernel if 0 was asked for.
    pub address: SocketAddr,
    /// Octets of buffer that were asked for.
    pub asked_bytes: usize,
    /// Octets of buffer that the kernel granted; `net.core.rmem_max` limits them for all but root.
    pub granted_bytes: usize,
}

/// Whether several sockets share an address.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Sharing {
    Alone,
    Shared,
}

impl Bound {
    pub(super) fn bind(
        address: SocketAddr,
        sharing: Sharing,
        buffer_bytes: usize,
    ) -> Result<Self, ReceiveError> {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))
            .map_err(|source| ReceiveError::Bind { address, source })?;
        let option = |what| move |source: io::Error| ReceiveError::Option { what, address, source };
        if address.is_ipv6() {
            let only_v6 = address.ip() != Ipv6Addr::UNSPECIFIED;
            socket.set_only_v6(only_v6).map_err(option("both address families"))?;
        }
        if sharing == Sharing::Shared {
            socket.set_reuse_port(true).map_err(option("the sharing of its port"))?;
        }
        let granted_bytes = prepare(&socket, address, buffer_bytes)?;
        socket.bind(&address.into()).map_err(|source| ReceiveError::Bind { address, source })?;
        let bound = socket.local_addr().map_err(|source| ReceiveError::Bind { address, source })?;
        let address = bound.as_socket().unwrap_or(address);
        Ok(Self { socket, address, asked_bytes: buffer_bytes, granted_bytes })
    }

    /// Wraps a socket that is bound already.
    pub(super) fn inherited(socket: &UdpSocket, buffer_bytes: usize) -> Result<Self, ReceiveError> {
        let unknown = SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0));
        let option = |what| move |source| ReceiveError::Option { what, address: unknown, source };
        let address = socket.local_addr().map_err(option("the address"))?;
        let socket = Socket::from(socket.try_clone().map_err(option("a second handle"))?);
        socket.set_nonblocking(false).map_err(option("that reading waits"))?;
        let granted_bytes = prepare(&socket, address, buffer_bytes)?;
        Ok(Self { socket, address, asked_bytes: buffer_bytes, granted_bytes })
    }
}

/// Sets what reading needs. Returns the octets of buffer that the kernel granted.
fn prepare(socket: &Socket, address: SocketAddr, buffer_bytes: usize) -> Result<usize, ReceiveError> {
    let option = |what| move |source: io::Error| ReceiveError::Option { what, address, source };
    if !stamp_arrivals(socket).map_err(option("time stamps"))? {
        warn!(%address, "this kernel does not say when a datagram arrived: the time of reading stands for it");
    }
    if !count_drops(socket).map_err(option("the count of drops"))? {
        warn!(%address, "this kernel does not count the datagrams that it drops: the sequence numbers alone tell losses");
    }
    socket.set_read_timeout(Some(IDLE)).map_err(option("a timeout"))?;
    set_receive_buffer(socket, buffer_bytes).map_err(option("the buffer"))
}
