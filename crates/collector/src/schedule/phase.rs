//! Where a job without a start falls within its interval.

use crate::{bot::JobId, model::Interval};

/// Returns the second, below `interval`, at which a job fires: the same after every restart and on every node.
///
/// It is the id's 64-bit FNV-1a hash, finished as MurmurHash3 does (FNV alone leaves ids that differ only in their
/// last digit side by side), modulo the interval. **Fixed for ever**: another function would move every series.
pub(super) fn phase(id: &JobId, interval: Interval) -> i64 {
    let remainder = finish(fnv_1a(id.as_str().as_bytes())) % u64::from(interval.seconds());
    i64::try_from(remainder).unwrap_or_default()
}

fn fnv_1a(bytes: &[u8]) -> u64 {
    const OFFSET_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    bytes.iter().fold(OFFSET_BASIS, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(PRIME))
}

fn finish(mut hash: u64) -> u64 {
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phase_of(id: &str, seconds: i64) -> i64 {
        phase(&JobId::from(id), Interval::from_seconds(seconds).unwrap())
    }

    #[test]
    fn the_hash_is_the_published_one() {
        assert_eq!(fnv_1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv_1a(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv_1a(b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn a_phase_never_changes() {
        for (id, interval, expected) in
            [("", 60, 2), ("ping.1", 60, 51), ("ping.2", 60, 33), ("ping.1", 300, 171)]
        {
            assert_eq!(phase_of(id, interval), expected, "{id} every {interval} s");
        }
        assert_eq!(phase_of("any", 1), 0);
    }

    #[test]
    fn jobs_that_are_numbered_one_after_another_are_spread_evenly() {
        let mut jobs_at = [0_u32; 60];
        for number in 0..6_000 {
            jobs_at[usize::try_from(phase_of(&format!("ping.{number}"), 60)).unwrap()] += 1;
        }
        // 100 each on average; 5 standard deviations of an even spread are 50.
        assert!(jobs_at.iter().all(|jobs| (50..=150).contains(jobs)), "{jobs_at:?}");
    }
}
