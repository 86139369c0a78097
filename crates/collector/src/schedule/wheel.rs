//! A wheel of one-second buckets.
//!
//! ```text
//!   cursor
//!     |
//!   | 10 | 11 | 12 | ... | 4105 |      4106: [..], 9000: [..], ...
//!    '------- buckets ---------'       '-------- ahead ---------'
//! ```
//! A turn drops buckets at the front; the lists of what is ahead then move into the reach as a whole.

use std::collections::{BTreeMap, VecDeque};

/// The reach of the buckets: a bit over an hour, so that nearly all of what is measured in a network never sees the
/// map. A full reach of empty buckets takes 96 kB.
const REACH_SECONDS: i64 = 4_096;

/// Finds, among many entries, those that are due.
#[derive(Debug)]
pub(super) struct Wheel {
    cursor: i64,
    buckets: VecDeque<Vec<u32>>,
    ahead: BTreeMap<i64, Vec<u32>>,
}

impl Wheel {
    /// An empty wheel that stands at a second.
    pub(super) fn at(second: i64) -> Self {
        Self { cursor: second, buckets: VecDeque::new(), ahead: BTreeMap::new() }
    }

    /// Puts an entry in; one that is overdue comes out first.
    pub(super) fn insert(&mut self, due: i64, entry: u32) {
        match self.bucket(due) {
            Some(bucket) => bucket.push(entry),
            None => self.ahead.entry(due).or_default().push(entry),
        }
    }

    /// Returns the second of the earliest entry; for one that is overdue, the second at which the wheel stands.
    pub(super) fn next_due(&self) -> Option<i64> {
        let within_reach = (self.cursor..).zip(&self.buckets).find(|(_, bucket)| !bucket.is_empty());
        within_reach.map(|(second, _)| second).or_else(|| self.ahead.keys().next().copied())
    }

    /// Removes and returns one of the earliest entries if it is due.
    pub(super) fn pop(&mut self, now: i64) -> Option<u32> {
        while self.cursor <= now {
            if let Some(entry) = self.buckets.front_mut().and_then(Vec::pop) {
                return Some(entry);
            }
            if self.cursor == now {
                break;
            }
            self.turn_to(self.next_due().map_or(now, |due| due.min(now)));
        }
        None
    }

    fn turn_to(&mut self, second: i64) {
        let passed =
            usize::try_from(second.saturating_sub(self.cursor)).unwrap_or(usize::MAX).min(self.buckets.len());
        self.buckets.drain(..passed);
        self.cursor = second;
        while let Some(list) = self.ahead.first_entry()
            && *list.key() < second.saturating_add(REACH_SECONDS)
        {
            let (due, entries) = list.remove_entry();
            if let Some(bucket) = self.bucket(due) {
                *bucket = entries;
            }
        }
    }

    /// Returns the bucket of a second, the front one if it has passed, none beyond the reach.
    fn bucket(&mut self, second: i64) -> Option<&mut Vec<u32>> {
        let place = second.saturating_sub(self.cursor).max(0);
        let place = usize::try_from(place).ok().filter(|_| place < REACH_SECONDS)?;
        if place >= self.buckets.len() {
            self.buckets.resize_with(place + 1, Vec::new);
        }
        self.buckets.get_mut(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drained(wheel: &mut Wheel, now: i64) -> Vec<u32> {
        std::iter::from_fn(|| wheel.pop(now)).collect()
    }

    #[test]
    fn entries_come_out_in_the_order_of_their_seconds() {
        let mut wheel = Wheel::at(100);
        for (due, entry) in [(10_000, 4), (102, 2), (101, 1), (4_300, 3), (50, 0)] {
            wheel.insert(due, entry);
        }
        assert_eq!(wheel.next_due(), Some(100), "what is overdue is due at once");
        assert_eq!(drained(&mut wheel, 101), [0, 1]);
        assert_eq!(wheel.next_due(), Some(102));
        assert_eq!(drained(&mut wheel, 20_000), [2, 3, 4]);
        assert_eq!(wheel.next_due(), None);
    }

    #[test]
    fn a_second_gets_what_waited_in_the_map_and_what_came_within_reach() {
        let mut wheel = Wheel::at(0);
        wheel.insert(5_000, 1);
        assert_eq!(wheel.pop(1_000), None);
        wheel.insert(5_000, 2);
        assert_eq!(wheel.pop(4_999), None);
        let mut due = drained(&mut wheel, 5_000);
        due.sort_unstable();
        assert_eq!(due, [1, 2]);
    }

    #[test]
    fn a_leap_of_a_century_is_one_step() {
        let mut wheel = Wheel::at(0);
        wheel.insert(60, 1);
        assert_eq!(drained(&mut wheel, 3_000_000_000), [1]);
        wheel.insert(3_000_000_060, 1);
        assert_eq!(wheel.next_due(), Some(3_000_000_060));
    }
}
