use std::{net::Ipv4Addr, sync::Arc};

use proptest::prelude::*;
use tokio::sync::{Semaphore, oneshot};

use super::*;
use crate::ping::{
    codec::{Echo, Family, IcmpError, Quoted},
    engine::probe::Outcome,
};

const MS: Duration = Duration::from_millis(1);
const TARGET: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));

struct World {
    exchange: Exchange,
    metrics: PingMetrics,
    start: Instant,
}

impl World {
    fn new() -> Self {
        let metrics = PingMetrics::default();
        Self { exchange: Exchange::new(metrics.clone()), metrics, start: Instant::now() }
    }

    fn begin(&mut self, probe: Probe, at_ms: u32) -> oneshot::Receiver<Outcome> {
        let (caller, outcome) = oneshot::channel();
        let place = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
        self.exchange.begin(probe, Waiting { caller, place, watcher: None }, self.start + MS * at_ms);
        outcome
    }

    /// Lets time go by and sends all that is due; returns the requests.
    fn send(&mut self, at_ms: u32) -> Vec<EchoRequest> {
        let now = self.start + MS * at_ms;
        self.exchange.advance(now);
        let mut requests = Vec::new();
        while let Some((outgoing, _, request)) = self.exchange.outgoing(now) {
            self.exchange.sent(outgoing, now);
            requests.push(request);
        }
        requests
    }

    fn reply(&mut self, request: &EchoRequest, from: IpAddr, at_ms: u32, change: impl Fn(&mut Vec<u8>)) {
        let mut bytes = Vec::new();
        request.encode(&mut bytes);
        change(&mut bytes);
        let echo = Echo::read(&bytes).unwrap();
        let at = self.start + MS * at_ms;
        self.exchange.receive(Message::Reply(echo), Arrival { from, at, ttl: Some(64), own_ids: true });
    }

    fn counts(&self) -> [u64; 4] {
        let PingMetrics { replies_received, replies_duplicate, replies_late, replies_foreign, .. } =
            &self.metrics;
        [replies_received, replies_duplicate, replies_late, replies_foreign].map(|counter| counter.get())
    }
}

fn probe(packets: u16) -> Probe {
    Probe { packets, gap: 10 * MS, timeout: 25 * MS, ..Probe::to(TARGET) }
}

#[test]
fn packets_leave_a_gap_apart_and_the_outcome_comes_with_the_last_answer() {
    let mut world = World::new();
    let mut outcome = world.begin(probe(3), 0);
    for number in 0..3_u16 {
        let at_ms = u32::from(number) * 10;
        let [request] = world.send(at_ms).try_into().unwrap();
        assert_eq!(request.sequence, number);
        assert!(world.send(at_ms + 9).is_empty());
        world.reply(&request, TARGET, at_ms + 4, |_| {});
    }
    let packets = outcome.try_recv().unwrap().packets;
    assert!(packets.iter().all(|packet| packet.rtt == Some(4 * MS)), "{packets:?}");
    assert_eq!(world.metrics.probes_under_way.get(), 0);
}

#[test]
fn a_late_turn_is_made_up_for_without_flooding_the_target() {
    let mut world = World::new();
    let _outcome = world.begin(probe(5), 0);
    assert_eq!(world.send(0).len(), 1);
    assert_eq!(world.send(18).len(), 1, "due at 10");
    assert!(world.send(22).is_empty());
    assert_eq!(world.send(23).len(), 1, "due at 20, and half a gap after the last");
    assert!(world.send(32).is_empty());
    assert_eq!(world.send(37).len(), 1, "due at 33");
    assert_eq!(world.send(43).len(), 1, "in step: a little late does not add up");
}

