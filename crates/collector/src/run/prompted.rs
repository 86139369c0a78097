//! Runs that were asked for ahead of their time, until they begin.

use std::{collections::HashMap, time::Duration};

use tokio::time::Instant;

use crate::bot::{JobId, Prompted};

/// A job, and what is asked for of it.
type Asked = (JobId, Prompted);

/// Runs that were asked for ahead of their time, until they begin.
#[derive(Debug, Default)]
pub(super) struct PromptedRuns {
    /// With the gap that each keeps to the next of its like.
    waiting: HashMap<Asked, Duration>,
    /// Until when those that began keep the next one back.
    held: HashMap<Asked, Instant>,
}

impl PromptedRuns {
    pub(super) fn add(&mut self, asked: HashMap<Asked, Duration>) {
        self.waiting.extend(asked);
    }

    /// Removes and returns what may begin.
    pub(super) fn take_ready(
        &mut self,
        now: Instant,
        is_free: impl Fn(&JobId, Prompted) -> bool,
    ) -> Vec<Asked> {
        if self.waiting.is_empty() {
            return Vec::new();
        }
        self.held.retain(|_, until| *until > now);
        let held = &self.held;
        let is_ready =
            |asked: &Asked, _: &mut Duration| !held.contains_key(asked) && is_free(&asked.0, asked.1);
        let ready: Vec<_> = self.waiting.extract_if(is_ready).collect();
        self.held.extend(ready.iter().map(|(asked, gap)| (asked.clone(), now + *gap)));
        ready.into_iter().map(|(asked, _)| asked).collect()
    }

    /// Returns when one that is held may begin. Others wait for a run to end, which is noticed.
    pub(super) fn next(&self, now: Instant) -> Option<Instant> {
        let held = self.waiting.keys().filter_map(|asked| self.held.get(asked).copied());
        held.filter(|at| *at > now).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GAP: Duration = Duration::from_secs(5);

    #[tokio::test(start_paused = true)]
    async fn the_first_begins_at_once_and_those_within_the_gap_are_one_at_its_end() {
        let mut runs = PromptedRuns::default();
        let now = Instant::now();
        let free = |_: &JobId, _: Prompted| true;
        let asked = (JobId::from("snmp.1.7"), Prompted::All);
        runs.add(HashMap::from([(asked.clone(), GAP)]));
        assert_eq!(runs.take_ready(now, |_, _| false), [], "a run of the job goes on");
        assert_eq!(runs.take_ready(now, free).len(), 1);
        for _ in 0..3 {
            runs.add(HashMap::from([(asked.clone(), GAP)]));
        }
        assert_eq!((runs.take_ready(now, free), runs.next(now)), (Vec::new(), Some(now + GAP)));
        let other = (JobId::from("snmp.1.7"), Prompted::Nothing);
        runs.add(HashMap::from([(other.clone(), GAP)]));
        assert_eq!(runs.take_ready(now, free), [other], "which is not held by it");
        assert_eq!(runs.take_ready(now + GAP, free), [asked]);
        assert_eq!((runs.take_ready(now + GAP * 3, free), runs.next(now)), (Vec::new(), None));
    }
}
