//! Why no datagrams can be received.

use std::{io, net::SocketAddr};

use thiserror::Error;

/// Why a socket could not be set up, or its thread not be started.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReceiveError {
    /// The address is taken, not ours, or its port needs rights; of TCP.
    #[error("could not listen on TCP {address}; is another collector running there?")]
    BindTcp {
        /// The address.
        address: SocketAddr,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// The same of UDP.
    #[error("could not listen on UDP {address}; is another collector running there?")]
    Bind {
        /// The address asked for.
        address: SocketAddr,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// The socket was refused something it cannot do without.
    #[error("could not set {what} of the socket on UDP {address}")]
    Option {
        /// What was to be set.
        what: &'static str,
        /// The socket's address.
        address: SocketAddr,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// No thread could be started.
    #[error("could not start the thread that receives on UDP {address}")]
    Thread {
        /// The socket's address.
        address: SocketAddr,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// Nothing was asked for.
    #[error("no address to listen on was given; 0.0.0.0:2055 is usual, [::]:2055 takes IPv6 too")]
    NoAddress,
}
