//! What is to be done when. Pure.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    time::{Duration, Instant},
};

use super::table::Ticket;

/// Events by the time they are due.
#[derive(Default)]
pub(super) struct Agenda(BinaryHeap<Reverse<(Instant, Event)>>);

/// Something that becomes due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Event {
    /// The next packet of a flight.
    Next { slot: u16, generation: u32 },
    /// The end of the patience for a request.
    Expiry(Ticket),
}

impl Agenda {
    pub(super) fn add(&mut self, due: Instant, event: Event) {
        self.0.push(Reverse((due, event)));
    }

    /// Takes one event that is due.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<(Instant, Event)> {
        let due = self.0.peek().is_some_and(|Reverse((due, _))| *due <= now);
        if due { self.0.pop().map(|Reverse(entry)| entry) } else { None }
    }

    /// Says how long there is nothing to do; None if for ever.
    pub(super) fn idle_time(&self, now: Instant) -> Option<Duration> {
        self.0.peek().map(|Reverse((due, _))| due.saturating_duration_since(now))
    }
}