#[test]
fn an_answer_counts_only_from_its_source_with_all_that_was_sent() {
    let mut world = World::new();
    let mut outcome = world.begin(probe(1), 0);
    let [request] = world.send(0).try_into().unwrap();
    let other = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 8));
    world.reply(&request, other, 1, |_| {});
    let length = 8 + request.payload;
    for changed in 4..length {
        world.reply(&request, TARGET, 1, |bytes| bytes[changed] ^= 1);
    }
    for cut in 8..length {
        world.reply(&request, TARGET, 1, |bytes| bytes.truncate(cut));
    }
    world.reply(&request, TARGET, 1, |bytes| bytes.push(0));
    let foreign = 1 + (length as u64 - 4) + (length as u64 - 8) + 1;
    assert_eq!(world.counts(), [0, 0, 0, foreign]);
    world.reply(&request, TARGET, 2, |_| {});
    assert_eq!(world.counts(), [1, 0, 0, foreign]);
    assert_eq!(outcome.try_recv().unwrap().packets[0].rtt, Some(2 * MS));
}

#[test]
fn after_its_probe_ended_an_answer_is_a_duplicate_or_late_and_much_later_foreign() {
    let mut world = World::new();
    let _outcome = world.begin(probe(2), 0);
    let first = world.send(0);
    let second = world.send(10);
    world.reply(&first[0], TARGET, 12, |_| {});
    assert!(world.send(35).is_empty());
    assert_eq!(world.metrics.probes_under_way.get(), 0);
    world.reply(&first[0], TARGET, 40, |_| {});
    world.reply(&second[0], TARGET, 41, |_| {});
    assert_eq!(world.counts(), [1, 1, 1, 0]);
    world.send(11_000);
    world.reply(&second[0], TARGET, 11_001, |_| {});
    assert_eq!(world.counts(), [1, 1, 1, 1]);
}

#[test]
fn a_kernel_without_room_is_asked_again_and_then_given_up() {
    let mut world = World::new();
    let mut outcome = world.begin(probe(1), 0);
    for turn in 0..=u32::from(MOST_TRIES) {
        let now = world.start + MS * turn;
        let (outgoing, ..) = world.exchange.outgoing(now).expect("it is tried each turn");
        world.exchange.requeue(outgoing, now);
    }
    assert_eq!(world.metrics.send_retries.get(), u64::from(MOST_TRIES));
    assert!(world.send(u32::from(MOST_TRIES) + 25).is_empty());
    assert_eq!(outcome.try_recv().unwrap().packets[0].reason, Some(Reason::NoBuffers));
}

#[test]
fn nothing_more_is_sent_for_a_caller_that_has_gone() {
    let mut world = World::new();
    drop(world.begin(probe(100), 0));
    assert!(world.send(0).is_empty());
    assert_eq!(world.metrics.probes_under_way.get(), 0);
    let outcome = world.begin(probe(100), 1);
    assert_eq!(world.send(1).len(), 1);
    drop(outcome);
    assert!(world.send(11).is_empty());
    assert_eq!(world.metrics.probes_under_way.get(), 0);
}

#[test]
fn as_many_probes_as_there_are_identifiers_are_told_apart() {
    let mut world = World::new();
    let mut outcomes: Vec<_> = (0..1 << 16).map(|_| world.begin(probe(1), 0)).collect();
    let requests = world.send(0);
    let ids: std::collections::HashSet<_> = requests.iter().map(|request| request.id).collect();
    assert_eq!((requests.len(), ids.len()), (1 << 16, 1 << 16));
    for (number, request) in requests.iter().enumerate().rev() {
        world.reply(request, TARGET, 1 + u32::try_from(number % 20).unwrap(), |_| {});
    }
    for (number, outcome) in outcomes.iter_mut().enumerate() {
        let rtt = outcome.try_recv().unwrap().packets[0].rtt.unwrap();
        assert_eq!(rtt.as_millis(), 1 + number as u128 % 20);
    }
    let _next = world.begin(probe(1), 30);
    assert_eq!(world.send(30).len(), 1, "a slot that ended is used again at once if there is no other");
}

