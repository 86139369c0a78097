//! Events taken to a backend that keeps them.

use std::{collections::HashMap, time::Duration};

use rand::{SeedableRng, rngs::StdRng};
use tokio::{
    select,
    time::{self, Instant},
};
use tracing::{debug, info, warn};

use super::{
    Delivery, SpoolFailures,
    pacing::Backoff,
    settings::{EVENT_REPORTS_PER_BATCH, LONGEST_SLOW_PAUSE, SUSPECT_ATTEMPTS},
};
use crate::{
    backend::{Backend, BackendError},
    model::AccountId,
    report::Report,
    spool::{
        Access, Batch, Entry, EntryId, Lane, ReasonKind, RejectedEntry, Settlement, SpoolError, TakeRequest,
    },
    throttle::LogThrottle,
};

/// The loop that takes events to the backend.
pub(super) struct EventLoop<'a, K> {
    delivery: &'a Delivery<K>,
    accounts: HashMap<AccountId, Account>,
    /// How often a report failed while others of the account did not.
    failures: HashMap<EntryId, u32>,
    last_served: Option<AccountId>,
    is_told: bool,
    log: LogThrottle,
    jitter: StdRng,
}

/// When an account is asked again.
#[derive(Debug)]
struct Account {
    closed_until: Option<Instant>,
    backoff: Backoff,
    slow_backoff: Backoff,
}

impl Default for Account {
    fn default() -> Self {
        Self { closed_until: None, backoff: Backoff::short(), slow_backoff: Backoff::slow() }
    }
}

impl<'a, K: Backend> EventLoop<'a, K> {
    pub(super) fn new(delivery: &'a Delivery<K>) -> Self {
        Self {
            delivery,
            accounts: HashMap::new(),
            failures: HashMap::new(),
            last_served: None,
            is_told: false,
            log: LogThrottle::default(),
            // Another row of numbers than those of the other loops.
            jitter: StdRng::seed_from_u64(delivery.settings.jitter_seed.rotate_left(32)),
        }
    }

    /// Works until it is stopped and nothing more can be done at once; fails if the spool is gone.
    pub(super) async fn run(mut self) -> Result<(), SpoolError> {
        let mut failures = SpoolFailures::default();
        loop {
            let outcome = match self.next_batch().await {
                Ok(Some(batch)) => self.deal_with(batch).await,
                Ok(None) if self.delivery.stop.is_cancelled() => return Ok(()),
                Ok(None) => {
                    self.rest().await;
                    Ok(())
                }
                Err(error) => Err(error),
            };
            match outcome {
                Ok(()) => failures.ended(),
                Err(error) => failures.wait_after(error).await?,
            }
        }
    }

    async fn next_batch(&self) -> Result<Option<Batch>, SpoolError> {
        let now = Instant::now();
        let closed =
            self.accounts.iter().filter(|(_, known)| known.closed_until.is_some_and(|until| now < until));
        let request = TakeRequest {
            lane: Lane::Events,
            fresh_within: Duration::MAX,
            fresh_values: EVENT_REPORTS_PER_BATCH,
            old_values: 0,
            after: self.last_served,
            access: closed.map(|(account, _)| (*account, Access::Closed)).collect(),
        };
        self.delivery.spool.take(request).await
    }

    async fn rest(&self) {
        let now = Instant::now();
        let opens =
            self.accounts.values().filter_map(|known| known.closed_until).filter(|until| *until > now).min();
        select! {
            biased;
            () = self.delivery.stop.cancelled() => {}
            () = self.delivery.spool.arrival(Lane::Events) => {}
            () = time::sleep_until(opens.unwrap_or(now + LONGEST_SLOW_PAUSE)) => {}
        }
    }

    async fn deal_with(&mut self, batch: Batch) -> Result<(), SpoolError> {
        let account = batch.account;
        self.last_served = Some(account);
        for entry in batch.entries {
            let id = entry.id;
            match self.send(account, &entry).await {
                Ok(rejected) => {
                    self.failures.remove(&id);
                    self.accounts.remove(&account);
                    let settlement = Settlement { retired: vec![id], rejected };
                    self.delivery.metrics.rejected(&settlement);
                    self.delivery.spool.settle(settlement).await?;
                }
                Err(error) => {
                    self.wait_after(account, &error);
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Returns what of a report is a dead letter; an error means that it is to be tried again.
    async fn send(&mut self, account: AccountId, entry: &Entry) -> Result<Vec<RejectedEntry>, BackendError> {
        let Report::Events(events) = &entry.report else { return Ok(Vec::new()) };
        let error = match self.delivery.backend.put_events(account, &events.events).await {
            Ok(true) => return Ok(Vec::new()),
            Ok(false) => {
                if !self.is_told {
                    self.is_told = true;
                    info!(%account, "the backend keeps no events: they are counted, and told to nobody");
                }
                return Ok(Vec::new());
            }
            Err(error) => error,
        };
        let kind = match &error {
            BackendError::Refused { .. } => ReasonKind::Refused,
            // A backend that fails on everything is not told from one that fails on this: only after several attempts, with
            // growing pauses between them, it is this.
            BackendError::Failed { retry_after: None, .. } => {
                let failures = self.failures.entry(entry.id).or_default();
                *failures += 1;
                if *failures < SUSPECT_ATTEMPTS.saturating_mul(4) {
                    return Err(error);
                }
                ReasonKind::Failed
            }
            _ => return Err(error),
        };
        if let Some(suppressed) = self.log.admit(kind.as_str()) {
            let events = events.events.len();
            warn!(%account, %error, events, suppressed, "events are dead letters: the backend does not take them");
        }
        let rejected = RejectedEntry::of_report(&entry.report, kind, error.with_causes());
        Ok(rejected.into_iter().collect())
    }

    fn wait_after(&mut self, account: AccountId, error: &BackendError) {
        let known = self.accounts.entry(account).or_default();
        let pause = match error {
            BackendError::Unauthorized { .. } | BackendError::Forbidden { .. } => {
                known.slow_backoff.next(None, &mut self.jitter)
            }
            _ => known.backoff.next(error.retry_after(), &mut self.jitter),
        };
        known.closed_until = Some(Instant::now() + pause);
        debug!(%account, %error, ?pause, "events wait");
    }
}
