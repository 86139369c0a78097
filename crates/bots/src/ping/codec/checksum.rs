//! The internet checksum, RFC 1071.

/// Computes the checksum of `bytes`; over bytes that hold their own checksum it is 0 when they are whole.
pub fn checksum(bytes: &[u8]) -> u16 {
    let mut sum = 0_u64;
    let mut words = bytes.chunks_exact(2);
    for word in &mut words {
        sum += u64::from(word.first_chunk().map_or(0, |pair| u16::from_be_bytes(*pair)));
    }
    if let [last] = words.remainder() {
        sum += u64::from(*last) << 8;
    }
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    !u16::try_from(sum).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_example_of_rfc_1071_comes_out() {
        // Its words add up to 2ddf0, folded ddf2; the checksum is the complement.
        assert_eq!(checksum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]), !0xddf2);
    }

    #[test]
    fn an_odd_byte_counts_as_the_upper_half_of_a_word() {
        assert_eq!(checksum(&[0xab]), !0xab00);
        assert_eq!(checksum(&[]), 0xffff);
    }

    proptest! {
        #[test]
        fn bytes_that_hold_their_checksum_sum_to_zero(mut bytes in prop::collection::vec(any::<u8>(), 4..200)) {
            bytes[2..4].fill(0);
            let sum = checksum(&bytes);
            bytes[2..4].copy_from_slice(&sum.to_be_bytes());
            prop_assert_eq!(checksum(&bytes), 0);
            bytes[0] ^= 0x10;
            prop_assert_ne!(checksum(&bytes), 0);
        }
    }
}
