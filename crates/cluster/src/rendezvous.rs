//! Which of several nodes owns a slot: rendezvous hashing with weights.
//!
//! Each node has a score for each slot, and the highest owns it (Thaler and Ravishankar 1998; weights by Schindelhauer
//! and Schomaker 2005: `-weight / ln(u)`). A node that joins takes slots, one that leaves gives its own, and no slot
//! moves between two that stay. **Fixed for ever**: every node has to come to the same result, so that the logarithm is made
//! of operations that IEEE 754 defines to the last bit, and not the platform's.

use std::cmp::Ordering;

/// Whoever may own slots: a name and a weight.
pub trait Candidate {
    /// Returns the name, which is all that its scores depend on beside the weight.
    fn name(&self) -> &str;

    /// Returns how many times as many slots as another of weight 1 it gets; with 0 it gets none.
    fn weight(&self) -> u32;
}

impl Candidate for (&str, u32) {
    fn name(&self) -> &str {
        self.0
    }

    fn weight(&self) -> u32 {
        self.1
    }
}

/// Returns the candidate that owns a slot of a pool, `None` if none has any weight.
pub fn owner<'a, C: Candidate>(
    pool: &str,
    slot: u16,
    candidates: impl IntoIterator<Item = &'a C>,
) -> Option<&'a C> {
    candidates
        .into_iter()
        .filter(|candidate| candidate.weight() > 0)
        .map(|candidate| (Scored::of(pool, slot, candidate), candidate))
        .max_by(|(a, _), (b, _)| by_score(a, b))
        .map(|(_, candidate)| candidate)
}

/// Returns how many of the candidates come before one that is called `name`: 0 is the owner.
pub fn rank<'a, C: Candidate + 'a>(
    pool: &str,
    slot: u16,
    me: &C,
    others: impl IntoIterator<Item = &'a C>,
) -> usize {
    let mine = Scored::of(pool, slot, me);
    let is_before = |other: &&C| {
        other.weight() > 0 && by_score(&Scored::of(pool, slot, *other), &mine) == Ordering::Greater
    };
    others.into_iter().filter(is_before).count()
}

struct Scored<'a> {
    score: f64,
    name: &'a str,
}

