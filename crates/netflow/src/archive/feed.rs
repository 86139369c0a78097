//! The way in: flows are gathered on the receiving thread and handed over in batches, which never waits.

use std::{
    sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    time::Duration,
};

use grafolean_time::Timestamp;

use super::{ArchiveMetrics, Record};
use crate::record::{Flow, FlowDetails, Origin};

/// Flows handed over at once.
pub const BATCH_RECORDS: usize = 4_096;
/// Batches that wait to be written: 92 MB, and 160 MB more where each flow tells details; half a second of a million flows a second, which is the longest a disk's sync
/// should take. Beyond it a batch is dropped, and counted.
pub const BATCHES: usize = 128;
/// How long flows wait for others to fill their batch.
const GATHER: Duration = Duration::from_secs(1);

/// Flows, and when they were handed over; without any it says that time has passed.
pub(super) type Batch = (Timestamp, Vec<Record>);

/// Collects the flows of one receiving thread. A clone begins empty.
#[derive(Debug)]
pub struct Feed {
    records: Vec<Record>,
    handed_over: Timestamp,
    sender: Option<SyncSender<Batch>>,
    metrics: ArchiveMetrics,
}

pub(super) fn channel(metrics: ArchiveMetrics) -> (Feed, Receiver<Batch>) {
    let (sender, receiver) = sync_channel(BATCHES);
    let feed = Feed { records: Vec::new(), handed_over: Timestamp::default(), sender: Some(sender), metrics };
    (feed, receiver)
}

impl Clone for Feed {
    fn clone(&self) -> Self {
        Self {
            records: Vec::new(),
            handed_over: self.handed_over,
            sender: self.sender.clone(),
            metrics: self.metrics.clone(),
        }
    }
}

impl Feed {
    /// Adds a flow of which no details are known.
    pub fn flow(&mut self, origin: &Origin, flow: &Flow) {
        self.detailed(origin, flow, &FlowDetails::default());
    }

    /// Adds a flow.
    #[inline]
    pub fn detailed(&mut self, origin: &Origin, flow: &Flow, details: &FlowDetails<'_>) {
        self.records.push(Record::new(origin, flow, details));
        if self.records.len() >= BATCH_RECORDS {
            // what waited for its template may have come long ago
            self.hand_over(self.handed_over.max(origin.received));
        }
    }

    /// Advances the time: flows that have waited long enough are handed over. To be called after each batch of
    /// datagrams, and a few times a second while none come.
    pub fn pass(&mut self, now: Timestamp) {
        // a clock that was set back hands over at once
        if now < self.handed_over || now.since(self.handed_over) >= GATHER {
            self.hand_over(now);
        }
    }

    /// Hands over what is left, and ends.
    pub(super) fn close(&mut self) {
        self.hand_over(self.handed_over);
        self.sender = None;
    }

    fn hand_over(&mut self, now: Timestamp) {
        self.handed_over = now;
        let room = if self.records.is_empty() { 0 } else { BATCH_RECORDS };
        let records = std::mem::replace(&mut self.records, Vec::with_capacity(room));
        let Some(sender) = &self.sender else { return };
        self.metrics.waiting.inc();
        if let Err(TrySendError::Full((_, dropped)) | TrySendError::Disconnected((_, dropped))) =
            sender.try_send((now, records))
        {
            self.metrics.waiting.dec();
            self.metrics.dropped.inc_by(dropped.len() as u64);
        }
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        if !self.records.is_empty() {
            self.hand_over(self.handed_over);
        }
    }
}
