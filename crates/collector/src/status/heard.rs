//! What a bot that listens heard of those who send to it.

use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr},
};

use serde::{Deserialize, Serialize};

use crate::model::{AccountId, EntityId};

/// What was heard, by whom, and what the kernel counted beside it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Heard {
    /// Where the bot listens.
    pub listening: Vec<SocketAddr>,
    /// Who was heard: those that entities name first, then the latest.
    pub exporters: Vec<HeardExporter>,
    /// What is to be said of each exporter that an entity names, as of the last minute that was looked at.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub verdicts: Vec<ExporterVerdict>,
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

/// What is to be said of an exporter: what it sends, how complete that is, how true, and what to change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExporterVerdict {
    /// The account, and the entity that names it.
    pub account: AccountId,
    /// See [`account`](Self::account).
    pub entity: EntityId,
    /// The end of the minute that was looked at last, in seconds since 1970.
    pub at: f64,
    /// All of it in a sentence.
    pub sentence: String,
    /// What it leaves out.
    pub missing: Vec<String>,
    /// How complete the last minutes are, from 0 to 1.
    pub complete: Option<f64>,
    /// Flows by interface counters; 1 is the same. `None` where none were counted.
    pub reconciled: Option<f64>,
    /// What is wrong.
    pub findings: Vec<VerdictFinding>,
    /// Its interfaces, those that differ most first.
    pub interfaces: Vec<VerdictInterface>,
}

/// Why flows of an exporter are not what its interfaces counted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VerdictFinding {
    /// A short word from a small fixed set, see docs/flows.md.
    pub kind: String,
    /// When it was first found, in seconds since 1970.
    pub since: f64,
    /// What is wrong.
    pub sentence: String,
    /// What to do.
    pub advice: String,
    /// SNMP indexes; empty where it is the whole exporter.
    pub interfaces: BTreeSet<u32>,
}

/// How flows of one interface compare with its counters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VerdictInterface {
    /// Its SNMP index.
    pub index: u32,
    /// What people call it.
    pub name: Option<String>,
    /// Flows by counters, both directions together.
    pub reconciled: Option<f64>,
    /// The same of what came in, where flows tell directions.
    pub ingress: Option<f64>,
    /// The same of what went out.
    pub egress: Option<f64>,
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
