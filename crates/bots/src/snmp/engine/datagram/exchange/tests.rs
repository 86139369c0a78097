//! A bad network, datagram by datagram.

use std::task::Wake;

use super::*;
use crate::snmp::{
    Oid, Request, Status, Value,
    settings::{Community, ReplySource},
};

const TIMEOUT: Duration = Duration::from_millis(500);

struct Woken(std::sync::atomic::AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, std::sync::atomic::Ordering::Relaxed);
    }
}

/// A socket's state, a clock, and the messages that left.
struct World {
    exchange: Exchange,
    traffic: Traffic,
    now: Instant,
}

impl World {
    fn new() -> Self {
        let (traffic, now) = (Traffic::default(), Instant::now());
        Self { exchange: Exchange::new(traffic.clone()), traffic, now }
    }

    fn ask(&mut self, peer: &Arc<Peer>, retries: u32) -> PendingId {
        let request = Request::Get(vec![uptime()]);
        let policy = RetryPolicy { timeout: TIMEOUT, retries };
        self.exchange.begin(peer, Message::Request(&request), policy, None).unwrap()
    }

    /// Lets time pass; what is due is done.
    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.exchange.expire(self.now);
    }

    fn sent(&mut self) -> Vec<(SocketAddr, Vec<u8>)> {
        let mut sent = Vec::new();
        while let Some((_, to, message)) = self.exchange.next_outgoing(self.now) {
            sent.push((to, message.to_vec()));
        }
        sent
    }

    fn receive(&mut self, datagram: &[u8], from: SocketAddr) {
        self.exchange.receive(datagram, from, Moment::new(1, 7));
    }

    fn outcome(&mut self, pending_id: PendingId) -> Option<Outcome> {
        let waker = Waker::from(Arc::new(Woken(false.into())));
        match self.exchange.poll_outcome(pending_id, &Context::from_waker(&waker)) {
            Poll::Ready(outcome) => Some(outcome),
            Poll::Pending => None,
        }
    }

    fn rejected(&self) -> (u64, u64) {
        self.traffic.rejected()
    }
}

fn uptime() -> Oid {
    "1.3.6.1.2.1.1.3.0".parse().unwrap()
}

fn address(last: u8) -> SocketAddr {
    ([192, 0, 2, last], 161).into()
}

fn peer(last: u8) -> Arc<Peer> {
    Arc::new(Peer::of_community(address(last), ReplySource::Asked, &Community::V2c("public".into())))
}

/// An agent's answer to a request: the request with another type of PDU, and TimeTicks for the NULL at its end.
fn reply(request: &[u8]) -> Vec<u8> {
    let mut reply = request.to_vec();
    let pdu = 2 + 3 + 2 + "public".len();
    assert_eq!(reply[pdu], 0xa0);
    reply[pdu] = 0xa2;
    let value = reply.len() - 2;
    reply.splice(value.., [0x43, 1, 9]);
    // Message, PDU, list and object are one octet longer each.
    for place in [1, pdu + 1, value - 13, value - 11] {
        reply[place] += 1;
    }
    reply
}

#[test]
fn an_answer_settles_its_request_and_no_other() {
    let mut world = World::new();
    let (first, second) = (world.ask(&peer(1), 0), world.ask(&peer(2), 0));
    let sent = world.sent();
    assert_eq!(sent.iter().map(|(to, _)| *to).collect::<Vec<_>>(), [address(1), address(2)]);
    world.receive(&reply(&sent[1].1), address(2));
    assert_eq!(world.outcome(first), None);
    let (varbinds, at) = world.outcome(second).unwrap().unwrap();
    assert_eq!((varbinds[0].oid.clone(), varbinds[0].value.clone()), (uptime(), Ok(Value::TimeTicks(9))));
    assert_eq!(at, Moment::new(1, 7));
    assert_eq!(world.rejected(), (0, 0));
}

