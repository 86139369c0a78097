//! What the tests of the spool share: a folder, a clock that stands still, reports.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use grafolean_collector::{
    model::AccountId,
    report::{Report, Values},
    spool::{Batch, Entry, Lane, Limits, Spool, SpoolMetrics, TakeRequest},
    time::{Clock, Timestamp},
};

/// A clock that a test sets.
#[derive(Clone, Debug)]
pub struct HandClock(Arc<AtomicI64>);

impl HandClock {
    pub fn new() -> Self {
        Self(Arc::new(AtomicI64::new(Timestamp::from_seconds(1_700_000_000).micros())))
    }

    /// Lets time pass, for all clocks.
    pub async fn pass(&self, span: Duration) {
        // Slept through, so that the thread at the disk is done before.
        tokio::time::sleep(span).await;
        self.leap(i64::try_from(span.as_secs()).unwrap());
    }

    /// Sets the wall clock alone.
    pub fn leap(&self, seconds: i64) {
        self.0.fetch_add(seconds * 1_000_000, Ordering::Relaxed);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::Relaxed))
    }
}

/// A folder with a spool and a clock.
pub struct Place {
    pub folder: tempfile::TempDir,
    pub clock: HandClock,
}

impl Place {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), clock: HandClock::new() }
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().join("ping/spool.sqlite")
    }

    pub async fn open(&self) -> Spool {
        self.open_within(Limits::default()).await
    }

    pub async fn open_within(&self, limits: Limits) -> Spool {
        open_at(&self.path(), limits, self.clock.clone()).await
    }
}

pub async fn open_at(path: &Path, limits: Limits, clock: HandClock) -> Spool {
    Spool::open(path, limits, Arc::new(clock), SpoolMetrics::default()).await.unwrap()
}

/// A report of `count` values whose number is `number`.
pub fn report(account: i64, number: usize, count: usize) -> Report {
    Report::Values(Values {
        account: AccountId::new(account),
        time: Timestamp::from_seconds(1_700_000_000 + i64::try_from(number).unwrap()),
        values: (0..count).map(|place| (format!("entity.{number}.p{place}"), number as f64)).collect(),
    })
}

/// Asks for everything of a lane, fresh or not.
pub fn all_of(lane: Lane) -> TakeRequest {
    TakeRequest {
        lane,
        fresh_within: Duration::MAX,
        fresh_values: usize::MAX,
        old_values: usize::MAX,
        after: None,
        access: HashMap::new(),
    }
}

pub async fn take_all(spool: &Spool) -> Option<Batch> {
    spool.take(all_of(Lane::Values)).await.unwrap()
}

/// The numbers of the reports that wait, in the order of acceptance.
pub async fn waiting(spool: &Spool) -> Vec<usize> {
    numbers(&take_all(spool).await.map(|batch| batch.entries).unwrap_or_default())
}

pub fn numbers(entries: &[Entry]) -> Vec<usize> {
    entries
        .iter()
        .map(|entry| match &entry.report {
            Report::Values(values) => usize::try_from(values.time.seconds() - 1_700_000_000).unwrap(),
            other => panic!("no values: {other:?}"),
        })
        .collect()
}
