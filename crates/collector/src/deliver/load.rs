//! A batch made ready to be sent: checked, and no value twice.

use std::collections::{HashMap, HashSet, hash_map};

use crate::{
    model::{Sample, SeriesPath},
    report::Report,
    spool::{Entry, EntryId, ReasonKind, RejectedEntry, Settlement},
    time::Timestamp,
};

/// What of a batch can be sent, and what becomes of its entries once it was.
#[derive(Debug, Default)]
pub(super) struct Load {
    /// No path and time twice, the last one wins.
    pub(super) samples: Vec<Sample>,
    /// For each sample the place of the last entry that holds it.
    owners: Vec<usize>,
    entries: Vec<Loaded>,
}

#[derive(Debug)]
struct Loaded {
    id: EntryId,
    /// How many of the samples must have been dealt with before this entry may leave the spool.
    needs: usize,
    invalid: Vec<RejectedEntry>,
}

/// A path and a time as they look on the wire: microseconds, as far as the API's float holds them.
type Key = (SeriesPath, u64);

impl Load {
    /// Checks and gathers all values.
    pub(super) fn of(entries: Vec<Entry>) -> Self {
        let mut load = Self::default();
        let mut places: HashMap<Key, usize> = HashMap::new();
        for entry in entries {
            let Report::Values(values) = entry.report else { continue };
            let mut loaded = Loaded { id: entry.id, needs: 0, invalid: Vec::new() };
            for (path, value) in values.values {
                match Sample::checked(&path, values.time, value) {
                    Ok(sample) => {
                        let place = load.place(&mut places, sample);
                        loaded.needs = loaded.needs.max(place + 1);
                    }
                    Err(error) => loaded.invalid.push(RejectedEntry::of_value(
                        values.account,
                        values.time,
                        (path, value),
                        ReasonKind::Invalid,
                        error,
                    )),
                }
            }
            load.entries.push(loaded);
        }
        load
    }

    /// Gathers what may be sent by POST: no path twice, no value older than `oldest` or than what was posted of its path,
    /// the newest entries first. Entries go as a whole or not at all; those that wait for PUT are returned too.
    pub(super) fn for_arrival(
        mut entries: Vec<Entry>,
        oldest: Timestamp,
        posted: &HashMap<SeriesPath, Timestamp>,
    ) -> (Self, Vec<Kept>) {
        let mut paths = HashSet::new();
        let (mut chosen, mut kept) = (Vec::new(), Vec::new());
        entries.sort_unstable_by_key(|entry| entry.id);
        for entry in entries.into_iter().rev() {
            let Report::Values(values) = &entry.report else { continue };
            let is_newer = |path: &str| posted.get(path).is_none_or(|posted| *posted <= values.time);
            let is_new = values.values.iter().all(|(path, _)| !paths.contains(path) && is_newer(path));
            if values.time >= oldest && is_new {
                paths.extend(values.values.iter().map(|(path, _)| path.clone()));
                chosen.push(entry);
            } else {
                kept.push(Kept { id: entry.id, accepted: entry.accepted, values: values.values.len() });
            }
        }
        chosen.reverse();
        (Self::of(chosen), kept)
    }

    fn place(&mut self, places: &mut HashMap<Key, usize>, sample: Sample) -> usize {
        let key = (sample.path.clone(), sample.time.as_seconds_f64().to_bits());
        let owner = self.entries.len();
        match places.entry(key) {
            hash_map::Entry::Occupied(place) => {
                let place = *place.get();
                if let (Some(earlier), Some(owned)) =
                    (self.samples.get_mut(place), self.owners.get_mut(place))
                {
                    earlier.value = sample.value;
                    *owned = owner;
                }
                place
            }
            hash_map::Entry::Vacant(place) => {
                self.samples.push(sample);
                self.owners.push(owner);
                *place.insert(self.samples.len() - 1)
            }
        }
    }

    /// Returns what may leave the spool once the first `dealt_with` samples are delivered or rejected.
    ///
    /// A value that was rejected stays with its entry: if that has to wait for other values, all of it is tried
    /// again, and the value is no dead letter yet. So each becomes one exactly once.
    pub(super) fn settle(self, dealt_with: usize, rejected: Vec<Rejected>) -> Settlement {
        let mut settlement = Settlement::default();
        let may_leave: Vec<_> = self.entries.iter().map(|entry| entry.needs <= dealt_with).collect();
        for Rejected { place, entry } in rejected {
            let owner = self.owners.get(place);
            if owner.and_then(|owner| may_leave.get(*owner)).is_some_and(|leaves| *leaves) {
                settlement.rejected.push(entry);
            }
        }
        for entry in self.entries.into_iter().filter(|entry| entry.needs <= dealt_with) {
            settlement.retired.push(entry.id);
            settlement.rejected.extend(entry.invalid);
        }
        settlement
    }
}

/// A sample that the backend does not take.
#[derive(Debug)]
pub(super) struct Rejected {
    /// Its place among the samples of the load.
    pub(super) place: usize,
    pub(super) entry: RejectedEntry,
}

/// An entry that can't be sent by POST.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kept {
    pub(super) id: EntryId,
    pub(super) accepted: Timestamp,
    pub(super) values: usize,
}
