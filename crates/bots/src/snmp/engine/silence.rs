//! What silence means.

use std::{io, net::SocketAddr, time::Duration};

use tokio::{
    net::{TcpStream, UdpSocket},
    time::timeout,
};

use crate::snmp::codec::secured;

/// The longest wait for an explanation.
const MAX_WAIT: Duration = Duration::from_secs(1);

/// The longest wait for a host's TCP: a kernel takes three seconds to find out that nobody has an address of its own link.
const HOST_PATIENCE: Duration = Duration::from_millis(3_500);

/// An agent's word on who it is takes some hundred octets.
const MOST_OCTETS: usize = 1_472;

/// What one more packet found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Silence {
    /// The host says that nothing listens on the port.
    Closed,
    /// An agent answers.
    Answers,
    /// Nothing comes back from the port, but the host's TCP answers.
    HostThere,
    /// A router, or this machine, says that no host has the address.
    HostDown,
    /// Nothing comes back.
    Complete,
}

/// Asks an agent of SNMPv3 who it is, from a socket of its own: only a connected one is told of a closed port.
pub(super) async fn explain(address: SocketAddr, deadline: Duration) -> Silence {
    match timeout(deadline.min(MAX_WAIT), exchange(address)).await {
        Ok(Ok(())) => Silence::Answers,
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => Silence::Closed,
        Ok(Err(error)) if error.kind() == io::ErrorKind::HostUnreachable => Silence::HostDown,
        _ => host(address).await,
    }
}

/// Asks the host's TCP, by one attempt at the same port, whether there is a host: what refuses is there.
async fn host(address: SocketAddr) -> Silence {
    let refusal = match timeout(HOST_PATIENCE, TcpStream::connect(address)).await {
        Ok(Ok(_)) => return Silence::HostThere,
        Ok(Err(error)) => error.kind(),
        Err(_) => return Silence::Complete,
    };
    match refusal {
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset => Silence::HostThere,
        io::ErrorKind::HostUnreachable => Silence::HostDown,
        _ => Silence::Complete,
    }
}

async fn exchange(address: SocketAddr) -> io::Result<()> {
    let local: SocketAddr = if address.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0_u16; 8], 0).into() };
    let socket = UdpSocket::bind(local).await?;
    socket.connect(address).await?;
    socket.send(&secured::discovery(1)).await?;
    socket.recv(&mut [0; MOST_OCTETS]).await?;
    Ok(())
}
