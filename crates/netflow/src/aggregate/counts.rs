//! Bytes by key, in bounded room.

use std::{collections::HashMap, hash::Hash};

use foldhash::quality::RandomState;
use serde::{Deserialize, Serialize};

/// Bytes by key.
///
/// Exact until it is [purged](Self::purge). After that each count is at most the truth, and short of it by no more than
/// [`missed`](Self::missed): what may have been dropped of a key before it came again. That is itself bounded: as a purge
/// of n keys drops those of which the least is known to be possible, `missed` never exceeds 2/n of all bytes that were
/// added (n being the fewest keys that were ever purged). It is the guarantee of the space-saving sketch, but counts are
/// never above the truth, and those of keys that were there all along stay exact.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound(serialize = "K: Serialize + Eq + Hash", deserialize = "K: Deserialize<'de> + Eq + Hash"))]
pub struct Counts<K> {
    counts: HashMap<K, Count, RandomState>,
    missed: u64,
}

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Count {
    bytes: u64,
    /// How much of `missed` came up while the key was there, and is therefore not missing here.
    missed_since: u64,
}

impl Count {
    /// The most that the key may have had.
    fn at_most(self, missed: u64) -> u64 {
        self.bytes.saturating_add(missed.saturating_sub(self.missed_since))
    }
}

impl<K> Default for Counts<K> {
    fn default() -> Self {
        Self { counts: HashMap::default(), missed: 0 }
    }
}

impl<K: Copy + Eq + Hash> Counts<K> {
    /// Adds bytes to a key.
    pub fn add(&mut self, key: K, bytes: u64) {
        let count = self.counts.entry(key).or_default();
        count.bytes = count.bytes.saturating_add(bytes);
    }

    /// Adds all of another.
    pub fn merge(&mut self, mut other: Self) {
        if self.len() < other.len() {
            std::mem::swap(self, &mut other);
        }
        for (key, its) in other.counts {
            let own = self.counts.entry(key).or_default();
            own.bytes = own.bytes.saturating_add(its.bytes);
            own.missed_since = own.missed_since.saturating_add(its.missed_since);
        }
        self.missed = self.missed.saturating_add(other.missed);
    }

    /// Drops the smaller half of the keys.
    pub fn purge(&mut self) {
        let missed = self.missed;
        let mut sizes: Vec<u64> = self.counts.values().map(|count| count.at_most(missed)).collect();
        let mut surplus = sizes.len() / 2;
        if surplus == 0 {
            return;
        }
        let (below, &mut cut, _) = sizes.select_nth_unstable(surplus - 1);
        let smaller = below.iter().filter(|size| **size < cut).count();
        surplus -= smaller;
        self.counts.retain(|_, count| {
            let size = count.at_most(missed);
            let goes = size < cut || (size == cut && surplus > 0);
            surplus -= usize::from(goes && size == cut);
            count.missed_since = count.missed_since.saturating_add(cut - missed);
            !goes
        });
        self.counts.shrink_to_fit();
        self.missed = cut;
    }

    /// Returns the most bytes by which any count may be short of the truth; 0 as long as nothing was dropped.
    pub fn missed(&self) -> u64 {
        self.missed
    }

    /// Returns the number of keys.
    pub fn len(&self) -> usize {
        self.counts.len()
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// Returns each key with its bytes, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (K, u64)> {
        self.counts.iter().map(|(key, count)| (*key, count.bytes))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    type Truth = BTreeMap<u32, u64>;

    /// Counts rows in tables of at most `bound` keys, one table for each of `parts`, which are merged in the end.
    fn counted(rows: &[(u32, u64)], bound: usize, parts: usize) -> (Counts<u32>, Truth) {
        let (mut whole, mut truth) = (Counts::default(), Truth::new());
        for part in rows.chunks(rows.len().div_ceil(parts)) {
            let mut counts = Counts::default();
            for &(key, bytes) in part {
                counts.add(key, bytes);
                *truth.entry(key).or_default() += bytes;
                if counts.len() > bound {
                    counts.purge();
                }
                assert!(counts.len() <= bound);
            }
            whole.merge(counts);
            if whole.len() > bound {
                whole.purge();
            }
        }
        (whole, truth)
    }

    proptest! {
        #[test]
        fn a_count_is_never_above_the_truth_nor_short_by_more_than_is_told(
            rows in prop::collection::vec((0_u32..40, 0_u64..1_000), 1..400),
            bound in 2_usize..20,
            parts in 1_usize..5,
        ) {
            let (counts, truth) = counted(&rows, bound, parts);
            let kept: Truth = counts.iter().collect();
            for (key, bytes) in truth {
                let counted = kept.get(&key).copied().unwrap_or(0);
                prop_assert!(counted <= bytes && bytes - counted <= counts.missed(), "{key}: {counted} of {bytes}");
            }
        }

        #[test]
        fn what_is_missed_is_at_most_two_in_n_of_all_bytes(
            // sizes far apart, so that a purge often drops one that is much larger than the rest
            rows in prop::collection::vec((0_u32..60, 0_u32..12), 1..600),
            bound in 2_usize..20,
            parts in 1_usize..5,
        ) {
            let rows: Vec<_> = rows.into_iter().map(|(key, power)| (key, 1 << power)).collect();
            let (counts, truth) = counted(&rows, bound, parts);
            let total: u64 = truth.values().sum();
            // it is purged when it has one key more than the bound
            prop_assert!(counts.missed() * (bound as u64 + 1) <= 2 * total, "{} of {total}", counts.missed());
        }
    }

    #[test]
    fn of_equal_keys_only_half_are_dropped() {
        let mut counts = Counts::default();
        (0..10).for_each(|key| counts.add(key, 5));
        counts.purge();
        assert_eq!((counts.len(), counts.missed()), (5, 5));
    }

    #[test]
    fn keys_that_were_there_all_along_stay_exact() {
        let mut counts = Counts::default();
        for round in 0..100 {
            (0..5).for_each(|key| counts.add(key, 1_000));
            (0..10).for_each(|key| counts.add(100 + round * 10 + key, 1));
            counts.purge();
        }
        let kept: Truth = counts.iter().collect();
        assert!((0..5).all(|key| kept.get(&key) == Some(&100_000)), "{kept:?}");
    }
}
