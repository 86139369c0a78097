//! All requests under way on one socket: where a reply is matched to its request, and what is due when. Pure, time is an
//! argument, so that its tests need neither a network nor a clock.

use std::{
    collections::{HashMap, VecDeque},
    hash::{BuildHasher, RandomState},
    net::SocketAddr,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use grafolean_datagram::TimerQueue;
use tokio::sync::OwnedSemaphorePermit;

use super::{
    Peer, Traffic,
    peer::{Incoming, Message},
};
use crate::snmp::{AskError, Moment, Varbind};

/// What became of a request: the objects and when they came, or why not.
pub(super) type Outcome = Result<(Vec<Varbind>, Moment), AskError>;

/// The state of one socket's requests.
pub(super) struct Exchange {
    pending: Vec<PendingRequest>,
    /// Places of pending that are over.
    free: Vec<u32>,
    /// Those that wait for a reply, by their number.
    by_number: HashMap<i32, u32, foldhash::fast::RandomState>,
    deadlines: TimerQueue<PendingId>,
    outbox: VecDeque<PendingId>,
    numbers: RequestNumbers,
    traffic: Traffic,
    /// Whoever sends, once there is nothing to send.
    sender: Option<Waker>,
    closed: bool,
}

/// One request of one place, as all of this names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PendingId {
    place: u32,
    generation: u32,
}

/// How long and how often an answer is waited for.
#[derive(Clone, Copy, Debug)]
pub(super) struct RetryPolicy {
    pub(super) timeout: Duration,
    pub(super) retries: u32,
}

struct PendingRequest {
    generation: u32,
    number: i32,
    peer: Option<Arc<Peer>>,
    /// Used again by the next one that has the place.
    message: Vec<u8>,
    policy: RetryPolicy,
    deadline: Option<Instant>,
    /// From where an answer came that does not count from there.
    other_source: Option<SocketAddr>,
    /// The reply's share of the kernel's buffer. Whoever was silent for a whole time-out holds up nobody any more.
    room: Option<OwnedSemaphorePermit>,
    state: State,
}

enum State {
    Over,
    Waiting(Option<Waker>),
    Settled(Outcome),
}

impl Exchange {
    pub(super) fn new(traffic: Traffic) -> Self {
        Self {
            pending: Vec::new(),
            free: Vec::new(),
            by_number: HashMap::default(),
            deadlines: TimerQueue::default(),
            outbox: VecDeque::new(),
            numbers: RequestNumbers::default(),
            traffic,
            sender: None,
            closed: false,
        }
    }

    /// Queues a message to be sent.
    ///
    /// # Errors
    /// When the socket is closed, or the message cannot be made.
    pub(super) fn begin(
        &mut self,
        peer: &Arc<Peer>,
        message: Message<'_>,
        policy: RetryPolicy,
        room: Option<OwnedSemaphorePermit>,
    ) -> Result<PendingId, AskError> {
        if self.closed {
            return Err(stopped());
        }
        let place = match self.free.pop() {
            Some(place) => place,
            None => {
                let place = u32::try_from(self.pending.len()).map_err(|_| stopped())?;
                self.pending.push(PendingRequest::unused());
                place
            }
        };
        let number = self.numbers.next(|number| self.by_number.contains_key(&number));
        let pending = self.pending.get_mut(index(place)).ok_or_else(stopped)?;
        pending.generation = pending.generation.wrapping_add(1);
        pending.number = number;
        pending.message.clear();
        if let Err(error) = peer.encode(number, message, &mut pending.message) {
            self.free.push(place);
            return Err(error);
        }
        pending.peer = Some(Arc::clone(peer));
        pending.other_source = None;
        pending.policy = policy;
        pending.room = room;
        pending.state = State::Waiting(None);
        self.by_number.insert(number, place);
        let pending_id = PendingId { place, generation: pending.generation };
        self.post(pending_id);
        Ok(pending_id)
    }

    fn post(&mut self, pending_id: PendingId) {
        self.outbox.push_back(pending_id);
        if let Some(sender) = self.sender.take() {
            sender.wake();
        }
    }

    /// Waits until there is something to send.
    pub(super) fn poll_outbox(&mut self, context: &Context<'_>) -> Poll<()> {
        if !self.outbox.is_empty() {
            return Poll::Ready(());
        }
        self.sender = Some(context.waker().clone());
        Poll::Pending
    }

    /// Returns the next message to send, and to whom; its time begins.
    pub(super) fn next_outgoing(&mut self, now: Instant) -> Option<(PendingId, SocketAddr, &[u8])> {
        let pending_id = loop {
            let pending_id = self.outbox.pop_front()?;
            if self.waiting(pending_id).is_some() {
                break pending_id;
            }
        };
        let pending = self.pending.get_mut(index(pending_id.place))?;
        let deadline = now + pending.policy.timeout;
        pending.deadline = Some(deadline);
        self.deadlines.add(deadline, pending_id);
        Some((pending_id, pending.peer.as_ref()?.address, &pending.message))
    }

    /// Notes that a message cannot be sent.
    pub(super) fn unsendable(&mut self, pending_id: PendingId, why: AskError) {
        if self.waiting(pending_id).is_some() {
            self.settle(pending_id.place, Err(why));
        }
    }

