//! Values by their place in a list of distinct ones.

use std::{collections::HashMap, hash::Hash};

/// Distinct values in the order in which they came, and for each value its place among them. Its memory serves again.
#[derive(Debug, Default)]
pub(super) struct Distinct<T> {
    known: HashMap<T, u32, foldhash::fast::RandomState>,
    pub(super) entries: Vec<T>,
    pub(super) places: Vec<u32>,
}

impl<T: Copy + Eq + Hash> Distinct<T> {
    /// Looks for all distinct values.
    pub(super) fn look(&mut self, values: &[T]) {
        self.look_for(values, usize::MAX);
    }

    /// Looks for distinct values; returns `false` as soon as there are more than `most`.
    pub(super) fn look_for(&mut self, values: &[T], most: usize) -> bool {
        self.known.clear();
        self.entries.clear();
        self.places.clear();
        let mut latest: Option<(T, u32)> = None;
        for value in values {
            let place = match latest {
                Some((same, place)) if same == *value => place,
                _ => *self.known.entry(*value).or_insert_with(|| {
                    self.entries.push(*value);
                    u32::try_from(self.entries.len() - 1).unwrap_or(u32::MAX)
                }),
            };
            if self.entries.len() > most {
                return false;
            }
            latest = Some((*value, place));
            self.places.push(place);
        }
        true
    }
}
