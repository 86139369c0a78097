//! Data that came before its template.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    net::IpAddr,
    time::Duration,
};

use grafolean_time::Timestamp;

use super::Scope;
use crate::{decode::Exported, record::Origin};

/// Octets pending in all. At 1,400 a datagram these are 11,000; beyond it the exporter that holds most loses its oldest.
pub const PENDING_BYTES_MAX: usize = 16 << 20;
/// Octets pending of one exporter, so that one cannot fill the lot; beyond it it loses its oldest.
pub const PENDING_EXPORTER_BYTES_MAX: usize = 4 << 20;
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
    exporters: HashMap<IpAddr, ExporterQueue>,
    /// The same exporters by the octets they hold.
    by_weight: BTreeSet<(usize, IpAddr)>,
    /// How many sets wait for each template.
    waiting: HashMap<(Scope, u16), usize>,
    weight: usize,
}

#[derive(Debug, Default)]
struct ExporterQueue {
    waiting: VecDeque<PendingSet>,
    weight: usize,
}

impl PendingSets {
    /// Adds a set. Returns the sets that had to go for it.
    pub(crate) fn add(&mut self, pending: PendingSet) -> Vec<PendingSet> {
        let exporter = pending.scope.exporter.ip();
        let weight = pending.weight();
        let mut gone = Vec::new();
        if weight > PENDING_EXPORTER_BYTES_MAX {
            return vec![pending];
        }
        *self.waiting.entry((pending.scope, pending.template)).or_default() += 1;
        self.change(exporter, |queue| {
            while queue.weight + weight > PENDING_EXPORTER_BYTES_MAX {
                gone.extend(queue.pop());
            }
            queue.weight += weight;
            queue.waiting.push_back(pending);
        });
        while self.weight > PENDING_BYTES_MAX {
            let Some(&(_, heaviest)) = self.by_weight.last() else { break };
            self.change(heaviest, |queue| gone.extend(queue.pop()));
        }
        self.count_out(&gone);
        gone
    }

    /// Removes and returns the sets that wait for a template of this session.
    pub(crate) fn take(&mut self, scope: &Scope, template: u16) -> Vec<PendingSet> {
        let mut taken = Vec::new();
        let fits = |pending: &PendingSet| (&pending.scope, pending.template) == (scope, template);
        // most templates have nothing waiting for them
        if !self.waiting.contains_key(&(*scope, template)) {
            return taken;
        }
        self.change(scope.exporter.ip(), |queue| {
            let (out, stay): (VecDeque<_>, VecDeque<_>) = queue.waiting.drain(..).partition(fits);
            queue.weight = stay.iter().map(PendingSet::weight).sum();
            queue.waiting = stay;
            taken.extend(out);
        });
        self.count_out(&taken);
        taken
    }

    /// Removes and returns the sets that have waited too long.
    pub(crate) fn expire(&mut self, now: Timestamp) -> Vec<PendingSet> {
        let mut gone = Vec::new();
        for exporter in self.exporters.keys().copied().collect::<Vec<_>>() {
            self.change(exporter, |queue| {
                while queue
                    .waiting
                    .front()
                    .is_some_and(|pending| now.since(pending.origin.received) >= PARKED_AGE_MAX)
                {
                    gone.extend(queue.pop());
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
        let queue = self.exporters.get(&scope.exporter.ip())?;
        let fits = |pending: &&PendingSet| (&pending.scope, pending.template) == (scope, template);
        queue.waiting.iter().find(fits).map(|pending| pending.origin.received)
    }

    fn count_out(&mut self, gone: &[PendingSet]) {
        for pending in gone {
            let key = (pending.scope, pending.template);
            if let Some(count) = self.waiting.get_mut(&key) {
                *count -= 1;
                if *count == 0 {
                    self.waiting.remove(&key);
                }
            }
        }
    }

    /// Returns the octets held, overhead included.
    pub(crate) fn weight(&self) -> usize {
        self.weight
    }

    /// Changes one queue and keeps the sums true.
    fn change(&mut self, exporter: IpAddr, change: impl FnOnce(&mut ExporterQueue)) {
        let queue = self.exporters.entry(exporter).or_default();
        let before = queue.weight;
        change(queue);
        let after = queue.weight;
        self.by_weight.remove(&(before, exporter));
        self.weight = self.weight - before + after;
        if after == 0 {
            self.exporters.remove(&exporter);
        } else {
            self.by_weight.insert((after, exporter));
        }
    }
}

impl ExporterQueue {
    fn pop(&mut self) -> Option<PendingSet> {
        let oldest = self.waiting.pop_front();
        // without one the queue is empty, whatever its sum says
        self.weight = oldest.as_ref().map_or(0, |pending| self.weight - pending.weight());
        oldest
    }
}
