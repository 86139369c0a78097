//! A request as it goes out.
//!
//! ```text
//! SEQUENCE | version | community | PDU                                          RFC 1157, section 4; RFC 1901
//!                                  PDU: request-id | error-status | error-index | varbinds        RFC 3416, section 3
//!                          GETBULK PDU: request-id | non-repeaters | max-repetitions | varbinds
//! ```

use super::{Version, ber::tag, oid};
use crate::snmp::{Oid, Request};

/// Octets of the largest UDP datagram over IPv4, and so of the largest message.
pub const MOST_OCTETS: usize = 65_507;

/// The rows of one GETBULK that are asked for at most: what an agent takes in a signed number.
const MOST_REPETITIONS: u32 = i32::MAX.unsigned_abs();

/// A NULL, which stands for the value in a request.
const NULL: [u8; 2] = [tag::NULL, 0];

/// Octets of request-id, error-status and error-index at most, each with its head.
const MOST_NUMBERS: usize = 3 * 7;

/// A request to an agent.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The version.
    pub version: Version,
    /// The community.
    pub community: &'a [u8],
    /// What the reply will repeat.
    pub request_id: i32,
    /// What is asked. Over v1, which has no GETBULK, a bulk request asks for the next objects once.
    pub request: &'a Request,
}

impl Question<'_> {
    /// Appends the message.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let (pdu, oids, second) = match self.request {
            Request::Get(oids) => (tag::GET, oids, 0),
            Request::Next(oids) => (tag::GET_NEXT, oids, 0),
            Request::Bulk { oids, .. } if self.version == Version::V1 => (tag::GET_NEXT, oids, 0),
            Request::Bulk { oids, repetitions } => (tag::GET_BULK, oids, *repetitions),
        };
        let mut numbers = Numbers::default();
        numbers.push(self.request_id);
        numbers.push(0);
        numbers.push(i32::try_from(second.min(MOST_REPETITIONS)).unwrap_or(i32::MAX));
        let varbinds: usize = oids.iter().map(|oid| whole(varbind_length(oid))).sum();
        let pdu_length = numbers.octets().len() + whole(varbinds);
        let length = 3 + whole(self.community.len()) + whole(pdu_length);
        out.reserve(whole(length));
        head(tag::SEQUENCE, length, out);
        out.extend_from_slice(&[tag::INTEGER, 1, self.version.number()]);
        head(tag::OCTETS, self.community.len(), out);
        out.extend_from_slice(self.community);
        head(pdu, pdu_length, out);
        out.extend_from_slice(numbers.octets());
        head(tag::SEQUENCE, varbinds, out);
        for name in oids {
            head(tag::SEQUENCE, varbind_length(name), out);
            head(tag::OID, oid::length(name), out);
            oid::encode(name, out);
            out.extend_from_slice(&NULL);
        }
    }
}

fn varbind_length(name: &Oid) -> usize {
    whole(oid::length(name)) + NULL.len()
}

/// Octets of an element with content of so many.
const fn whole(length: usize) -> usize {
    length
        + match length {
            0..0x80 => 2,
            0x80..0x100 => 3,
            0x100..0x1_0000 => 4,
            _ => 5,
        }
}

/// Appends type and length.
fn head(tag: u8, length: usize, out: &mut Vec<u8>) {
    out.push(tag);
    let octets = u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
    match octets {
        [0, 0, 0, low @ 0..0x80] => out.push(low),
        [0, 0, 0, low] => out.extend_from_slice(&[0x81, low]),
        [0, 0, high, low] => out.extend_from_slice(&[0x82, high, low]),
        [_, most, high, low] => out.extend_from_slice(&[0x83, most, high, low]),
    }
}

/// The three INTEGERs that a PDU begins with.
#[derive(Default)]
struct Numbers {
    octets: [u8; MOST_NUMBERS],
    length: usize,
}

impl Numbers {
    /// Appends one in as few octets as it takes.
    fn push(&mut self, number: i32) {
        let octets = number.to_be_bytes();
        let is_surplus = |pair: &[u8]| matches!(pair, [0, 0..0x80] | [0xff, 0x80..=0xff]);
        let surplus = octets.windows(2).take_while(|pair| is_surplus(pair)).count();
        let needed = octets.get(surplus..).unwrap_or_default();
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
        Question { version, community: b"public", request_id, request }.encode(&mut out);
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
            let mut numbers = Numbers::default();
            numbers.push(number);
            assert_eq!(numbers.octets(), octets, "{number}");
        }
    }
}
