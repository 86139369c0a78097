//! IPFIX over TCP: one thread accepts connections and reads all of them.

use std::{
    io::{self, ErrorKind, Read},
    net::{IpAddr, SocketAddr, TcpListener, TcpStream},
    os::fd::AsFd,
    time::Duration,
};

use grafolean_collector::time::{Clock, SystemClock, Timestamp};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tracing::{debug, warn};

use super::{Batch, ReceiveError};
use crate::{decode::Framing, record::Datagram};

/// Connections that are open at once, and as many of one address. Exporters hold one each; beyond it a new one is closed at
/// once, which its exporter sees and tries again.
pub const CONNECTIONS_MAX: usize = 256;
/// Connections of one address, so that one exporter, or what forges it, cannot take them all.
pub const CONNECTIONS_OF_ADDRESS_MAX: usize = 16;
/// How long a connection may say nothing: exporters declare their templates at least every half hour.
pub const SILENT_MAX: Duration = Duration::from_secs(60 * 60);
/// Octets read of one connection in its turn. With a message that has begun, it holds at most twice as many.
const TURN_OCTETS: usize = 64 << 10;
/// How long the thread waits before it looks whether it should stop.
const IDLE_MS: u16 = 250;

/// Sockets that accept, and the connections they accepted.
#[derive(Debug)]
pub(super) struct StreamReading {
    listeners: Vec<TcpListener>,
    connections: Vec<Connection>,
    buffer: Vec<u8>,
}

#[derive(Debug)]
struct Connection {
    stream: TcpStream,
    exporter: SocketAddr,
    framing: Framing,
    heard: Timestamp,
}

/// Binds a socket that accepts connections.
pub(super) fn bind(address: SocketAddr) -> Result<TcpListener, ReceiveError> {
    let bound = TcpListener::bind(address).and_then(|listener| {
        listener.set_nonblocking(true)?;
        Ok(listener)
    });
    bound.map_err(|source| ReceiveError::BindTcp { address, source })
}

impl StreamReading {
    pub(super) fn new(listeners: Vec<TcpListener>) -> Self {
        Self { listeners, connections: Vec::new(), buffer: vec![0; TURN_OCTETS] }
    }

    /// Waits for octets, for a quarter of a second at most, and hands on the messages that are whole.
    pub(super) fn read(&mut self, handle: &mut impl FnMut(&Batch<'_>)) {
        let ready = match self.ready() {
            Ok(ready) => ready,
            Err(error) => {
                // nothing can be waited for: the error is told as often as an idle turn would be
                std::thread::sleep(Duration::from_millis(u64::from(IDLE_MS)));
                let now = SystemClock.now();
                return handle(&Batch { datagrams: &[], kernel_drops: 0, now, error: Some(error) });
            }
        };
        let now = SystemClock.now();
        let (listeners, connections) = ready.split_at(self.listeners.len().min(ready.len()));
        let buffer = &mut self.buffer;
        let mut turns = connections.iter().copied();
        self.connections.retain_mut(|connection| {
            let is_ready = turns.next().unwrap_or(false);
            if is_ready { connection.take_turn(buffer, now, handle) } else { connection.is_alive(now) }
        });
        for (listener, _) in self.listeners.iter().zip(listeners).filter(|(_, ready)| **ready) {
            accept(listener, &mut self.connections, now);
        }
        if !ready.contains(&true) {
            handle(&Batch { datagrams: &[], kernel_drops: 0, now, error: None });
        }
    }

    /// Waits, and returns for each listener and then each connection whether there is something to do.
    fn ready(&self) -> io::Result<Vec<bool>> {
        let listeners = self.listeners.iter().map(AsFd::as_fd);
        let connections = self.connections.iter().map(|connection| connection.stream.as_fd());
        let mut polled: Vec<_> =
            listeners.chain(connections).map(|fd| PollFd::new(fd, PollFlags::POLLIN)).collect();
        match poll(&mut polled, PollTimeout::from(IDLE_MS)) {
            Ok(_) | Err(nix::errno::Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        Ok(polled.iter().map(|fd| fd.any().unwrap_or(false)).collect())
    }
}

/// Accepts one connection, if there is room for it.
fn accept(listener: &TcpListener, connections: &mut Vec<Connection>, now: Timestamp) {
    let (stream, peer) = match listener.accept() {
        Ok(accepted) => accepted,
        Err(error) => return debug!(%error, "a connection could not be accepted"),
    };
    let exporter = SocketAddr::new(peer.ip().to_canonical(), peer.port());
    let of_address =
        |address: IpAddr| connections.iter().filter(|connection| connection.exporter.ip() == address).count();
    if connections.len() >= CONNECTIONS_MAX || of_address(exporter.ip()) >= CONNECTIONS_OF_ADDRESS_MAX {
        return warn!(%exporter, "too many connections are open: a further one is closed");
    }
    if let Err(error) = stream.set_nonblocking(true) {
        return debug!(%exporter, %error, "a connection could not be set up");
    }
    connections.push(Connection { stream, exporter, framing: Framing::default(), heard: now });
}

impl Connection {
    /// Reads what came and hands on the messages in it. Whether the connection is to be kept.
    fn take_turn(&mut self, buffer: &mut [u8], now: Timestamp, handle: &mut impl FnMut(&Batch<'_>)) -> bool {
        let octets = match self.stream.read(buffer) {
            Ok(0) => return false,
            Ok(count) => buffer.get(..count).unwrap_or_default(),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                return true;
            }
            Err(error) => {
                debug!(exporter = %self.exporter, %error, "a connection broke");
                return false;
            }
        };
        self.heard = now;
        let mut messages = Vec::new();
        let framed = self.framing.push(octets, |message| messages.push(message.to_vec()));
        let datagrams: Vec<_> = messages
            .iter()
            .map(|payload| Datagram { exporter: self.exporter, received: now, payload })
            .collect();
        if !datagrams.is_empty() {
            handle(&Batch { datagrams: &datagrams, kernel_drops: 0, now, error: None });
        }
        if let Err(error) = framed {
            warn!(exporter = %self.exporter, %error, "a connection is closed");
            return false;
        }
        true
    }

    fn is_alive(&self, now: Timestamp) -> bool {
        now.since(self.heard) < SILENT_MAX
    }
}