impl<'a> Scored<'a> {
    fn of(pool: &str, slot: u16, candidate: &'a impl Candidate) -> Self {
        let name = candidate.name();
        let weight = f64::from(candidate.weight());
        // From 0 to 1, neither included: 53 bits and a half.
        let unit = ((hash(pool, slot, name) >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
        Self { score: weight / -ln(unit), name }
    }
}

/// The higher score first; one that is equal to the last bit is decided by the names, so that all agree.
fn by_score(a: &Scored<'_>, b: &Scored<'_>) -> Ordering {
    a.score.total_cmp(&b.score).then_with(|| a.name.cmp(b.name))
}

/// 64-bit FNV-1a over pool, slot and name, finished as MurmurHash3 does.
fn hash(pool: &str, slot: u16, name: &str) -> u64 {
    const OFFSET_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    let parts = [pool.as_bytes(), &[0xff], &slot.to_le_bytes(), name.as_bytes()];
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(PRIME);
    let mut hash = parts.iter().flat_map(|part| part.iter()).fold(OFFSET_BASIS, step);
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

/// The natural logarithm of a number between 0 and 1, by additions, multiplications and divisions alone: it is the same
/// on every machine. `x = m * 2^e` with `m` from 1 to 2; `ln m = 2 atanh((m - 1) / (m + 1))`.
fn ln(x: f64) -> f64 {
    const EXPONENT_BIAS: i32 = 1023;
    let bits = x.to_bits();
    let exponent = i32::try_from(bits >> 52).unwrap_or(EXPONENT_BIAS) - EXPONENT_BIAS;
    let mantissa = f64::from_bits((bits & 0x000f_ffff_ffff_ffff) | 0x3ff0_0000_0000_0000);
    let z = (mantissa - 1.0) / (mantissa + 1.0);
    let square = z * z;
    // z is below 1/3: 17 terms are good to the last bits.
    let series = (0..17).rev().fold(0.0, |sum, term| sum * square + 1.0 / f64::from(2 * term + 1));
    2.0 * z * series + f64::from(exponent) * std::f64::consts::LN_2
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::slot::SLOTS;

    fn owners(nodes: &[(&'static str, u32)]) -> Vec<&'static str> {
        (0..SLOTS).map(|slot| owner("", slot, nodes).unwrap().0).collect()
    }

    #[test]
    fn the_logarithm_is_one() {
        for x in [1e-16, 1e-9, 0.001, 0.25, 0.5, 0.75, 0.999, 0.999_999_999_9] {
            let (ours, theirs) = (ln(x), f64::ln(x));
            assert!((ours - theirs).abs() <= theirs.abs() * 1e-13 + 1e-16, "{x}: {ours} {theirs}");
        }
    }

    #[test]
    fn who_owns_a_slot_never_changes() {
        let nodes = [("a", 100), ("b", 100), ("c", 200)];
        let owners = owners(&nodes);
        assert_eq!(owners[..16].concat(), FIRST_OWNERS, "the first sixteen");
        assert_eq!(owner("", 0, &[("a", 0)]), None);
        assert_eq!(owner::<(&str, u32)>("", 0, &[]), None);
    }

    /// Written down once: another result would split a cluster of two versions.
    const FIRST_OWNERS: &str = "bccaacccacccbccc";

    #[test]
    fn slots_are_spread_by_weight() {
        let mut number: HashMap<&str, u32> = HashMap::new();
        for owner in owners(&[("a", 100), ("b", 100), ("c", 200)]) {
            *number.entry(owner).or_default() += 1;
        }
        // 256, 256 and 512 on average; five standard deviations are 70 and 80.
        assert!((186..=326).contains(&number["a"]) && (186..=326).contains(&number["b"]), "{number:?}");
        assert!((432..=592).contains(&number["c"]), "{number:?}");
    }

    #[test]
    fn who_joins_takes_its_part_and_nothing_moves_between_the_others() {
        let before = owners(&[("a", 100), ("b", 100), ("c", 100)]);
        let after = owners(&[("a", 100), ("b", 100), ("c", 100), ("d", 100)]);
        let moved: Vec<_> = before.iter().zip(&after).filter(|(before, after)| before != after).collect();
        assert!(moved.iter().all(|(_, after)| **after == "d"));
        // A quarter is 256; five standard deviations are 70.
        assert!((186..=326).contains(&moved.len()), "{}", moved.len());
    }

    #[test]
    fn a_weight_that_falls_moves_slots_away_from_that_node_alone() {
        let before = owners(&[("a", 100), ("b", 100), ("c", 100)]);
        let after = owners(&[("a", 50), ("b", 100), ("c", 100)]);
        assert!(before.iter().zip(&after).all(|(before, after)| before == after || *before == "a"));
        assert!(after.iter().filter(|owner| **owner == "a").count() < 300);
    }

    #[test]
    fn the_rank_of_the_owner_is_zero_and_ranks_are_an_order() {
        let nodes = [("a", 100), ("b", 100), ("c", 100), ("d", 0)];
        for slot in 0..SLOTS {
            let rank_of =
                |me: &(&'static str, u32)| rank("", slot, me, nodes.iter().filter(|other| other.0 != me.0));
            let mut ranks: Vec<_> = nodes[..3].iter().map(rank_of).collect();
            let first = ranks.iter().position(|rank| *rank == 0).unwrap();
            assert_eq!(owner("", slot, &nodes).unwrap().0, nodes[first].0);
            ranks.sort_unstable();
            assert_eq!(ranks, [0, 1, 2]);
        }
    }
}
