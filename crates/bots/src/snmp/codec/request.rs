//! A request as it goes out.
//!
//! ```text
//! SEQUENCE | version | community | PDU                                          RFC 1157, section 4; RFC 1901
//!                                  PDU: request-id | error-status | error-index | varbinds        RFC 3416, section 3
//!                          GETBULK PDU: request-id | non-repeaters | max-repetitions | varbinds
//! ```

use super::{
    Version,
    ber::{head, shortest, tag, whole},
    oid,
};
use crate::snmp::{Oid, Request};

/// Octets of the largest UDP datagram over IPv4, and so of the largest message.
pub const MOST_OCTETS: usize = 65_507;

/// The rows of one GETBULK that are asked for at most: what an agent takes in a signed number.
const MOST_REPETITIONS: u32 = i32::MAX.unsigned_abs();

/// A NULL, which stands for the value in a request.
const NULL: [u8; 2] = [tag::NULL, 0];

/// Octets of request-id, error-status and error-index at most, each with its head.
const MOST_HEADER: usize = 3 * 7;

/// A request to an agent.
#[derive(Clone, Copy, Debug)]
pub struct RequestPdu<'a> {
    /// The version. v1 has no GETBULK: there a bulk request asks for the next objects once.
    pub version: Version,
    /// What the reply will repeat.
    pub request_id: i32,
    /// What is asked.
    pub request: &'a Request,
}

impl<'a> RequestPdu<'a> {
    /// Appends the message of v1 or v2c around the PDU.
    pub fn encode_message(&self, community: &[u8], out: &mut Vec<u8>) {
        let length = 3 + whole(community.len()) + self.length();
        out.reserve(whole(length));
        head(tag::SEQUENCE, length, out);
        out.extend_from_slice(&[tag::INTEGER, 1, self.version.number()]);
        head(tag::OCTETS, community.len(), out);
        out.extend_from_slice(community);
        self.encode(out);
    }

    /// Returns the octets that [`encode`](Self::encode) appends.
    pub(super) fn length(&self) -> usize {
        whole(self.header().octets().len() + whole(self.varbinds_length()))
    }

    /// Appends the PDU alone.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        let (pdu, ..) = self.parts();
        let (header, varbinds) = (self.header(), self.varbinds_length());
        head(pdu, header.octets().len() + whole(varbinds), out);
        out.extend_from_slice(header.octets());
        head(tag::SEQUENCE, varbinds, out);
        for name in self.oids() {
            head(tag::SEQUENCE, varbind_length(name), out);
            head(tag::OID, oid::length(name), out);
            oid::encode(name, out);
            out.extend_from_slice(&NULL);
        }
    }

    /// The type of the PDU, and its third number.
    fn parts(&self) -> (u8, u32) {
        match self.request {
            Request::Get(_) => (tag::GET, 0),
            Request::Next(_) => (tag::GET_NEXT, 0),
            Request::Bulk { .. } if self.version == Version::V1 => (tag::GET_NEXT, 0),
            Request::Bulk { repetitions, .. } => (tag::GET_BULK, *repetitions),
        }
    }

    fn oids(&self) -> &'a [Oid] {
        match self.request {
            Request::Get(oids) | Request::Next(oids) | Request::Bulk { oids, .. } => oids,
        }
    }

    fn header(&self) -> PduHeader {
        let (_, third) = self.parts();
        let mut header = PduHeader::default();
        header.push(self.request_id);
        header.push(0);
        header.push(i32::try_from(third.min(MOST_REPETITIONS)).unwrap_or(i32::MAX));
        header
    }

    fn varbinds_length(&self) -> usize {
        self.oids().iter().map(|oid| whole(varbind_length(oid))).sum()
    }
}

fn varbind_length(name: &Oid) -> usize {
    whole(oid::length(name)) + NULL.len()
}

/// The three INTEGERs that a PDU begins with.
#[derive(Default)]
struct PduHeader {
    octets: [u8; MOST_HEADER],
    length: usize,
}

impl PduHeader {
    /// Appends one in as few octets as it takes.
    fn push(&mut self, number: i32) {
        let octets = number.to_be_bytes();
        let needed = shortest(&octets);
        let head = [tag::INTEGER, u8::try_from(needed.len()).unwrap_or(4)];
        for octet in head.iter().chain(needed) {
            if let Some(place) = self.octets.get_mut(self.length) {
                *place = *octet;
                self.length += 1;
            }
        }
    }

    fn octets(&self) -> &[u8] {
        self.octets.get(..self.length).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(version: Version, request_id: i32, request: &Request) -> String {
        let mut out = Vec::new();
        RequestPdu { version, request_id, request }.encode_message(b"public", &mut out);
        out.iter().map(|octet| format!("{octet:02x}")).collect()
    }

    fn uptime() -> Oid {
        "1.3.6.1.2.1.1.3.0".parse().unwrap()
    }

    #[test]
    fn requests_are_what_net_snmp_sends() {
        // snmpget -v1 and snmpbulkget -v2c -Cr10, as tcpdump saw them.
        assert_eq!(
            encoded(Version::V1, 0x1234, &Request::Get(vec![uptime()])),
            "302702010004067075626c6963a01a02021234020100020100300e300c06082b060102010103000500"
        );
        assert_eq!(
            encoded(Version::V2c, 0x7fff_ffff, &Request::Bulk { oids: vec![uptime()], repetitions: 10 }),
            "302902010104067075626c6963a51c02047fffffff02010002010a300e300c06082b060102010103000500"
        );
    }

    #[test]
    fn v1_has_no_bulk() {
        let bulk = Request::Bulk { oids: vec![uptime()], repetitions: 10 };
        assert_eq!(encoded(Version::V1, 7, &bulk), encoded(Version::V1, 7, &Request::Next(vec![uptime()])));
    }

    #[test]
    fn numbers_take_as_few_octets_as_they_need() {
        for (number, octets) in [
            (0, &[2, 1, 0][..]),
            (127, &[2, 1, 127]),
            (128, &[2, 2, 0, 128]),
            (-1, &[2, 1, 0xff]),
            (-129, &[2, 2, 0xff, 0x7f]),
            (i32::MIN, &[2, 4, 0x80, 0, 0, 0]),
        ] {
            let mut header = PduHeader::default();
            header.push(number);
            assert_eq!(header.octets(), octets, "{number}");
        }
    }
}
