//! What a bot that listens heard of those who send to it.

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

/// What was heard, by whom, and what the kernel counted beside it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Heard {
    /// Where the bot listens.
    pub listening: Vec<SocketAddr>,
    /// Who was heard: those that entities name first, then the latest.
    pub exporters: Vec<HeardExporter>,
    /// Exporters that are left out here.
    pub exporters_more: usize,
    /// Datagrams of no protocol that is known.
    pub foreign: u64,
    /// Datagrams that the kernel dropped since the bot did not read them in time.
    pub kernel_drops: u64,
    /// What the kernel counted since the bot began.
    pub host: HostCounters,
}

/// One who sends.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HeardExporter {
    /// Its address.
    pub address: IpAddr,
    /// What it speaks.
    pub format: String,
    /// Whether an entity names it.
    pub named: bool,
    /// When it was first heard by this process.
    pub first: f64,
    /// When it was last heard.
    pub last: f64,
    /// Datagrams.
    pub datagrams: u64,
    /// Flows.
    pub flows: u64,
    /// Records of options.
    pub options: u64,
    /// Templates.
    pub templates: u64,
    /// Samples of counters.
    pub counter_samples: u64,
    /// Units that are missing in its numbers.
    pub lost: u64,
    /// Flows whose sampling is not known.
    pub unscaled: u64,
    /// Datagrams that could not be read wholly.
    pub undecodable: u64,
    /// Sets that wait for their template.
    pub waiting: u64,
    /// Sets that waited too long.
    pub expired: u64,
    /// Seconds by which its clock is ahead of the bot's, where it tells its time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clock_ahead: Option<f64>,
}

/// What the kernel of the bot's machine counted since the bot began (RFC 4293 and 4113, as `/proc/net/snmp` has them).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HostCounters {
    /// UDP datagrams to ports on which nothing listens.
    pub udp_no_ports: u64,
    /// IP packets that came in for this machine, and were neither delivered, nor forwarded, nor counted as faulty: what a
    /// firewall of this machine drops.
    pub ip_undelivered: u64,
}
