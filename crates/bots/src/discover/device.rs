//! What a scan found out about a device.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    net::IpAddr,
    time::Duration,
};

use serde::{Serialize, Serializer};

/// An address of hardware.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mac(pub [u8; 6]);

/// A device that answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct FoundDevice {
    /// Where it answered.
    pub address: Option<IpAddr>,
    /// How long its answer to a ping took, in seconds; nothing if it answers none.
    pub rtt: Option<f64>,
    /// What it is, where it answers over SNMP.
    pub identity: Option<Identity>,
    /// Its interfaces, by their index.
    pub interfaces: BTreeMap<u32, FoundInterface>,
    /// What it tells of others.
    pub neighbours: Vec<Neighbour>,
    /// By which it is known on links: addresses of its hardware.
    #[serde(skip)]
    pub macs: BTreeSet<Mac>,
    /// The stations that it saw at each interface, as a bridge.
    #[serde(skip)]
    pub stations: BTreeMap<u32, BTreeSet<Mac>>,
    /// How it names itself and its ports to neighbours by LLDP.
    #[serde(skip)]
    pub lldp: LocalLldp,
}

/// How a device names itself by LLDP.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LocalLldp {
    /// Its chassis, as it stands in frames.
    pub chassis: Option<String>,
    /// Its ports, by the number that its tables use, as they stand in frames.
    pub ports: BTreeMap<u32, String>,
}

/// What a device is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Identity {
    /// Which of the ways in it answered, by name.
    pub way: String,
    /// sysName.
    pub name: String,
    /// sysDescr.
    pub description: String,
    /// sysObjectID.
    pub object: String,
    /// Who made it, if that is known.
    pub vendor: Option<String>,
    /// entPhysicalModelName of its chassis, if it tells that.
    pub model: Option<String>,
    /// The profile that is for it, by what it says that it is.
    pub profile: Option<String>,
    /// sysUpTime.
    #[serde(serialize_with = "seconds")]
    pub uptime: Duration,
}

/// An interface.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FoundInterface {
    /// ifName, or ifDescr where there is none.
    pub name: String,
    /// ifDescr.
    pub description: String,
    /// ifAlias: what people call it.
    pub alias: String,
    /// In bits per second.
    pub speed_bps: u64,
    /// Whether it is up.
    pub up: bool,
}

/// Another device, as a device tells of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Neighbour {
    /// How it was told.
    pub told: Told,
    /// At which of its interfaces, as it names that.
    pub port: Option<String>,
    /// The name of the other.
    pub name: Option<String>,
    /// The address of the other, by which it can be asked.
    pub address: Option<IpAddr>,
    /// The chassis of the other, as it names itself by LLDP.
    pub chassis: Option<String>,
    /// The port of the other, as that names it.
    pub remote_port: Option<String>,
    /// What the other is, in its own words.
    pub platform: Option<String>,
}

/// How a device tells of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Told {
    /// IEEE 802.1AB.
    Lldp,
    /// Cisco's discovery protocol.
    Cdp,
    /// Its table of addresses (RFC 4293, ipNetToMediaTable).
    Arp,
}

impl FoundDevice {
    /// Returns what people would call it.
    pub fn label(&self) -> String {
        let name =
            self.identity.as_ref().map(|identity| identity.name.as_str()).filter(|name| !name.is_empty());
        let address = || self.address.map(|address| address.to_string()).unwrap_or_default();
        name.map_or_else(address, str::to_owned)
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, f] = self.0;
        write!(out, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}")
    }
}

impl Mac {
    /// Returns the address of six octets; one of zeros or of a group is nobody's.
    pub fn of(octets: &[u8]) -> Option<Self> {
        let octets: [u8; 6] = octets.try_into().ok()?;
        let [first, ..] = octets;
        (octets != [0; 6] && first & 1 == 0).then_some(Self(octets))
    }
}

fn seconds<S: Serializer>(span: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(span.as_secs())
}
