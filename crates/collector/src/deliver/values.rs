//! Values on their way to the backend.

use std::collections::HashMap;

use rand::{SeedableRng, rngs::StdRng};
use tokio::{
    join, select,
    time::{self, Instant},
};
use tracing::{info, warn};

use super::{
    Delivery, SpoolFailures,
    account::{AccountState, Notice, Route},
    load::Load,
    metrics::{Fault, count},
    pacing::{Backoff, TokenBucket},
    sender::{BisectingSender, Progress, Stop},
    settings::{FRESH, LOOK_EVERY, MAX_REQUEST_VALUES, POST_FRESH, REQUESTS_PER_BATCH, TOKEN_LOOK},
};
use crate::{
    backend::{Backend, BackendError, Stamp},
    model::{AccountId, Sample},
    spool::{Age, Batch, Lane, Settlement, SpoolError, TakeRequest},
    throttle::{LogThrottle, OutageLog, OutageSpan},
};

/// The loop that delivers values, one request in flight.
pub(super) struct ValueLoop<'a, K> {
    delivery: &'a Delivery<K>,
    accounts: HashMap<AccountId, AccountState>,
    /// All accounts wait until then.
    away_until: Option<Instant>,
    away_backoff: Backoff,
    refused_backoff: Backoff,
    outage: Outage,
    outage_log: OutageLog,
    rejected_log: LogThrottle,
    replay: TokenBucket,
    last_served: Option<AccountId>,
    /// The last value that was stored by PUT.
    control: Option<(AccountId, Sample)>,
    /// What was dealt with and has yet to be settled with the spool.
    settlement: Settlement,
    jitter: StdRng,
}

/// Why all accounts wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outage {
    None,
    Away,
    Busy,
    TokenRefused,
}

impl Outage {
    const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Away => "away",
            Self::Busy => "busy",
            Self::TokenRefused => "token refused",
        }
    }
}

impl<'a, K: Backend> ValueLoop<'a, K> {
    pub(super) fn new(delivery: &'a Delivery<K>) -> Self {
        Self {
            delivery,
            accounts: HashMap::new(),
            away_until: None,
            away_backoff: Backoff::short(),
            refused_backoff: Backoff::slow(),
            outage: Outage::None,
            outage_log: OutageLog::default(),
            rejected_log: LogThrottle::default(),
            replay: TokenBucket::new(delivery.settings.replay_values_per_second, Instant::now()),
            last_served: None,
            control: None,
            settlement: Settlement::default(),
            jitter: StdRng::seed_from_u64(delivery.settings.jitter_seed),
        }
    }

    /// Works until it is stopped and nothing more can be delivered at once; fails if the spool is gone.
    pub(super) async fn run(mut self) -> Result<(), SpoolError> {
        let mut failures = SpoolFailures::default();
        loop {
            let taken = self.next_batch().await;
            match taken {
                Ok(Some(batch)) => self.deliver(batch).await,
                Ok(None) if self.delivery.stop.is_cancelled() => return Ok(()),
                Ok(None) => self.rest().await,
                Err(error) => {
                    failures.wait_after(error).await?;
                    continue;
                }
            }
            failures.ended();
        }
    }

    /// Settles with the spool what was dealt with, and asks for more in the same moment.
    async fn next_batch(&mut self) -> Result<Option<Batch>, SpoolError> {
        let (spool, now) = (&self.delivery.spool, Instant::now());
        let settlement = std::mem::take(&mut self.settlement);
        if self.away_until.is_some_and(|until| now < until) {
            spool.settle(settlement).await?;
            return Ok(None);
        }
        let accounts = self.accounts.iter();
        let request = TakeRequest {
            lane: Lane::Values,
            fresh_within: FRESH,
            fresh_values: REQUESTS_PER_BATCH * MAX_REQUEST_VALUES,
            old_values: self.replay.allowed(now).min(REQUESTS_PER_BATCH * MAX_REQUEST_VALUES),
            after: self.last_served,
            access: accounts.filter_map(|(account, state)| Some((*account, state.access(now)?))).collect(),
        };
        let (settled, batch) = join!(spool.settle(settlement), spool.take(request));
        settled?;
        batch
    }

