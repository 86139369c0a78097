//! ICMP and ICMPv6 as bytes, without any socket.
//!
//! [`EchoRequest`] is written, [`Message`] is read: an echo reply, or an error that quotes the request it is about.
//! Everything read is somebody else's bytes: nothing here panics or allocates on them.

mod checksum;
mod echo;
mod error;
mod message;

pub use self::{
    checksum::checksum,
    echo::{EchoRequest, MIN_PAYLOAD, Tag},
    error::{IcmpError, IcmpErrorKind},
    message::{Echo, Ipv4Packet, Malformed, Message, Quoted},
};

use std::net::IpAddr;

/// Which of the two protocols.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// ICMP over IPv4, RFC 792.
    V4,
    /// ICMPv6, RFC 4443.
    V6,
}

impl Family {
    /// Returns which protocol reaches an address.
    pub const fn of(address: &IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }

    const fn echo_request(self) -> u8 {
        match self {
            Self::V4 => 8,
            Self::V6 => 128,
        }
    }

    const fn echo_reply(self) -> u8 {
        match self {
            Self::V4 => 0,
            Self::V6 => 129,
        }
    }
}
