//! The basic encoding rules, as far as SNMP uses them: type, length, content.
//!
//! ```text
//! | type | 0nnnnnnn | n octets                  a length below 128
//! | type | 1000000k | k octets of n | n octets  any length; shorter ones may be written so too      X.690, section 8.1
//! ```

use super::{Malformed, number};

/// Octets of the longest length that is read, as in net-snmp. More than three never say anything a datagram can hold.
const LONGEST_LENGTH: usize = 4;

/// The types of SNMP (RFC 2578, section 7.1; RFC 3416, section 3).
pub(super) mod tag {
    pub(in super::super) const INTEGER: u8 = 0x02;
    pub(in super::super) const OCTETS: u8 = 0x04;
    pub(in super::super) const NULL: u8 = 0x05;
    pub(in super::super) const OID: u8 = 0x06;
    pub(in super::super) const SEQUENCE: u8 = 0x30;
    pub(in super::super) const ADDRESS: u8 = 0x40;
    pub(in super::super) const COUNTER32: u8 = 0x41;
    pub(in super::super) const GAUGE32: u8 = 0x42;
    pub(in super::super) const TIME_TICKS: u8 = 0x43;
    pub(in super::super) const OPAQUE: u8 = 0x44;
    pub(in super::super) const NSAP: u8 = 0x45;
    pub(in super::super) const COUNTER64: u8 = 0x46;
    pub(in super::super) const UINTEGER32: u8 = 0x47;
    pub(in super::super) const NO_SUCH_OBJECT: u8 = 0x80;
    pub(in super::super) const NO_SUCH_INSTANCE: u8 = 0x81;
    pub(in super::super) const END_OF_MIB_VIEW: u8 = 0x82;
    pub(in super::super) const GET: u8 = 0xa0;
    pub(in super::super) const GET_NEXT: u8 = 0xa1;
    pub(in super::super) const RESPONSE: u8 = 0xa2;
    pub(in super::super) const TRAP_V1: u8 = 0xa4;
    pub(in super::super) const GET_BULK: u8 = 0xa5;
    pub(in super::super) const INFORM: u8 = 0xa6;
    pub(in super::super) const TRAP: u8 = 0xa7;
    pub(in super::super) const REPORT: u8 = 0xa8;
}

/// Reads elements one after the other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

