//! Values on their way to the backend.

use std::collections::HashMap;

use rand::{SeedableRng, rngs::StdRng};
use tokio::{
    join, select,
    time::{self, Instant},
};
use tracing::{error, info, warn};

use super::{
    Delivery,
    load::Load,
    metrics::count,
    pace::Pace,
    pause::Pause,
    settings::{REQUESTS_PER_BATCH, FRESH, LOOK_EVERY, MAX_REQUEST_VALUES, POST_FRESH},
    standing::{Route, Standing, Told},
    trial::{Stop, Trial},
};
use crate::{
    backend::{Backend, Stamp},
    model::AccountId,
    spool::{Age, Lane, Batch, Settlement, SpoolError, TakeRequest},
};

/// The loop that delivers values, one request in flight.
pub(super) struct ValueLoop<'a, K> {
    delivery: &'a Delivery<K>,
    standings: HashMap<AccountId, Standing>,
    /// All accounts wait until then.
    away_until: Option<Instant>,
    away_pause: Pause,
    refused_pause: Pause,
    outage: Outage,
    pace: Pace,
    last_served: Option<AccountId>,
    /// What was dealt with and has yet to be told to the spool.
    settlement: Settlement,
    jitter: StdRng,
}

/// Why all accounts wait, as it was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outage {
    None,
    Away,
    TokenRefused,
}

impl<'a, K: Backend> ValueLoop<'a, K> {
    pub(super) fn new(delivery: &'a Delivery<K>) -> Self {
        Self {
            delivery,
            standings: HashMap::new(),
            away_until: None,
            away_pause: Pause::short(),
            refused_pause: Pause::slow(),
            outage: Outage::None,
            pace: Pace::new(delivery.settings.replay_values_per_second, Instant::now()),
            last_served: None,
            settlement: Settlement::default(),
            jitter: StdRng::seed_from_u64(delivery.settings.jitter_seed),
        }
    }

    /// Works until it is stopped and nothing more can be delivered at once.
    pub(super) async fn run(mut self) {
        loop {
            match self.next_batch().await {
                Ok(Some(batch)) => self.deliver(batch).await,
                Ok(None) if self.delivery.stop.is_cancelled() => return,
                Ok(None) => self.rest().await,
                Err(error) => {
                    error!(%error, "delivery of values ends");
                    return;
                }
            }
        }
    }

    /// Tells the spool what was dealt with, and asks for more in the same moment.
    async fn next_batch(&mut self) -> Result<Option<Batch>, SpoolError> {
        let (spool, now) = (&self.delivery.spool, Instant::now());
        let settlement = std::mem::take(&mut self.settlement);
        if self.away_until.is_some_and(|until| now < until) {
            spool.settle(settlement).await?;
            return Ok(None);
        }
        let access = self
            .standings
            .iter()
            .filter_map(|(account, standing)| Some((*account, standing.access(now)?)))
            .collect();
        let request = TakeRequest {
            lane: Lane::Values,
            fresh_since: self.delivery.clock.now() - FRESH,
            fresh_values: REQUESTS_PER_BATCH * MAX_REQUEST_VALUES,
            old_values: self.pace.allowed(now).min(REQUESTS_PER_BATCH * MAX_REQUEST_VALUES),
            after: self.last_served,
            access,
        };
        let (settled, batch) = join!(spool.settle(settlement), spool.take(request));
        settled?;
        batch
    }

    /// Waits for something new, or until something may be tried again.
    async fn rest(&self) {
        let now = Instant::now();
        let again = self.standings.values().filter_map(|standing| standing.changes_at(now));
        let replay = self.pace.ready_at().filter(|at| *at > now);
        let wake = again.chain(replay).chain([now + LOOK_EVERY]).min().unwrap_or(now + LOOK_EVERY);
        match self.away_until.filter(|until| *until > now) {
            // Nothing new can be delivered either.
            Some(until) => select! {
                biased;
                () = self.delivery.stop.cancelled() => {}
                () = time::sleep_until(until) => {}
            },
            None => select! {
                biased;
                () = self.delivery.stop.cancelled() => {}
                () = self.delivery.spool.arrival(Lane::Values) => {}
                () = time::sleep_until(wake) => {}
            },
        }
    }

