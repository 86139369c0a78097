//! A device as its messages show it.

use std::net::SocketAddr;

use crate::snmp::{
    codec::{Reply, Version},
    settings::{Community, Secret},
};

/// Where a device is asked, and by what it knows who asks.
pub(in super::super) struct Peer {
    pub(in super::super) address: SocketAddr,
    pub(super) version: Version,
    community: Secret,
}

impl Peer {
    pub(in super::super) fn new(address: SocketAddr, community: &Community) -> Self {
        let (version, community) = match community {
            Community::V1(community) => (Version::V1, community),
            Community::V2c(community) => (Version::V2c, community),
        };
        Self { address, version, community: community.clone() }
    }

    pub(super) fn community(&self) -> &[u8] {
        self.community.expose().as_bytes()
    }

    /// Tells whether a reply from an address can be this device's.
    pub(super) fn sent(&self, reply: &Reply<'_>, from: SocketAddr) -> bool {
        self.is_at(from) && reply.version == self.version && reply.community == self.community()
    }

    fn is_at(&self, from: SocketAddr) -> bool {
        match (self.address, from) {
            // The kernel names the interface of a link-local address even where it had not to be told.
            (SocketAddr::V6(asked), SocketAddr::V6(from)) => {
                (asked.ip(), asked.port()) == (from.ip(), from.port())
                    && (asked.scope_id() == 0 || asked.scope_id() == from.scope_id())
            }
            (asked, from) => asked == from,
        }
    }
}
