//! One probe under way: which of its packets were sent, answered, given up. Pure, time is an argument.

use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::probe::{Outcome, Packet, Probe, Reason};
use crate::ping::codec::IcmpError;

/// One probe and what became of each of its packets.
pub(super) struct PendingProbe {
    pub(super) probe: Probe,
    /// Those that were due so far: a probe costs memory as it goes on.
    packets: Vec<PacketState>,
    settled: usize,
    /// None once the caller has its outcome; the probe then only tells late answers from foreign ones.
    waiting: Option<Waiting>,
}

/// Who waits for the outcome, and the place held among all probes.
pub(super) struct Waiting {
    pub(super) caller: oneshot::Sender<Outcome>,
    pub(super) place: OwnedSemaphorePermit,
    pub(super) watcher: Option<Watcher>,
}

/// Called with each packet as soon as it is settled, at most [`Probe::MAX_PACKETS`] times.
pub(super) type Watcher = Box<dyn Fn(u16, Packet) + Send>;

/// One of the requests of a probe: a packet, or a repetition of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Request {
    pub(super) packet: u16,
    pub(super) attempt: u16,
}

/// What an answer turned out to be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Verdict {
    /// The first one, in time.
    Answered(Duration),
    /// A further copy of it.
    Duplicate,
    /// Nobody waits for it any more.
    Late,
    /// To a request that was never sent.
    Foreign,
}

/// What is to be done when the time of a request is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expiry {
    /// It was answered, or repeated, long ago.
    Settled,
    /// The packet is to be sent again.
    Repeat(Request),
    /// The packet is given up.
    Failed(Reason),
}

#[derive(Clone, Copy, Default)]
struct PacketState {
    seen: Packet,
    attempt: u16,
    /// When the present attempt left; None while it waits for its turn.
    sent_at: Option<Instant>,
    /// Why the present attempt will get no answer, if somebody said so.
    noted: Option<Reason>,
    settled: bool,
}

impl PendingProbe {
    pub(super) fn new(probe: Probe, waiting: Waiting) -> Self {
        Self { probe, packets: Vec::new(), settled: 0, waiting: Some(waiting) }
    }

    /// Returns the next packet due; None once all have been.
    pub(super) fn next_packet(&mut self) -> Option<Request> {
        let packet = u16::try_from(self.packets.len()).ok().filter(|packet| *packet < self.probe.packets)?;
        self.packets.push(PacketState::default());
        Some(Request { packet, attempt: 0 })
    }

    /// Whether more packets will become due.
    pub(super) fn has_more(&self) -> bool {
        self.packets.len() < usize::from(self.probe.packets)
    }

    pub(super) fn sent(&mut self, request: Request, now: Instant) {
        if let Some(state) = self.present(request) {
            state.seen.sent += 1;
            state.sent_at = Some(now);
        }
    }

    /// Notes why a request will probably not be answered. An answer that comes in time counts all the same: errors
    /// may be forged more easily than answers, or be about one of several ways to the target.
    pub(super) fn note(&mut self, request: Request, reason: Reason) -> bool {
        self.present(request).is_some_and(|state| state.noted.replace(reason).is_none())
    }

    pub(super) fn note_error(&mut self, request: Request, error: IcmpError) -> bool {
        self.note(request, Reason::Icmp(error))
    }

    /// Records an answer that proved to be to `request`.
    pub(super) fn answer(&mut self, request: Request, arrived: Instant, ttl: Option<u8>) -> Verdict {
        let timeout = self.probe.timeout;
        let Some(state) = self.packets.get_mut(usize::from(request.packet)) else { return Verdict::Foreign };
        if request.attempt > state.attempt {
            return Verdict::Foreign;
        }
        let is_present = request.attempt == state.attempt;
        if is_present && state.seen.rtt.is_some() {
            state.seen.duplicates = state.seen.duplicates.saturating_add(1);
            return Verdict::Duplicate;
        }
        let rtt = state.sent_at.map(|sent_at| arrived.saturating_duration_since(sent_at));
        match rtt {
            Some(rtt) if is_present && !state.settled && rtt <= timeout => {
                state.seen.rtt = Some(rtt);
                state.seen.ttl = ttl;
                state.settled = true;
                let seen = state.seen;
                self.settle(request.packet, seen);
                Verdict::Answered(rtt)
            }
            None if is_present => Verdict::Foreign,
            _ => {
                state.seen.late = state.seen.late.saturating_add(1);
                Verdict::Late
            }
        }
    }

    /// Returns what follows when the time of `request` is over.
    pub(super) fn expire(&mut self, request: Request) -> Expiry {
        let retry = self.probe.retry;
        let Some(state) = self.present(request) else { return Expiry::Settled };
        if request.attempt < retry {
            state.attempt += 1;
            state.sent_at = None;
            state.noted = None;
            return Expiry::Repeat(Request { attempt: state.attempt, ..request });
        }
        let reason = state.noted.unwrap_or(Reason::Timeout);
        state.seen.reason = Some(reason);
        state.settled = true;
        let seen = state.seen;
        self.settle(request.packet, seen);
        Expiry::Failed(reason)
    }

    fn settle(&mut self, packet: u16, seen: Packet) {
        self.settled += 1;
        if let Some(Waiting { watcher: Some(watcher), .. }) = &self.waiting {
            watcher(packet, seen);
        }
    }

    /// Whether nobody waits for the outcome any more.
    pub(super) fn is_abandoned(&self) -> bool {
        self.waiting.as_ref().is_some_and(|waiting| waiting.caller.is_closed())
    }

    pub(super) fn is_complete(&self) -> bool {
        self.settled == usize::from(self.probe.packets)
    }

