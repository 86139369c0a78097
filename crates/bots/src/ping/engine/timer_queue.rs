//! What is to be done when. Pure.

use std::time::{Duration, Instant};

use grafolean_datagram as datagram;

use super::table::RequestId;

/// Events by the time they are due.
#[derive(Default)]
pub(super) struct TimerQueue {
    packets: datagram::TimerQueue<(u16, u32)>,
    expiries: datagram::TimerQueue<RequestId>,
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
        let first = [self.packets.next_due(), self.expiries.next_due()].into_iter().flatten().min();
        first.map(|due| due.saturating_duration_since(now))
    }
}
