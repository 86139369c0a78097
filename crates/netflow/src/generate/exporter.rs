//! An exporter that counts what it sends.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use grafolean_time::Timestamp;

use super::{fixed, sets, sflow};
use crate::record::{Flow, Protocol};

/// Octets of a datagram: 30 records of NetFlow v5, which fit an Ethernet frame behind IPv4 and UDP headers.
pub const DATAGRAM_BYTES: usize = 1_464;
/// Datagrams between two in which templates and options data are told again.
const REPEAT_EVERY: u32 = 500;

/// How an exporter speaks.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// What it speaks.
    pub protocol: Protocol,
    /// Source id, observation domain, engine, or sub-agent.
    pub domain: u32,
    /// One packet in so many is observed; 1 is all. Told as each protocol tells it.
    pub sampling: u32,
    /// When it started, which its uptime counts from.
    pub boot: Timestamp,
}

/// What was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Datagrams.
    pub datagrams: u64,
    /// Flows in them.
    pub flows: u64,
    /// The flows' bytes, not scaled.
    pub bytes: u64,
    /// The flows' packets, not scaled.
    pub packets: u64,
}

/// Puts flows into datagrams.
#[derive(Clone, Debug)]
pub struct Exporter {
    pub(super) setup: Setup,
    pub(super) sequence: u32,
    /// Samples taken by each source of sFlow.
    pub(super) samples: BTreeMap<u32, u32>,
    datagrams: u32,
    totals: Totals,
}

impl Exporter {
    /// Starts an exporter whose numbers begin at 0.
    pub fn new(setup: Setup) -> Self {
        Self { setup, sequence: 0, samples: BTreeMap::new(), datagrams: 0, totals: Totals::default() }
    }

    /// Starts an exporter whose numbers begin elsewhere.
    pub fn with_sequence(setup: Setup, sequence: u32) -> Self {
        Self { sequence, ..Self::new(setup) }
    }

    /// Writes one datagram into `datagram` (which is emptied) with as many of the flows as fit [`DATAGRAM_BYTES`], taken
    /// from the front. The first datagram, and one of each 500 then, tells the templates too.
    ///
    /// Flows of IPv6 are left out by NetFlow v5. sFlow sends each flow as one sampled packet of the flow's bytes, cut at
    /// 2^32 - 1.
    pub fn export(&mut self, now: Timestamp, flows: &mut VecDeque<Flow>, datagram: &mut Vec<u8>) {
        datagram.clear();
        let with_templates = self.datagrams.is_multiple_of(REPEAT_EVERY);
        let sent = match self.setup.protocol {
            Protocol::Netflow1 | Protocol::Netflow5 | Protocol::Netflow7 => {
                fixed::write(self, now, flows, datagram)
            }
            Protocol::Netflow9 | Protocol::Ipfix => sets::write(self, now, flows, with_templates, datagram),
            Protocol::Sflow5 => sflow::write(self, now, flows, datagram),
        };
        self.datagrams = self.datagrams.wrapping_add(1);
        self.totals.datagrams += 1;
        self.totals.flows += sent.flows;
        self.totals.bytes = self.totals.bytes.saturating_add(sent.bytes);
        self.totals.packets = self.totals.packets.saturating_add(sent.packets);
    }

    /// Returns what was sent so far.
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// Milliseconds since the start, which wrap.
    pub(super) fn uptime_ms(&self, moment: Timestamp) -> u32 {
        let micros = moment.micros().saturating_sub(self.setup.boot.micros());
        u32::try_from((micros / 1_000).rem_euclid(1 << 32)).unwrap_or(0)
    }
}

impl Totals {
    pub(super) fn add(&mut self, bytes: u64, packets: u64) {
        self.flows += 1;
        self.bytes = self.bytes.saturating_add(bytes);
        self.packets = self.packets.saturating_add(packets);
    }
}

/// Whole seconds since 1970, and nanoseconds.
pub(super) fn seconds(now: Timestamp) -> (u32, u32) {
    let whole = u32::try_from(now.seconds()).unwrap_or(0);
    let rest = now.since(Timestamp::from_seconds(now.seconds()));
    (whole, Duration::from_micros(rest.as_micros().try_into().unwrap_or(0)).subsec_nanos())
}
