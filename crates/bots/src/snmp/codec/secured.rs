//! The frame of SNMPv3 around a PDU, and the security parameters of its users (RFC 3412, section 6; RFC 3414, section 2.4).
//!
//! ```text
//! SEQUENCE | 3 | header | security parameters | scoped PDU, or its ciphertext
//!                header: msgID | msgMaxSize | flags: 1 authentic, 2 encrypted, 4 reportable | 3 (users)
//!                security parameters, in an OCTET STRING: engine id | boots | time | user | digest | salt
//!                scoped PDU: context engine id | context name | PDU
//! ```
//!
//! Keys, digests and ciphers are not made here.

use super::{
    Malformed, NotificationPdu, RequestPdu, ResponsePdu, Version,
    ber::{Reader, element, head, integer, shortest, tag, whole},
    oid,
    request::MOST_OCTETS,
};
use crate::snmp::{Oid, Request};

/// The message is authentic.
const AUTHENTIC: u8 = 1;
/// It is encrypted.
const ENCRYPTED: u8 = 2;
/// An agent that cannot process it is to report so.
const REPORTABLE: u8 = 4;

/// The number of the security model of users.
const USERS: i32 = 3;

/// Who asks whom, and what proves it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Security<'a> {
    pub(in super::super) engine_id: &'a [u8],
    pub(in super::super) boots: u32,
    pub(in super::super) time: u32,
    pub(in super::super) user: &'a [u8],
    pub(in super::super) digest: &'a [u8],
    pub(in super::super) salt: &'a [u8],
}

/// What a message carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Payload<'a> {
    /// A scoped PDU with its head.
    Plain(&'a [u8]),
    /// Its ciphertext.
    Encrypted(&'a [u8]),
}

/// A message of v3 as it came.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Secured<'a> {
    /// The message without what may stand behind its end.
    pub(in super::super) whole: &'a [u8],
    /// Where in it the digest lies.
    pub(in super::super) digest_at: usize,
    pub(in super::super) message_id: i32,
    pub(in super::super) is_authentic: bool,
    pub(in super::super) security: Security<'a>,
    pub(in super::super) payload: Payload<'a>,
}

impl<'a> Secured<'a> {
    /// Reads a message up to its payload. Octets behind its end are not looked at.
    pub(in super::super) fn decode(datagram: &'a [u8]) -> Result<Self, Malformed> {
        let whole = Reader::new(datagram).whole_element("a message")?;
        let mut message = Reader::new(Reader::new(whole).expect(tag::SEQUENCE, "a message")?);
        let version = message.integer("the version")?;
        if version != 3 {
            return Err(Malformed::Version(version));
        }
        let mut header = Reader::new(message.expect(tag::SEQUENCE, "the header")?);
        let message_id = header.integer("the msgID")?;
        header.integer("the msgMaxSize")?;
        let flags = header.expect(tag::OCTETS, "the flags")?.first().copied().unwrap_or_default();
        if header.integer("the security model")? != USERS {
            return Err(Malformed::Number { what: "the security model" });
        }
        let parameters = message.expect(tag::OCTETS, "the security parameters")?;
        let security = security(Reader::new(parameters).expect(tag::SEQUENCE, "the security parameters")?)?;
        let payload = if flags & ENCRYPTED == 0 {
            Payload::Plain(message.whole_element("a scoped PDU")?)
        } else {
            Payload::Encrypted(message.expect(tag::OCTETS, "a ciphertext")?)
        };
        let digest_at = security.digest.as_ptr().addr() - whole.as_ptr().addr();
        let is_authentic = flags & AUTHENTIC != 0;
        Ok(Self { whole, digest_at, message_id, is_authentic, security, payload })
    }
}

fn security(octets: &[u8]) -> Result<Security<'_>, Malformed> {
    let mut reader = Reader::new(octets);
    let unsigned = |number: i32, what| u32::try_from(number).map_err(|_| Malformed::Number { what });
    Ok(Security {
        engine_id: reader.expect(tag::OCTETS, "the engine id")?,
        boots: unsigned(reader.integer("the engine's boots")?, "the engine's boots")?,
        time: unsigned(reader.integer("the engine's time")?, "the engine's time")?,
        user: reader.expect(tag::OCTETS, "the user")?,
        digest: reader.expect(tag::OCTETS, "the digest")?,
        salt: reader.expect(tag::OCTETS, "the salt")?,
    })
}