#[test]
fn an_answer_counts_only_from_its_device_in_its_version_and_community_by_its_number() {
    let mut world = World::new();
    let pending_id = world.ask(&peer(1), 0);
    let answer = reply(&world.sent()[0].1);
    let changed = |place: usize, octet: u8| {
        let mut answer = answer.clone();
        answer[place] = octet;
        answer
    };
    world.receive(&answer, address(2));
    world.receive(&answer, ([192, 0, 2, 1], 1161).into());
    world.receive(&changed(4, 0), address(1));
    world.receive(&changed(7, b'P'), address(1));
    let number = 2 + 3 + 2 + "public".len() + 2 + 2;
    world.receive(&changed(number, answer[number] ^ 1), address(1));
    // A request, a message of v3, and a trap are SNMP, but no answers.
    world.receive(&changed(13, 0xa0), address(1));
    world.receive(&crate::snmp::codec::secured::discovery(7), address(1));
    world.receive(&changed(13, 0xa7), address(1));
    assert_eq!(world.rejected(), (8, 0));
    world.receive(b"GET / HTTP/1.1", address(1));
    world.receive(&answer[..answer.len() - 1], address(1));
    world.receive(&[], address(1));
    assert_eq!(world.rejected(), (8, 3));
    assert_eq!(world.outcome(pending_id), None, "none of them was an answer");
    world.receive(&answer, address(1));
    assert!(world.outcome(pending_id).unwrap().is_ok());
}

#[test]
fn a_lost_answer_is_asked_for_again_under_the_same_number() {
    let mut world = World::new();
    let pending_id = world.ask(&peer(1), 2);
    let first = world.sent();
    world.pass(TIMEOUT - Duration::from_millis(1));
    assert!(world.sent().is_empty(), "the time is not over");
    world.pass(Duration::from_millis(20));
    assert_eq!(world.sent(), first);
    world.pass(TIMEOUT + Duration::from_millis(20));
    assert_eq!(world.sent(), first);
    world.receive(&reply(&first[0].1), address(1));
    assert!(world.outcome(pending_id).unwrap().is_ok());
    world.pass(Duration::from_secs(60));
    assert!(world.sent().is_empty());
}

#[test]
fn silence_is_told_after_all_attempts_and_an_answer_after_that_is_none() {
    let mut world = World::new();
    let pending_id = world.ask(&peer(1), 1);
    let sent = world.sent();
    world.pass(TIMEOUT + Duration::from_millis(20));
    assert_eq!((world.sent().len(), world.outcome(pending_id)), (1, None));
    world.pass(TIMEOUT + Duration::from_millis(20));
    assert_eq!((world.sent().len(), world.outcome(pending_id)), (0, Some(Err(AskError::Timeout))));
    world.receive(&reply(&sent[0].1), address(1));
    assert_eq!(world.rejected(), (1, 0), "late");
    assert_eq!(world.exchange.next_due(), None);
}

#[test]
fn copies_of_an_answer_are_discarded_also_when_the_place_is_used_again() {
    let mut world = World::new();
    let first = world.ask(&peer(1), 0);
    let answer = reply(&world.sent()[0].1);
    world.receive(&answer, address(1));
    world.receive(&answer, address(1));
    assert!(world.outcome(first).unwrap().is_ok());
    let second = world.ask(&peer(1), 0);
    assert_eq!((second.place, world.exchange.pending.len()), (first.place, 1));
    world.sent();
    world.receive(&answer, address(1));
    assert_eq!((world.outcome(second), world.rejected()), (None, (2, 0)));
}

#[test]
fn an_answer_that_makes_no_sense_is_told_at_once() {
    let mut world = World::new();
    let pending_id = world.ask(&peer(1), 5);
    let mut answer = reply(&world.sent()[0].1);
    // Its objects lie about their length.
    let name = answer.len() - 3 - 10 + 1;
    answer[name] = 0x7f;
    world.receive(&answer, address(1));
    assert!(matches!(world.outcome(pending_id), Some(Err(AskError::Malformed(_)))));
}

#[test]
fn an_error_status_is_an_answer() {
    let mut world = World::new();
    let pending_id = world.ask(&peer(1), 5);
    let mut answer = reply(&world.sent()[0].1);
    let status = 2 + 3 + 2 + "public".len() + 2 + usize::from(answer[16]) + 2 + 2;
    answer[status] = 1;
    world.receive(&answer, address(1));
    assert_eq!(world.outcome(pending_id), Some(Err(AskError::Status { status: Status::TooBig, index: 0 })));
}

#[test]
fn whoever_asks_no_longer_is_forgotten_at_once() {
    let mut world = World::new();
    let (given_up, unsent) = (world.ask(&peer(1), 5), world.ask(&peer(2), 5));
    world.exchange.end(unsent);
    let sent = world.sent();
    assert_eq!(sent.len(), 1);
    world.exchange.end(given_up);
    world.exchange.end(given_up);
    assert!(world.exchange.by_number.is_empty());
    assert_eq!(world.exchange.free.len(), 2);
    world.receive(&reply(&sent[0].1), address(1));
    world.pass(Duration::from_secs(10));
    assert_eq!((world.sent().len(), world.rejected()), (0, (1, 0)));
}

