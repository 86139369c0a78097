//! All of the engine that needs no socket: what is due, what is sent, what an incoming message means. Pure, time is
//! an argument, so that its tests need neither a network nor a clock.

use std::{
    collections::VecDeque,
    net::IpAddr,
    time::{Duration, Instant},
};

use super::{
    metrics::PingMetrics,
    pending_probe::{Expiry, PendingProbe, Verdict, Waiting},
    probe::{Probe, Reason},
    table::{RequestId, Table},
    timer_queue::{Event, TimerQueue},
};
use crate::ping::codec::{EchoRequest, Message};

/// How often a packet for which the kernel has no room is tried, a turn apart: a tenth of a second. After that it is
/// given up with its reason.
const MOST_TRIES: u8 = 100;

/// The engine's state.
pub(super) struct Exchange {
    table: Table,
    timer_queue: TimerQueue,
    /// Requests that are due and wait for their turn: at most one first attempt a probe, and repetitions of what
    /// was sent before.
    send_queue: VecDeque<Outgoing>,
    metrics: PingMetrics,
}

/// A request on its way out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outgoing {
    pub(super) id_of_request: RequestId,
    due: Instant,
    tries: u8,
}

/// From whom a message came, and when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival {
    pub(super) from: IpAddr,
    pub(super) at: Instant,
    pub(super) ttl: Option<u8>,
    /// Whether identifiers are ours: on a datagram socket they are the kernel's, which checks them.
    pub(super) own_ids: bool,
}

impl Exchange {
    pub(super) fn new(metrics: PingMetrics) -> Self {
        Self { table: Table::new(), timer_queue: TimerQueue::default(), send_queue: VecDeque::new(), metrics }
    }

    /// Begins a probe.
    pub(super) fn begin(&mut self, probe: Probe, waiting: Waiting, now: Instant) {
        if let Some((slot, generation)) = self.table.insert(PendingProbe::new(probe, waiting), now) {
            self.metrics.probes_under_way.inc();
            self.next_packet(slot, generation, now);
        }
    }

    /// Does what is due. Everything that arrived before `now` must have been handed to [`Self::receive`].
    pub(super) fn advance(&mut self, now: Instant) {
        while let Some((due, event)) = self.timer_queue.take_due(now) {
            match event {
                Event::Next { slot, generation } => self.next_packet(slot, generation, due),
                Event::Expiry(id_of_request) => self.expire(id_of_request, now),
            }
        }
        self.table.forget(now);
    }

    /// Returns the next request to send, and the probe it is of.
    pub(super) fn outgoing(&mut self, now: Instant) -> Option<(Outgoing, Probe, EchoRequest)> {
        while let Some(outgoing) = self.send_queue.pop_front() {
            let RequestId { slot, generation, .. } = outgoing.id_of_request;
            let Some(pending) = self.table.under_way(slot, generation) else { continue };
            let probe = pending.probe;
            if pending.is_abandoned() {
                self.end(slot, now);
            } else if let Some(message) = self.table.message(outgoing.id_of_request) {
                return Some((outgoing, probe, message));
            }
        }
        None
    }

    /// Notes that a request left at `now`.
    pub(super) fn sent(&mut self, outgoing: Outgoing, now: Instant) {
        if let Some(pending) = self.done_with(outgoing, now) {
            pending.sent(outgoing.id_of_request.request, now);
            self.metrics.requests_sent.inc();
        }
    }

    /// Notes why a request cannot leave; its packet waits its time all the same, so that repetitions keep apart.
    pub(super) fn unsendable(&mut self, outgoing: Outgoing, reason: Reason, now: Instant) {
        if let Some(pending) = self.done_with(outgoing, now) {
            pending.note(outgoing.id_of_request.request, reason);
        }
    }

    /// Notes that the kernel has no room for a request: it is the first to be tried again next turn.
    pub(super) fn requeue(&mut self, outgoing: Outgoing, now: Instant) {
        if outgoing.tries < MOST_TRIES {
            self.metrics.send_retries.inc();
            self.send_queue.push_front(Outgoing { tries: outgoing.tries + 1, ..outgoing });
        } else {
            self.unsendable(outgoing, Reason::NoBuffers, now);
        }
    }