    /// Waits for something new, or until something may be tried again.
    async fn rest(&mut self) {
        let now = Instant::now();
        if let Some(until) = self.away_until.filter(|until| *until > now) {
            return self.wait_out(until, now).await;
        }
        let again = self.accounts.values().filter_map(|state| state.changes_at(now));
        let replay = self.replay.ready_at().filter(|at| *at > now);
        let wake = again.chain(replay).chain([now + LOOK_EVERY]).min().unwrap_or(now + LOOK_EVERY);
        select! {
            biased;
            () = self.delivery.stop.cancelled() => {}
            () = self.delivery.spool.arrival(Lane::Values) => {}
            () = time::sleep_until(wake) => {}
        }
    }

    /// Nothing new can be delivered either. A token that was refused may be replaced meanwhile.
    async fn wait_out(&mut self, until: Instant, now: Instant) {
        let is_refused = self.outage == Outage::TokenRefused;
        let wake = if is_refused { until.min(now + TOKEN_LOOK) } else { until };
        select! {
            biased;
            () = self.delivery.stop.cancelled() => return,
            () = time::sleep_until(wake) => {}
        }
        if is_refused && self.delivery.backend.renew_token().await {
            self.away_until = None;
        }
    }

    async fn deliver(&mut self, batch: Batch) {
        let account = batch.account;
        self.last_served = Some(account);
        let mut state = self.accounts.remove(&account).unwrap_or_default();
        let (load, stamp) = self.load(&batch, &mut state);
        if batch.age == Age::Old {
            self.replay.spend(load.samples.len());
            self.delivery.metrics.replayed_values.inc_by(count(load.samples.len()));
        }
        match self.send(account, &mut state, load, stamp).await {
            Ok(()) => self.went_through(account, &mut state, stamp),
            Err(stop) => self.stopped(account, &mut state, stop, stamp),
        }
        self.accounts.insert(account, state);
        let now = Instant::now();
        let closed = self.accounts.values().filter(|state| state.access(now).is_some()).count();
        self.delivery.metrics.closed_accounts.set(i64::try_from(closed).unwrap_or(i64::MAX));
    }

    /// Returns what of a batch can be sent, and how.
    fn load(&self, batch: &Batch, state: &mut AccountState) -> (Load, Stamp) {
        let entries = batch.entries.clone();
        match state.route(Instant::now()) {
            Route::Put => (Load::of(entries), Stamp::Due),
            Route::Post { .. } => {
                let now = self.delivery.clock.now();
                let oldest = now - POST_FRESH;
                let (load, kept) = Load::for_arrival(entries, oldest, state.posted());
                state.post(&load.samples, oldest);
                let values = kept.iter().map(|kept| kept.values).sum();
                self.delivery.metrics.kept_values.inc_by(count(values));
                let newest = batch.entries.last().map_or(now, |entry| entry.accepted);
                state.keep_for_put(&kept, newest - FRESH);
                (load, Stamp::Arrival)
            }
        }
    }

    /// Sends all of a load; what was dealt with is noted for the spool however it ends.
    async fn send(
        &mut self,
        account: AccountId,
        state: &mut AccountState,
        load: Load,
        stamp: Stamp,
    ) -> Result<(), Stop> {
        let (backend, metrics) = (&*self.delivery.backend, &self.delivery.metrics);
        let foreign_control = self.control.clone().filter(|(of, _)| *of != account);
        let progress = Progress::default();
        let mut sender =
            BisectingSender { backend, metrics, account, stamp, state, foreign_control, progress };
        let (mut outcome, mut next) = (Ok(()), 0);
        while outcome.is_ok() && next < load.samples.len() {
            let end = load.samples.len().min(next + sender.state.max_request());
            outcome = sender.send(&load.samples, next..end).await;
            next = end;
        }
        let (dealt_with, has_stored) = (sender.progress.dealt_with(), sender.progress.has_stored());
        if let Some(control) = sender.state.control().filter(|_| has_stored) {
            self.control = Some((account, control.clone()));
        }
        let settlement = load.settle(dealt_with, sender.progress.rejected);
        self.log_rejected(account, &settlement);
        metrics.rejected(&settlement);
        self.settlement = settlement;
        if has_stored {
            let now = self.delivery.clock.now();
            metrics.deliveries.stored(account, count(dealt_with), now);
        }
        if has_stored && outcome.is_ok() {
            self.backend_is_there();
        }
        outcome
    }

    fn log_rejected(&self, account: AccountId, settlement: &Settlement) {
        let Some(first) = settlement.rejected.first() else { return };
        if let Some(suppressed) = self.rejected_log.admit("rejected") {
            let (values, reason) = (settlement.rejected.len(), first.reason());
            warn!(%account, values, reason, suppressed, "values can't be delivered: they are kept as dead letters");
        }
    }

