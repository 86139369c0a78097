//! What operators are told: what changed, and each fault once.

use std::collections::{HashMap, HashSet};

use tracing::warn;

use super::Planned;
use crate::{
    bot::{JobId, Plan},
    model::{Device, SensorId},
};

/// How many new faults one refresh names. A sensor that thousands of entities use can be refused for all of them;
/// beyond this they are only counted in the log (`grafolean check` names all).
const MAX_NAMED: usize = 50;

/// How many of those that stop a line names.
const MAX_STOPPED: usize = 5;

/// How jobs differ between two plans.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Changes<'a> {
    pub(super) added: usize,
    pub(super) changed: usize,
    /// Those that are gone, in their order.
    pub(super) removed: Vec<&'a JobId>,
}

impl<'a> Changes<'a> {
    pub(super) fn between<T: PartialEq>(old: Option<&'a Plan<T>>, new: &Plan<T>) -> Self {
        let (mut added, mut changed) = (0, 0);
        let mut left: HashMap<_, _> =
            old.iter().flat_map(|plan| &plan.jobs).map(|job| (&job.id, job)).collect();
        for job in &new.jobs {
            match left.remove(&job.id) {
                None => added += 1,
                Some(known) if known != job => changed += 1,
                Some(_) => {}
            }
        }
        let mut removed: Vec<_> = left.into_keys().collect();
        removed.sort_unstable();
        Self { added, changed, removed }
    }
}

/// Names what stops, as people name it: devices, and sensors of devices; jobs where neither went.
pub(super) fn stopped<T: PartialEq>(old: &Planned<T>, new: &Planned<T>) -> String {
    let place = |device: &Device| (device.account, device.entity.id);
    let seen: HashMap<_, _> = new.devices.iter().map(|device| (place(device), device)).collect();
    let mut names = Vec::new();
    for device in &old.devices {
        let name = device.title();
        let Some(seen) = seen.get(&place(device)) else {
            names.push(name);
            continue;
        };
        let is_used = |id: SensorId| seen.sensors.iter().any(|used| used.sensor.id == id);
        let gone = device.sensors.iter().map(|used| &used.sensor).filter(|sensor| !is_used(sensor.id));
        names.extend(gone.map(|sensor| format!("sensor {:?} of {name}", sensor.name)));
    }
    if names.is_empty() {
        let Changes { removed, .. } = Changes::between(Some(&old.plan), &new.plan);
        names = removed.into_iter().map(ToString::to_string).collect();
    }
    let named = names.iter().take(MAX_STOPPED).cloned().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(MAX_STOPPED) {
        0 => named,
        more => format!("{named} and {more} more"),
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
        let a = JobId::from("a");
        assert_eq!(Changes::between(Some(&old), &new), Changes { added: 1, changed: 1, removed: vec![&a] });
        assert_eq!(Changes::between(None, &new), Changes { added: 3, changed: 0, removed: vec![] });
    }
}
