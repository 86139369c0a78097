//! Networks that are scanned for devices, when somebody asks or again and again.
//!
//! The hub sends no packet itself: its program gives it a [`Discoverer`]. `scans` is what goes on and what was found, of each
//! account the last; nothing of it is changed or deleted by a scan, since what is new and what has gone are suggestions.

mod kept;
mod scans;

use std::{
    fmt,
    future::Future,
    net::IpAddr,
    pin::Pin,
    sync::{Arc, atomic::AtomicUsize},
};

use grafolean_collector::model::Details;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

pub(crate) use self::{
    kept::{Order, Scanned},
    scans::{AT_ONCE, Refused, Scans, keep},
};

/// A scan under way.
pub type Scanning = Pin<Box<dyn Future<Output = Result<ScanFindings, String>> + Send>>;

/// Scans networks.
pub trait Discoverer: Send + Sync {
    /// Returns how many addresses networks have.
    ///
    /// # Errors
    /// Says which text names none, or too many, and what is expected.
    fn addresses(&self, networks: &[String]) -> Result<usize, String>;

    /// Whether an address is among those of networks.
    fn holds(&self, networks: &[String], address: IpAddr) -> bool;

    /// Asks all addresses of networks, and no others, until it is stopped.
    fn scan(&self, request: ScanRequest, progress: Arc<ScanProgress>, stop: CancellationToken) -> Scanning;
}

/// What is scanned, and how.
#[derive(Clone, PartialEq)]
pub struct ScanRequest {
    /// Networks, ranges and addresses.
    pub networks: Vec<String>,
    /// Ways in over SNMP: ids of credentials with their details.
    pub credentials: Vec<(i64, Details)>,
    /// The port of agents.
    pub snmp_port: u16,
    /// The most packets in a second.
    pub rate: u32,
}

impl fmt::Debug for ScanRequest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("ScanRequest").field("networks", &self.networks).finish_non_exhaustive()
    }
}

/// How far a scan is.
#[derive(Debug, Default)]
pub struct ScanProgress {
    /// Addresses that were asked.
    pub asked: AtomicUsize,
    /// Devices that answered.
    pub answered: AtomicUsize,
    /// Devices whose tables were read.
    pub read: AtomicUsize,
}

/// What a scan found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ScanFindings {
    /// Devices that answer.
    pub devices: Vec<ScannedDevice>,
    /// How they hang together.
    pub links: Vec<ScannedLink>,
    /// Whom they tell of, and who was not asked.
    pub candidates: Vec<Candidate>,
}

/// A device that answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScannedDevice {
    /// Where.
    pub address: IpAddr,
    /// How long its answer to a ping took, in seconds; nothing if it answers none.
    pub rtt: Option<f64>,
    /// By which credential it answers SNMP, if it does; what follows is known of such a device alone.
    pub credential: Option<i64>,
    /// How it calls itself.
    pub name: String,
    /// How it describes itself.
    pub description: String,
    /// Who made it.
    pub vendor: Option<String>,
    /// Its model.
    pub model: Option<String>,
    /// The profile that is for it.
    pub profile: Option<String>,
    /// How many interfaces it has.
    pub interfaces: usize,
    /// How many of them are up.
    pub interfaces_up: usize,
}

/// A link between two devices that were found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScannedLink {
    /// One end.
    pub from: LinkEnd,
    /// The other.
    pub to: LinkEnd,
    /// By what it is known: `lldp-both-sides`, `lldp-one-side`, `cdp`, `fdb`.
    pub evidence: String,
}

/// An end of a link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkEnd {
    /// The device.
    pub address: Option<IpAddr>,
    /// What people call it.
    pub name: String,
    /// Its interface, if that is known.
    pub port: Option<String>,
}

/// An address that devices tell of, and that was not asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// Which.
    pub address: IpAddr,
    /// How it is called there.
    pub name: Option<String>,
    /// How it was told: `lldp`, `cdp`, `arp`.
    pub told: String,
    /// What it is, in its own words.
    pub platform: Option<String>,
}
