//! Sums by key.

use std::collections::HashMap;

use super::attribute::NOT_TOLD;

/// Groups that an answer may have before the greatest are picked: about 600 MB, twice that where their times are wanted.
/// More than that is an error, since leaving any out would make sums wrong in silence.
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

/// When flows passed, in microseconds: from the first packet of all to the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Times {
    pub(super) first: i64,
    pub(super) last: i64,
    /// Flows that told both.
    pub(super) flows: u64,
}

impl Default for Times {
    fn default() -> Self {
        Self { first: i64::MAX, last: NOT_TOLD, flows: 0 }
    }
}

impl Times {
    /// The times of one flow.
    pub(super) fn of(first: i64, last: i64) -> Self {
        let told = |time: i64| time != NOT_TOLD;
        let both = told(first) && told(last);
        Self { first: if told(first) { first } else { i64::MAX }, last, flows: u64::from(both) }
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        self.flows += other.flows;
    }
}

/// Maps that groups are spread over. One that flows are added to should stay in a core's own cache: with a hundred thousand
/// groups each of these has some 60 kB.
const MAPS: usize = 64;
/// Flows that wait for their map, so that each is used for many at once.
const WAITING_MAX: usize = 131_072;

pub(super) type Key<const WIDTH: usize> = [i64; WIDTH];
type Map<const WIDTH: usize, V> = HashMap<Key<WIDTH>, V, foldhash::fast::RandomState>;

/// Sums by keys of some width.
#[derive(Debug)]
pub(super) struct Groups<const WIDTH: usize> {
    maps: Vec<Part<WIDTH>>,
    waiting: usize,
}

/// The groups of some keys, and flows that have yet to be added to them: key, bytes, packets. Times are apart, as few
/// queries want them.
#[derive(Debug, Default)]
struct Part<const WIDTH: usize> {
    sums: Map<WIDTH, Sums>,
    times: Map<WIDTH, Times>,
    waiting: Vec<(Key<WIDTH>, u64, u64)>,
    waiting_times: Vec<(Key<WIDTH>, Times)>,
}

/// What is added of the flows of a chunk, a number each; scaled where that is wanted.
#[derive(Clone, Copy)]
pub(super) struct Added<'a> {
    pub(super) bytes: &'a [i64],
    pub(super) packets: &'a [i64],
    /// Their first and last packets, where those are wanted.
    pub(super) times: Option<[&'a [i64]; 2]>,
}

impl<const WIDTH: usize> Default for Groups<WIDTH> {
    fn default() -> Self {
        Self { maps: (0..MAPS).map(|_| Part::default()).collect(), waiting: 0 }
    }
}

impl<const WIDTH: usize> Groups<WIDTH> {
    /// Adds the selected flows of a chunk; `keys` are the numbers of the key, fewer than the width where a part is left
    /// unused.
    pub(super) fn add(&mut self, selected: &[bool], keys: &[&[i64]], added: Added<'_>) {
        let at = |numbers: &[i64], row: usize| numbers.get(row).copied().unwrap_or(NOT_TOLD);
        for (row, _) in selected.iter().enumerate().filter(|(_, selected)| **selected) {
            let mut key = [0; WIDTH];
            for (part, numbers) in key.iter_mut().zip(keys) {
                *part = numbers.get(row).copied().unwrap_or_default();
            }
            let count = |counts| at(counts, row).max(0).cast_unsigned();
            if let Some(part) = self.maps.get_mut(place(&key)) {
                part.waiting.push((key, count(added.bytes), count(added.packets)));
                if let Some([first, last]) = added.times {
                    part.waiting_times.push((key, Times::of(at(first, row), at(last, row))));
                }
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
        for part in &mut self.maps {
            for (key, bytes, packets) in part.waiting.drain(..) {
                part.sums.entry(key).or_default().add(&Sums { bytes, packets, flows: 1 });
            }
            for (key, times) in part.waiting_times.drain(..) {
                part.times.entry(key).or_default().add(&times);
            }
        }
    }

    /// Returns how many groups there are, without those of flows that wait.
    pub(super) fn len(&self) -> usize {
        self.maps.iter().map(|part| part.sums.len()).sum()
    }

    /// Adds the groups of another thread.
    pub(super) fn merge(&mut self, mut other: Self) {
        self.settle();
        other.settle();
        for (own, others) in self.maps.iter_mut().zip(other.maps) {
            merge(&mut own.sums, others.sums, Sums::add);
            merge(&mut own.times, others.times, Times::add);
        }
    }

    /// Returns the groups that come first in some order, in that order; those that are equal in it by their keys.
    pub(super) fn first_by<O: Ord>(
        mut self,
        count: usize,
        order: impl Fn(&Sums, Option<&Times>) -> O,
    ) -> Vec<(Key<WIDTH>, Sums, Option<Times>)> {
        self.settle();
        let (sums, times): (Vec<_>, Vec<_>) =
            self.maps.into_iter().map(|part| (part.sums, part.times)).unzip();
        let times = |key: &Key<WIDTH>| times.get(place(key)).and_then(|times| times.get(key)).copied();
        let mut groups: Vec<_> = sums.into_iter().flatten().collect();
        let order = |(key, sums): &(Key<WIDTH>, Sums)| (order(sums, times(key).as_ref()), *key);
        if count < groups.len() {
            groups.select_nth_unstable_by_key(count, order);
            groups.truncate(count);
        }
        groups.sort_unstable_by_key(order);
        groups.into_iter().map(|(key, sums)| (key, sums, times(&key))).collect()
    }
}

fn merge<const WIDTH: usize, V: Default>(
    own: &mut Map<WIDTH, V>,
    mut others: Map<WIDTH, V>,
    add: impl Fn(&mut V, &V),
) {
    if own.len() < others.len() {
        std::mem::swap(own, &mut others);
    }
    for (key, value) in others {
        add(own.entry(key).or_default(), &value);
    }
}

/// Returns which map a key belongs to.
fn place<const WIDTH: usize>(key: &Key<WIDTH>) -> usize {
    let mixed = key.iter().fold(0_u64, |mixed, part| {
        (mixed.rotate_left(23) ^ part.cast_unsigned()).wrapping_mul(0x9E37_79B9_7F4A_7C15)
    });
    usize::try_from(mixed >> 58).unwrap_or(0)
}
