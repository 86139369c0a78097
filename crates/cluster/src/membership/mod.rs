//! Who is there, and which slots this node runs: pure, time is an argument.
//!
//! [`Membership`] is told what happened (a lease was seen, a probe was answered) and says what is to be done
//! ([`Command`]) and which slots this node runs ([`Membership::held`]). Whoever drives it, over NATS or in a simulation,
//! decides nothing.
//!
//! ```text
//!  leases, answers ──▶ peers ──▶ rendezvous ──▶ wanted ──▶ held
//!                                                  hand-over: what is lost is kept until its new owner has it
//! ```
//! - While the store answers (`present`), members are those whose leases stand. One whose lease ran out is asked
//!   directly, and stays a member for as long as it answers: leases of living nodes run out when the store itself was
//!   away.
//! - While the store is away everybody keeps what they have. Slots that nobody who answers runs are taken, by the rank
//!   of rendezvous hashing, by nodes that keep up with what they have.
//! - A node of three or more that reaches neither the store nor any peer is more likely cut off than alone: it keeps its
//!   own slots and takes none.

mod peer;
mod pool;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use crate::{
    lease::{ANY_SITE, Lease, Load, Name},
    slot::SlotSet,
};
use peer::{Peer, State};
use pool::Pool;

pub use pool::pool_number;

/// How long a lease stands after it was written.
pub const LEASE_TTL: Duration = Duration::from_secs(20);

/// How often it is written: four of them may be lost, and an election of the store takes 4 to 9 s.
pub const RENEW_EVERY: Duration = Duration::from_secs(4);

/// How long a writing may take.
pub const RENEW_TIMEOUT: Duration = Duration::from_millis(1500);

/// The pause after one that failed.
const RENEW_RETRY: Duration = Duration::from_secs(1);

/// The store is away if nothing could be written for so long: a period, a time-out and a retry that failed, too.
pub const AWAY_AFTER: Duration = Duration::from_millis(8000);

/// How often all leases are read, since a watch can be blind without a sign.
pub const LIST_EVERY: Duration = Duration::from_secs(10);

/// How long a probe may take.
pub const PROBE_TIMEOUT: Duration = Duration::from_millis(500);

/// How long a slot is kept after its new owner was seen to run it: clocks may differ by this much without a gap.
pub const OVERLAP: Duration = Duration::from_secs(2);

/// How long a slot is kept for a new owner that is not seen to run it.
const LONGEST_HANDOVER: Duration = Duration::from_secs(15);

/// What happens outside of a node, as it is told.
#[derive(Clone, Debug)]
pub enum Event {
    /// Its lease was written.
    Renewed,
    /// Its lease could not be written.
    NotRenewed,
    /// All leases that stand.
    Listed(Vec<Lease>),
    /// They could not be read.
    NotListed,
    /// A lease was written.
    Seen(Lease),
    /// A lease ran out.
    Expired(Name),
    /// A node took its lease away: it has left.
    Left(Name),
    /// A node answered a probe.
    Answered(Name, Answer),
    /// A node did not answer a probe.
    Unanswered(Name),
    /// A node that probes said that it is leaving.
    Leaving(Name),
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Write this lease within [`RENEW_TIMEOUT`].
    Renew(Lease),
    /// Read all leases.
    List,
    /// Ask a node, which answers within [`PROBE_TIMEOUT`].
    Probe(Lease),
}

/// What a node answers to a probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The start of the process that answers.
    pub incarnation: u64,
    /// Whether the store answers it.
    pub present: bool,
    /// The slots that it runs, by the numbers of their pools.
    pub slots: Vec<(u64, SlotSet)>,
}

/// Who is there as one node sees it, and which slots it runs.
#[derive(Debug)]
pub struct Membership {
    me: Lease,
    peers: BTreeMap<Name, Peer>,
    pools: Vec<Pool>,
    renewal: Renewal,
    listing: Listing,
    /// Whether the store answers, and its list was read since.
    present: bool,
    /// Whether it keeps up with what it runs, and may take more.
    keeps_up: bool,
    /// Whether it was one of the members at any time, and knows who else was.
    was_member: bool,
    /// Whether pools have to look at who is there.
    changed: bool,
}

#[derive(Debug, Default)]
struct Renewal {
    next: Duration,
    under_way: bool,
    last_good: Option<Duration>,
    failures: u32,
}