    pub(super) fn is_under_way(&self) -> bool {
        self.waiting.is_some()
    }

    /// Hands the outcome to the caller, if it still waits, and gives the place back.
    pub(super) fn finish(&mut self) {
        for state in &mut self.packets {
            state.settled = true;
        }
        if let Some(Waiting { caller, place, .. }) = self.waiting.take() {
            let packets = self.packets.iter().map(|state| state.seen).collect();
            drop(place);
            // An error means that the caller has gone in the meantime.
            let _ = caller.send(Outcome { address: self.probe.address, packets });
        }
    }

    /// The sequence number of a request.
    pub(super) fn sequence(&self, request: Request) -> u16 {
        let offset = request.attempt.wrapping_mul(self.probe.packets).wrapping_add(request.packet);
        self.probe.first_sequence.wrapping_add(offset)
    }

    /// The request that has a sequence number, if one may have it.
    pub(super) fn request(&self, sequence: u16) -> Option<Request> {
        let offset = sequence.wrapping_sub(self.probe.first_sequence);
        let attempt = offset.checked_div(self.probe.packets)?;
        let packet = offset.checked_rem(self.probe.packets)?;
        (attempt <= self.probe.retry).then_some(Request { packet, attempt })
    }

    /// The packet of a request as long as that request is the one that is waited for.
    fn present(&mut self, request: Request) -> Option<&mut PacketState> {
        let state = self.packets.get_mut(usize::from(request.packet))?;
        (state.attempt == request.attempt && !state.settled).then_some(state)
    }
}

#[cfg(test)]
mod tests {
    use std::{net::Ipv4Addr, sync::Arc};

    use tokio::sync::Semaphore;

    use super::*;

    fn pending(packets: u16, retry: u16) -> (PendingProbe, oneshot::Receiver<Outcome>) {
        let (caller, outcome) = oneshot::channel();
        let place = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
        let probe = Probe {
            packets,
            retry,
            timeout: Duration::from_millis(100),
            ..Probe::to(Ipv4Addr::LOCALHOST.into())
        };
        (PendingProbe::new(probe, Waiting { caller, place, watcher: None }), outcome)
    }

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn an_answer_after_its_time_out_is_late_and_a_second_one_a_duplicate() {
        let (mut pending, mut outcome) = pending(2, 0);
        let start = Instant::now();
        let [first, second] = [0, 1].map(|_| pending.next_packet().unwrap());
        assert_eq!(pending.next_packet(), None);
        pending.sent(first, start);
        pending.sent(second, start);
        assert_eq!(pending.answer(first, start + 7 * MS, Some(64)), Verdict::Answered(7 * MS));
        assert_eq!(pending.answer(first, start + 8 * MS, Some(64)), Verdict::Duplicate);
        assert_eq!(pending.answer(second, start + 101 * MS, Some(64)), Verdict::Late);
        assert_eq!(pending.expire(first), Expiry::Settled);
        assert_eq!(pending.expire(second), Expiry::Failed(Reason::Timeout));
        assert!(pending.is_complete());
        pending.finish();
        let packets = outcome.try_recv().unwrap().packets;
        let answered =
            Packet { sent: 1, rtt: Some(7 * MS), duplicates: 1, ttl: Some(64), ..Packet::default() };
        let unanswered = Packet { sent: 1, reason: Some(Reason::Timeout), late: 1, ..Packet::default() };
        assert_eq!(packets, [answered, unanswered]);
    }

    #[test]
    fn a_packet_counts_when_any_of_its_repetitions_is_answered() {
        let (mut pending, _outcome) = pending(1, 2);
        let start = Instant::now();
        let first = pending.next_packet().unwrap();
        pending.sent(first, start);
        let Expiry::Repeat(second) = pending.expire(first) else { panic!("not repeated") };
        assert_eq!(pending.sequence(second), 1);
        assert_eq!(pending.answer(second, start + 99 * MS, None), Verdict::Foreign, "it was not sent yet");
        pending.sent(second, start + 100 * MS);
        assert_eq!(pending.answer(first, start + 101 * MS, None), Verdict::Late);
        assert_eq!(pending.answer(second, start + 103 * MS, None), Verdict::Answered(3 * MS));
        assert!(pending.is_complete());
    }

    #[test]
    fn the_last_attempt_says_why_and_an_answer_overrules_an_error() {
        let (mut pending, _outcome) = pending(2, 1);
        let start = Instant::now();
        let first = pending.next_packet().unwrap();
        let other = pending.next_packet().unwrap();
        pending.sent(first, start);
        pending.sent(other, start);
        assert!(pending.note(first, Reason::NoRoute));
        assert!(!pending.note(first, Reason::NoRoute), "once is enough");
        let Expiry::Repeat(second) = pending.expire(first) else { panic!("not repeated") };
        assert_eq!(pending.expire(second), Expiry::Failed(Reason::Timeout));
        pending.note(other, Reason::NotPermitted);
        assert_eq!(pending.answer(other, start, None), Verdict::Answered(Duration::ZERO));
    }

    #[test]
    fn every_request_has_a_sequence_number_of_its_own_and_is_found_by_it() {
        let (mut pending, _outcome) = pending(3, 2);
        pending.probe.first_sequence = u16::MAX - 1;
        let mut seen = Vec::new();
        for attempt in 0..=2 {
            for packet in 0..3 {
                let request = Request { packet, attempt };
                seen.push(pending.sequence(request));
                assert_eq!(pending.request(pending.sequence(request)), Some(request));
            }
        }
        assert_eq!(seen, [65534, 65535, 0, 1, 2, 3, 4, 5, 6]);
        assert_eq!(pending.request(7), None);
        assert_eq!(pending.request(65533), None);
    }
}