    /// Reads a datagram that came at a time.
    pub(super) fn receive(&mut self, datagram: &[u8], from: SocketAddr, at: Moment) {
        let incoming = match Incoming::decode(datagram) {
            Ok(incoming) => incoming,
            Err(error) if error.is_other_message() => return self.traffic.discard(),
            Err(_) => return self.traffic.malformed(),
        };
        let Some((place, peer)) = self.asked(incoming.number()) else { return self.traffic.discard() };
        if !peer.may_answer_from(from) {
            if peer.may_have_sent(&incoming)
                && let Some(pending) = self.pending.get_mut(index(place))
            {
                pending.other_source = Some(from);
            }
            return self.traffic.discard();
        }
        match peer.outcome(&incoming, at) {
            Some(outcome) => self.settle(place, outcome),
            None => self.traffic.discard(),
        }
    }

    /// Which request waits under a number, and whose.
    fn asked(&self, number: i32) -> Option<(u32, Arc<Peer>)> {
        let place = self.by_number.get(&number).copied()?;
        Some((place, Arc::clone(self.pending.get(index(place))?.peer.as_ref()?)))
    }

    /// Ends what was not answered in time, or has it sent again.
    pub(super) fn expire(&mut self, now: Instant) {
        while let Some((_, pending_id)) = self.deadlines.take_due(now) {
            self.expire_one(pending_id, now);
        }
    }

    fn expire_one(&mut self, pending_id: PendingId, now: Instant) {
        let Some(pending) = self.waiting(pending_id) else { return };
        let Some(deadline) = pending.deadline else { return };
        if deadline > now {
            self.deadlines.add(deadline, pending_id);
            return;
        }
        pending.deadline = None;
        pending.room = None;
        if pending.policy.retries == 0 {
            let silence = pending.other_source.map_or(AskError::Timeout, AskError::OtherSource);
            self.settle(pending_id.place, Err(silence));
        } else {
            pending.policy.retries -= 1;
            self.traffic.repeat();
            self.post(pending_id);
        }
    }

    /// Returns when something is due next.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.deadlines.next_due()
    }

    /// Returns what became of a request, once; until then the one who asks is woken when it is known.
    pub(super) fn poll_outcome(&mut self, pending_id: PendingId, context: &Context<'_>) -> Poll<Outcome> {
        let Some(pending) = self.pending(pending_id) else { return Poll::Ready(Err(AskError::Timeout)) };
        match &mut pending.state {
            State::Waiting(waker) => {
                match waker {
                    Some(waker) => waker.clone_from(context.waker()),
                    None => *waker = Some(context.waker().clone()),
                }
                Poll::Pending
            }
            State::Settled(_) | State::Over => {
                Poll::Ready(self.end(pending_id).unwrap_or(Err(AskError::Timeout)))
            }
        }
    }

    /// Ends a request, whatever became of it: nobody waits for it any more.
    pub(super) fn end(&mut self, pending_id: PendingId) -> Option<Outcome> {
        let pending = self.pending(pending_id)?;
        let (number, state) = (pending.number, std::mem::replace(&mut pending.state, State::Over));
        pending.peer = None;
        pending.room = None;
        match state {
            State::Over => return None,
            State::Waiting(_) => _ = self.by_number.remove(&number),
            State::Settled(_) => {}
        }
        self.free.push(pending_id.place);
        match state {
            State::Settled(outcome) => Some(outcome),
            _ => None,
        }
    }

    /// Ends all: the socket is gone.
    pub(super) fn close(&mut self) {
        self.closed = true;
        let waiting: Vec<u32> = self.by_number.values().copied().collect();
        for place in waiting {
            self.settle(place, Err(stopped()));
        }
    }

    /// Notes what became of a request, and tells the one who asks.
    fn settle(&mut self, place: u32, outcome: Outcome) {
        let Some(pending) = self.pending.get_mut(index(place)) else { return };
        self.by_number.remove(&pending.number);
        pending.room = None;
        if let State::Waiting(Some(waker)) = std::mem::replace(&mut pending.state, State::Settled(outcome)) {
            waker.wake();
        }
    }

    fn pending(&mut self, pending_id: PendingId) -> Option<&mut PendingRequest> {
        self.pending
            .get_mut(index(pending_id.place))
            .filter(|pending| pending.generation == pending_id.generation)
    }

    fn waiting(&mut self, pending_id: PendingId) -> Option<&mut PendingRequest> {
        self.pending(pending_id).filter(|pending| matches!(pending.state, State::Waiting(_)))
    }
}

impl PendingRequest {
    const fn unused() -> Self {
        Self {
            generation: 0,
            number: 0,
            peer: None,
            message: Vec::new(),
            policy: RetryPolicy { timeout: Duration::ZERO, retries: 0 },
            deadline: None,
            other_source: None,
            room: None,
            state: State::Over,
        }
    }
}

/// What a request comes to when the engine stops.
pub(super) fn stopped() -> AskError {
    AskError::Local("the engine has stopped".to_owned())
}

fn index(place: u32) -> usize {
    usize::try_from(place).unwrap_or(usize::MAX)
}

/// Numbers for requests: SipHash of a count under keys that no one outside this process has seen, so that nobody can
/// answer who has not seen the request.
#[derive(Default)]
struct RequestNumbers {
    keys: RandomState,
    count: u64,
}

impl RequestNumbers {
    /// Returns one that is not in use: 1 to 2^31 - 1, since some agents do badly with negative ones.
    fn next(&mut self, in_use: impl Fn(i32) -> bool) -> i32 {
        loop {
            self.count = self.count.wrapping_add(1);
            let [a, b, c, d, ..] = self.keys.hash_one(self.count).to_be_bytes();
            let number = i32::from_be_bytes([a & 0x7f, b, c, d]);
            if number != 0 && !in_use(number) {
                return number;
            }
        }
    }
}

#[cfg(test)]
mod tests;
