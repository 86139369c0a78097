//! SNMP as octets, without any socket: requests are written, replies are read.
//!
//! [`RequestPdu`] writes a [`Request`](super::Request) straight into a buffer that is used again and again; [`Reply`] reads
//! an agent's answer in v1 and v2c where it lies, `secured` the frame of v3 around the same PDUs: so a value means the same
//! in each version. What the standards leave no doubt about is demanded (RFC 1157, RFC 3416; BER as RFC
//! 3417 section 8 narrows it); what agents do wrong and can be meant in one way only is taken as it is meant: lengths and
//! numbers longer than they need be, unsigned numbers that look negative, octets behind the end. A value that cannot be
//! meant in one way only becomes [`Value::Unreadable`](super::Value), and costs no other. Everything read is somebody else's
//! octets: nothing here panics on them, and what is made of them is no larger than a few times as large.

mod ber;
mod malformed;
mod notification;
mod number;
mod oid;
mod reply;
mod request;
pub(super) mod secured;
mod value;

use self::ber::{Reader, tag};
pub use self::{
    malformed::Malformed,
    notification::{NotificationMessage, NotificationPdu, NotificationVarbinds},
    reply::{PduKind, Reply, ResponsePdu, Varbinds, decode_reply},
    request::{MOST_OCTETS, RequestPdu},
};

/// A version of SNMP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Version {
    /// SNMPv1.
    V1,
    /// SNMPv2c.
    V2c,
    /// SNMPv3.
    V3,
}

impl Version {
    /// As messages say it.
    const fn number(self) -> u8 {
        match self {
            Self::V1 => 0,
            Self::V2c => 1,
            Self::V3 => 3,
        }
    }
}

/// What stands before the PDU in a message of v1 or v2c (RFC 1157, section 4; RFC 1901, section 3).
struct MessageHead<'a> {
    version: Version,
    community: &'a [u8],
}

impl<'a> MessageHead<'a> {
    /// Reads the head of a message; returns what follows it, too. Octets behind the message's end are not looked at.
    fn decode(datagram: &'a [u8]) -> Result<(Self, Reader<'a>), Malformed> {
        let mut message = Reader::new(Reader::new(datagram).expect(tag::SEQUENCE, "a message")?);
        let version = match message.integer("the version")? {
            0 => Version::V1,
            1 => Version::V2c,
            other => return Err(Malformed::Version(other)),
        };
        let community = message.expect(tag::OCTETS, "the community")?;
        Ok((Self { version, community }, message))
    }
}
