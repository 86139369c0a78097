//! What is asked of a device in one packet, and how that can fail.

use thiserror::Error;

use super::Oid;
use crate::net::Unresolved;

/// One packet to a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// These objects.
    Get(Vec<Oid>),
    /// The next object after each of these.
    Next(Vec<Oid>),
    /// The next objects after each of these, row by row.
    Bulk {
        /// After which.
        oids: Vec<Oid>,
        /// How many after each.
        repetitions: u32,
    },
}

impl Request {
    /// Returns how many objects an answer can hold at most.
    pub fn most_varbinds(&self) -> usize {
        match self {
            Self::Get(oids) | Self::Next(oids) => oids.len(),
            Self::Bulk { oids, repetitions } => {
                oids.len().saturating_mul(usize::try_from(*repetitions).unwrap_or(usize::MAX))
            }
        }
    }
}

/// Why a request has no result. Each is something else for whoever looks for the cause.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AskError {
    /// Silence: gone, filtered, or, in v1 and v2c, asked with a wrong community.
    #[error("no answer")]
    Timeout,
    /// Silence to the community of an agent that does answer SNMPv3's discovery.
    #[error(
        "no answer to this community, though an agent is there: it is probably wrong, or not allowed from here"
    )]
    Community,
    /// An answer came, but not from the address and port that were asked.
    #[error("an answer came from {0}, which was not asked, and does not count")]
    OtherSource(std::net::SocketAddr),
    /// The host says that nothing listens there.
    #[error("nothing listens on the port")]
    PortClosed,
    /// The host is there, as its TCP says, but its agent says nothing to anything.
    #[error(
        "no answer, though the host is there: packets to the port are dropped, or the agent ignores who asks"
    )]
    HostThere,
    /// No host has the address, as the last router or this machine says.
    #[error("no host answers at this address")]
    HostDown,
    /// This machine knows no way there.
    #[error("sending a request: {0}")]
    NoRoute(String),
    /// The name has no address.
    #[error("the name {name:?} does not resolve: {reason}")]
    Unresolved {
        /// The name.
        name: String,
        /// Why it has none.
        reason: Unresolved,
    },
    /// usmStatsUnknownUserNames.
    #[error("the agent knows no user of this name")]
    UnknownUser,
    /// usmStatsWrongDigests.
    #[error("the authentication key or protocol is wrong")]
    WrongDigest,
    /// usmStatsDecryptionErrors.
    #[error("the privacy key or protocol is wrong")]
    Decryption,
    /// usmStatsNotInTimeWindows, and telling the time anew did not help.
    #[error("not in the agent's time window: its boots and time do not fit what it said of them")]
    NotInTimeWindow,
    /// usmStatsUnsupportedSecLevels.
    #[error("the agent does not allow this user the security level")]
    UnsupportedLevel,
    /// usmStatsUnknownEngineIDs, and discovering it anew did not help.
    #[error("the agent does not know its own engine id")]
    UnknownEngine,
    /// snmpUnknownContexts.
    #[error("the agent has no such context")]
    UnknownContext,
    /// Another report, by its object.
    #[error("the agent cannot process the message and reports {}", .0.as_ref().map_or_else(|| "nothing".to_owned(), ToString::to_string))]
    Report(Option<Oid>),
    /// The agent answered with an error.
    #[error("the agent answered {status}{}", match index { 0 => String::new(), index => format!(" about object {index}") })]
    Status {
        /// Which error.
        status: Status,
        /// Which object of the request it is about, from 1; 0 is none.
        index: usize,
    },
    /// An answer that makes no sense.
    #[error("a malformed answer: {0}")]
    Malformed(String),
    /// It failed on this machine, as a network without a route does.
    #[error("{0}")]
    Local(String),
}

/// An error that agents answer with (RFC 3416, section 3), as far as it is about reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum Status {
    /// The answer does not fit into a message.
    #[error("tooBig")]
    TooBig,
    /// v1: there is no such object.
    #[error("noSuchName")]
    NoSuchName,
    /// Something within the agent failed.
    #[error("genErr")]
    GenErr,
    /// Not to be seen.
    #[error("noAccess")]
    NoAccess,
    /// Not to be seen by whoever asks.
    #[error("authorizationError")]
    Authorization,
    /// Another one.
    #[error("error status {0}")]
    Other(i32),
}

impl Status {
    /// Reads the number of an error status, which is not 0 (RFC 3416, section 3).
    pub const fn from_number(number: i32) -> Self {
        match number {
            1 => Self::TooBig,
            2 => Self::NoSuchName,
            5 => Self::GenErr,
            6 => Self::NoAccess,
            16 => Self::Authorization,
            other => Self::Other(other),
        }
    }
}

impl AskError {
    /// A short word from a small fixed set, under which it is counted.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Community => "community",
            Self::OtherSource(_) => "other_source",
            Self::PortClosed => "port_closed",
            Self::HostThere => "host_there",
            Self::HostDown => "host_down",
            Self::NoRoute(_) => "no_route",
            Self::Unresolved { .. } => "name",
            Self::UnknownUser => "unknown_user",
            Self::WrongDigest => "wrong_digest",
            Self::Decryption => "decryption_error",
            Self::NotInTimeWindow => "not_in_time_window",
            Self::UnsupportedLevel => "unsupported_level",
            Self::UnknownEngine => "unknown_engine",
            Self::UnknownContext => "unknown_context",
            Self::Report(_) => "report",
            Self::Status { status: Status::TooBig, .. } => "too_big",
            Self::Status { status: Status::NoSuchName, .. } => "no_such_name",
            Self::Status { .. } => "error_status",
            Self::Malformed(_) => "malformed",
            Self::Local(_) => "local",
        }
    }
}
