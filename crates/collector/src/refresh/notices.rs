//! What operators are told: what changed, and each fault once.

use std::collections::{HashMap, HashSet};

use tracing::warn;

use crate::bot::Plan;

/// How many new faults one refresh names. A sensor that thousands of entities use can be refused for all of them;
/// beyond this they are only counted in the log (`grafolean check` names all).
const MAX_NAMED: usize = 50;

/// How many jobs differ between two plans.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Changes {
    pub(super) added: usize,
    pub(super) changed: usize,
    pub(super) removed: usize,
}

impl Changes {
    pub(super) fn between<T: PartialEq>(old: Option<&Plan<T>>, new: &Plan<T>) -> Self {
        let mut old: HashMap<_, _> =
            old.iter().flat_map(|plan| &plan.jobs).map(|job| (&job.id, job)).collect();
        let mut changes = Self { added: 0, changed: 0, removed: 0 };
        for job in &new.jobs {
            match old.remove(&job.id) {
                None => changes.added += 1,
                Some(known) if known != job => changes.changed += 1,
                Some(_) => {}
            }
        }
        changes.removed = old.len();
        changes
    }
}

/// The faults that were named and still stand.
#[derive(Default)]
pub(super) struct Notices {
    standing: HashSet<String>,
}

impl Notices {
    /// Names those faults that did not stand before; one that was mended and comes back is named again.
    pub(super) fn warn_of_new(&mut self, faults: impl Iterator<Item = String>) {
        let mut standing = HashSet::new();
        let mut new = 0;
        for fault in faults {
            if !self.standing.contains(&fault) && !standing.contains(&fault) {
                new += 1;
                if new <= MAX_NAMED {
                    warn!("{fault}");
                }
            }
            standing.insert(fault);
        }
        if new > MAX_NAMED {
            warn!(more = new - MAX_NAMED, "more faults of this kind: `grafolean check` names all of them");
        }
        self.standing = standing;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{bot::Job, model::Interval};

    #[test]
    fn jobs_are_compared_by_their_id() {
        let every = |seconds| Interval::from_seconds(seconds).unwrap();
        let plan = |jobs: &[(&str, i64)]| Plan {
            jobs: jobs.iter().map(|&(id, seconds)| Job::new(id, every(seconds), ())).collect(),
            refused: vec![],
        };
        let (old, new) = (plan(&[("a", 60), ("b", 60), ("c", 60)]), plan(&[("b", 60), ("c", 30), ("d", 60)]));
        assert_eq!(Changes::between(Some(&old), &new), Changes { added: 1, changed: 1, removed: 1 });
        assert_eq!(Changes::between(None, &new), Changes { added: 3, changed: 0, removed: 0 });
    }
}