/// Reads the PDU of a scoped PDU. Octets behind its end, as those that fill up a cipher's block, are not looked at.
pub(in super::super) fn scoped_pdu(octets: &[u8]) -> Result<ResponsePdu<'_>, Malformed> {
    let mut scoped = Reader::new(Reader::new(octets).expect(tag::SEQUENCE, "a scoped PDU")?);
    scoped.expect(tag::OCTETS, "the context's engine id")?;
    scoped.expect(tag::OCTETS, "the context's name")?;
    ResponsePdu::decode(&mut scoped)
}

/// Where in a managed system something was told; an answer repeats it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Context<'a> {
    pub(in super::super) engine_id: &'a [u8],
    pub(in super::super) name: &'a [u8],
}

/// Reads the context and the notification of a scoped PDU.
pub(in super::super) fn scoped_notification(
    octets: &[u8],
) -> Result<(Context<'_>, NotificationPdu<'_>), Malformed> {
    let mut scoped = Reader::new(Reader::new(octets).expect(tag::SEQUENCE, "a scoped PDU")?);
    let engine_id = scoped.expect(tag::OCTETS, "the context's engine id")?;
    let name = scoped.expect(tag::OCTETS, "the context's name")?;
    Ok((Context { engine_id, name }, NotificationPdu::decode(&mut scoped)?))
}

/// Appends a scoped PDU whose PDU is written already.
pub(in super::super) fn encode_scoped(engine_id: &[u8], context: &[u8], pdu: &[u8], out: &mut Vec<u8>) {
    head(tag::SEQUENCE, whole(engine_id.len()) + whole(context.len()) + pdu.len(), out);
    element(tag::OCTETS, engine_id, out);
    element(tag::OCTETS, context, out);
    out.extend_from_slice(pdu);
}

/// Returns a report of a counter, which says what is wrong with a message (RFC 3412, section 7.1).
pub(in super::super) fn report(counter: &[u32], value: u32) -> Vec<u8> {
    let (mut varbind, mut pdu, mut out) = (Vec::new(), Vec::new(), Vec::new());
    if let Ok(name) = Oid::new(counter) {
        head(tag::OID, oid::length(&name), &mut varbind);
        oid::encode(&name, &mut varbind);
    }
    let octets = i64::from(value).to_be_bytes();
    element(tag::COUNTER32, shortest(&octets), &mut varbind);
    let mut varbinds = Vec::new();
    element(tag::SEQUENCE, &varbind, &mut varbinds);
    for number in [0, 0, 0] {
        integer(number, &mut pdu);
    }
    element(tag::SEQUENCE, &varbinds, &mut pdu);
    element(tag::REPORT, &pdu, &mut out);
    out
}

/// Appends a scoped PDU.
pub(in super::super) fn encode_scoped_pdu(
    engine_id: &[u8],
    context: &[u8],
    pdu: &RequestPdu<'_>,
    out: &mut Vec<u8>,
) {
    head(tag::SEQUENCE, whole(engine_id.len()) + whole(context.len()) + pdu.length(), out);
    element(tag::OCTETS, engine_id, out);
    element(tag::OCTETS, context, out);
    pdu.encode(out);
}

/// Appends a message that is authentic if it has room for a digest. Returns where in `out` the digest lies.
pub(in super::super) fn encode(
    message_id: i32,
    security: &Security<'_>,
    payload: Payload<'_>,
    out: &mut Vec<u8>,
) -> usize {
    encode_as(Flags::Question, message_id, security, payload, out)
}

/// Whether a message that cannot be processed is to be reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Flags {
    /// It is.
    Question,
    /// It is not.
    Answer,
}

