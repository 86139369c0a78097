//! A device as its messages show it.

use std::net::SocketAddr;

use super::{SecuredPeer, exchange::Outcome};
use crate::snmp::{
    AskError, Moment, Request, Status,
    codec::{Malformed, Reply, RequestPdu, ResponsePdu, Version, secured::Secured},
    settings::{Community, ReplySource, Secret},
};

/// Where a device is asked, and by what it knows who asks.
pub(in super::super) struct Peer {
    pub(in super::super) address: SocketAddr,
    source: ReplySource,
    access: PeerAccess,
}

enum PeerAccess {
    Community { version: Version, community: Secret },
    User(Box<SecuredPeer>),
}

/// What is sent to a device.
#[derive(Clone, Copy, Debug)]
pub(in super::super) enum Message<'a> {
    /// A request.
    Request(&'a Request),
    /// The question to an agent of v3 who it is.
    Discovery,
}

impl Message<'_> {
    pub(super) fn most_varbinds(self) -> usize {
        match self {
            Self::Request(request) => request.most_varbinds(),
            Self::Discovery => 1,
        }
    }
}

/// A datagram that may answer a message.
pub(super) enum Incoming<'a> {
    Community(Reply<'a>),
    Secured(Secured<'a>),
}

impl<'a> Incoming<'a> {
    /// Reads a datagram of any version.
    pub(super) fn decode(datagram: &'a [u8]) -> Result<Self, Malformed> {
        match Reply::decode(datagram) {
            Ok(reply) => Ok(Self::Community(reply)),
            Err(Malformed::Version(3)) => Secured::decode(datagram).map(Self::Secured),
            Err(error) => Err(error),
        }
    }

    /// Returns the number of the message that it answers.
    pub(super) const fn number(&self) -> i32 {
        match self {
            Self::Community(reply) => reply.pdu.request_id,
            Self::Secured(message) => message.message_id,
        }
    }
}

impl Peer {
    /// Creates a device that a community opens.
    pub(in super::super) fn of_community(
        address: SocketAddr,
        source: ReplySource,
        community: &Community,
    ) -> Self {
        let (version, community) = match community {
            Community::V1(community) => (Version::V1, community),
            Community::V2c(community) => (Version::V2c, community),
        };
        let access = PeerAccess::Community { version, community: community.clone() };
        Self { address, source, access }
    }

    /// Creates a device that knows a user.
    pub(in super::super) fn of_user(address: SocketAddr, source: ReplySource, user: SecuredPeer) -> Self {
        Self { address, source, access: PeerAccess::User(Box::new(user)) }
    }

    /// Returns the user's side of it, in v3.
    pub(in super::super) fn user(&self) -> Option<&SecuredPeer> {
        match &self.access {
            PeerAccess::Community { .. } => None,
            PeerAccess::User(user) => Some(user),
        }
    }

    /// Appends a message under a number.
    pub(super) fn encode(
        &self,
        number: i32,
        message: Message<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), AskError> {
        match (&self.access, message) {
            (PeerAccess::Community { version, community }, Message::Request(request)) => {
                RequestPdu { version: *version, request_id: number, request }
                    .encode_message(community.expose().as_bytes(), out);
                Ok(())
            }
            (PeerAccess::Community { .. }, Message::Discovery) => {
                Err(AskError::Local("only agents of SNMPv3 are discovered".to_owned()))
            }
            (PeerAccess::User(user), message) => user.encode(number, message, out),
        }
    }

    /// Whether a message from an address can be this device's.
    pub(super) fn may_answer_from(&self, from: SocketAddr) -> bool {
        match (self.source, self.address, from) {
            (ReplySource::Any, ..) => true,
            // The kernel names the interface of a link-local address even where it had not to be told.
            (ReplySource::Asked, SocketAddr::V6(asked), SocketAddr::V6(from)) => {
                (asked.ip(), asked.port()) == (from.ip(), from.port())
                    && (asked.scope_id() == 0 || asked.scope_id() == from.scope_id())
            }
            (ReplySource::Asked, asked, from) => asked == from,
        }
    }

    /// Whether a message has what only an answer of this device has, wherever it comes from.
    pub(super) fn may_have_sent(&self, incoming: &Incoming<'_>) -> bool {
        match (&self.access, incoming) {
            (PeerAccess::Community { version, community }, Incoming::Community(reply)) => {
                reply.version == *version && reply.community == community.expose().as_bytes()
            }
            (PeerAccess::User(_), Incoming::Secured(_)) => true,
            _ => false,
        }
    }

    /// Returns what a message that answers by its number comes to; None if it is no answer of this device.
    pub(super) fn outcome(&self, incoming: &Incoming<'_>, at: Moment) -> Option<Outcome> {
        match (&self.access, incoming) {
            (PeerAccess::Community { .. }, Incoming::Community(reply)) => {
                self.may_have_sent(incoming).then(|| outcome(&reply.pdu, at))
            }
            (PeerAccess::User(user), Incoming::Secured(message)) => user.open(message, at),
            _ => None,
        }
    }
}

/// Returns what a PDU comes to that came at a time.
pub(super) fn outcome(pdu: &ResponsePdu<'_>, at: Moment) -> Outcome {
    if pdu.error_status != 0 {
        let index = usize::try_from(pdu.error_index).unwrap_or(0);
        return Err(AskError::Status { status: Status::from_number(pdu.error_status), index });
    }
    let varbinds = pdu.to_varbinds().map_err(|error| AskError::Malformed(error.to_string()))?;
    Ok((varbinds, at))
}
