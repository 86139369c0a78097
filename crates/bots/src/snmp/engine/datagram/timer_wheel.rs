//! Deadlines in the order in which they are due, a wheel of short spans. Pure, time is an argument.

use std::time::{Duration, Instant};

/// How exact deadlines are, in milliseconds: one is met at most this much late.
const SPAN_MS: u64 = 16;

/// Spans in a turn: 65 s, longer than the longest time-out of a device. What is due later is met early, and put in
/// again by whoever finds that it is not yet due.
const SPANS: u64 = 4_096;

/// Things by the time they are due. What is added stays until it is due, so the one who adds has to know by then whether
/// it still matters: forgetting costs nothing that way.
pub(super) struct TimerWheel<T> {
    began: Instant,
    /// Those before it are empty.
    hand: u64,
    spans: Vec<Vec<T>>,
    length: usize,
}

impl<T> TimerWheel<T> {
    pub(super) fn new(now: Instant) -> Self {
        Self { began: now, hand: 0, spans: (0..SPANS).map(|_| Vec::new()).collect(), length: 0 }
    }

    /// Adds something that is due at a time.
    pub(super) fn add(&mut self, due: Instant, now: Instant, thing: T) {
        if self.length == 0 {
            self.hand = self.hand.max(self.passed(now));
        }
        let span = (self.passed(due) + 1).clamp(self.hand, self.hand + SPANS - 1);
        if let Some(things) = self.span(span) {
            things.push(thing);
            self.length += 1;
        }
    }

    /// Removes and returns what is due, span by span; `None` when nothing is.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<Vec<T>> {
        let passed = self.passed(now);
        while self.length > 0 && self.hand <= passed {
            let things = self.span(self.hand).map(std::mem::take).unwrap_or_default();
            self.hand += 1;
            if !things.is_empty() {
                self.length -= things.len();
                return Some(things);
            }
        }
        None
    }

    /// Returns when something is due next.
    pub(super) fn next_due(&self) -> Option<Instant> {
        if self.length == 0 {
            return None;
        }
        let is_full = |span: &u64| self.spans.get(place(*span)).is_some_and(|things| !things.is_empty());
        let span = (self.hand..self.hand + SPANS).find(is_full)?;
        // In 64 bits: 32 bits of spans are over after 795 days.
        Some(self.began + Duration::from_millis(SPAN_MS.saturating_mul(span)))
    }

    /// Spans that are over at a time.
    fn passed(&self, at: Instant) -> u64 {
        let passed = at.saturating_duration_since(self.began).as_millis();
        u64::try_from(passed).unwrap_or(u64::MAX) / SPAN_MS
    }

    fn span(&mut self, span: u64) -> Option<&mut Vec<T>> {
        self.spans.get_mut(place(span))
    }
}

fn place(span: u64) -> usize {
    usize::try_from(span % SPANS).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn each_is_taken_once_when_it_is_due_and_hardly_later(
            events in prop::collection::vec((0..200_000_u64, 0..3_000_u64), 1..200),
        ) {
            let start = Instant::now();
            let at = |ms: u64| start + Duration::from_millis(ms);
            let mut wheel = TimerWheel::new(start);
            let (mut now, mut waiting) = (0, Vec::new());
            for (due_in, step) in events {
                // Within the turn of the wheel nothing is early.
                let due = now + due_in % 65_000;
                wheel.add(at(due), at(now), due);
                waiting.push(due);
                now += step;
                prop_assert!(wheel.next_due().is_some_and(|next| next <= at(waiting.iter().min().unwrap() + 16)));
                while let Some(taken) = wheel.take_due(at(now)) {
                    for due in taken {
                        prop_assert!(due <= now);
                        let place = waiting.iter().position(|waits| *waits == due).unwrap();
                        waiting.swap_remove(place);
                    }
                }
                prop_assert!(waiting.iter().all(|due| due + 16 >= now));
            }
            prop_assert_eq!(wheel.length, waiting.len());
        }
    }

    #[test]
    fn what_is_due_after_a_turn_is_met_early_and_an_empty_wheel_stands_still() {
        let start = Instant::now();
        let mut wheel = TimerWheel::new(start);
        assert_eq!((wheel.next_due(), wheel.take_due(start + Duration::from_hours(1000))), (None, None));
        let late = start + Duration::from_hours(1000);
        wheel.add(late + Duration::from_secs(600), late, 'a');
        let next = wheel.next_due().unwrap();
        assert!(next > late + Duration::from_secs(60) && next < late + Duration::from_secs(66));
        assert_eq!(wheel.take_due(next), Some(vec!['a']));
    }

    #[test]
    fn a_process_of_three_years_meets_its_deadlines_and_does_not_spin() {
        let start = Instant::now();
        let mut wheel = TimerWheel::new(start);
        for days in [794, 796, 1_100, 40_000] {
            let now = start + Duration::from_hours(24 * days);
            wheel.add(now + Duration::from_secs(2), now, days);
            let next = wheel.next_due().unwrap();
            assert!(next > now + Duration::from_secs(1) && next < now + Duration::from_secs(3), "{days}");
            assert_eq!((wheel.take_due(now), wheel.take_due(next)), (None, Some(vec![days])));
        }
    }
}
