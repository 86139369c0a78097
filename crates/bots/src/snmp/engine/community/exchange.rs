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

use grafolean_collector::time::Timestamp;
use tokio::sync::OwnedSemaphorePermit;

use super::{Peer, line::Traffic, wheel::Wheel};
use crate::snmp::{
    AskError, Request, Status, Varbind,
    codec::{Question, Reply},
};

/// What became of a request: the objects and when they came, or why not.
pub(super) type Outcome = Result<(Vec<Varbind>, Timestamp), AskError>;

/// The state of one socket's requests.
pub(super) struct Exchange {
    flights: Vec<Flight>,
    /// Places of flights that are over.
    free: Vec<u32>,
    /// Those that wait for a reply, by their number.
    by_number: HashMap<i32, u32, foldhash::fast::RandomState>,
    deadlines: Wheel<Ticket>,
    outbox: VecDeque<Ticket>,
    numbers: Numbers,
    traffic: Traffic,
    /// Whoever sends, once there is nothing to send.
    sender: Option<Waker>,
    closed: bool,
}

/// One request of one place, as all of this names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ticket {
    place: u32,
    generation: u32,
}

/// How long and how often an answer is waited for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    pub(super) timeout: Duration,
    pub(super) retries: u32,
}

struct Flight {
    generation: u32,
    number: i32,
    peer: Option<Arc<Peer>>,
    /// Used again by the next one that has the place.
    message: Vec<u8>,
    patience: Patience,
    deadline: Option<Instant>,
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
    pub(super) fn new(traffic: Traffic, now: Instant) -> Self {
        Self {
            flights: Vec::new(),
            free: Vec::new(),
            by_number: HashMap::default(),
            deadlines: Wheel::new(now),
            outbox: VecDeque::new(),
            numbers: Numbers::default(),
            traffic,
            sender: None,
            closed: false,
        }
    }

    /// Takes up a request: it waits to be sent. None when the socket is closed.
    pub(super) fn begin(
        &mut self,
        peer: &Arc<Peer>,
        request: &Request,
        patience: Patience,
        room: Option<OwnedSemaphorePermit>,
    ) -> Option<Ticket> {
        if self.closed {
            return None;
        }
        let place = match self.free.pop() {
            Some(place) => place,
            None => {
                let place = u32::try_from(self.flights.len()).ok()?;
                self.flights.push(Flight::unused());
                place
            }
        };
        let number = self.numbers.next(|number| self.by_number.contains_key(&number));
        let flight = self.flights.get_mut(index(place))?;
        flight.generation = flight.generation.wrapping_add(1);
        flight.number = number;
        flight.message.clear();
        let (version, community) = (peer.version, peer.community());
        Question { version, community, request_id: number, request }.encode(&mut flight.message);
        flight.peer = Some(Arc::clone(peer));
        flight.patience = patience;
        flight.room = room;
        flight.state = State::Waiting(None);
        self.by_number.insert(number, place);
        let ticket = Ticket { place, generation: flight.generation };
        self.post(ticket);
        Some(ticket)
    }

    fn post(&mut self, ticket: Ticket) {
        self.outbox.push_back(ticket);
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

    /// Gives the next message to send, and to whom; its time begins.
    pub(super) fn next_outgoing(&mut self, now: Instant) -> Option<(Ticket, SocketAddr, &[u8])> {
        let ticket = loop {
            let ticket = self.outbox.pop_front()?;
            if self.waiting(ticket).is_some() {
                break ticket;
            }
        };
        let flight = self.flights.get_mut(index(ticket.place))?;
        let deadline = now + flight.patience.timeout;
        flight.deadline = Some(deadline);
        self.deadlines.add(deadline, now, ticket);
        Some((ticket, flight.peer.as_ref()?.address, &flight.message))
    }

    /// Notes that a message cannot be sent.
    pub(super) fn unsendable(&mut self, ticket: Ticket, why: AskError) {
        if self.waiting(ticket).is_some() {
            self.settle(ticket.place, Err(why));
        }
    }

    /// Takes a datagram that came at a time.
    pub(super) fn receive(&mut self, datagram: &[u8], from: SocketAddr, at: Timestamp) {
        let reply = match Reply::decode(datagram) {
            Ok(reply) => reply,
            Err(error) if error.is_other_message() => return self.traffic.discard(),
            Err(_) => return self.traffic.malformed(),
        };
        let asked = self.by_number.get(&reply.request_id).copied();
        let asked = asked.filter(|place| {
            let peer = self.flights.get(index(*place)).and_then(|flight| flight.peer.as_ref());
            peer.is_some_and(|peer| peer.sent(&reply, from))
        });
        match asked {
            Some(place) => self.settle(place, outcome(&reply, at)),
            None => self.traffic.discard(),
        }
    }

    /// Gives up what was not answered in time, or has it sent again.
    pub(super) fn expire(&mut self, now: Instant) {
        while let Some(due) = self.deadlines.take_due(now) {
            for ticket in due {
                self.expire_one(ticket, now);
            }
        }
    }

    fn expire_one(&mut self, ticket: Ticket, now: Instant) {
        let Some(flight) = self.waiting(ticket) else { return };
        let Some(deadline) = flight.deadline else { return };
        if deadline > now {
            self.deadlines.add(deadline, now, ticket);
            return;
        }
        flight.deadline = None;
        flight.room = None;
        if flight.patience.retries == 0 {
            self.settle(ticket.place, Err(AskError::Timeout));
        } else {
            flight.patience.retries -= 1;
            self.traffic.repeat();
            self.post(ticket);
        }
    }

    /// Says when something is due next.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.deadlines.next_due()
    }

