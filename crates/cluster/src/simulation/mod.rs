//! A cluster in virtual time: nodes, the store with its leases, links that are cut, pauses, all from one seed.
//!
//! The nodes are those of the product ([`Membership`]), the store behaves as nats-server was measured to: a lease that ran
//! out is told up to 0.25 s late, nothing is written for 4 to 8 s after its leader was killed, and what is written while
//! a watch is broken is not told to it.

mod count;
mod leases;
mod random;

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap},
    time::Duration,
};

use crate::{
    lease::{Lease, Load, Name, USUAL_WEIGHT},
    membership::{Command, Event, LEASE_TTL, Membership, PROBE_TIMEOUT, RENEW_TIMEOUT},
};
pub use count::Count;
pub use leases::MemoryLeases;
pub use random::Random;

/// How often a node looks what is to be done.
const TICK: Duration = Duration::from_millis(250);

/// How often it is counted who runs what.
const LOOK: Duration = Duration::from_millis(500);

/// A cluster in virtual time.
#[derive(Debug)]
pub struct World {
    now: Duration,
    random: Random,
    nodes: BTreeMap<Name, Node>,
    store: Store,
    cut: BTreeSet<(Name, Name)>,
    queue: BinaryHeap<Reverse<(Duration, u64)>>,
    events: BTreeMap<u64, (Name, u64, Happening)>,
    next_event: u64,
    next_look: Duration,
    count: Count,
}

/// A node; what it knew of the others outlives its process.
#[derive(Debug, Default)]
struct Node {
    process: Option<Membership>,
    incarnation: u64,
    known: Option<Vec<Lease>>,
    paused_until: Duration,
    is_cut_from_store: bool,
    watch_is_blind: bool,
}

/// The store's leases with the times at which they run out.
#[derive(Debug, Default)]
struct Store {
    leases: BTreeMap<Name, (Lease, Duration)>,
    away_until: Duration,
}

#[derive(Debug)]
enum Happening {
    Tick,
    Told(Event),
}

impl World {
    /// Begins with no node.
    pub fn new(seed: u64) -> Self {
        Self {
            now: Duration::ZERO,
            random: Random::new(seed),
            nodes: BTreeMap::new(),
            store: Store::default(),
            cut: BTreeSet::new(),
            queue: BinaryHeap::new(),
            events: BTreeMap::new(),
            next_event: 0,
            next_look: LOOK,
            count: Count::default(),
        }
    }

    /// Returns chance.
    pub fn random(&mut self) -> &mut Random {
        &mut self.random
    }

    /// Returns the nodes whose process runs.
    pub fn running(&self) -> Vec<Name> {
        self.nodes.iter().filter(|(_, node)| node.process.is_some()).map(|(name, _)| name.clone()).collect()
    }

    /// Returns a node as it is.
    pub fn node(&self, name: &Name) -> Option<&Membership> {
        self.nodes.get(name)?.process.as_ref()
    }

    /// Starts a node, for the first time or again.
    pub fn start(&mut self, name: &Name) {
        let incarnation = self.random.number();
        let me = Lease {
            node: name.clone(),
            incarnation,
            address: ([127, 0, 0, 1], 1).into(),
            probe_key: 0,
            weight: USUAL_WEIGHT,
            sites: Vec::new(),
            leaving: false,
            version: String::new(),
            load: Load::default(),
        };
        let now = self.now;
        let node = self.nodes.entry(name.clone()).or_default();
        node.incarnation = incarnation;
        node.paused_until = Duration::ZERO;
        node.process = Some(Membership::new(me, node.known.clone(), now));
        self.schedule(now, name, incarnation, Happening::Tick);
    }

    /// Kills a node's process.
    pub fn kill(&mut self, name: &Name) {
        if let Some(node) = self.nodes.get_mut(name) {
            node.process = None;
        }
    }

    /// Has a node leave as planned; its process ends once all is handed over.
    pub fn leave(&mut self, name: &Name) {
        let now = self.now;
        if let Some(process) = self.nodes.get_mut(name).and_then(|node| node.process.as_mut()) {
            process.leave(now);
        }
    }

    /// Gives a node another weight.
    pub fn set_weight(&mut self, name: &Name, weight: u32) {
        let now = self.now;
        if let Some(process) = self.nodes.get_mut(name).and_then(|node| node.process.as_mut()) {
            process.set_weight(weight, now);
        }
    }

    /// Stops a node's process for a while, and lets it go on as if nothing had been.
    pub fn pause(&mut self, name: &Name, span: Duration) {
        let until = self.now + span;
        if let Some(node) = self.nodes.get_mut(name) {
            node.paused_until = until;
        }
    }

    /// Cuts a node from the store, or joins it again.
    pub fn cut_from_store(&mut self, name: &Name, is_cut: bool) {
        if let Some(node) = self.nodes.get_mut(name) {
            node.is_cut_from_store = is_cut;
            // What was told meanwhile was lost with the connection.
        }
    }

    /// Cuts a node from all others, or joins it again.
    pub fn cut_from_peers(&mut self, name: &Name, is_cut: bool) {
        let others: Vec<_> = self.nodes.keys().filter(|other| *other != name).cloned().collect();
        for other in others {
            for pair in [(name.clone(), other.clone()), (other, name.clone())] {
                if is_cut {
                    self.cut.insert(pair)
                } else {
                    self.cut.remove(&pair)
                };
            }
        }
    }

    /// Lets a node's watch tell nothing any more, or mends it.
    pub fn blind(&mut self, name: &Name, is_blind: bool) {
        if let Some(node) = self.nodes.get_mut(name) {
            node.watch_is_blind = is_blind;
        }
    }

