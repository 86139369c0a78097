//! Discovery: which devices answer in networks that somebody named, what they are, and how they hang together.
//!
//! [`Networks`] are the addresses that were named, and no others are asked. [`Scan`] pings them and asks those that may
//! answer over SNMP, at a rate that is never exceeded; of each it makes a [`FoundDevice`], with the [`Neighbour`]s that it
//! tells of. [`links`] are what follows of all of them together, each with its [`Evidence`]: pure, nothing is asked.

mod device;
mod networks;
mod pacing;
mod reading;
mod scan;
mod topology;

pub use self::{
    device::{FoundDevice, FoundInterface, Identity, Mac, Neighbour, Told},
    networks::{Networks, NetworksError},
    pacing::MOST_PACKETS_A_SECOND,
    scan::{Progress, Scan, ScanError, Way},
    topology::{End, Evidence, Link, candidates, links},
};
