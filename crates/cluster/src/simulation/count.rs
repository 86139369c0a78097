//! What is counted: how long slots were run by nobody, or by more than one.

use std::time::Duration;

use crate::slot::{SLOTS, SlotSet};

/// How long slots were run by nobody, or by more than one node.
#[derive(Clone, Debug)]
pub struct Count {
    uncovered: Vec<Duration>,
    doubled: Vec<Duration>,
    /// The longest time that one slot was run by nobody.
    pub longest_gap: Duration,
    /// The longest time that one slot was run by more than one node.
    pub longest_double: Duration,
    /// Slots times seconds that were run by nobody.
    pub gap_slot_seconds: f64,
    /// Slots times seconds that were run by more than one node, each node beyond the first.
    pub double_slot_seconds: f64,
}

impl Default for Count {
    fn default() -> Self {
        let none = vec![Duration::ZERO; usize::from(SLOTS)];
        Self {
            uncovered: none.clone(),
            doubled: none,
            longest_gap: Duration::ZERO,
            longest_double: Duration::ZERO,
            gap_slot_seconds: 0.0,
            double_slot_seconds: 0.0,
        }
    }
}

impl Count {
    /// Counts one look at what each node runs, which stands for a span.
    pub fn look(&mut self, span: Duration, held: impl Iterator<Item = SlotSet>) {
        let (mut covered, mut doubled, mut runs) = (SlotSet::EMPTY, SlotSet::EMPTY, 0);
        for held in held {
            doubled = doubled.union(&covered.intersection(&held));
            covered = covered.union(&held);
            runs += held.len();
        }
        let uncovered = SlotSet::ALL.without(&covered);
        self.gap_slot_seconds += span.as_secs_f64() * uncovered.len() as f64;
        self.double_slot_seconds += span.as_secs_f64() * (runs - covered.len()) as f64;
        self.longest_gap = self.longest_gap.max(lengthen(&mut self.uncovered, &uncovered, span));
        self.longest_double = self.longest_double.max(lengthen(&mut self.doubled, &doubled, span));
    }
}

/// Lengthens the spans of the slots in the set, ends those of all others, and returns the longest.
fn lengthen(spans: &mut [Duration], set: &SlotSet, by: Duration) -> Duration {
    let mut longest = Duration::ZERO;
    for (slot, span) in (0..SLOTS).zip(spans) {
        *span = if set.contains(slot) { *span + by } else { Duration::ZERO };
        longest = longest.max(*span);
    }
    longest
}