#[derive(Debug, Default)]
struct Listing {
    next: Duration,
    under_way: bool,
}

impl Membership {
    /// Begins with what a node says of itself, and whom it knew when it was a member before. One that never was knows
    /// of nobody (`None`), and runs nothing until the store answers.
    pub fn new(me: Lease, known: Option<Vec<Lease>>, now: Duration) -> Self {
        let sites = me.sites.iter().filter(|site| site.as_str() != ANY_SITE).cloned().map(Some);
        let pools = me.serves(None).then_some(None).into_iter().chain(sites).map(Pool::of).collect();
        let was_member = known.is_some();
        let others = known.into_iter().flatten().filter(|lease| lease.node != me.node);
        let peers = others.map(|lease| (lease.node.clone(), Peer::new(lease, now))).collect();
        Self {
            me,
            peers,
            pools,
            renewal: Renewal { next: now, last_good: None, ..Renewal::default() },
            listing: Listing { next: now, ..Listing::default() },
            present: false,
            keeps_up: true,
            was_member,
            changed: false,
        }
    }

    /// Returns what the node says of itself.
    pub fn me(&self) -> &Lease {
        &self.me
    }

    /// Whether the store answers.
    pub fn is_present(&self) -> bool {
        self.present
    }

    /// Returns the members beside this node.
    pub fn peers(&self) -> impl Iterator<Item = &Lease> {
        self.peers.values().map(|peer| &peer.lease)
    }

    /// Returns those whose lease ran out, but who answer or have not been asked often enough.
    pub fn suspects(&self) -> impl Iterator<Item = &Name> {
        self.peers.values().filter(|peer| peer.state != State::Live).map(|peer| &peer.lease.node)
    }

    /// Returns the slots that this node runs of what demands a site, or of what demands none.
    pub fn held(&self, site: Option<&Name>) -> SlotSet {
        self.pools.iter().find(|pool| pool.site() == site).map(Pool::held).unwrap_or_default()
    }

    /// Returns the slots that it runs with the site that they are of.
    pub fn all_held(&self) -> impl Iterator<Item = (Option<&Name>, SlotSet)> {
        self.pools.iter().map(|pool| (pool.site(), pool.held()))
    }

    /// Returns what this node answers to a probe.
    pub fn answer(&self) -> Answer {
        let slots = self.pools.iter().map(|pool| (pool.number(), pool.held())).collect();
        Answer { incarnation: self.me.incarnation, present: self.present, slots }
    }

    /// Says how the node is doing: its load, for people, and whether it keeps up and may take more.
    pub fn set_load(&mut self, load: Load, keeps_up: bool) {
        (self.me.load, self.keeps_up) = (load, keeps_up);
    }

    /// Gives the node another weight; with 0 it hands over all that it has, and stays.
    pub fn set_weight(&mut self, weight: u32, now: Duration) {
        if self.me.weight != weight {
            self.me.weight = weight;
            self.renewal.next = now;
            self.changed = true;
        }
    }

    /// Begins to leave: all is handed over.
    pub fn leave(&mut self, now: Duration) {
        self.me.leaving = true;
        self.renewal.next = now;
        self.changed = true;
    }

    /// Whether all is handed over after [`leave`](Self::leave).
    pub fn has_left(&self) -> bool {
        self.me.leaving && !self.changed && self.pools.iter().all(|pool| pool.held().is_empty())
    }

    /// Takes in what happened.
    pub fn handle(&mut self, event: Event, now: Duration) {
        match event {
            Event::Renewed => {
                self.renewal.under_way = false;
                self.renewal.failures = 0;
                let was_away = self.is_away(now);
                self.renewal.last_good = Some(now);
                self.renewal.next = self.renewal.next.max(now + RENEW_EVERY.mul_f64(self.jitter(now)));
                if was_away || !self.present {
                    self.listing.next = now;
                }
            }
            Event::NotRenewed => {
                self.renewal.under_way = false;
                self.renewal.failures += 1;
                self.renewal.next = now + RENEW_RETRY;
            }
            Event::NotListed => {
                self.listing.under_way = false;
                self.listing.next = now + RENEW_RETRY;
            }
            Event::Listed(leases) => self.listed(leases, now),
            Event::Seen(lease) => self.seen(lease, now),
            Event::Expired(node) => self.expired(&node, now),
            Event::Left(node) => {
                if node != self.me.node {
                    self.changed |= self.peers.remove(&node).is_some();
                }
            }
            Event::Answered(node, answer) => {
                if let Some(peer) = self.peers.get_mut(&node) {
                    peer.answered(answer, now);
                }
            }
            Event::Unanswered(node) => {
                if let Some(peer) = self.peers.get_mut(&node) {
                    peer.unanswered(now);
                }
            }
            Event::Leaving(node) => {
                if let Some(peer) = self.peers.get_mut(&node).filter(|peer| !peer.lease.leaving) {
                    peer.lease.leaving = true;
                    self.changed = true;
                }
            }
        }
    }

