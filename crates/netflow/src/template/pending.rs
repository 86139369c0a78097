//! Data that came before its template.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    net::IpAddr,
    time::Duration,
};

use grafolean_time::Timestamp;

use super::Scope;
use crate::{decode::Exported, record::Origin};

/// Octets parked in all. At 1,400 a datagram these are 11,000; beyond it the exporter that holds most loses its oldest.
pub const PARKED_BYTES_MAX: usize = 16 << 20;
/// Octets parked of one exporter, so that one cannot fill the lot; beyond it it loses its oldest.
pub const PARKED_EXPORTER_BYTES_MAX: usize = 4 << 20;
/// How long data waits: exporters declare their templates at least every half hour by default.
pub const PARKED_AGE_MAX: Duration = Duration::from_secs(30 * 60);
/// What keeping a set costs beyond its octets.
const OVERHEAD: usize = 192;

/// A data set that waits for its template.
#[derive(Clone, Debug)]
pub(crate) struct PendingSet {
    pub(crate) scope: Scope,
    pub(crate) template: u16,
    pub(crate) origin: Origin,
    pub(crate) exported: Exported,
    /// Where the set's first record stands in the numbering of its stream.
    pub(crate) position: u32,
    /// Whether this is its datagram's first set that had to wait.
    pub(crate) first_of_datagram: bool,
    pub(crate) body: Box<[u8]>,
}

impl PendingSet {
    fn weight(&self) -> usize {
        self.body.len() + OVERHEAD
    }
}

/// Data sets that wait, by exporter, each exporter's oldest first.
#[derive(Debug, Default)]
pub(crate) struct PendingSets {
    exporters: HashMap<IpAddr, Lane>,
    /// The same exporters by the octets they hold.
    by_weight: BTreeSet<(usize, IpAddr)>,
    /// How many sets wait for each template.
    waiting: HashMap<(Scope, u16), usize>,
    weight: usize,
}

#[derive(Debug, Default)]
struct Lane {
    waiting: VecDeque<PendingSet>,
    weight: usize,
}

impl PendingSets {
    /// Parks a set. Gives the sets that had to go for it.
    pub(crate) fn park(&mut self, parked: PendingSet) -> Vec<PendingSet> {
        let exporter = parked.scope.exporter.ip();
        let weight = parked.weight();
        let mut gone = Vec::new();
        if weight > PARKED_EXPORTER_BYTES_MAX {
            return vec![parked];
        }
        *self.waiting.entry((parked.scope, parked.template)).or_default() += 1;
        self.change(exporter, |lane| {
            while lane.weight + weight > PARKED_EXPORTER_BYTES_MAX {
                gone.extend(lane.pop());
            }
            lane.weight += weight;
            lane.waiting.push_back(parked);
        });
        while self.weight > PARKED_BYTES_MAX {
            let Some(&(_, heaviest)) = self.by_weight.last() else { break };
            self.change(heaviest, |lane| gone.extend(lane.pop()));
        }
        self.count_out(&gone);
        gone
    }

    /// Takes the sets out that wait for a template of this session.
    pub(crate) fn take(&mut self, scope: &Scope, template: u16) -> Vec<PendingSet> {
        let mut taken = Vec::new();
        let fits = |parked: &PendingSet| (&parked.scope, parked.template) == (scope, template);
        // most templates have nothing waiting for them
        if !self.waiting.contains_key(&(*scope, template)) {
            return taken;
        }
        self.change(scope.exporter.ip(), |lane| {
            let (out, stay): (VecDeque<_>, VecDeque<_>) = lane.waiting.drain(..).partition(fits);
            lane.weight = stay.iter().map(PendingSet::weight).sum();
            lane.waiting = stay;
            taken.extend(out);
        });
        self.count_out(&taken);
        taken
    }

    /// Takes the sets out that have waited too long.
    pub(crate) fn expire(&mut self, now: Timestamp) -> Vec<PendingSet> {
        let mut gone = Vec::new();
        for exporter in self.exporters.keys().copied().collect::<Vec<_>>() {
            self.change(exporter, |lane| {
                while lane
                    .waiting
                    .front()
                    .is_some_and(|parked| now.since(parked.origin.received) >= PARKED_AGE_MAX)
                {
                    gone.extend(lane.pop());
                }
            });
        }
        self.count_out(&gone);
        gone
    }

    /// Returns when the oldest set came that waits for a template of this session.
    pub(crate) fn oldest(&self, scope: &Scope, template: u16) -> Option<Timestamp> {
        if !self.waiting.contains_key(&(*scope, template)) {
            return None;
        }
        let lane = self.exporters.get(&scope.exporter.ip())?;
        let fits = |parked: &&PendingSet| (&parked.scope, parked.template) == (scope, template);
        lane.waiting.iter().find(fits).map(|parked| parked.origin.received)
    }

    fn count_out(&mut self, gone: &[PendingSet]) {
        for parked in gone {
            let key = (parked.scope, parked.template);
            if let Some(count) = self.waiting.get_mut(&key) {
                *count -= 1;
                if *count == 0 {
                    self.waiting.remove(&key);
                }
            }
        }
    }

    /// Gives the octets held, overhead included.
    pub(crate) fn weight(&self) -> usize {
        self.weight
    }

    /// Changes one lane and keeps the sums true.
    fn change(&mut self, exporter: IpAddr, change: impl FnOnce(&mut Lane)) {
        let lane = self.exporters.entry(exporter).or_default();
        let before = lane.weight;
        change(lane);
        let after = lane.weight;
        self.by_weight.remove(&(before, exporter));
        self.weight = self.weight - before + after;
        if after == 0 {
            self.exporters.remove(&exporter);
        } else {
            self.by_weight.insert((after, exporter));
        }
    }
}

impl Lane {
    fn pop(&mut self) -> Option<PendingSet> {
        let oldest = self.waiting.pop_front();
        // without one the lane is empty, whatever its sum says
        self.weight = oldest.as_ref().map_or(0, |parked| self.weight - parked.weight());
        oldest
    }
}
