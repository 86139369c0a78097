//! The unit of ownership: devices are hashed into slots, nodes own slots.

use std::fmt;

/// How many slots there are: enough that a hundred nodes have ten each, few enough that what is kept for each of them
/// (one key a slot) is little. **Fixed for ever**: nodes that disagree would leave devices unmeasured.
pub const SLOTS: u16 = 1024;

const WORDS: usize = SLOTS as usize / 64;

/// The bytes of a set as it is sent: a bit a slot.
pub const SET_BYTES: usize = SLOTS as usize / 8;

/// A set of slots, a bit each.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SlotSet([u64; WORDS]);

impl SlotSet {
    /// No slot.
    pub const EMPTY: Self = Self([0; WORDS]);
    /// Every slot.
    pub const ALL: Self = Self([u64::MAX; WORDS]);

    /// Whether a slot is in it; one that does not exist is not.
    pub fn contains(&self, slot: u16) -> bool {
        self.0.get(usize::from(slot / 64)).is_some_and(|word| word & bit(slot) != 0)
    }

    /// Puts a slot in; one that does not exist is ignored.
    pub fn insert(&mut self, slot: u16) {
        if let Some(word) = self.0.get_mut(usize::from(slot / 64)) {
            *word |= bit(slot);
        }
    }

    /// Takes a slot out.
    pub fn remove(&mut self, slot: u16) {
        if let Some(word) = self.0.get_mut(usize::from(slot / 64)) {
            *word &= !bit(slot);
        }
    }

    /// Returns the number of slots in it.
    pub fn len(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Whether no slot is in it.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    /// Returns the slots that are in either.
    #[must_use]
    pub fn union(mut self, other: &Self) -> Self {
        self.0.iter_mut().zip(&other.0).for_each(|(word, other)| *word |= other);
        self
    }

    /// Returns the slots that are in both.
    #[must_use]
    pub fn intersection(mut self, other: &Self) -> Self {
        self.0.iter_mut().zip(&other.0).for_each(|(word, other)| *word &= other);
        self
    }

    /// Returns the slots that are not in the other.
    #[must_use]
    pub fn without(mut self, other: &Self) -> Self {
        self.0.iter_mut().zip(&other.0).for_each(|(word, other)| *word &= !other);
        self
    }

    /// Returns the slots, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u16> + '_ {
        (0_u16..).zip(&self.0).flat_map(|(place, word)| {
            let mut rest = *word;
            std::iter::from_fn(move || {
                let next = u16::try_from(rest.trailing_zeros()).ok().filter(|_| rest != 0)?;
                rest &= rest - 1;
                Some(place * 64 + next)
            })
        })
    }

    /// Returns it as it is sent: slot 0 is the lowest bit of the first byte.
    pub fn to_bytes(&self) -> [u8; SET_BYTES] {
        let mut bytes = [0; SET_BYTES];
        for (part, word) in bytes.chunks_exact_mut(8).zip(&self.0) {
            part.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    /// Reads it as it is sent.
    pub fn from_bytes(bytes: &[u8; SET_BYTES]) -> Self {
        let mut set = Self::EMPTY;
        for (part, word) in bytes.as_chunks::<8>().0.iter().zip(&mut set.0) {
            *word = u64::from_le_bytes(*part);
        }
        set
    }
}

fn bit(slot: u16) -> u64 {
    1 << (slot % 64)
}

impl Default for SlotSet {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl FromIterator<u16> for SlotSet {
    fn from_iter<I: IntoIterator<Item = u16>>(slots: I) -> Self {
        let mut set = Self::EMPTY;
        slots.into_iter().for_each(|slot| set.insert(slot));
        set
    }
}

impl fmt::Debug for SlotSet {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} slots", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_what_was_put_in_and_survives_the_wire() {
        let mut set: SlotSet = [0, 63, 64, 1023, 1024, 9000].into_iter().collect();
        assert_eq!(set.iter().collect::<Vec<_>>(), [0, 63, 64, 1023]);
        assert_eq!(SlotSet::from_bytes(&set.to_bytes()), set);
        set.remove(63);
        assert_eq!((set.len(), set.contains(63), set.contains(1024)), (3, false, false));
        assert_eq!(SlotSet::ALL.without(&set).len(), 1021);
        assert!(SlotSet::ALL.without(&set).intersection(&set).is_empty());
    }
}