    async fn deliver(&mut self, batch: Batch) {
        let account = batch.account;
        self.last_served = Some(account);
        let newest = batch.entries.last().map(|entry| entry.id);
        let mut standing = self.standings.remove(&account).unwrap_or_default();
        let (load, stamp) = match standing.route(Instant::now()) {
            Route::Put => (Load::of(batch.entries), Stamp::Due),
            Route::Post { .. } => {
                let oldest = self.delivery.clock.now() - POST_FRESH;
                let (load, kept) = Load::for_arrival(batch.entries, oldest, MAX_REQUEST_VALUES);
                self.delivery.metrics.kept_values.inc_by(count(kept));
                (load, Stamp::Arrival)
            }
        };
        if batch.age == Age::Old {
            self.pace.spend(load.samples.len());
            self.delivery.metrics.replayed_values.inc_by(count(load.samples.len()));
        }
        match self.send(account, &mut standing, load, stamp).await {
            Ok(()) => {
                standing.finished();
                match (stamp, newest) {
                    (Stamp::Arrival, Some(newest)) => standing.posted(newest),
                    _ => self.put_went_through(account, &mut standing),
                }
            }
            Err(stop) => self.stopped(account, &mut standing, stop, stamp),
        }
        self.standings.insert(account, standing);
        let now = Instant::now();
        let closed = self.standings.values().filter(|standing| standing.access(now).is_some()).count();
        self.delivery.metrics.closed_accounts.set(i64::try_from(closed).unwrap_or(i64::MAX));
    }

    /// Sends all batches of a load; what was dealt with is noted for the spool however it ends.
    async fn send(
        &mut self,
        account: AccountId,
        standing: &mut Standing,
        load: Load,
        stamp: Stamp,
    ) -> Result<(), Stop> {
        let (backend, metrics) = (&self.delivery.backend, &self.delivery.metrics);
        let mut trial = Trial::new(backend, metrics, account, stamp, standing);
        let mut dealt_with = 0;
        let mut outcome = Ok(());
        while outcome.is_ok() && dealt_with < load.samples.len() {
            let end = load.samples.len().min(dealt_with + MAX_REQUEST_VALUES);
            outcome = trial.send(&load.samples, dealt_with..end).await;
            if outcome.is_ok() {
                dealt_with = end;
            }
        }
        let convicted = trial.convicted;
        let settlement = load.settle(dealt_with, convicted);
        if let Some(first) = settlement.rejected.first() {
            let (values, reason) = (settlement.rejected.len(), first.reason());
            warn!(%account, values, reason, "values can't be delivered: they are kept as dead letters");
        }
        metrics.rejected(&settlement);
        self.settlement = settlement;
        if outcome.is_ok() && dealt_with > 0 {
            self.backend_is_there();
        }
        outcome
    }

    fn backend_is_there(&mut self) {
        self.away_until = None;
        self.away_pause = Pause::short();
        self.refused_pause = Pause::slow();
        if self.outage != Outage::None {
            info!(waiting = self.delivery.spool.statistics().queue.values, "the backend takes values again");
            self.outage = Outage::None;
            self.delivery.metrics.backing_off.set(0);
        }
    }

    fn put_went_through(&self, account: AccountId, standing: &mut Standing) {
        if standing.may_put() {
            info!(%account, "values may be sent with their own times again");
        }
    }

    fn stopped(&mut self, account: AccountId, standing: &mut Standing, stop: Stop, stamp: Stamp) {
        let now = Instant::now();
        match stop {
            Stop::Away(error) => self.all_wait(Outage::Away, &error, now),
            Stop::Unauthorized(error) => self.all_wait(Outage::TokenRefused, &error, now),
            Stop::Ill(error) => {
                let pause = standing.close(now, &mut self.jitter);
                warn!(%account, %error, ?pause, "the backend fails, the values wait");
            }
            Stop::Suspect(error) => {
                let pause = standing.suspect(now, &mut self.jitter);
                warn!(%account, %error, ?pause, "a batch fails while the backend is healthy, it is tried again");
            }
            Stop::Doubtful(error) => {
                let pause = standing.close_slowly(now, &mut self.jitter);
                warn!(%account, %error, ?pause, "the backend stores no value at all: no more are given up, all wait");
            }
            Stop::Forbidden(error) if stamp == Stamp::Due => {
                standing.forbid_put(now);
                if standing.is_told == Told::Nothing {
                    standing.is_told = Told::PutForbidden;
                    warn!(%account, %error, "only fresh values can be sent, stamped by the backend; others wait");
                }
            }
            Stop::Forbidden(error) => {
                let pause = standing.close_slowly(now, &mut self.jitter);
                if standing.is_told != Told::AllForbidden {
                    standing.is_told = Told::AllForbidden;
                    warn!(%account, %error, ?pause, "values wait until the permission is given");
                }
            }
        }
    }

    /// Nothing goes to any account for a while; said when it begins.
    fn all_wait(&mut self, outage: Outage, error: &crate::backend::BackendError, now: Instant) {
        let pause = match outage {
            Outage::TokenRefused => self.refused_pause.next(&mut self.jitter),
            Outage::Away | Outage::None => self.away_pause.next(&mut self.jitter),
        };
        self.away_until = Some(now + pause);
        self.delivery.metrics.backing_off.set(1);
        if self.outage != outage {
            self.outage = outage;
            warn!(%error, ?pause, "the backend takes no values, they wait in the spool");
        }
    }
}