/// The head of an element, and what is left behind it.
pub(super) struct Head<'a> {
    pub(super) tag: u8,
    pub(super) length: usize,
    pub(super) rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) const fn new(octets: &'a [u8]) -> Self {
        Self { rest: octets }
    }

    pub(super) const fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// Reads type and length, whatever follows.
    pub(super) fn head(&self, what: &'static str) -> Result<Head<'a>, Malformed> {
        let truncated = Malformed::Truncated { what, left: self.rest.len() };
        let [tag, first, rest @ ..] = self.rest else { return Err(truncated) };
        let (tag, first) = (*tag, *first);
        if first < 0x80 {
            return Ok(Head { tag, length: first.into(), rest });
        }
        let count = usize::from(first & 0x7f);
        if count == 0 || count > LONGEST_LENGTH {
            return Err(Malformed::Length { what, first });
        }
        let (length, rest) = rest.split_at_checked(count).ok_or(truncated)?;
        let length = length.iter().fold(0, |length, octet| (length << 8) | usize::from(*octet));
        Ok(Head { tag, length, rest })
    }

    /// Reads an element.
    pub(super) fn element(&mut self, what: &'static str) -> Result<(u8, &'a [u8]), Malformed> {
        let Head { tag, length, rest } = self.head(what)?;
        let left = rest.len();
        let (content, rest) = rest.split_at_checked(length).ok_or(Malformed::Truncated { what, left })?;
        self.rest = rest;
        Ok((tag, content))
    }

    /// Reads an element with its head.
    pub(super) fn whole_element(&mut self, what: &'static str) -> Result<&'a [u8], Malformed> {
        let before = self.rest;
        self.element(what)?;
        Ok(before.get(..before.len() - self.rest.len()).unwrap_or_default())
    }

    /// Reads an element of a type.
    pub(super) fn expect(&mut self, expected: u8, what: &'static str) -> Result<&'a [u8], Malformed> {
        let (tag, content) = self.element(what)?;
        if tag == expected { Ok(content) } else { Err(Malformed::Tag { what, tag }) }
    }

    /// Reads an INTEGER of the message itself, which has to fit.
    pub(super) fn integer(&mut self, what: &'static str) -> Result<i32, Malformed> {
        let content = self.expect(tag::INTEGER, what)?;
        number::signed(content)
            .and_then(|number| i32::try_from(number).ok())
            .ok_or(Malformed::Number { what })
    }
}

/// Returns the octets of an element with content of so many.
pub(super) const fn whole(length: usize) -> usize {
    length
        + match length {
            0..0x80 => 2,
            0x80..0x100 => 3,
            0x100..0x1_0000 => 4,
            _ => 5,
        }
}

/// Appends type and length.
pub(super) fn head(tag: u8, length: usize, out: &mut Vec<u8>) {
    out.push(tag);
    let octets = u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
    match octets {
        [0, 0, 0, low @ 0..0x80] => out.push(low),
        [0, 0, 0, low] => out.extend_from_slice(&[0x81, low]),
        [0, 0, high, low] => out.extend_from_slice(&[0x82, high, low]),
        [_, most, high, low] => out.extend_from_slice(&[0x83, most, high, low]),
    }
}

/// Returns a signed number without leading octets that say nothing.
pub(super) fn shortest(octets: &[u8]) -> &[u8] {
    let is_surplus = |pair: &[u8]| matches!(pair, [0, 0..0x80] | [0xff, 0x80..=0xff]);
    let surplus = octets.windows(2).take_while(|pair| is_surplus(pair)).count();
    octets.get(surplus..).unwrap_or_default()
}

/// Appends an INTEGER.
pub(super) fn integer(number: i32, out: &mut Vec<u8>) {
    let octets = number.to_be_bytes();
    let needed = shortest(&octets);
    head(tag::INTEGER, needed.len(), out);
    out.extend_from_slice(needed);
}

/// Appends an element with its content.
pub(super) fn element(tag: u8, content: &[u8], out: &mut Vec<u8>) {
    head(tag, content.len(), out);
    out.extend_from_slice(content);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_may_be_longer_than_they_need_be() {
        for octets in [&[4, 2, 7, 8][..], &[4, 0x81, 2, 7, 8], &[4, 0x84, 0, 0, 0, 2, 7, 8]] {
            assert_eq!(Reader::new(octets).element("text"), Ok((4, &[7, 8][..])));
        }
    }

    #[test]
    fn what_has_no_end_or_ends_too_early_is_refused() {
        let what = "text";
        let read = |octets: &'static [u8]| Reader::new(octets).element(what).unwrap_err();
        assert_eq!(read(&[4, 0x80, 7, 0, 0]), Malformed::Length { what, first: 0x80 });
        assert_eq!(read(&[4, 0x85, 0, 0, 0, 0, 1, 7]), Malformed::Length { what, first: 0x85 });
        assert_eq!(read(&[4, 0x82, 1]), Malformed::Truncated { what, left: 3 });
        assert_eq!(read(&[4, 3, 7, 8]), Malformed::Truncated { what, left: 2 });
        assert_eq!(read(&[4, 0x84, 0xff, 0xff, 0xff, 0xff, 7]), Malformed::Truncated { what, left: 1 });
        assert_eq!(read(&[4]), Malformed::Truncated { what, left: 1 });
        assert_eq!(read(&[]), Malformed::Truncated { what, left: 0 });
    }

    #[test]
    fn an_integer_of_the_message_has_to_fit() {
        let read = |octets: &[u8]| Reader::new(octets).integer("it").ok();
        assert_eq!(read(&[2, 1, 0xff]), Some(-1));
        assert_eq!(read(&[2, 5, 0, 0, 0, 1, 0]), Some(256));
        assert_eq!(read(&[2, 5, 0, 0xff, 0xff, 0xff, 0xff]), None);
        assert_eq!(read(&[2, 0]), None);
        assert_eq!(read(&[4, 1, 1]), None);
    }
}
