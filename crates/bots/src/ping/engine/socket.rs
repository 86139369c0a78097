//! The sockets: one for each protocol, raw where this process may, else an unprivileged datagram socket.

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd},
};

use grafolean_datagram::{DropCounter, count_drops, set_receive_buffer, stamp_arrivals};
use nix::{
    errno::Errno,
    sys::socket::{
        setsockopt,
        sockopt::{Ipv4RecvErr, Ipv4RecvTtl, Ipv6DontFrag, Ipv6RecvErr, Ipv6RecvHopLimit},
    },
};
use rustix::net::sockopt::{self, Ipv4PathMtuDiscovery, Ipv6PathMtuDiscovery};
use socket2::{Domain, Protocol, SockFilter, Socket, Type};
use thiserror::Error;
use tracing::warn;

use crate::ping::codec::Family;

/// What the receive buffers are asked to hold: about 10,000 messages, half a second of them at the usual pace, should
/// the engine's thread not get a core for so long. What does not fit is counted as kernel drops.
const RECEIVE_BUFFER: usize = 8 << 20;

/// What kind of socket sends the requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocketKind {
    /// Sees every ICMP message of the machine. Needs root or the capability `cap_net_raw`.
    Raw,
    /// Sees the answers to its own requests only. Needs a group within `net.ipv4.ping_group_range`.
    Datagram,
}

/// Which kinds of sockets may be opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SocketChoice {
    /// Raw, else datagram: raw sockets see errors about every request, whatever little of it a router quotes.
    #[default]
    Any,
    /// Only this kind.
    Only(SocketKind),
}

/// Why there is no socket at all.
#[derive(Debug, Error)]
pub enum OpenError {
    /// Neither kind is allowed.
    #[error(
        "may not open an ICMP socket: either let the program do so, \
         `sudo setcap cap_net_raw+ep $(command -v grafolean)`, or let everybody do so, \
         `sudo sysctl net.ipv4.ping_group_range=\"0 2147483647\"`"
    )]
    NotPermitted(#[source] io::Error),
    /// Something else is missing.
    #[error("could not open an ICMP socket")]
    Socket(#[source] io::Error),
    /// The thread that works the sockets did not start.
    #[error("could not start the ping engine")]
    Start(#[source] io::Error),
}

/// An open socket of one protocol.
pub(super) struct IcmpSocket {
    socket: Socket,
    pub(super) family: Family,
    pub(super) kind: SocketKind,
    pub(super) drops: DropCounter,
    /// What was last asked for by [`Self::forbid_fragments`].
    fragments_forbidden: Option<bool>,
}

impl IcmpSocket {
    /// Opens the sockets that can be had. One protocol that is missing does not cost the other.
    pub(super) fn open_all(choice: SocketChoice) -> Result<Vec<Self>, OpenError> {
        let mut open = Vec::new();
        let mut failures = Vec::new();
        for family in [Family::V4, Family::V6] {
            match Self::open(family, choice) {
                Ok(socket) => open.push(socket),
                Err(error) => failures.push((family, error)),
            }
        }
        if open.is_empty() {
            // IPv6 may be missing altogether, so what IPv4 says is what can be mended.
            let (_, error) = failures.swap_remove(0);
            let not_permitted = error.kind() == io::ErrorKind::PermissionDenied;
            return Err(if not_permitted {
                OpenError::NotPermitted(error)
            } else {
                OpenError::Socket(error)
            });
        }
        for (family, error) in failures {
            warn!(?family, %error, "no ICMP socket for one of the two protocols: its devices cannot be pinged");
        }
        Ok(open)
    }

    fn open(family: Family, choice: SocketChoice) -> io::Result<Self> {
        match choice {
            SocketChoice::Only(kind) => Self::open_kind(family, kind),
            SocketChoice::Any => Self::open_kind(family, SocketKind::Raw)
                .or_else(|_| Self::open_kind(family, SocketKind::Datagram)),
        }
    }

    fn open_kind(family: Family, kind: SocketKind) -> io::Result<Self> {
        let (domain, protocol) = match family {
            Family::V4 => (Domain::IPV4, Protocol::ICMPV4),
            Family::V6 => (Domain::IPV6, Protocol::ICMPV6),
        };
        let socket_type = match kind {
            SocketKind::Raw => Type::RAW,
            SocketKind::Datagram => Type::DGRAM,
        };
        let socket = Socket::new(domain, socket_type, Some(protocol))?;
        socket.set_nonblocking(true)?;
        if !stamp_arrivals(&socket)? {
            warn!(
                ?family,
                "this kernel does not say when an answer arrived: round trips hold the wait for a core, too"
            );
        }
        if !count_drops(&socket)? {
            warn!(?family, "this kernel does not count the answers that it drops");
        }
        match (family, kind) {
            (Family::V4, SocketKind::Raw) => socket.attach_filter(&NO_IPV4_REQUESTS)?,
            (Family::V6, SocketKind::Raw) => socket.attach_filter(&ONLY_IPV6_ANSWERS)?,
            (Family::V4, SocketKind::Datagram) => {
                setsockopt(&socket, Ipv4RecvErr, &true)?;
                setsockopt(&socket, Ipv4RecvTtl, &true)?;
                // The kernel gives a datagram socket its identifier when it is bound.
                socket.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)).into())?;
            }
            (Family::V6, SocketKind::Datagram) => {
                setsockopt(&socket, Ipv6RecvErr, &true)?;
                socket.bind(&SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)).into())?;
            }
        }
        if family == Family::V6 {
            setsockopt(&socket, Ipv6RecvHopLimit, &true)?;
        }
        let socket = Self { socket, family, kind, drops: DropCounter::default(), fragments_forbidden: None };
        socket.enlarge_buffer()?;
        Ok(socket)
    }

    fn enlarge_buffer(&self) -> io::Result<()> {
        let granted = set_receive_buffer(&self.socket, RECEIVE_BUFFER)?;
        if granted < RECEIVE_BUFFER {
            warn!(
                family = ?self.family, granted, wanted = RECEIVE_BUFFER,
                "the kernel grants a smaller receive buffer, so that replies may be lost when many devices are \
                 pinged: sysctl net.core.rmem_max would allow more"
            );
        }
        Ok(())
    }

    /// Whether packets from now on may be cut into fragments; `None` is the system's own way: this machine cuts what its
    /// idea of the path does not take. Costs a system call only when it changes.
    pub(super) fn forbid_fragments(&mut self, forbidden: Option<bool>) -> nix::Result<()> {
        if forbidden == self.fragments_forbidden {
            return Ok(());
        }
        let set = match self.family {
            Family::V4 => sockopt::set_ip_mtu_discover(
                &self.socket,
                match forbidden {
                    Some(true) => Ipv4PathMtuDiscovery::PROBE,
                    Some(false) => Ipv4PathMtuDiscovery::DONT,
                    None => Ipv4PathMtuDiscovery::WANT,
                },
            ),
            Family::V6 => {
                setsockopt(&self.socket, Ipv6DontFrag, &(forbidden == Some(true)))?;
                sockopt::set_ipv6_mtu_discover(
                    &self.socket,
                    match forbidden {
                        Some(true) => Ipv6PathMtuDiscovery::PROBE,
                        Some(false) => Ipv6PathMtuDiscovery::DONT,
                        None => Ipv6PathMtuDiscovery::WANT,
                    },
                )
            }
        };
        set.map_err(|error| Errno::from_raw(error.raw_os_error()))?;
        self.fragments_forbidden = forbidden;
        Ok(())
    }

    pub(super) fn fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