    fn backend_is_there(&mut self) {
        self.away_until = None;
        self.away_backoff = Backoff::short();
        self.refused_backoff = Backoff::slow();
        self.outage = Outage::None;
        self.delivery.metrics.backing_off.set(0);
        self.delivery.metrics.faults.clear(Fault::Token);
        if let Some(OutageSpan { lasted, failures }) = self.outage_log.ended(Instant::now()) {
            let waiting = self.delivery.spool.statistics().queue.values;
            info!(waiting, ?lasted, failures, "the backend takes values again");
        }
    }

    fn went_through(&self, account: AccountId, state: &mut AccountState, stamp: Stamp) {
        state.finished();
        self.delivery.metrics.faults.clear(Fault::Account(account));
        if let Some(OutageSpan { lasted, failures }) = state.outage.ended(Instant::now()) {
            info!(%account, ?lasted, failures, "the backend takes the values of this account again");
        }
        if stamp == Stamp::Due && state.may_put() {
            info!(%account, "values may be sent with their own times again");
        }
    }

    fn stopped(&mut self, account: AccountId, state: &mut AccountState, stop: Stop, stamp: Stamp) {
        let now = Instant::now();
        let (cause, evidence) = stop.cause();
        self.delivery.metrics.deliveries.failed(account, cause, evidence, self.delivery.clock.now());
        match stop {
            Stop::Away(error) => self.all_wait(Outage::Away, &error, now),
            Stop::Busy(error) => self.all_wait(Outage::Busy, &error, now),
            Stop::Unauthorized(error) => {
                self.delivery.metrics.faults.set(Fault::Token, error.to_string());
                self.all_wait(Outage::TokenRefused, &error, now);
            }
            Stop::Ill(error) => {
                if matches!(error, BackendError::Nonsense { .. }) {
                    let told = format!("account {account}: the backend stores no value, all wait: {error}");
                    self.delivery.metrics.faults.set(Fault::Account(account), told);
                }
                state.close(error.retry_after(), now, &mut self.jitter);
                log_account_outage(
                    account,
                    state,
                    "failing",
                    "the backend fails, the values wait",
                    &error,
                    now,
                );
            }
            Stop::Suspect(error) => {
                state.suspect(now, &mut self.jitter);
                let what = "a request fails while the backend is healthy, it is tried again";
                log_account_outage(account, state, "suspect", what, &error, now);
            }
            Stop::Untrusted(reason) => {
                state.doubt(now, &mut self.jitter);
                let what = "the backend takes no value of this account: none is rejected, all wait";
                let told = format!("account {account}: {what}: {reason}");
                self.delivery.metrics.faults.set(Fault::Account(account), told);
                log_account_outage(account, state, "untrusted", what, &reason, now);
            }
            Stop::Forbidden(error) if stamp == Stamp::Due => {
                state.forbid_put(now);
                if state.notice == Notice::Nothing {
                    state.notice = Notice::PutForbidden;
                    warn!(%account, %error, "only fresh values can be sent, stamped by the backend; others wait");
                }
            }
            Stop::Forbidden(error) => {
                let pause = state.close_slowly(now, &mut self.jitter);
                if state.notice != Notice::AllForbidden {
                    state.notice = Notice::AllForbidden;
                    warn!(%account, %error, ?pause, "values wait until the permission is given");
                }
            }
        }
    }

    /// Nothing goes to any account for a while.
    fn all_wait(&mut self, outage: Outage, error: &BackendError, now: Instant) {
        let backoff = match outage {
            Outage::TokenRefused => &mut self.refused_backoff,
            Outage::Away | Outage::Busy | Outage::None => &mut self.away_backoff,
        };
        let pause = backoff.next(error.retry_after(), &mut self.jitter);
        self.away_until = Some(now + pause);
        self.outage = outage;
        self.delivery.metrics.backing_off.set(1);
        if let Some(OutageSpan { lasted, failures }) = self.outage_log.failed(outage.as_str(), now) {
            warn!(%error, ?pause, ?lasted, failures, "the backend takes no values, they wait in the spool");
        }
    }
}

fn log_account_outage(
    account: AccountId,
    state: &mut AccountState,
    kind: &'static str,
    what: &str,
    reason: &dyn std::fmt::Display,
    now: Instant,
) {
    if let Some(OutageSpan { lasted, failures }) = state.outage.failed(kind, now) {
        warn!(%account, %reason, ?lasted, failures, "{what}");
    }
}
