//! Sums by key.

use std::collections::HashMap;

/// Groups that an answer may have before the greatest are taken: about 600 MB. More than that is an error, since leaving
/// any out would make sums wrong in silence.
pub const GROUPS_MAX: usize = 8_000_000;

/// What flows add up to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// Their bytes.
    pub bytes: u64,
    /// Their packets.
    pub packets: u64,
    /// How many they are.
    pub flows: u64,
}

impl Sums {
    pub(super) fn add(&mut self, other: &Self) {
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.packets = self.packets.saturating_add(other.packets);
        self.flows += other.flows;
    }
}

/// Maps that groups are spread over. One that flows are added to should stay in a core's own cache: with a hundred thousand
/// groups each of these has some 60 kB.
const MAPS: usize = 64;
/// Flows that wait for their map, so that each is used for many at once.
const WAITING_MAX: usize = 131_072;

type Key<const WIDTH: usize> = [i64; WIDTH];
type Map<const WIDTH: usize> = HashMap<Key<WIDTH>, Sums, foldhash::fast::RandomState>;

/// Sums by keys of some width.
#[derive(Debug)]
pub(super) struct Groups<const WIDTH: usize> {
    maps: Vec<Part<WIDTH>>,
    waiting: usize,
}

/// The groups of some keys, and flows that have yet to be added to them: key, bytes, packets.
#[derive(Debug, Default)]
struct Part<const WIDTH: usize> {
    sums: Map<WIDTH>,
    waiting: Vec<(Key<WIDTH>, u64, u64)>,
}

impl<const WIDTH: usize> Default for Groups<WIDTH> {
    fn default() -> Self {
        let part = || Part { sums: Map::default(), waiting: Vec::new() };
        Self { maps: (0..MAPS).map(|_| part()).collect(), waiting: 0 }
    }
}

impl<const WIDTH: usize> Groups<WIDTH> {
    /// Adds the flows of a chunk that are meant; `keys` are the lanes of the key, fewer than the width where a part is left
    /// unused.
    pub(super) fn add(&mut self, meant: &[bool], keys: &[&[i64]], counts: [&[i64]; 2]) {
        let [bytes, packets] = counts;
        for (row, _) in meant.iter().enumerate().filter(|(_, meant)| **meant) {
            let mut key = [0; WIDTH];
            for (part, lane) in key.iter_mut().zip(keys) {
                *part = lane.get(row).copied().unwrap_or_default();
            }
            let count = |lane: &[i64]| lane.get(row).map_or(0, |count| *count.max(&0)).cast_unsigned();
            if let Some(part) = self.maps.get_mut(place(&key)) {
                part.waiting.push((key, count(bytes), count(packets)));
                self.waiting += 1;
            }
        }
        if self.waiting >= WAITING_MAX {
            self.settle();
        }
    }

    /// Adds all that waits.
    pub(super) fn settle(&mut self) {
        self.waiting = 0;
        for Part { sums, waiting } in &mut self.maps {
            for (key, bytes, packets) in waiting.drain(..) {
                sums.entry(key).or_default().add(&Sums { bytes, packets, flows: 1 });
            }
        }
    }

    /// Gives how many groups there are, without those of flows that wait.
    pub(super) fn len(&self) -> usize {
        self.maps.iter().map(|part| part.sums.len()).sum()
    }

    /// Takes in the groups of another thread.
    pub(super) fn merge(&mut self, mut other: Self) {
        self.settle();
        other.settle();
        for (own, mut others) in self.maps.iter_mut().map(|part| &mut part.sums).zip(other.maps) {
            if own.len() < others.sums.len() {
                std::mem::swap(own, &mut others.sums);
            }
            for (key, sums) in others.sums {
                own.entry(key).or_default().add(&sums);
            }
        }
    }

    /// Gives the groups that are greatest by some measure, the greatest first; equal ones by their keys.
    pub(super) fn greatest(
        mut self,
        count: usize,
        measure: impl Fn(&Sums) -> u64,
    ) -> Vec<(Key<WIDTH>, Sums)> {
        self.settle();
        let mut groups: Vec<_> = self.maps.into_iter().flat_map(|part| part.sums).collect();
        let order = |(key, sums): &(Key<WIDTH>, Sums)| (std::cmp::Reverse(measure(sums)), *key);
        if count < groups.len() {
            groups.select_nth_unstable_by_key(count, order);
            groups.truncate(count);
        }
        groups.sort_unstable_by_key(order);
        groups
    }
}

/// Gives which map a key belongs to.
fn place<const WIDTH: usize>(key: &Key<WIDTH>) -> usize {
    let mixed = key.iter().fold(0_u64, |mixed, part| {
        (mixed.rotate_left(23) ^ part.cast_unsigned()).wrapping_mul(0x9E37_79B9_7F4A_7C15)
    });
    usize::try_from(mixed >> 58).unwrap_or(0)
}
