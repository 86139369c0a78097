//! What silence means.

use std::{io, net::SocketAddr, time::Duration};

use tokio::{net::UdpSocket, time::timeout};

use crate::snmp::codec::secured;

/// The longest wait for an explanation.
const MAX_WAIT: Duration = Duration::from_secs(1);

/// An agent's word on who it is takes some hundred octets.
const MOST_OCTETS: usize = 1_472;

/// What one more packet found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Silence {
    /// The host says that nothing listens on the port.
    Closed,
    /// An agent answers.
    Answers,
    /// Nothing comes back.
    Complete,
}

/// Asks an agent of SNMPv3 who it is, from a socket of its own: only a connected one is told of a closed port.
pub(super) async fn explain(address: SocketAddr, deadline: Duration) -> Silence {
    match timeout(deadline.min(MAX_WAIT), exchange(address)).await {
        Ok(Ok(())) => Silence::Answers,
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => Silence::Closed,
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