    /// Lets time pass, and returns what is to be done.
    pub fn poll(&mut self, now: Duration) -> Vec<Command> {
        if self.present && self.is_away(now) {
            self.present = false;
            self.peers.values_mut().for_each(|peer| peer.forget_answers(now));
        }
        self.bury();
        let mut commands = Vec::new();
        self.share_out(now);
        let asked = self.to_ask();
        for node in asked {
            if let Some(peer) = self.peers.get_mut(&node)
                && peer.ask(now, self.present)
            {
                commands.push(Command::Probe(peer.lease.clone()));
            }
        }
        if !self.renewal.under_way && self.renewal.next <= now {
            self.renewal.under_way = true;
            self.renewal.next = now;
            commands.push(Command::Renew(self.me.clone()));
        }
        if !self.listing.under_way && self.listing.next <= now && !self.is_away(now) {
            self.listing.under_way = true;
            self.listing.next = now + LIST_EVERY;
            commands.push(Command::List);
        }
        commands
    }

    fn is_away(&self, now: Duration) -> bool {
        self.renewal.last_good.is_none_or(|last| now.saturating_sub(last) > AWAY_AFTER)
    }

    /// What the period is multiplied by, from 0.9 to 1: nodes that were started together do not write together.
    fn jitter(&self, now: Duration) -> f64 {
        let parts =
            u32::try_from((now.as_millis() ^ u128::from(self.me.incarnation)) % 101).unwrap_or_default();
        1.0 - f64::from(parts) / 1000.0
    }

    fn listed(&mut self, leases: Vec<Lease>, now: Duration) {
        self.listing.under_way = false;
        if self.is_away(now) {
            // A server that is cut from the others serves old values, and has let no lease be written.
            return;
        }
        let listed: BTreeSet<_> = leases.iter().map(|lease| lease.node.clone()).collect();
        let missing: Vec<_> = self.peers.keys().filter(|node| !listed.contains(*node)).cloned().collect();
        leases.into_iter().for_each(|lease| self.seen(lease, now));
        if !self.present {
            (self.present, self.was_member, self.changed) = (true, true, true);
        }
        missing.iter().for_each(|node| self.expired(node, now));
    }

    fn seen(&mut self, lease: Lease, now: Duration) {
        if lease.node == self.me.node {
            return;
        }
        match self.peers.get_mut(&lease.node) {
            Some(peer) => self.changed |= peer.renewed(lease),
            None => {
                self.peers.insert(lease.node.clone(), Peer::new(lease, now));
                self.changed = true;
            }
        }
    }

    fn expired(&mut self, node: &Name, now: Duration) {
        if let Some(peer) = self.peers.get_mut(node).filter(|peer| peer.state == State::Live) {
            peer.suspect(now);
        }
    }

    /// Strikes off those whose lease ran out and who do not answer, as long as the store can be believed.
    fn bury(&mut self) {
        if self.present {
            let before = self.peers.len();
            self.peers.retain(|_, peer| !peer.is_dead());
            self.changed |= self.peers.len() != before;
        }
    }

    fn share_out(&mut self, now: Duration) {
        let changed = std::mem::take(&mut self.changed);
        for pool in &mut self.pools {
            if changed {
                pool.assign(&self.me, &self.peers, now);
            }
            if !self.present && self.was_member {
                pool.adopt(&self.me, &self.peers, self.keeps_up, now);
            }
            pool.hand_over(&self.peers, now);
        }
    }

    /// Returns whom it has to ask: suspects, those who take over, and all while the store is away.
    fn to_ask(&self) -> BTreeSet<Name> {
        if !self.present || self.renewal.failures > 0 {
            return self.peers.keys().cloned().collect();
        }
        let suspects = self.suspects().cloned();
        suspects.chain(self.pools.iter().flat_map(|pool| pool.heirs())).collect()
    }
}