    /// Lets the store be away for a while. Its leases run out meanwhile, which is told when it is back.
    pub fn store_away(&mut self, span: Duration) {
        self.store.away_until = self.store.away_until.max(self.now + span);
    }

    /// Lets the store lose all leases without a word, as a bucket that is made anew.
    pub fn remake_bucket(&mut self) {
        self.store.leases.clear();
    }

    /// Has the store's clock leap forward (or back, if `forward` is false) by a span.
    pub fn step_store_clock(&mut self, span: Duration, forward: bool) {
        for (_, due) in self.store.leases.values_mut() {
            *due = if forward { due.saturating_sub(span) } else { *due + span };
        }
    }

    /// Begins to count anew.
    pub fn count_anew(&mut self) {
        self.count = Count::default();
    }

    /// Lets time pass, and returns what was counted since counting began.
    pub fn run(&mut self, span: Duration) -> &Count {
        let end = self.now + span;
        loop {
            let next = self.queue.peek().map_or(end, |Reverse((at, _))| *at);
            let next_look = self.next_look;
            if next.min(next_look) >= end {
                break;
            }
            if next_look <= next {
                self.now = next_look;
                self.next_look += LOOK;
                self.look();
                self.expire();
            } else if let Some(Reverse((at, number))) = self.queue.pop() {
                self.now = at;
                self.expire();
                self.happen(number);
            }
        }
        self.now = end;
        &self.count
    }

    fn look(&mut self) {
        let now = self.now;
        let active = self.nodes.values().filter(|node| node.paused_until <= now);
        let held = active.filter_map(|node| node.process.as_ref()).map(|process| process.held(None));
        self.count.look(LOOK, held);
    }

    fn expire(&mut self) {
        if self.store.away_until > self.now {
            return;
        }
        let now = self.now;
        let over = self.store.leases.iter().filter(|(_, (_, due))| *due <= now);
        let over: Vec<_> = over.map(|(name, _)| name.clone()).collect();
        for name in over {
            self.store.leases.remove(&name);
            self.tell(&Event::Expired(name));
        }
    }

    /// Tells all whose watch works.
    fn tell(&mut self, event: &Event) {
        let watching = self
            .nodes
            .iter()
            .filter(|(_, node)| node.process.is_some() && !node.is_cut_from_store && !node.watch_is_blind);
        let watching: Vec<_> = watching.map(|(name, node)| (name.clone(), node.incarnation)).collect();
        for (name, incarnation) in watching {
            let at = self.now + Duration::from_millis(2 + self.random.below(30));
            self.schedule(at, &name, incarnation, Happening::Told(event.clone()));
        }
    }

    fn schedule(&mut self, at: Duration, node: &Name, incarnation: u64, happening: Happening) {
        self.next_event += 1;
        self.events.insert(self.next_event, (node.clone(), incarnation, happening));
        self.queue.push(Reverse((at, self.next_event)));
    }

    fn happen(&mut self, number: u64) {
        let Some((name, incarnation, happening)) = self.events.remove(&number) else { return };
        let now = self.now;
        let Some(node) = self.nodes.get_mut(&name).filter(|node| node.incarnation == incarnation) else {
            return;
        };
        if node.paused_until > now {
            let until = node.paused_until;
            self.schedule(until, &name, incarnation, happening);
            return;
        }
        let Some(process) = node.process.as_mut() else { return };
        match happening {
            Happening::Told(event) => process.handle(event, now),
            Happening::Tick => {
                let commands = process.poll(now);
                if process.has_left() {
                    node.process = None;
                    self.store.leases.remove(&name);
                    self.tell(&Event::Left(name));
                    return;
                }
                if process.is_present() {
                    node.known = Some(process.peers().cloned().collect());
                }
                commands.into_iter().for_each(|command| self.obey(&name, incarnation, command));
                self.schedule(now + TICK, &name, incarnation, Happening::Tick);
            }
        }
    }

    fn obey(&mut self, name: &Name, incarnation: u64, command: Command) {
        let now = self.now;
        let is_cut = self.nodes.get(name).is_none_or(|node| node.is_cut_from_store);
        let reaches = !is_cut && self.store.away_until <= now;
        let soon = now + Duration::from_millis(2 + self.random.below(20));
        let (at, event) = match command {
            Command::Renew(lease) if reaches => {
                let due = now + LEASE_TTL + Duration::from_millis(self.random.below(250));
                self.store.leases.insert(name.clone(), (lease.clone(), due));
                self.tell(&Event::Seen(lease));
                (soon, Event::Renewed)
            }
            Command::Renew(_) => (now + RENEW_TIMEOUT, Event::NotRenewed),
            Command::List if reaches => {
                let leases = self.store.leases.values().map(|(lease, _)| lease.clone()).collect();
                (soon, Event::Listed(leases))
            }
            Command::List => (now + RENEW_TIMEOUT, Event::NotListed),
            Command::Probe(peer) => {
                let is_cut = self.cut.contains(&(name.clone(), peer.node.clone()));
                let process = self.nodes.get(name).and_then(|node| node.process.as_ref());
                let leaves = process.is_some_and(|process| process.me().leaving);
                let asked = self.nodes.get_mut(&peer.node).filter(|node| !is_cut && node.paused_until <= now);
                match asked.and_then(|node| node.process.as_mut()) {
                    Some(process) => {
                        if leaves {
                            process.handle(Event::Leaving(name.clone()), now);
                        }
                        (soon, Event::Answered(peer.node, process.answer()))
                    }
                    None => (now + PROBE_TIMEOUT, Event::Unanswered(peer.node)),
                }
            }
        };
        self.schedule(at, name, incarnation, Happening::Told(event));
    }
}
