//! How exporters stand, kept on disk for whoever asks while the bot runs, or after it.
//!
//! What a restart goes on from is kept apart; this is what people are shown of it.

use std::{
    net::{IpAddr, SocketAddr},
    path::Path,
};

use grafolean_time::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    intake::Intake,
    keep::{self, KeepError},
    keeper::EXPORTERS,
    ledger::{Account, Counted, Coverage, NumberedOver},
    record::{Factor, Protocol, Stream},
    snapshot::Snapshot,
};

/// The file that keeps it.
pub(super) const FILE: &str = "ledger.bin";

/// The sums of all streams, since each was first heard.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// Every stream, in order.
    pub streams: Vec<StreamStanding>,
    /// Datagrams of no known protocol.
    pub foreign_datagrams: u64,
    /// Datagrams that the kernel dropped before anybody saw whose they were.
    pub kernel_drops: u64,
    /// Samplings that operators set, by the exporter's address.
    pub set_by_hand: Vec<(IpAddr, Factor)>,
}

/// The sums of one stream; see [`Account`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "they are the account's, by the same names")]
pub struct StreamStanding {
    /// Where it comes from.
    pub exporter: SocketAddr,
    pub protocol: Protocol,
    pub domain: u32,
    pub agent: Option<IpAddr>,
    pub last_seen: Timestamp,
    pub datagrams: u64,
    pub octets: u64,
    pub flows: u64,
    pub options: u64,
    pub templates: u64,
    pub counter_samples: u64,
    pub samples_lost: u64,
    pub samples_dropped: u64,
    pub seen: u64,
    pub lost: u64,
    pub unscaled: u64,
    pub disbelieved: u64,
    /// What its numbers count, and over what they run.
    pub counting: String,
    pub recovered: u64,
    pub late: u64,
    pub repeated: u64,
    pub restarts: u64,
    pub undecodable: u64,
    pub parked: u64,
    pub unparked: u64,
    pub expired: u64,
}

/// All that a bot's folder says of its exporters.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Known {
    /// Sums since each stream was first heard.
    pub standing: Standing,
    /// Templates and samplings.
    pub snapshot: Snapshot,
}

impl Standing {
    /// Takes it down.
    pub(super) fn of(intake: &Intake) -> Self {
        let ledger = intake.ledger();
        let mut streams: Vec<_> = ledger
            .accounts()
            .map(|(stream, account)| StreamStanding::of(stream, account, ledger.numbered_over(stream)))
            .collect();
        streams.sort_by_key(|stream| (stream.exporter, stream.protocol, stream.domain, stream.agent));
        let mut set_by_hand: Vec<_> = intake.samplings().all_set_by_hand().collect();
        set_by_hand.sort_by_key(|(address, _)| *address);
        Self {
            streams,
            foreign_datagrams: ledger.foreign_datagrams(),
            kernel_drops: ledger.kernel_drops(),
            set_by_hand,
        }
    }
}

impl StreamStanding {
    fn of(stream: &Stream, account: &Account, over: NumberedOver) -> Self {
        Self {
            exporter: stream.exporter,
            protocol: stream.protocol,
            domain: stream.domain,
            agent: stream.agent,
            last_seen: account.last_seen,
            datagrams: account.datagrams,
            octets: account.octets,
            flows: account.flows,
            options: account.options,
            templates: account.templates,
            counter_samples: account.counter_samples,
            samples_lost: account.samples_lost,
            samples_dropped: account.samples_dropped,
            unscaled: account.coverage.unscaled,
            disbelieved: account.disbelieved,
            counting: counting(stream.protocol, account.counted(), over),
            seen: account.coverage.seen,
            lost: account.coverage.lost,
            recovered: account.recovered,
            late: account.late,
            repeated: account.repeated,
            restarts: account.restarts,
            undecodable: account.undecodable,
            parked: account.parked,
            unparked: account.unparked,
            expired: account.expired,
        }
    }

    /// Returns how much of what was sent was seen, with what is known of its scale; see [`Coverage::ratio`].
    pub fn coverage(&self) -> Option<f64> {
        self.completeness().ratio()
    }

    /// Returns what its coverage is made of.
    pub fn completeness(&self) -> Coverage {
        Coverage {
            seen: self.seen,
            lost: self.lost,
            flows: self.flows,
            unscaled: self.unscaled,
            dropped: self.samples_dropped,
        }
    }
}

/// Returns in words what a stream's numbers count, and over what they run.
fn counting(protocol: Protocol, counted: Counted, over: NumberedOver) -> String {
    let units =
        match (protocol, counted) {
            (Protocol::Netflow1, _) => return "nothing".to_owned(),
            (Protocol::Netflow5 | Protocol::Netflow7, _) => "flows",
            (_, Counted::WithTemplates) => "records and templates",
            (Protocol::Netflow9 | Protocol::Sflow5, Counted::ByRule)
            | (Protocol::Ipfix, Counted::Otherwise) => "datagrams",
            (Protocol::Netflow9 | Protocol::Sflow5, Counted::Otherwise)
            | (Protocol::Ipfix, Counted::ByRule) => "records",
        };
    match over {
        NumberedOver::Domain => format!("{units} per domain"),
        NumberedOver::Exporter => format!("{units} per exporter"),
    }
}

impl Known {
    /// Reads what a bot keeps in its folder; what was never written is empty.
    ///
    /// # Errors
    /// Fails when a file is damaged, of another version, or cannot be read.
    pub fn read(folder: &Path) -> Result<Self, KeepError> {
        Ok(Self {
            standing: keep::read(&folder.join(FILE))?.unwrap_or_default(),
            snapshot: keep::read(&folder.join(EXPORTERS))?.unwrap_or_default(),
        })
    }
}