/// The same for a message that may be an answer.
pub(in super::super) fn encode_as(
    kind: Flags,
    message_id: i32,
    security: &Security<'_>,
    payload: Payload<'_>,
    out: &mut Vec<u8>,
) -> usize {
    let mut flags = if kind == Flags::Question { REPORTABLE } else { 0 };
    if !security.digest.is_empty() {
        flags |= AUTHENTIC;
    }
    let mut data = Vec::new();
    match payload {
        Payload::Plain(scoped) => data.extend_from_slice(scoped),
        Payload::Encrypted(ciphertext) => {
            flags |= ENCRYPTED;
            element(tag::OCTETS, ciphertext, &mut data);
        }
    }
    let mut header = Vec::new();
    integer(message_id, &mut header);
    integer(i32::try_from(MOST_OCTETS).unwrap_or(i32::MAX), &mut header);
    element(tag::OCTETS, &[flags], &mut header);
    integer(USERS, &mut header);
    let mut parameters = Vec::new();
    element(tag::OCTETS, security.engine_id, &mut parameters);
    for number in [security.boots, security.time] {
        integer(i32::try_from(number).unwrap_or(i32::MAX), &mut parameters);
    }
    element(tag::OCTETS, security.user, &mut parameters);
    element(tag::OCTETS, security.digest, &mut parameters);
    // The salt and its head are all that stands behind the digest.
    let behind_digest = whole(security.salt.len());
    element(tag::OCTETS, security.salt, &mut parameters);
    let parameters_length = whole(parameters.len());
    head(tag::SEQUENCE, 3 + whole(header.len()) + whole(parameters_length) + data.len(), out);
    integer(3, out);
    element(tag::SEQUENCE, &header, out);
    head(tag::OCTETS, parameters_length, out);
    element(tag::SEQUENCE, &parameters, out);
    let digest = out.len() - behind_digest - security.digest.len();
    out.extend_from_slice(&data);
    digest
}

/// Returns the question to an agent who it is, which any answers (RFC 3414, section 4).
pub(in super::super) fn discovery(message_id: i32) -> Vec<u8> {
    let nothing = Request::Get(Vec::new());
    let pdu = RequestPdu { version: Version::V3, request_id: message_id, request: &nothing };
    let (mut scoped, mut out) = (Vec::new(), Vec::new());
    encode_scoped_pdu(&[], &[], &pdu, &mut scoped);
    encode(message_id, &Security::default(), Payload::Plain(&scoped), &mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again_and_the_digest_is_found() {
        let request = Request::Get(vec!["1.3.6.1.2.1.1.3.0".parse().unwrap()]);
        let pdu = RequestPdu { version: Version::V3, request_id: 77, request: &request };
        let mut scoped = Vec::new();
        encode_scoped_pdu(b"engine", b"vlan7", &pdu, &mut scoped);
        for length in [0, 12, 48] {
            let digest = vec![0xee; length];
            let security = Security {
                engine_id: b"engine",
                boots: 7,
                time: 70_000,
                user: &[b'u'; 200],
                digest: &digest,
                salt: &[1; 8],
            };
            for payload in [Payload::Plain(&scoped), Payload::Encrypted(&scoped)] {
                let mut out = vec![1, 2, 3];
                let place = encode(5, &security, payload, &mut out);
                assert_eq!(out[place..place + length], digest);
                // Octets behind its end are none of it.
                let message = [&out[3..], b"behind"].concat();
                let read = Secured::decode(&message).unwrap();
                assert_eq!((read.whole, read.digest_at), (&out[3..], place - 3));
                assert_eq!((read.message_id, read.is_authentic), (5, length > 0));
                assert_eq!((read.security, read.payload), (security, payload));
            }
        }
    }

    #[test]
    fn a_message_cut_anywhere_is_refused() {
        let mut out = Vec::new();
        encode(5, &Security::default(), Payload::Plain(&[0x30, 2, 5, 0]), &mut out);
        assert!(Secured::decode(&out).is_ok());
        for length in 0..out.len() {
            assert!(Secured::decode(&out[..length]).is_err(), "{length} octets");
        }
    }
}
