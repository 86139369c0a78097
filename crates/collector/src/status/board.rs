//! All that a bot knows, gathered from its parts when somebody asks.

use std::{path::PathBuf, sync::Arc};

use super::{BotStatus, Configuration, DeadLetterStatus, DeadLetters, Heard, QueueStatus, Reading, RunLog};
use crate::{
    deliver::DeliveryMetrics,
    report::Report,
    spool::{Content, DeadLetter, Letters, Spool, SpoolFile, SpoolMetrics},
    time::{Clock, Timestamp},
};

/// Jobs of which a status tells; more of them would be megabytes that nobody reads.
const MOST_JOBS: usize = 20_000;

/// Dead letters of which it tells, the newest.
const MOST_LETTERS: u32 = 100;

/// Gathers what a bot knows; a clone gathers the same.
#[derive(Clone)]
pub struct StatusBoard(Arc<Parts>);

/// Whose status it is.
#[derive(Clone, Debug, Default)]
pub struct BotName {
    /// Its protocol; empty where the configuration that it reads says so.
    pub protocol: String,
    /// Its version.
    pub version: String,
    /// The address of its backend.
    pub backend: String,
    /// How often it reads the configuration.
    pub refresh_seconds: u64,
}

/// The parts that know.
pub(crate) struct Parts {
    pub(crate) name: BotName,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) started: Timestamp,
    pub(crate) spool_limit_bytes: u64,
    pub(crate) runs: RunLog,
    pub(crate) reading: Reading,
    pub(crate) delivery: DeliveryMetrics,
    pub(crate) spool: Spool,
    pub(crate) spool_metrics: SpoolMetrics,
    pub(crate) heard: Box<dyn Fn() -> Option<Heard> + Send + Sync>,
}

impl StatusBoard {
    pub(crate) fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// Returns what the bot knows at this moment. Reads the dead letters, where there are any, from the disk.
    pub fn status(&self) -> BotStatus {
        let parts = &*self.0;
        let now = parts.clock.now();
        let (jobs, jobs_more, troubles) = parts.runs.read(now, MOST_JOBS);
        let read = parts.reading.get();
        BotStatus {
            protocol: if parts.name.protocol.is_empty() {
                read.protocol
            } else {
                parts.name.protocol.clone()
            },
            version: parts.name.version.clone(),
            user: read.user,
            backend: parts.name.backend.clone(),
            started: parts.started.as_seconds_f64(),
            at: now.as_seconds_f64(),
            pause: 0.0,
            stopped: false,
            configuration: Configuration { every: parts.name.refresh_seconds, ..read.configuration },
            jobs,
            jobs_more,
            troubles,
            refused: read.refused,
            queue: self.queue(),
            delivery: parts.delivery.accounts(),
            dead_letters: self.dead_letters(),
            heard: (parts.heard)(),
        }
    }

    /// Waits until something is newly wrong with a run.
    pub(super) async fn news(&self) {
        self.0.runs.news().await;
    }

    /// Returns the file of the bot's queue.
    pub(super) fn spool_file(&self) -> PathBuf {
        self.0.spool.path().to_path_buf()
    }

    fn queue(&self) -> QueueStatus {
        let statistics = self.0.spool.statistics();
        QueueStatus {
            values: statistics.queue.values,
            bytes: statistics.queue.bytes,
            limit_bytes: self.0.spool_limit_bytes,
            oldest: statistics.oldest.map(Timestamp::as_seconds_f64),
            trouble: statistics.trouble,
            dropped: self.0.spool_metrics.values_dropped(),
        }
    }

    fn dead_letters(&self) -> DeadLetters {
        let count = self.0.spool.statistics().dead_letters;
        if count == 0 {
            return DeadLetters::default();
        }
        let newest = SpoolFile::open(self.spool_file())
            .and_then(|file| file.dead_letters(Letters::Backend, None, MOST_LETTERS));
        DeadLetters { count, newest: newest.unwrap_or_default().into_iter().map(letter_status).collect() }
    }
}

fn letter_status(letter: DeadLetter) -> DeadLetterStatus {
    let value = match &letter.content {
        Content::Report(Report::Values(values)) => {
            values.values.first().map(|(path, _)| (path.clone(), values.time.as_seconds_f64()))
        }
        _ => None,
    };
    let (path, time) = value.unzip();
    DeadLetterStatus {
        id: letter.id.number(),
        account: letter.account,
        path,
        time,
        rejected_at: letter.rejected_at.as_seconds_f64(),
        kind: letter.kind.as_str().to_owned(),
        reason: letter.reason,
        again: letter.again,
    }
}
