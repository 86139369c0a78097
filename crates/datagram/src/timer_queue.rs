//! What is due when. Pure, time is an argument.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
    time::Instant,
};

/// Things by the time they are due.
///
/// Most have the same span to wait, so that most come in the order in which they will be due and only queue up; the others
/// are put in order by a heap, which costs several times as much. What is added stays until it is due: whoever adds it has to
/// know by then whether it still matters, so that forgetting costs nothing.
#[derive(Clone, Debug)]
pub struct TimerQueue<T> {
    in_order: VecDeque<(Instant, T)>,
    others: BinaryHeap<Reverse<(Instant, T)>>,
}

impl<T: Ord> Default for TimerQueue<T> {
    fn default() -> Self {
        Self { in_order: VecDeque::new(), others: BinaryHeap::new() }
    }
}

impl<T: Ord> TimerQueue<T> {
    /// Adds something that is due at a time.
    pub fn add(&mut self, due: Instant, thing: T) {
        if self.in_order.back().is_none_or(|(last, _)| *last <= due) {
            self.in_order.push_back((due, thing));
        } else {
            self.others.push(Reverse((due, thing)));
        }
    }

    /// Returns when something is due next; `None` if nothing is.
    pub fn next_due(&self) -> Option<Instant> {
        let queued = self.in_order.front().map(|(due, _)| *due);
        let other = self.others.peek().map(|Reverse((due, _))| *due);
        queued.into_iter().chain(other).min()
    }

    /// Removes and returns one thing that is due, with its time; the earliest first.
    pub fn take_due(&mut self, now: Instant) -> Option<(Instant, T)> {
        let first = self.next_due().filter(|due| *due <= now)?;
        let queued = self.in_order.pop_front_if(|(due, _)| *due == first);
        queued.or_else(|| self.others.pop().map(|Reverse(entry)| entry))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn things_come_out_when_they_are_due_in_whatever_order_they_went_in(
            dues_ms in prop::collection::vec(0..1_000_u64, 0..100), until_ms in 0..1_000_u64,
        ) {
            let start = Instant::now();
            let mut queue = TimerQueue::default();
            for due_ms in &dues_ms {
                queue.add(start + Duration::from_millis(*due_ms), *due_ms);
            }
            let mut expected: Vec<_> = dues_ms.into_iter().filter(|due_ms| *due_ms <= until_ms).collect();
            expected.sort_unstable();
            let until = start + Duration::from_millis(until_ms);
            let taken: Vec<_> = std::iter::from_fn(|| queue.take_due(until)).map(|(_, due_ms)| due_ms).collect();
            prop_assert_eq!(taken, expected);
            prop_assert!(queue.next_due().is_none_or(|due| due > until));
        }
    }

    #[test]
    fn a_process_of_a_hundred_years_meets_its_deadlines() {
        let start = Instant::now();
        let mut queue = TimerQueue::default();
        for days in [794, 796, 1_100, 40_000] {
            let now = start + Duration::from_hours(24 * days);
            queue.add(now + Duration::from_secs(2), days);
            assert_eq!(queue.take_due(now), None);
            assert_eq!(queue.take_due(now + Duration::from_secs(2)).map(|(_, days)| days), Some(days));
        }
    }
}
