//! Big-endian numbers out of a slice that may be too short.

/// Reads a datagram from its beginning; what is not there is `None`, never a panic.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(super) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.rest.split_at_checked(count)?;
        self.rest = tail;
        Some(head)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, tail) = self.rest.split_first_chunk::<N>()?;
        self.rest = tail;
        Some(*head)
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_be_bytes)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }
}

/// Reads an unsigned number of any width (reduced-size encoding, RFC 7011 section 6.2). Of more than eight octets the
/// last eight count; of none it is zero.
#[inline]
pub(super) fn unsigned(bytes: &[u8]) -> u64 {
    match *bytes {
        [a] => u64::from(a),
        [a, b] => u64::from(u16::from_be_bytes([a, b])),
        [a, b, c, d] => u64::from(u32::from_be_bytes([a, b, c, d])),
        [a, b, c, d, e, f, g, h] => u64::from_be_bytes([a, b, c, d, e, f, g, h]),
        _ => bytes.iter().fold(0, |number, &byte| (number << 8) | u64::from(byte)),
    }
}

/// Keeps what fits of a number that was sent wider than it can mean.
#[inline]
pub(super) fn low_u32(number: u64) -> u32 {
    u32::try_from(number & 0xFFFF_FFFF).unwrap_or(u32::MAX)
}

#[inline]
pub(super) fn low_u16(number: u64) -> u16 {
    u16::try_from(number & 0xFFFF).unwrap_or(u16::MAX)
}

#[inline]
pub(super) fn low_u8(number: u64) -> u8 {
    u8::try_from(number & 0xFF).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_of_any_width_is_read() {
        assert_eq!(unsigned(&[]), 0);
        assert_eq!(unsigned(&[1, 2, 3]), 0x01_02_03);
        assert_eq!(unsigned(&[9, 0, 0, 0, 0, 0, 0, 0, 5]), 5);
        assert_eq!(unsigned(&[0xFF; 8]), u64::MAX);
    }

    #[test]
    fn a_reader_at_its_end_gives_nothing_and_stays() {
        let mut reader = Reader::new(&[1, 2, 3]);
        assert_eq!(reader.u16(), Some(0x0102));
        assert_eq!(reader.u32(), None);
        assert_eq!(reader.u8(), Some(3));
        assert_eq!(reader.take(1), None);
    }
}
