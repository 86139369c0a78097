//! What a node says of itself: its name, and its lease.

use std::{fmt, net::SocketAddr, sync::Arc};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{
    rendezvous::Candidate,
    sealed::{self, Damage},
};

/// The longest name of a node or a site.
const LONGEST_NAME: usize = 32;

/// The most sites a node stands at: an answer to a probe says which slots it runs of each, in one datagram.
pub const MOST_SITES: usize = 7;

/// The weight of a node for which nobody set one.
pub const USUAL_WEIGHT: u32 = 100;

/// The site that stands for everything that demands none.
pub const ANY_SITE: &str = "any";

/// The name of a node, or of a site: letters, digits, `-` and `_`, since it is a part of a subject of NATS.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(Arc<str>);

/// A text that is no name.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0:?} is no name: expected 1 to {LONGEST_NAME} letters, digits, `-` or `_`")]
pub struct InvalidName(String);

impl Name {
    /// Returns the name of a node that has none.
    pub fn unnamed() -> Self {
        Self("node".into())
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Name {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Self, InvalidName> {
        Self::try_from(text.as_str())
    }
}

impl TryFrom<&str> for Name {
    type Error = InvalidName;

    fn try_from(text: &str) -> Result<Self, InvalidName> {
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if text.is_empty() || text.len() > LONGEST_NAME || !text.bytes().all(is_part) {
            return Err(InvalidName(text.to_owned()));
        }
        Ok(Self(text.into()))
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0.as_ref().to_owned()
    }
}

impl fmt::Display for Name {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:?}", self.0)
    }
}

/// What a node writes of itself, again and again; it is gone some time after the last writing.
///
/// Fields that a newer version adds are passed over, those that an older one does not have are as if empty, so that
/// versions may be mixed while a cluster is upgraded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lease {
    /// The node.
    pub node: Name,
    /// A number that each start of the process draws: two nodes of one name are told apart by it.
    pub incarnation: u64,
    /// Where it answers probes (UDP).
    pub address: SocketAddr,
    /// The key by which its answers are known to be its own.
    pub probe_key: u64,
    /// How much it takes beside the others; 0 while it is drained.
    pub weight: u32,
    /// Where it stands. Without any it runs what demands none.
    #[serde(default)]
    pub sites: Vec<Name>,
    /// Whether it hands over what it has: it stays until others have taken it.
    #[serde(default)]
    pub leaving: bool,
    /// Its version.
    #[serde(default)]
    pub version: String,
    /// What it is doing, for people.
    #[serde(default)]
    pub load: Load,
}

/// What a node is doing, for people; nothing is decided by it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Load {
    /// The slots it runs of what demands no site.
    pub slots: u32,
    /// The jobs in them and in those of its sites.
    pub jobs: u64,
    /// How late its runs began lately, the worst.
    pub late_ms: u64,
    /// Runs that were left out since its start, for want of room or because the last one went on.
    pub skipped: u64,
    /// Its clock at the time of writing, in milliseconds since 1970: shows clocks that differ.
    pub clock_ms: u64,
}

impl Lease {
    /// Returns it as it is kept.
    ///
    /// # Errors
    /// Fails if it cannot be written as JSON, which no lease does.
    pub fn to_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        Ok(sealed::seal(self.node.as_str(), &serde_json::to_vec(self)?))
    }

    /// Reads the lease that was kept for a node.
    ///
    /// # Errors
    /// Fails if it is not what was written there.
    pub fn from_bytes(node: &str, bytes: &[u8]) -> Result<Self, Damage> {
        let lease: Self = serde_json::from_slice(sealed::open(node, bytes)?).map_err(|_| Damage::Body)?;
        if lease.node.as_str() == node && lease.sites.len() <= MOST_SITES {
            Ok(lease)
        } else {
            Err(Damage::Body)
        }
    }

    /// Whether the node runs what demands a site, or what demands none.
    pub fn serves(&self, site: Option<&Name>) -> bool {
        match site {
            Some(site) => self.sites.contains(site),
            None => self.sites.is_empty() || self.sites.iter().any(|site| site.as_str() == ANY_SITE),
        }
    }
}

impl Candidate for Lease {
    fn name(&self) -> &str {
        self.node.as_str()
    }

    fn weight(&self) -> u32 {
        if self.leaving { 0 } else { self.weight }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease() -> Lease {
        Lease {
            node: Name::try_from("node-1").unwrap(),
            incarnation: 7,
            address: "127.0.0.1:4711".parse().unwrap(),
            probe_key: 8,
            weight: USUAL_WEIGHT,
            sites: Vec::new(),
            leaving: false,
            version: "0.1.0".to_owned(),
            load: Load::default(),
        }
    }

    #[test]
    fn a_lease_is_what_was_written_and_only_under_its_own_name() {
        let bytes = lease().to_bytes().unwrap();
        assert_eq!(Lease::from_bytes("node-1", &bytes), Ok(lease()));
        assert_eq!(Lease::from_bytes("node-2", &bytes), Err(Damage::Checksum));
        let moved = sealed::seal("node-2", &serde_json::to_vec(&lease()).unwrap());
        assert_eq!(Lease::from_bytes("node-2", &moved), Err(Damage::Body));
    }

    #[test]
    fn versions_may_be_mixed() {
        let newer =
            br#"{"node":"n","incarnation":1,"address":"10.0.0.1:1","probe_key":2,"weight":3,"colour":"red"}"#;
        let read = Lease::from_bytes("n", &sealed::seal("n", newer)).unwrap();
        assert_eq!((read.weight, read.leaving, read.version.as_str()), (3, false, ""));
    }

    #[test]
    fn a_node_at_a_site_runs_what_demands_it_and_no_other_unless_it_says_so() {
        let berlin = Name::try_from("berlin").unwrap();
        assert!(lease().serves(None) && !lease().serves(Some(&berlin)));
        let there = Lease { sites: vec![berlin.clone()], ..lease() };
        assert!(!there.serves(None) && there.serves(Some(&berlin)));
        let both = Lease { sites: vec![berlin.clone(), Name::try_from(ANY_SITE).unwrap()], ..lease() };
        assert!(both.serves(None) && both.serves(Some(&berlin)));
    }

    #[test]
    fn a_name_is_a_token_of_a_subject() {
        for good in ["a", "node-1", "NODE_2", &"x".repeat(32)] {
            assert!(Name::try_from(good).is_ok(), "{good}");
        }
        for bad in ["", "a.b", "a b", "*", ">", "ü", &"x".repeat(33)] {
            assert!(Name::try_from(bad).is_err(), "{bad}");
        }
    }
}
