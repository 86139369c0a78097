//! What is to be done when. Pure.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
    time::{Duration, Instant},
};

use super::table::RequestId;

/// Events by the time they are due.
#[derive(Default)]
pub(super) struct TimerQueue {
    packets: Queue<(u16, u32)>,
    expiries: Queue<RequestId>,
}

/// Something that becomes due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// The next packet of a probe.
    Next { slot: u16, generation: u32 },
    /// The end of the time-out of a request.
    Expiry(RequestId),
}

impl TimerQueue {
    pub(super) fn add(&mut self, due: Instant, event: Event) {
        match event {
            Event::Next { slot, generation } => self.packets.add(due, (slot, generation)),
            Event::Expiry(id_of_request) => self.expiries.add(due, id_of_request),
        }
    }

    /// Removes and returns one event that is due.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<(Instant, Event)> {
        let packet = self.packets.take_due(now);
        packet.map(|(due, (slot, generation))| (due, Event::Next { slot, generation })).or_else(|| {
            let expiry = self.expiries.take_due(now);
            expiry.map(|(due, id_of_request)| (due, Event::Expiry(id_of_request)))
        })
    }

    /// Returns how long there is nothing to do; None if for ever.
    pub(super) fn idle_time(&self, now: Instant) -> Option<Duration> {
        let first = [self.packets.first_due(), self.expiries.first_due()].into_iter().flatten().min();
        first.map(|due| due.saturating_duration_since(now))
    }
}

/// Events of one kind. Most probes share their gap and their time-out, so that most events come in the order in which
/// they will be due and only queue up; the others are put in order by a heap, which costs several times as much.
struct Queue<T> {
    in_order: VecDeque<(Instant, T)>,
    others: BinaryHeap<Reverse<(Instant, T)>>,
}

impl<T: Ord> Default for Queue<T> {
    fn default() -> Self {
        Self { in_order: VecDeque::new(), others: BinaryHeap::new() }
    }
}

impl<T: Ord> Queue<T> {
    fn add(&mut self, due: Instant, event: T) {
        if self.in_order.back().is_none_or(|(last, _)| *last <= due) {
            self.in_order.push_back((due, event));
        } else {
            self.others.push(Reverse((due, event)));
        }
    }

    fn first_due(&self) -> Option<Instant> {
        let queued = self.in_order.front().map(|(due, _)| *due);
        let other = self.others.peek().map(|Reverse((due, _))| *due);
        queued.into_iter().chain(other).min()
    }

    fn take_due(&mut self, now: Instant) -> Option<(Instant, T)> {
        let first = self.first_due().filter(|due| *due <= now)?;
        let queued = self.in_order.pop_front_if(|(due, _)| *due == first);
        queued.or_else(|| self.others.pop().map(|Reverse(entry)| entry))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn events_come_out_when_they_are_due_in_whatever_order_they_went_in(
            dues_ms in prop::collection::vec(0..1_000_u64, 0..100), until_ms in 0..1_000_u64,
        ) {
            let start = Instant::now();
            let mut queue = Queue::default();
            for due_ms in &dues_ms {
                queue.add(start + Duration::from_millis(*due_ms), *due_ms);
            }
            let mut expected: Vec<_> = dues_ms.into_iter().filter(|due_ms| *due_ms <= until_ms).collect();
            expected.sort_unstable();
            let until = start + Duration::from_millis(until_ms);
            let taken: Vec<_> = std::iter::from_fn(|| queue.take_due(until)).map(|(_, due_ms)| due_ms).collect();
            prop_assert_eq!(taken, expected);
            prop_assert!(queue.first_due().is_none_or(|due| due > until));
        }
    }
}