    /// Gives what became of a request, once; until then the one who asks is woken when it is known.
    pub(super) fn poll_outcome(&mut self, ticket: Ticket, context: &Context<'_>) -> Poll<Outcome> {
        let Some(flight) = self.flight(ticket) else { return Poll::Ready(Err(AskError::Timeout)) };
        match &mut flight.state {
            State::Waiting(waker) => {
                match waker {
                    Some(waker) => waker.clone_from(context.waker()),
                    None => *waker = Some(context.waker().clone()),
                }
                Poll::Pending
            }
            State::Settled(_) | State::Over => {
                Poll::Ready(self.end(ticket).unwrap_or(Err(AskError::Timeout)))
            }
        }
    }

    /// Ends a request, whatever became of it: nobody waits for it any more.
    pub(super) fn end(&mut self, ticket: Ticket) -> Option<Outcome> {
        let flight = self.flight(ticket)?;
        let (number, state) = (flight.number, std::mem::replace(&mut flight.state, State::Over));
        flight.peer = None;
        flight.room = None;
        match state {
            State::Over => return None,
            State::Waiting(_) => _ = self.by_number.remove(&number),
            State::Settled(_) => {}
        }
        self.free.push(ticket.place);
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
        let Some(flight) = self.flights.get_mut(index(place)) else { return };
        self.by_number.remove(&flight.number);
        flight.room = None;
        if let State::Waiting(Some(waker)) = std::mem::replace(&mut flight.state, State::Settled(outcome)) {
            waker.wake();
        }
    }

    fn flight(&mut self, ticket: Ticket) -> Option<&mut Flight> {
        self.flights.get_mut(index(ticket.place)).filter(|flight| flight.generation == ticket.generation)
    }

    fn waiting(&mut self, ticket: Ticket) -> Option<&mut Flight> {
        self.flight(ticket).filter(|flight| matches!(flight.state, State::Waiting(_)))
    }
}

impl Flight {
    const fn unused() -> Self {
        Self {
            generation: 0,
            number: 0,
            peer: None,
            message: Vec::new(),
            patience: Patience { timeout: Duration::ZERO, retries: 0 },
            deadline: None,
            room: None,
            state: State::Over,
        }
    }
}

/// What a request comes to when the engine stops.
pub(super) fn stopped() -> AskError {
    AskError::Local("the engine has stopped".to_owned())
}

fn outcome(reply: &Reply<'_>, at: Timestamp) -> Outcome {
    if reply.error_status != 0 {
        let index = usize::try_from(reply.error_index).unwrap_or(0);
        return Err(AskError::Status { status: Status::from_number(reply.error_status), index });
    }
    let varbinds = reply.to_varbinds().map_err(|error| AskError::Malformed(error.to_string()))?;
    Ok((varbinds, at))
}

fn index(place: u32) -> usize {
    usize::try_from(place).unwrap_or(usize::MAX)
}

/// Numbers for requests: SipHash of a count under keys that no one outside this process has seen, so that nobody can
/// answer who has not seen the request.
#[derive(Default)]
struct Numbers {
    keys: RandomState,
    count: u64,
}

impl Numbers {
    /// Gives one that is not in use: 1 to 2^31 - 1, since some agents do badly with negative ones.
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