impl AsFd for IcmpSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

const LOAD_HEADER_LENGTH: u16 = 0xb1;
const LOAD_BYTE_AFTER_HEADER: u16 = 0x50;
const LOAD_BYTE: u16 = 0x30;
const JUMP_IF_EQUAL: u16 = 0x15;
const JUMP_IF_AT_LEAST: u16 = 0x35;
const RETURN: u16 = 0x06;
const ALL_OF_IT: u32 = u32::MAX;
const NOTHING: u32 = 0;

/// A raw socket would get the requests this machine is asked, our own to 127.0.0.0/8 among them.
static NO_IPV4_REQUESTS: [SockFilter; 5] = [
    SockFilter::new(LOAD_HEADER_LENGTH, 0, 0, 0),
    SockFilter::new(LOAD_BYTE_AFTER_HEADER, 0, 0, 0),
    SockFilter::new(JUMP_IF_EQUAL, 1, 0, 8),
    SockFilter::new(RETURN, 0, 0, ALL_OF_IT),
    SockFilter::new(RETURN, 0, 0, NOTHING),
];

/// Errors are 1 to 4 and a reply is 129; a request is 128, and neighbour discovery and its kin come above.
static ONLY_IPV6_ANSWERS: [SockFilter; 5] = [
    SockFilter::new(LOAD_BYTE, 0, 0, 0),
    SockFilter::new(JUMP_IF_EQUAL, 2, 0, 128),
    SockFilter::new(JUMP_IF_AT_LEAST, 1, 0, 130),
    SockFilter::new(RETURN, 0, 0, ALL_OF_IT),
    SockFilter::new(RETURN, 0, 0, NOTHING),
];
