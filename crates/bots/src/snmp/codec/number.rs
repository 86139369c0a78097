//! Numbers as agents write them: in two's complement, mostly in as few octets as it takes.

/// Reads a signed number; None if it has no octets or says something beyond 64 bits.
pub(super) fn signed(octets: &[u8]) -> Option<i64> {
    let first = *octets.first()?;
    let sign = if first < 0x80 { 0 } else { 0xff };
    let significant = match octets.len().checked_sub(8) {
        None | Some(0) => octets,
        Some(surplus) => {
            let (padding, significant) = octets.split_at_checked(surplus)?;
            let keeps_its_sign = significant.first().is_some_and(|octet| (octet ^ sign) < 0x80);
            significant.get(..).filter(|_| keeps_its_sign && padding.iter().all(|octet| *octet == sign))?
        }
    };
    let start = if sign == 0 { 0 } else { -1 };
    Some(significant.iter().fold(start, |number: i64, octet| (number << 8) | i64::from(*octet)))
}

/// Reads an unsigned number of 32 bits. Many agents leave out the zero before a number that fills all its bits, some
/// write its 32 bits as a signed number and fill up in front. None if it has no octets or is more than 32 bits say.
pub(super) fn unsigned32(octets: &[u8]) -> Option<u32> {
    let (padding, low) =
        octets.split_last_chunk::<4>().map_or((&[][..], octets), |(padding, low)| (padding, low));
    let low_is_high = low.first().is_some_and(|octet| *octet >= 0x80);
    let is_padding = padding.iter().all(|octet| *octet == 0)
        || (low_is_high && padding.iter().all(|octet| *octet == 0xff));
    (is_padding && !octets.is_empty())
        .then(|| low.iter().fold(0, |number, octet| (number << 8) | u32::from(*octet)))
}

/// Reads an unsigned number of 64 bits. None if it has no octets, which agents send of a counter that they could not read
/// (X.690, section 8.3.1 demands one at least), or is more.
pub(super) fn unsigned64(octets: &[u8]) -> Option<u64> {
    let (padding, low) =
        octets.split_last_chunk::<8>().map_or((&[][..], octets), |(padding, low)| (padding, low));
    let is_padding = padding.iter().all(|octet| *octet == 0);
    (is_padding && !octets.is_empty())
        .then(|| low.iter().fold(0, |number, octet| (number << 8) | u64::from(*octet)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signed_numbers_of_any_length_are_read() {
        assert_eq!(signed(&[0x80]), Some(-128));
        assert_eq!(signed(&[0, 0x80]), Some(128));
        assert_eq!(signed(&[0xff, 0xff, 0xff, 0xfe]), Some(-2));
        assert_eq!(signed(&[0xff; 20]), Some(-1));
        assert_eq!(signed(&[0, 0, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]), Some(i64::MAX));
        assert_eq!(signed(&[0, 0x80, 0, 0, 0, 0, 0, 0, 0]), None);
        assert_eq!(signed(&[1, 0, 0, 0, 0, 0, 0, 0, 0]), None);
        assert_eq!(signed(&[]), None);
    }

    #[test]
    fn unsigned_numbers_may_look_negative() {
        assert_eq!(unsigned32(&[0xff, 0xff, 0xff, 0xfe]), Some(u32::MAX - 1));
        assert_eq!(unsigned32(&[0, 0xff, 0xff, 0xff, 0xfe]), Some(u32::MAX - 1));
        assert_eq!(unsigned32(&[0xff, 0xff, 0xff, 0xff, 0x80, 0, 0, 1]), Some(0x8000_0001));
        // A single octet is what it is, however signed it looks.
        assert_eq!(unsigned32(&[0xff]), Some(255));
        assert_eq!(unsigned32(&[1, 0, 0, 0, 0]), None);
        assert_eq!(unsigned32(&[0xff, 0x7f, 0, 0, 0]), None);
        assert_eq!(unsigned32(&[]), None);
    }

    #[test]
    fn counters_of_64_bits_are_whole() {
        assert_eq!(unsigned64(&[0xff; 8]), Some(u64::MAX));
        assert_eq!(unsigned64(&[0, 0, 0xff, 0, 0, 0, 0, 0, 0, 0]), Some(0xff << 56));
        assert_eq!(unsigned64(&[1, 0, 0, 0, 0, 0, 0, 0, 0]), None);
        assert_eq!(unsigned64(&[0]), Some(0));
        assert_eq!(unsigned64(&[]), None);
    }
}