    /// Queues what follows a request: the end of its time, and its probe's next packet.
    fn done_with(&mut self, outgoing: Outgoing, now: Instant) -> Option<&mut PendingProbe> {
        let RequestId { slot, generation, request } = outgoing.id_of_request;
        let pending = self.table.under_way(slot, generation)?;
        self.timer_queue.add(now + pending.probe.timeout, Event::Expiry(outgoing.id_of_request));
        if request.attempt == 0 && pending.has_more() {
            // Counted from when this one was due, so that a late turn does not put off all that follow; but whatever
            // was late, no target is flooded to make up for it.
            let gap = pending.probe.gap;
            let next = (outgoing.due + gap).max(now + gap / 2);
            self.timer_queue.add(next, Event::Next { slot, generation });
        }
        Some(pending)
    }

    /// Handles a message that came in.
    pub(super) fn receive(&mut self, message: Message<'_>, arrival: Arrival) {
        match message {
            Message::Reply(echo) => {
                let id = arrival.own_ids.then_some(echo.id);
                let Some((id_of_request, pending)) = self.table.answered(arrival.from, id, echo) else {
                    self.metrics.replies_foreign.inc();
                    return;
                };
                let verdict = pending.answer(id_of_request.request, arrival.at, arrival.ttl);
                let complete = pending.is_complete() && pending.is_under_way();
                self.count(verdict);
                if complete {
                    self.end(id_of_request.slot, arrival.at);
                }
            }
            Message::Error(error, quoted) => {
                let noted = self
                    .table
                    .quoted(quoted, arrival.own_ids)
                    .is_some_and(|(request, pending)| pending.note_error(request, error));
                if noted {
                    self.metrics.icmp_errors.inc();
                }
            }
            Message::Other => {}
        }
    }

    /// Returns how long there is nothing to do but to receive; None if for ever.
    pub(super) fn idle_time(&self, now: Instant) -> Option<Duration> {
        if self.send_queue.is_empty() { self.timer_queue.idle_time(now) } else { Some(Duration::ZERO) }
    }

    fn next_packet(&mut self, slot: u16, generation: u32, due: Instant) {
        let request = self.table.under_way(slot, generation).and_then(PendingProbe::next_packet);
        if let Some(request) = request {
            self.send_queue.push_back(Outgoing {
                id_of_request: RequestId { slot, generation, request },
                due,
                tries: 0,
            });
        }
    }

    fn expire(&mut self, id_of_request: RequestId, now: Instant) {
        let Some(pending) = self.table.under_way(id_of_request.slot, id_of_request.generation) else {
            return;
        };
        let expiry = pending.expire(id_of_request.request);
        let done = pending.is_complete() || pending.is_abandoned();
        match expiry {
            Expiry::Settled => {}
            Expiry::Repeat(request) => {
                self.send_queue.push_back(Outgoing {
                    id_of_request: RequestId { request, ..id_of_request },
                    due: now,
                    tries: 0,
                });
            }
            Expiry::Failed(reason) => self.metrics.count_unanswered(reason),
        }
        if done {
            self.end(id_of_request.slot, now);
        }
    }

    fn count(&self, verdict: Verdict) {
        let counter = match verdict {
            Verdict::Answered(rtt) => {
                self.metrics.rtt_seconds.observe(rtt.as_secs_f64());
                &self.metrics.replies_received
            }
            Verdict::Duplicate => &self.metrics.replies_duplicate,
            Verdict::Late => &self.metrics.replies_late,
            Verdict::Foreign => &self.metrics.replies_foreign,
        };
        counter.inc();
    }

    fn end(&mut self, slot: u16, now: Instant) {
        self.table.end(slot, now);
        self.metrics.probes_under_way.dec();
    }
}

#[cfg(test)]
mod tests;
