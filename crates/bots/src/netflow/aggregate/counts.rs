//! Bytes by key, in bounded room.

use std::{collections::HashMap, hash::Hash};

use foldhash::quality::RandomState;
use serde::{Deserialize, Serialize};

/// Bytes by key.
///
/// Exact until it is [purged](Self::purge). After that each count is at most the truth, and short of it by no more than
/// [`missed`](Self::missed): what was dropped of a key before it came again.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound(serialize = "K: Serialize + Eq + Hash", deserialize = "K: Deserialize<'de> + Eq + Hash"))]
pub struct Counts<K> {
    bytes: HashMap<K, u64, RandomState>,
    missed: u64,
}

impl<K> Default for Counts<K> {
    fn default() -> Self {
        Self { bytes: HashMap::default(), missed: 0 }
    }
}

impl<K: Copy + Eq + Hash + Ord> Counts<K> {
    /// Adds bytes to a key.
    pub fn add(&mut self, key: K, bytes: u64) {
        let sum = self.bytes.entry(key).or_default();
        *sum = sum.saturating_add(bytes);
    }

    /// Adds all of another.
    pub fn merge(&mut self, other: &Self) {
        other.iter().for_each(|(key, bytes)| self.add(key, bytes));
        self.missed = self.missed.saturating_add(other.missed);
    }

    /// Drops the smaller half of the keys.
    pub fn purge(&mut self) {
        let mut sizes: Vec<u64> = self.bytes.values().copied().collect();
        let mut surplus = sizes.len() / 2;
        if surplus == 0 {
            return;
        }
        let (below, &mut cut, _) = sizes.select_nth_unstable(surplus - 1);
        let smaller = below.iter().filter(|bytes| **bytes < cut).count();
        surplus -= smaller;
        self.bytes.retain(|_, bytes| {
            let goes = *bytes < cut || (*bytes == cut && surplus > 0);
            surplus -= usize::from(goes && *bytes == cut);
            !goes
        });
        self.bytes.shrink_to_fit();
        self.missed = self.missed.saturating_add(cut);
    }

    /// Gives the most bytes by which any count may be short of the truth; 0 as long as nothing was dropped.
    pub fn missed(&self) -> u64 {
        self.missed
    }

    /// Gives the number of keys.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Gives each key with its bytes, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (K, u64)> {
        self.bytes.iter().map(|(key, bytes)| (*key, *bytes))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_count_is_never_above_the_truth_nor_short_by_more_than_is_told(
            rows in prop::collection::vec((0_u32..40, 0_u64..1_000), 1..400),
            bound in 2_usize..20,
        ) {
            let (mut counts, mut truth) = (Counts::default(), BTreeMap::<u32, u64>::new());
            for (key, bytes) in rows {
                counts.add(key, bytes);
                *truth.entry(key).or_default() += bytes;
                if counts.len() > bound {
                    counts.purge();
                }
                prop_assert!(counts.len() <= bound);
            }
            let kept: BTreeMap<u32, u64> = counts.iter().collect();
            for (key, bytes) in truth {
                let counted = kept.get(&key).copied().unwrap_or(0);
                prop_assert!(counted <= bytes && bytes - counted <= counts.missed(), "{key}: {counted} of {bytes}");
            }
        }
    }

    #[test]
    fn of_equal_keys_only_half_are_dropped() {
        let mut counts = Counts::default();
        (0..10).for_each(|key| counts.add(key, 5));
        counts.purge();
        assert_eq!((counts.len(), counts.missed()), (5, 5));
    }
}
