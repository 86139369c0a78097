//! Another node, as it is seen from here.

use std::time::Duration;

use super::{Answer, PROBE_TIMEOUT};
use crate::{lease::Lease, rendezvous::Candidate, slot::SlotSet};

/// How often a node is asked that is asked at all.
const ASK_EVERY: Duration = Duration::from_secs(2);

/// How soon one is asked again that did not answer: two probes fit into the 2 s between the end of a lease and the
/// moment its slots are taken.
const ASK_AGAIN: Duration = Duration::from_millis(600);

/// So many probes in a row that were not answered make a node whose lease ran out dead.
const DEAD_AFTER: u32 = 2;

/// A node is out of reach that did not answer so many probes in a row, the first of them this long ago: while the store
/// is away there is no second witness, and a pause of some seconds is no death.
const UNREACHABLE_AFTER: (u32, Duration) = (3, Duration::from_secs(8));

/// How long an answer says what a node runs.
const FRESH: Duration = Duration::from_secs(7);

/// Whether its lease stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It does.
    Live,
    /// It ran out; the node is asked.
    Suspect,
}

/// Another node.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) lease: Lease,
    pub(super) state: State,
    answer: Option<(Duration, Answer)>,
    /// Probes in a row that were not answered, and when the first of them was sent.
    silence: (u32, Duration),
    next_probe: Duration,
    asked_at: Option<Duration>,
}

impl Peer {
    pub(super) fn new(lease: Lease, now: Duration) -> Self {
        Self { lease, state: State::Live, answer: None, silence: (0, now), next_probe: now, asked_at: None }
    }

    /// Takes a newer lease; returns whether it changes who owns what.
    pub(super) fn renewed(&mut self, lease: Lease) -> bool {
        let before = (self.lease.weight(), &self.lease.sites);
        let changes = before != (lease.weight(), &lease.sites);
        if self.lease.incarnation != lease.incarnation {
            // What the process before it ran says nothing.
            self.answer = None;
        }
        self.lease = lease;
        self.state = State::Live;
        changes
    }

    pub(super) fn suspect(&mut self, now: Duration) {
        self.state = State::Suspect;
        self.silence = (0, now);
        self.next_probe = now;
    }

    /// Begins to ask anew: what was answered before is about another time.
    pub(super) fn forget_answers(&mut self, now: Duration) {
        self.silence = (0, now);
        self.next_probe = self.next_probe.min(now);
    }

    /// Returns whether it is to be asked, and takes that as done.
    pub(super) fn ask(&mut self, now: Duration, is_urgent: bool) -> bool {
        // One that was never told of has been lost.
        let waits = self.asked_at.is_some_and(|at| now.saturating_sub(at) < 2 * PROBE_TIMEOUT);
        if waits || self.next_probe > now {
            return false;
        }
        self.asked_at = Some(now);
        self.next_probe = now + if is_urgent { ASK_AGAIN } else { ASK_EVERY };
        true
    }

    pub(super) fn answered(&mut self, answer: Answer, now: Duration) {
        self.asked_at = None;
        self.silence = (0, now);
        if self.state == State::Suspect {
            self.next_probe = now + ASK_EVERY;
        }
        // It may have begun again while nobody could be told.
        self.lease.incarnation = answer.incarnation;
        self.answer = Some((now, answer));
    }

    pub(super) fn unanswered(&mut self, now: Duration) {
        let asked_at = self.asked_at.take().unwrap_or(now);
        let (failures, since) = self.silence;
        self.silence = if failures == 0 { (1, asked_at) } else { (failures + 1, since) };
    }

    /// Whether its lease ran out and it does not answer.
    pub(super) fn is_dead(&self) -> bool {
        self.state == State::Suspect && self.silence.0 >= DEAD_AFTER
    }

    /// Whether it did not answer for long.
    pub(super) fn is_unreachable(&self, now: Duration) -> bool {
        let (failures, since) = self.silence;
        failures >= UNREACHABLE_AFTER.0 && now.saturating_sub(since) >= UNREACHABLE_AFTER.1
    }

    /// Returns what it runs of a pool, if it said so a moment ago.
    pub(super) fn runs(&self, pool: u64, now: Duration) -> Option<SlotSet> {
        let (at, answer) = self.answer.as_ref()?;
        if now.saturating_sub(*at) > FRESH {
            return None;
        }
        let of_pool = answer.slots.iter().find(|(number, _)| *number == pool);
        Some(of_pool.map(|(_, slots)| *slots).unwrap_or_default())
    }
}
