//! The slots of what demands one site, or none: who owns them, what this node runs, what it hands over.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::{LONGEST_HANDOVER, OVERLAP, peer::Peer};
use crate::{
    lease::{Lease, Name},
    rendezvous::{Candidate, owner, rank},
    slot::{SLOTS, SlotSet},
};

/// The wait for each node that comes before this one where a slot has no owner that can be reached.
const WAIT_A_RANK: Duration = Duration::from_secs(3);

/// The most slots that are taken at once of nodes that cannot be reached: whether this node keeps up with them shows
/// before the next.
const ADOPTED_AT_ONCE: usize = 128;

/// The slots of a pool.
#[derive(Debug)]
pub(super) struct Pool {
    site: Option<Name>,
    owners: Vec<Option<Name>>,
    wanted: SlotSet,
    held: SlotSet,
    releases: BTreeMap<u16, Release>,
    orphans: BTreeMap<u16, Duration>,
}

/// A slot that is another's, but is run until that one does.
#[derive(Clone, Copy, Debug)]
struct Release {
    since: Duration,
    taken_at: Option<Duration>,
}

/// Returns the number of a pool, as nodes tell each other of it.
pub fn pool_number(site: Option<&Name>) -> u64 {
    let name = site.map_or("", Name::as_str);
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

impl Pool {
    pub(super) fn of(site: Option<Name>) -> Self {
        Self {
            site,
            owners: vec![None; usize::from(SLOTS)],
            wanted: SlotSet::EMPTY,
            held: SlotSet::EMPTY,
            releases: BTreeMap::new(),
            orphans: BTreeMap::new(),
        }
    }

    pub(super) fn site(&self) -> Option<&Name> {
        self.site.as_ref()
    }

    pub(super) fn number(&self) -> u64 {
        pool_number(self.site())
    }

    pub(super) fn held(&self) -> SlotSet {
        self.held
    }

    /// Gives each slot its owner among the members. What this node gains it runs at once; what it loses it runs until
    /// the new owner does.
    pub(super) fn assign(&mut self, me: &Lease, peers: &BTreeMap<Name, Peer>, now: Duration) {
        let name = self.site.as_ref().map_or("", Name::as_str);
        let serving = peers.values().map(|peer| &peer.lease).filter(|it| it.serves(self.site.as_ref()));
        let members: Vec<_> = serving.chain([me]).collect();
        self.wanted = SlotSet::EMPTY;
        for (slot, known) in (0..SLOTS).zip(&mut self.owners) {
            let found = owner(name, slot, members.iter().copied()).map(|lease| &lease.node);
            if found == Some(&me.node) {
                self.wanted.insert(slot);
            }
            if known.as_ref() != found {
                // Who takes it is another: it has to be seen to run it.
                self.releases.remove(&slot);
                *known = found.cloned();
            }
        }
        self.held = self.held.union(&self.wanted);
        self.releases.retain(|slot, _| !self.wanted.contains(*slot));
        for slot in self.held.without(&self.wanted).iter() {
            self.releases.entry(slot).or_insert(Release { since: now, taken_at: None });
        }
    }

    /// Takes slots that nobody runs who can be reached, and begins to give back those that one runs who comes before
    /// this node.
    pub(super) fn adopt(&mut self, me: &Lease, peers: &BTreeMap<Name, Peer>, keeps_up: bool, now: Duration) {
        let number = self.number();
        let serving: Vec<_> = peers.values().filter(|peer| peer.lease.serves(self.site.as_ref())).collect();
        let running: Vec<_> =
            serving.iter().filter_map(|peer| peer.runs(number, now).map(|slots| (*peer, slots))).collect();
        self.give_back(me, &running, now);
        let is_alone = running.is_empty() && serving.len() > 1;
        let uncertain: BTreeSet<_> = serving
            .iter()
            .filter(|peer| peer.runs(number, now).is_none() && !peer.is_unreachable(now))
            .map(|peer| &peer.lease.node)
            .collect();
        let covered = running.iter().fold(self.held, |all, (_, slots)| all.union(slots));
        if covered == SlotSet::ALL {
            self.orphans.clear();
            return;
        }
        let owners = &self.owners;
        let is_uncertain = |slot: u16| {
            let owner = owners.get(usize::from(slot)).and_then(Option::as_ref);
            owner.map_or(!uncertain.is_empty(), |owner| uncertain.contains(owner))
        };
        let orphans: SlotSet =
            SlotSet::ALL.without(&covered).iter().filter(|slot| !is_uncertain(*slot)).collect();
        self.orphans.retain(|slot, _| orphans.contains(*slot));
        if is_alone || !keeps_up || me.weight() == 0 {
            return;
        }
        let name = self.site.as_ref().map_or("", Name::as_str);
        let mut adopted = 0;
        for slot in orphans.iter() {
            let since = *self.orphans.entry(slot).or_insert(now);
            let before_me = rank(name, slot, me, running.iter().map(|(peer, _)| &peer.lease));
            let wait = WAIT_A_RANK.saturating_mul(u32::try_from(before_me).unwrap_or(u32::MAX));
            if now.saturating_sub(since) >= wait && adopted < ADOPTED_AT_ONCE {
                self.held.insert(slot);
                adopted += 1;
            }
        }
    }

    fn give_back(&mut self, me: &Lease, running: &[(&Peer, SlotSet)], now: Duration) {
        let name = self.site.as_ref().map_or("", Name::as_str);
        for slot in self.held.without(&self.wanted).iter() {
            let others =
                running.iter().filter(|(_, slots)| slots.contains(slot)).map(|(peer, _)| &peer.lease);
            if me.weight() > 0 && rank(name, slot, me, others) > 0 {
                self.releases.entry(slot).or_insert(Release { since: now, taken_at: Some(now) });
            }
        }
    }

    /// Stops what others have taken.
    pub(super) fn hand_over(&mut self, peers: &BTreeMap<Name, Peer>, now: Duration) {
        let number = self.number();
        let (owners, held) = (&self.owners, &mut self.held);
        self.releases.retain(|slot, release| {
            let owner = owners.get(usize::from(*slot)).and_then(Option::as_ref);
            if release.taken_at.is_none() {
                let runs =
                    |owner: &Name| peers.get(owner)?.runs(number, now).map(|slots| slots.contains(*slot));
                match owner {
                    // There is nobody to take it.
                    None => release.taken_at = Some(now.saturating_sub(OVERLAP)),
                    Some(owner) if runs(owner) == Some(true) => release.taken_at = Some(now),
                    Some(_) => {}
                }
            }
            let is_over = release.taken_at.is_some_and(|at| now.saturating_sub(at) >= OVERLAP)
                || now.saturating_sub(release.since) >= LONGEST_HANDOVER;
            if is_over {
                held.remove(*slot);
            }
            !is_over
        });
    }

    /// Returns those who have to show that they run what this node hands over.
    pub(super) fn heirs(&self) -> impl Iterator<Item = Name> + '_ {
        let waiting = self.releases.iter().filter(|(_, release)| release.taken_at.is_none());
        waiting.filter_map(|(slot, _)| self.owners.get(usize::from(*slot)).cloned().flatten())
    }
}