#[test]
fn an_error_is_matched_by_as_little_as_a_router_quotes() {
    let error = IcmpError::read(Family::V4, 3, 1).unwrap();
    for own_ids in [true, false] {
        let mut world = World::new();
        let mut outcome = world.begin(probe(1), 0);
        let [request] = world.send(0).try_into().unwrap();
        let arrival = Arrival { from: TARGET, at: world.start, ttl: None, own_ids };
        let echo = Echo { id: request.id, sequence: 0, payload: &[] };
        let to_another = Quoted { destination: Ipv4Addr::new(192, 0, 2, 9).into(), request: echo };
        let of_another = Quoted { destination: TARGET, request: Echo { sequence: 1, ..echo } };
        let forged = Quoted { destination: TARGET, request: Echo { payload: &[0; 16], ..echo } };
        for foreign in [to_another, of_another, forged] {
            world.exchange.receive(Message::Error(error, foreign), arrival);
        }
        assert_eq!(world.metrics.icmp_errors.get(), 0);
        world.exchange.receive(Message::Error(error, Quoted { destination: TARGET, request: echo }), arrival);
        assert_eq!(world.metrics.icmp_errors.get(), 1);
        world.send(25);
        assert_eq!(outcome.try_recv().unwrap().packets[0].reason, Some(Reason::Icmp(error)));
    }
}

#[derive(Clone, Debug)]
enum Step {
    Begin { packets: u16, retry: u16 },
    Wait { ms: u32 },
    Answer { which: prop::sample::Index, copies: u8 },
    Noise { bytes: Vec<u8> },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (1..5_u16, 0..3_u16).prop_map(|(packets, retry)| Step::Begin { packets, retry }),
        (0..40_u32).prop_map(|ms| Step::Wait { ms }),
        (any::<prop::sample::Index>(), 1..4_u8).prop_map(|(which, copies)| Step::Answer { which, copies }),
        prop::collection::vec(any::<u8>(), 0..120).prop_map(|bytes| Step::Noise { bytes }),
    ];
    prop::collection::vec(step, 1..60)
}

proptest! {
    #[test]
    fn whatever_happens_every_probe_ends_and_every_reply_is_counted_once(steps in steps()) {
        let mut world = World::new();
        let (mut now_ms, mut replies, mut noise) = (0, 0, 0);
        let (mut outcomes, mut sent) = (Vec::new(), Vec::new());
        for step in steps {
            match step {
                Step::Begin { packets, retry } => outcomes.push(world.begin(Probe { retry, ..probe(packets) }, now_ms)),
                Step::Wait { ms } => now_ms += ms,
                Step::Answer { which, copies } if !sent.is_empty() => {
                    let request: EchoRequest = sent[which.index(sent.len())];
                    (0..copies).for_each(|_| world.reply(&request, TARGET, now_ms, |_| {}));
                    replies += u64::from(copies);
                }
                Step::Answer { .. } => {}
                Step::Noise { bytes } => {
                    let arrival = Arrival { from: TARGET, at: world.start, ttl: None, own_ids: false };
                    let message = Message::read(Family::V4, &bytes).unwrap_or(Message::Other);
                    noise += u64::from(matches!(message, Message::Reply(_)));
                    world.exchange.receive(message, arrival);
                }
            }
            sent.extend(world.send(now_ms));
        }
        for _ in 0..100 {
            now_ms += 10;
            sent.extend(world.send(now_ms));
        }
        let packets: Vec<_> = outcomes.iter_mut().flat_map(|outcome| outcome.try_recv().unwrap().packets).collect();
        prop_assert!(packets.iter().all(|packet| packet.rtt.is_some() != packet.reason.is_some()));
        prop_assert_eq!(packets.iter().map(|packet| usize::from(packet.sent)).sum::<usize>(), sent.len());
        let [received, duplicates, late, foreign] = world.counts();
        prop_assert_eq!(received, packets.iter().filter(|packet| packet.rtt.is_some()).count() as u64);
        prop_assert_eq!(received + duplicates + late, replies);
        prop_assert_eq!(foreign, noise);
        prop_assert_eq!(world.metrics.probes_under_way.get(), 0);
    }
}
