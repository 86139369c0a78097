//! A reply as it comes.

use super::{
    Malformed, MessageHead, Version,
    ber::{Head, Reader, tag},
    oid, value,
};
use crate::snmp::Varbind;

/// A reply of v1 or v2c.
#[derive(Clone, Copy)]
pub struct Reply<'a> {
    /// The version.
    pub version: Version,
    /// The community.
    pub community: &'a [u8],
    /// What it says.
    pub pdu: ResponsePdu<'a>,
}

impl<'a> Reply<'a> {
    /// Reads a reply of v1 or v2c up to its objects. Octets behind its end are not looked at.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn decode(datagram: &'a [u8]) -> Result<Self, Malformed> {
        let (MessageHead { version, community }, mut message) = MessageHead::decode(datagram)?;
        let pdu = ResponsePdu::decode(&mut message)?;
        match pdu.kind {
            PduKind::Response => Ok(Self { version, community, pdu }),
            PduKind::Report => Err(Malformed::NoReply(tag::REPORT)),
        }
    }
}

/// What kind of PDU an agent answers with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PduKind {
    /// To a request.
    Response,
    /// To a message of v3 that it could not process (RFC 3412, section 7.1).
    Report,
}

/// The head of a PDU that an agent answers with, and its objects where they lie.
#[derive(Clone, Copy)]
pub struct ResponsePdu<'a> {
    /// What kind.
    pub kind: PduKind,
    /// Which request it answers.
    pub request_id: i32,
    /// 0, or which error.
    pub error_status: i32,
    /// Which object the error is about, from 1; 0 is none.
    pub error_index: i32,
    varbinds: &'a [u8],
}

impl<'a> ResponsePdu<'a> {
    /// Reads a PDU up to its objects.
    pub(super) fn decode(message: &mut Reader<'a>) -> Result<Self, Malformed> {
        let (kind, mut pdu) = match message.element("a PDU")? {
            (tag::RESPONSE, pdu) => (PduKind::Response, Reader::new(pdu)),
            (tag::REPORT, pdu) => (PduKind::Report, Reader::new(pdu)),
            (other, _) => return Err(Malformed::NoReply(other)),
        };
        Ok(Self {
            kind,
            request_id: pdu.integer("the request-id")?,
            error_status: pdu.integer("the error-status")?,
            error_index: pdu.integer("the error-index")?,
            varbinds: pdu.expect(tag::SEQUENCE, "the list of objects")?,
        })
    }

    /// Returns the objects one after the other; none after a fault.
    pub const fn varbinds(&self) -> Varbinds<'a> {
        Varbinds { rest: Reader::new(self.varbinds) }
    }

    /// Reads all objects.
    ///
    /// # Errors
    /// What is wrong with one of them; what is only wrong with its value is no error.
    pub fn to_varbinds(&self) -> Result<Vec<Varbind>, Malformed> {
        // Counted first, so that what is reserved is what lies there.
        let mut all = Vec::with_capacity(self.varbinds().count_elements());
        for varbind in self.varbinds() {
            all.push(varbind?);
        }
        Ok(all)
    }
}

/// Reads a whole reply.
///
/// # Errors
/// What is wrong with it.
pub fn decode_reply(datagram: &[u8]) -> Result<(Reply<'_>, Vec<Varbind>), Malformed> {
    let reply = Reply::decode(datagram)?;
    let varbinds = reply.pdu.to_varbinds()?;
    Ok((reply, varbinds))
}

/// The objects of a reply.
#[derive(Clone, Copy)]
pub struct Varbinds<'a> {
    rest: Reader<'a>,
}

impl<'a> Varbinds<'a> {
    /// Returns the objects that lie in the content of a list.
    pub(super) const fn new(octets: &'a [u8]) -> Self {
        Self { rest: Reader::new(octets) }
    }

    fn count_elements(mut self) -> usize {
        std::iter::from_fn(|| self.rest.element("an object").ok()).count()
    }
}

impl Iterator for Varbinds<'_> {
    type Item = Result<Varbind, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_at_end() {
            return None;
        }
        let varbind = self.rest.expect(tag::SEQUENCE, "an object").and_then(varbind);
        if varbind.is_err() {
            self.rest = Reader::new(&[]);
        }
        Some(varbind)
    }
}

fn varbind(octets: &[u8]) -> Result<Varbind, Malformed> {
    let mut reader = Reader::new(octets);
    let name = reader.expect(tag::OID, "an object's name")?;
    let Head { tag, length, rest } = reader.head("a value")?;
    let content = match rest.get(..length) {
        Some(content) => content,
        None if value::may_be_cut(tag) => rest,
        None => return Err(Malformed::Truncated { what: "a value", left: rest.len() }),
    };
    Ok(Varbind { oid: oid::decode(name).ok_or(Malformed::Name)?, value: value::decode(tag, content) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snmp::{Exception, Value};

    fn octets(hex: &str) -> Vec<u8> {
        hex.as_bytes()
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect()
    }

    #[test]
    fn a_reply_is_read_whole() {
        // A text, and an object that the agent does not have.
        let reply = octets(concat!(
            "303a0201010406",
            "7075626c6963",
            "a22d02040a0b0c0d020100020100",
            "301f",
            "300f06082b060102010103000403616263",
            "300c06082b06010401bf08018000",
        ));
        let (reply, varbinds) = decode_reply(&reply).unwrap();
        assert_eq!(
            (reply.version, reply.community, reply.pdu.request_id),
            (Version::V2c, &b"public"[..], 0x0a0b_0c0d)
        );
        assert_eq!(varbinds.len(), 2);
        assert_eq!(varbinds[0].value, Ok(Value::Octets((*b"abc").into())));
        assert_eq!(varbinds[1].value, Err(Exception::NoSuchObject));
    }

    #[test]
    fn what_answers_nothing_is_told_from_what_is_no_snmp() {
        let get =
            octets("302702010004067075626c6963a01a02021234020100020100300e300c06082b060102010103000500");
        assert_eq!(decode_reply(&get).err(), Some(Malformed::NoReply(0xa0)));
        let v3 = octets("3003020103");
        assert_eq!(decode_reply(&v3).err(), Some(Malformed::Version(3)));
        assert!(!decode_reply(b"GET / HTTP/1.1").err().unwrap().is_other_message());
    }

    #[test]
    fn a_reply_cut_anywhere_is_refused() {
        let mut whole = octets(concat!(
            "302902010104067075626c6963a21c02040a0b0c0d020100020100",
            "300e300c06082b060102010103000400",
        ));
        assert!(decode_reply(&whole).is_ok());
        for length in 0..whole.len() {
            assert!(decode_reply(&whole[..length]).is_err(), "{length} octets");
        }
        whole.extend([0; 20]);
        assert!(decode_reply(&whole).is_ok(), "octets behind the end are not looked at");
    }
}
