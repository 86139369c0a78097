//! The echo request as it goes out, and the tag in its payload by which its answer is known again.
//!
//! ```text
//!  0      1      2          4            6          8
//! | type | code | checksum | identifier | sequence |  payload      RFC 792, RFC 4443 section 4.1
//!
//!  0      4            8        16
//! | slot | generation | cookie | filler: 16, 17, 18, ...          the payload, ours
//! ```

use super::{Family, checksum};

/// The tag alone; what a payload is longer is filler.
pub const MIN_PAYLOAD: usize = 16;

/// What the payload opens with: where the request is kept, and proof that whoever answers has seen it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag {
    /// The place in the table of exchanges.
    pub slot: u32,
    /// Which of the exchanges that had this place.
    pub generation: u32,
    /// Unguessable, and another one for each request.
    pub cookie: u64,
}

/// One echo request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EchoRequest {
    /// Whose type number it gets.
    pub family: Family,
    /// The identifier; a datagram socket's kernel puts its own.
    pub id: u16,
    /// The sequence number.
    pub sequence: u16,
    /// What the payload opens with.
    pub tag: Tag,
    /// Bytes of payload; less than [`MIN_PAYLOAD`] is taken as that.
    pub payload: usize,
}

impl EchoRequest {
    /// Appends the message. The checksum is written for IPv4; for IPv6 it covers addresses that only the kernel
    /// knows, which fills it in.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&[self.family.echo_request(), 0, 0, 0]);
        out.extend_from_slice(&self.id.to_be_bytes());
        out.extend_from_slice(&self.sequence.to_be_bytes());
        out.extend_from_slice(&self.tag.slot.to_be_bytes());
        out.extend_from_slice(&self.tag.generation.to_be_bytes());
        out.extend_from_slice(&self.tag.cookie.to_be_bytes());
        out.extend(filler().take(self.payload.saturating_sub(MIN_PAYLOAD)));
        if self.family == Family::V4 {
            let sum = checksum(out.get(start..).unwrap_or_default()).to_be_bytes();
            if let Some(field) = out.get_mut(start + 2..start + 4) {
                field.copy_from_slice(&sum);
            }
        }
    }
}

impl Tag {
    /// Reads the tag of a payload that came back; None if the payload is shorter than a tag.
    pub fn read(payload: &[u8]) -> Option<Self> {
        let (slot, rest) = payload.split_first_chunk()?;
        let (generation, rest) = rest.split_first_chunk()?;
        let (cookie, _) = rest.split_first_chunk()?;
        Some(Self {
            slot: u32::from_be_bytes(*slot),
            generation: u32::from_be_bytes(*generation),
            cookie: u64::from_be_bytes(*cookie),
        })
    }

    /// Whether what follows the tag is the filler that was sent, all of it and nothing else.
    pub fn is_followed_by_filler(payload: &[u8], sent: usize) -> bool {
        let expected = filler().take(sent.saturating_sub(MIN_PAYLOAD));
        payload.get(MIN_PAYLOAD..).is_some_and(|rest| rest.iter().copied().eq(expected))
    }
}

/// 16, 17, 18, ...: each byte is its offset in the payload, so that a capture shows at a glance what was lost.
fn filler() -> impl Iterator<Item = u8> {
    (0..=u8::MAX).cycle().skip(MIN_PAYLOAD)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(family: Family) -> EchoRequest {
        let tag = Tag { slot: 0x0102_0304, generation: 5, cookie: 0xa1a2_a3a4_a5a6_a7a8 };
        EchoRequest { family, id: 0x1122, sequence: 7, tag, payload: 18 }
    }

    #[test]
    fn a_request_is_drawn_as_the_rfc_draws_it() {
        let mut bytes = Vec::new();
        request(Family::V6).encode(&mut bytes);
        let expected = [
            &[128, 0, 0, 0, 0x11, 0x22, 0, 7][..],
            &[1, 2, 3, 4, 0, 0, 0, 5, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8],
            &[16, 17],
        ];
        assert_eq!(bytes, expected.concat());
    }

    #[test]
    fn an_ipv4_request_holds_its_checksum_wherever_it_stands_in_the_buffer() {
        let mut bytes = vec![0xff; 3];
        request(Family::V4).encode(&mut bytes);
        assert_eq!(bytes[3], 8);
        assert_eq!(checksum(&bytes[3..]), 0);
    }

    #[test]
    fn a_payload_that_came_back_changed_is_told_from_the_one_that_was_sent() {
        let mut bytes = Vec::new();
        request(Family::V4).encode(&mut bytes);
        let payload = &bytes[8..];
        assert_eq!(Tag::read(payload), Some(request(Family::V4).tag));
        assert!(Tag::is_followed_by_filler(payload, 18));
        for sent in [16, 17, 19] {
            assert!(!Tag::is_followed_by_filler(payload, sent), "{sent}");
        }
        bytes[25] ^= 1;
        assert!(!Tag::is_followed_by_filler(&bytes[8..], 18));
        assert_eq!(Tag::read(&bytes[8..23]), None);
    }
}
