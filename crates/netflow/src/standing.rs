//! How exporters stand, kept on disk for whoever asks while the bot runs, or after it.
//!
//! What a restart goes on from is a [`Snapshot`]; this is the ledger beside it, which begins anew with each start.

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
    ledger::{Account, Coverage},
    record::{Factor, Protocol, Stream},
    snapshot::Snapshot,
};

/// The file that keeps it.
pub(super) const FILE: &str = "ledger.bin";

/// The sums of all streams, since the bot began.
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
    pub seen: u64,
    pub lost: u64,
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
    /// Sums since the bot began.
    pub standing: Standing,
    /// Templates and samplings.
    pub snapshot: Snapshot,
}

impl Standing {
    /// Takes it down.
    pub(super) fn of(intake: &Intake) -> Self {
        let ledger = intake.ledger();
        let mut streams: Vec<_> =
            ledger.accounts().map(|(stream, account)| StreamStanding::of(stream, account)).collect();
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
    fn of(stream: &Stream, account: &Account) -> Self {
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

    /// Gives how much of what was sent was seen, from 0.0 to 1.0; none where nothing is known to have been sent.
    pub fn coverage(&self) -> Option<f64> {
        Coverage { seen: self.seen, lost: self.lost }.ratio()
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
