//! What an agent tells by itself, as octets.

use std::net::Ipv4Addr;

use super::{
    Malformed, MessageHead, Version,
    ber::{self, Reader, tag},
    number, oid,
    reply::Varbinds,
};
use crate::snmp::{Oid, Varbind};

/// A message of v1 or v2c with a notification.
#[derive(Clone, Debug)]
pub struct NotificationMessage<'a> {
    /// The version.
    pub version: Version,
    /// The community.
    pub community: &'a [u8],
    /// What it tells.
    pub pdu: NotificationPdu<'a>,
}

/// The PDU of a notification.
#[derive(Clone, Debug)]
pub enum NotificationPdu<'a> {
    /// Of v1.
    V1 {
        /// Who defined what it tells.
        enterprise: Oid,
        /// By which address the agent knows itself.
        agent: Option<Ipv4Addr>,
        /// Which of the traps that all agents share.
        generic: i32,
        /// Which of the enterprise's own.
        specific: i32,
        /// sysUpTime.
        uptime: u32,
        /// Its objects.
        varbinds: NotificationVarbinds<'a>,
    },
    /// Of v2c and v3.
    V2 {
        /// Its number.
        request_id: i32,
        /// Whether it is to be acknowledged.
        is_inform: bool,
        /// Its objects.
        varbinds: NotificationVarbinds<'a>,
    },
}

/// The objects of a notification where they lie.
#[derive(Clone, Copy, Debug)]
pub struct NotificationVarbinds<'a>(&'a [u8]);

impl NotificationVarbinds<'_> {
    /// Reads all objects.
    ///
    /// # Errors
    /// What is wrong with one of them.
    pub fn to_varbinds(&self) -> Result<Vec<Varbind>, Malformed> {
        Varbinds::new(self.0).collect()
    }
}

impl<'a> NotificationMessage<'a> {
    /// Reads a message up to its objects. Octets behind its end are not looked at.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn decode(datagram: &'a [u8]) -> Result<Self, Malformed> {
        let (MessageHead { version, community }, mut message) = MessageHead::decode(datagram)?;
        let pdu = NotificationPdu::decode(&mut message)?;
        Ok(Self { version, community, pdu })
    }
}

impl<'a> NotificationPdu<'a> {
    pub(super) fn decode(message: &mut Reader<'a>) -> Result<Self, Malformed> {
        match message.element("a PDU")? {
            (tag::TRAP_V1, pdu) => Self::v1(Reader::new(pdu)),
            (tag::TRAP, pdu) => Self::v2(Reader::new(pdu), false),
            (tag::INFORM, pdu) => Self::v2(Reader::new(pdu), true),
            (other, _) => Err(Malformed::NoReply(other)),
        }
    }

    fn v1(mut pdu: Reader<'a>) -> Result<Self, Malformed> {
        let enterprise = oid::decode(pdu.expect(tag::OID, "the enterprise")?).ok_or(Malformed::Name)?;
        let agent = match pdu.element("the agent's address")? {
            (tag::ADDRESS, &[a, b, c, d]) => Some(Ipv4Addr::new(a, b, c, d)),
            _ => None,
        };
        let generic = pdu.integer("the generic trap")?;
        let specific = pdu.integer("the specific trap")?;
        let ticks = pdu.expect(tag::TIME_TICKS, "the time")?;
        let uptime =
            number::signed(ticks).map(|ticks| u32::try_from(ticks & i64::from(u32::MAX)).unwrap_or(u32::MAX));
        let uptime = uptime.ok_or(Malformed::Number { what: "the time" })?;
        let varbinds = NotificationVarbinds(pdu.expect(tag::SEQUENCE, "the list of objects")?);
        Ok(Self::V1 { enterprise, agent, generic, specific, uptime, varbinds })
    }

    fn v2(mut pdu: Reader<'a>, is_inform: bool) -> Result<Self, Malformed> {
        let request_id = pdu.integer("the request-id")?;
        pdu.integer("the error-status")?;
        pdu.integer("the error-index")?;
        let varbinds = NotificationVarbinds(pdu.expect(tag::SEQUENCE, "the list of objects")?);
        Ok(Self::V2 { request_id, is_inform, varbinds })
    }

    /// Appends the acknowledgement of an inform: a response with its number and its objects (RFC 3416, section 4.2.7).
    fn encode_response(request_id: i32, varbinds: NotificationVarbinds<'_>, out: &mut Vec<u8>) {
        let mut pdu = Vec::new();
        for number in [request_id, 0, 0] {
            ber::integer(number, &mut pdu);
        }
        ber::element(tag::SEQUENCE, varbinds.0, &mut pdu);
        ber::element(tag::RESPONSE, &pdu, out);
    }

    /// Returns the PDU that acknowledges it; nothing for a trap.
    pub(in super::super) fn acknowledgement(&self) -> Option<Vec<u8>> {
        let Self::V2 { request_id, is_inform: true, varbinds } = self else { return None };
        let mut pdu = Vec::new();
        Self::encode_response(*request_id, *varbinds, &mut pdu);
        Some(pdu)
    }
}

impl NotificationMessage<'_> {
    /// Returns the message that acknowledges it; nothing for a trap.
    pub fn acknowledgement(&self) -> Option<Vec<u8>> {
        let pdu = self.pdu.acknowledgement()?;
        let mut body = Vec::new();
        ber::integer(self.version.number().into(), &mut body);
        ber::element(tag::OCTETS, self.community, &mut body);
        body.extend_from_slice(&pdu);
        let mut out = Vec::new();
        ber::element(tag::SEQUENCE, &body, &mut out);
        Some(out)
    }
}
