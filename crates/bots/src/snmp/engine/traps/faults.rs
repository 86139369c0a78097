//! What is wrong with what is sent, by its sender.

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

/// Senders that are told apart until somebody looks; what further ones send is in the metrics alone.
const MOST_SENDERS: usize = 1_024;

/// Why a notification does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TrapFault {
    /// It is beyond what one source may send.
    Flood,
    /// Its community is not known.
    Community,
    /// No user of v3 has its name.
    User,
    /// It is not secured by the keys and at the level of its user.
    Key,
    /// It is older than one that came before: recorded and sent again, or its sender's clock went back.
    Replayed,
    /// It is none.
    Malformed,
}

impl TrapFault {
    /// Returns what is wrong, in a few words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Flood => "beyond what one source may send",
            Self::Community => "by a community that is not the device's",
            Self::User => "by a user of SNMPv3 that is not known",
            Self::Key => "not secured by the keys and at the level of their user",
            Self::Replayed => "older than one that came before",
            Self::Malformed => "that are no notification",
        }
    }
}

/// What is wrong with what is sent, by its sender, until somebody takes it. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct TrapFaults(Arc<Mutex<HashMap<IpAddr, BTreeMap<TrapFault, u64>>>>);

impl TrapFaults {
    /// Counts one of a sender.
    pub(super) fn note(&self, source: IpAddr, fault: TrapFault) {
        let mut senders = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let source = source.to_canonical();
        if senders.len() < MOST_SENDERS || senders.contains_key(&source) {
            *senders.entry(source).or_default().entry(fault).or_default() += 1;
        }
    }

    /// Removes and returns what was counted.
    pub fn take(&self) -> HashMap<IpAddr, BTreeMap<TrapFault, u64>> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
