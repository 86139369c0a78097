//! The datagrams by which nodes ask each other directly.
//!
//! ```text
//!  0      4      5       6        14
//! | GFP1 | kind | flags | nonce  | ...
//!  ask:    length of the asker's name (1), the name, seal (16)               flags: 1 the asker is leaving
//!  answer: incarnation (8), number of pools (1), [pool (8), slots (128)] ..., seal (16)    flags: 1 the store answers
//! ```
//! Numbers are little-endian. The seal is the start of SHA-256 over the key that stands in the lease of whoever is asked,
//! and all before it: only members, who read leases, can ask, and only the one who is asked can answer. What has no
//! right seal is not answered, and an answer is never longer than 1.2 kB.

use sha2::{Digest, Sha256};

use crate::{
    lease::{MOST_SITES, Name},
    membership::Answer,
    slot::{SET_BYTES, SlotSet},
};

const MAGIC: [u8; 4] = *b"GFP1";
const ASK: u8 = 1;
const ANSWER: u8 = 2;
const SEAL: usize = 16;

/// The longest datagram that is read.
pub const LONGEST: usize = 2048;

/// A question of one node to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// What tells its answer from others.
    pub nonce: u64,
    /// Who asks.
    pub asker: Name,
    /// Whether the asker is leaving.
    pub is_leaving: bool,
}

impl Ask {
    /// Returns the datagram to the node of that key.
    pub fn to_bytes(&self, key: u64) -> Vec<u8> {
        let name = self.asker.as_str().as_bytes();
        let mut bytes = head(ASK, self.is_leaving, self.nonce);
        bytes.push(u8::try_from(name.len()).unwrap_or_default());
        bytes.extend_from_slice(name);
        sealed(bytes, key)
    }

    /// Reads what was sent to the node of that key; `None` if it was not.
    pub fn from_bytes(datagram: &[u8], key: u64) -> Option<Self> {
        let (flags, nonce, rest) = read_head(ASK, datagram, key)?;
        let (length, name) = rest.split_first()?;
        let name = name.get(..usize::from(*length))?;
        let asker = Name::try_from(std::str::from_utf8(name).ok()?).ok()?;
        Some(Self { nonce, asker, is_leaving: flags & 1 != 0 })
    }
}

/// Returns the datagram of an answer of the node of that key.
pub fn answer_to_bytes(answer: &Answer, nonce: u64, key: u64) -> Vec<u8> {
    let mut bytes = head(ANSWER, answer.present, nonce);
    bytes.extend_from_slice(&answer.incarnation.to_le_bytes());
    let slots = answer.slots.get(..=MOST_SITES).unwrap_or(&answer.slots);
    bytes.push(u8::try_from(slots.len()).unwrap_or_default());
    for (pool, slots) in slots {
        bytes.extend_from_slice(&pool.to_le_bytes());
        bytes.extend_from_slice(&slots.to_bytes());
    }
    sealed(bytes, key)
}

/// Returns the nonce of an answer, before it is known whose it is.
pub fn nonce_of(datagram: &[u8]) -> Option<u64> {
    (datagram.get(..5)? == [&MAGIC[..], &[ANSWER]].concat()).then_some(())?;
    number(datagram.get(6..14)?)
}

/// Reads an answer of the node of that key; `None` if it is none.
pub fn answer_from_bytes(datagram: &[u8], key: u64) -> Option<Answer> {
    let (flags, _, rest) = read_head(ANSWER, datagram, key)?;
    let (incarnation, rest) = rest.split_at_checked(8)?;
    let (pools, mut rest) = rest.split_first()?;
    let mut slots = Vec::new();
    for _ in 0..*pools {
        let (pool, after) = rest.split_at_checked(8)?;
        let (set, after) = after.split_first_chunk::<SET_BYTES>()?;
        slots.push((number(pool)?, SlotSet::from_bytes(set)));
        rest = after;
    }
    Some(Answer { incarnation: number(incarnation)?, present: flags & 1 != 0, slots })
}

fn head(kind: u8, flag: bool, nonce: u64) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&[kind, u8::from(flag)]);
    bytes.extend_from_slice(&nonce.to_le_bytes());
    bytes
}

fn read_head(wanted: u8, datagram: &[u8], key: u64) -> Option<(u8, u64, &[u8])> {
    let (body, seal) = datagram.split_at_checked(datagram.len().checked_sub(SEAL)?)?;
    (seal_of(body, key) == seal).then_some(())?;
    let (head, rest) = body.split_first_chunk::<14>()?;
    let [magic @ .., kind, flags] = *head.first_chunk::<6>()?;
    (magic == MAGIC && kind == wanted).then_some(())?;
    Some((flags, number(head.get(6..)?)?, rest))
}

fn number(bytes: &[u8]) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.try_into().ok()?))
}

fn sealed(mut bytes: Vec<u8>, key: u64) -> Vec<u8> {
    let seal = seal_of(&bytes, key);
    bytes.extend_from_slice(&seal);
    bytes
}

fn seal_of(body: &[u8], key: u64) -> [u8; SEAL] {
    let digest = Sha256::new().chain_update(key.to_le_bytes()).chain_update(body).finalize();
    let mut seal = [0; SEAL];
    seal.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
    seal
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_question_is_read_by_whom_it_is_for_alone() {
        let ask = Ask { nonce: 7, asker: Name::try_from("node-1").unwrap(), is_leaving: true };
        let bytes = ask.to_bytes(3);
        assert_eq!(Ask::from_bytes(&bytes, 3), Some(ask));
        assert_eq!(Ask::from_bytes(&bytes, 4), None);
        assert_eq!(answer_from_bytes(&bytes, 3), None);
    }

    #[test]
    fn an_answer_is_what_was_said_and_fits_a_datagram() {
        let set: SlotSet = (0..500).collect();
        let slots = (0..8).map(|pool| (pool, set)).collect();
        let answer = Answer { incarnation: 9, present: true, slots };
        let bytes = answer_to_bytes(&answer, 7, 3);
        assert!(bytes.len() <= 1200, "{}", bytes.len());
        assert_eq!(nonce_of(&bytes), Some(7));
        assert_eq!(answer_from_bytes(&bytes, 3), Some(answer));
        assert_eq!(answer_from_bytes(&bytes, 4), None);
    }

    proptest! {
        #[test]
        fn nothing_that_arrives_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut bytes = bytes;
            prop_assert!(Ask::from_bytes(&bytes, 3).is_none());
            bytes.splice(..0, *b"GFP1");
            let with_seal = sealed(bytes, 3);
            let _ = (nonce_of(&with_seal), Ask::from_bytes(&with_seal, 3), answer_from_bytes(&with_seal, 3));
        }
    }
}