#[test]
fn a_closed_socket_ends_what_is_under_way_and_takes_no_more() {
    let mut world = World::new();
    let (settled, waiting) = (world.ask(&peer(1), 0), world.ask(&peer(2), 0));
    let sent = world.sent();
    world.receive(&reply(&sent[0].1), address(1));
    world.exchange.close();
    assert!(world.outcome(settled).unwrap().is_ok());
    assert_eq!(world.outcome(waiting), Some(Err(stopped())));
    let request = Request::Get(vec![uptime()]);
    let policy = RetryPolicy { timeout: TIMEOUT, retries: 0 };
    let refused = world.exchange.begin(&peer(1), Message::Request(&request), policy, None);
    assert_eq!(refused.err(), Some(stopped()));
}

#[test]
fn whoever_sends_and_whoever_asks_are_woken_when_there_is_something_for_them() {
    let mut world = World::new();
    let woken = Arc::new(Woken(false.into()));
    let waker = Waker::from(Arc::clone(&woken));
    let context = Context::from_waker(&waker);
    let is_woken = || woken.0.swap(false, std::sync::atomic::Ordering::Relaxed);
    assert!(world.exchange.poll_outbox(&context).is_pending());
    let pending_id = world.ask(&peer(1), 0);
    assert!(is_woken() && world.exchange.poll_outbox(&context).is_ready());
    let sent = world.sent();
    assert!(world.exchange.poll_outcome(pending_id, &context).is_pending() && !is_woken());
    world.receive(&reply(&sent[0].1), address(1));
    assert!(is_woken());
}

#[test]
fn numbers_are_positive_and_never_those_of_another_request() {
    let mut numbers = RequestNumbers::default();
    let mut known = std::collections::HashSet::new();
    for _ in 0..10_000 {
        let number = numbers.next(|number| known.contains(&number));
        assert!(number > 0 && known.insert(number));
    }
    assert_ne!(RequestNumbers::default().next(|_| false), RequestNumbers::default().next(|_| false));
}

#[test]
fn both_versions_are_kept_apart() {
    let mut world = World::new();
    let community = Community::V1("public".into());
    let peer = Arc::new(Peer::of_community(address(1), ReplySource::Asked, &community));
    let pending_id = world.ask(&peer, 0);
    let mut answer = reply(&world.sent()[0].1);
    answer[4] = 1;
    world.receive(&answer, address(1));
    assert_eq!(world.outcome(pending_id), None);
    answer[4] = 0;
    world.receive(&answer, address(1));
    assert!(world.outcome(pending_id).unwrap().is_ok());
}

#[test]
fn an_answer_from_elsewhere_is_told_when_none_came_from_where_it_was_asked() {
    let mut world = World::new();
    let pending_id = world.ask(&peer(1), 0);
    let answer = reply(&world.sent()[0].1);
    let mut of_other_community = answer.clone();
    of_other_community[7] = b'P';
    world.receive(&of_other_community, address(3));
    world.receive(&answer, address(2));
    assert_eq!((world.outcome(pending_id), world.rejected()), (None, (2, 0)));
    world.pass(TIMEOUT + Duration::from_millis(20));
    assert_eq!(world.outcome(pending_id), Some(Err(AskError::OtherSource(address(2)))));
    // And next time, which has nothing of that any more.
    let pending_id = world.ask(&peer(1), 0);
    world.sent();
    world.pass(TIMEOUT + Duration::from_millis(20));
    assert_eq!(world.outcome(pending_id), Some(Err(AskError::Timeout)));
}

#[test]
fn an_answer_from_elsewhere_counts_where_the_credential_says_so() {
    let mut world = World::new();
    let community = Community::V2c("public".into());
    let peer = Arc::new(Peer::of_community(address(1), ReplySource::Any, &community));
    let pending_id = world.ask(&peer, 0);
    let answer = reply(&world.sent()[0].1);
    let mut of_other_community = answer.clone();
    of_other_community[7] = b'P';
    world.receive(&of_other_community, address(2));
    assert_eq!(world.outcome(pending_id), None);
    world.receive(&answer, address(2));
    assert!(world.outcome(pending_id).unwrap().is_ok());
}
