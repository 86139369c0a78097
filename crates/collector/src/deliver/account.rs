//! What is known of one account: whether its values may be sent, how, and which one the backend took last.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use rand::rngs::StdRng;
use tokio::time::Instant;

use super::{
    load::Kept,
    pacing::Backoff,
    settings::{MAX_REQUEST_VALUES, PUT_AGAIN, REQUESTS_BEFORE_GROWTH, SUSPECT_ATTEMPTS},
};
use crate::{
    model::{Sample, SeriesPath},
    spool::{Access, EntryId},
    throttle::OutageLog,
    time::Timestamp,
};

/// How an account's values may be sent, and when.
#[derive(Debug)]
pub(super) struct AccountState {
    closed_until: Option<Instant>,
    backoff: Backoff,
    slow_backoff: Backoff,
    /// Failures of this account while the backend was healthy.
    suspicion: u32,
    /// The backend took nothing, not even a control sample: nothing is rejected until it does.
    is_doubted: bool,
    /// The last value that was stored by PUT. Sent again it shows, without harm, whether the backend takes values.
    control: Option<Sample>,
    /// Values that were rejected before any was stored.
    pub(super) unproven: usize,
    searches: usize,
    max_request: usize,
    full_requests: u32,
    route: Route,
    /// Entries that wait for PUT, and when they were accepted, so that POST does not take them again.
    waits_for_put: HashMap<EntryId, Timestamp>,
    /// The time of the last value that was posted, by path: an older one would get a later time than it.
    posted: HashMap<SeriesPath, Timestamp>,
    pub(super) notice: Notice,
    pub(super) outage: OutageLog,
}

/// By which method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Put,
    Post { put_again: Instant },
}

/// The last refusal that was logged, so that it is logged once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Notice {
    #[default]
    Nothing,
    PutForbidden,
    AllForbidden,
}

impl Default for AccountState {
    fn default() -> Self {
        Self {
            closed_until: None,
            backoff: Backoff::short(),
            slow_backoff: Backoff::slow(),
            suspicion: 0,
            is_doubted: false,
            control: None,
            unproven: 0,
            searches: 0,
            max_request: MAX_REQUEST_VALUES,
            full_requests: 0,
            route: Route::Put,
            waits_for_put: HashMap::new(),
            posted: HashMap::new(),
            notice: Notice::Nothing,
            outage: OutageLog::default(),
        }
    }
}

impl AccountState {
    /// Returns what may be taken from the spool for it; None means all of it.
    pub(super) fn access(&self, now: Instant) -> Option<Access> {
        if self.closed_until.is_some_and(|until| now < until) {
            return Some(Access::Closed);
        }
        match self.route {
            Route::Post { put_again } if now < put_again => {
                let kept: HashSet<EntryId> = self.waits_for_put.keys().copied().collect();
                Some(Access::FreshExcept(Arc::new(kept)))
            }
            _ => None,
        }
    }

    /// Returns the method for what was taken at this time.
    pub(super) fn route(&self, now: Instant) -> Route {
        match self.route {
            Route::Post { put_again } if now >= put_again => Route::Put,
            route => route,
        }
    }

    /// Returns when it changes by itself.
    pub(super) fn changes_at(&self, now: Instant) -> Option<Instant> {
        let put_again = match self.route {
            Route::Put => None,
            Route::Post { put_again } => Some(put_again),
        };
        [self.closed_until, put_again].into_iter().flatten().filter(|at| *at > now).min()
    }

    /// Whether it failed so often that one of its values is to be looked for.
    pub(super) fn is_suspect(&self) -> bool {
        self.suspicion + 1 >= SUSPECT_ATTEMPTS
    }

    pub(super) fn is_doubted(&self) -> bool {
        self.is_doubted
    }

    pub(super) fn control(&self) -> Option<&Sample> {
        self.control.as_ref()
    }

    /// Returns the most values that a request may have.
    pub(super) fn max_request(&self) -> usize {
        self.max_request
    }

    /// Values were stored; the last of them is the next control sample if they may be sent again.
    pub(super) fn stored(&mut self, values: usize, control: Option<&Sample>) {
        self.backoff = Backoff::short();
        self.slow_backoff = Backoff::slow();
        self.closed_until = None;
        self.is_doubted = false;
        self.unproven = 0;
        if let Some(control) = control {
            self.control = Some(control.clone());
        }
        if values >= self.max_request && self.max_request < MAX_REQUEST_VALUES {
            self.full_requests += 1;
            if self.full_requests >= REQUESTS_BEFORE_GROWTH {
                self.full_requests = 0;
                self.max_request = self.max_request.saturating_mul(2).min(MAX_REQUEST_VALUES);
            }
        }
    }

    /// A request of so many values was too large.
    pub(super) fn shrink_requests(&mut self, values: usize) {
        self.full_requests = 0;
        self.max_request = self.max_request.min(values.div_ceil(2)).max(1);
    }

    /// Returns a number that differs each time.
    pub(super) fn next_search(&mut self) -> usize {
        self.searches = self.searches.wrapping_add(1);
        self.searches
    }

    /// A whole batch is dealt with.
    pub(super) fn finished(&mut self) {
        self.suspicion = 0;
    }

    /// It failed while the backend was healthy.
    pub(super) fn suspect(&mut self, now: Instant, jitter: &mut StdRng) -> Duration {
        self.suspicion = self.suspicion.saturating_add(1);
        self.close(None, now, jitter)
    }

    /// The backend takes nothing of this account. The size of requests is not to blame, since one value was too much.
    pub(super) fn doubt(&mut self, now: Instant, jitter: &mut StdRng) -> Duration {
        self.is_doubted = true;
        self.max_request = MAX_REQUEST_VALUES;
        self.close(None, now, jitter)
    }

    /// Nothing is sent for a while, at least for as long as the backend asked.
    pub(super) fn close(&mut self, asked: Option<Duration>, now: Instant, jitter: &mut StdRng) -> Duration {
        let pause = self.backoff.next(asked, jitter);
        self.closed_until = Some(now + pause);
        pause
    }

    /// A person has to do something.
    pub(super) fn close_slowly(&mut self, now: Instant, jitter: &mut StdRng) -> Duration {
        let pause = self.slow_backoff.next(None, jitter);
        self.closed_until = Some(now + pause);
        self.route = Route::Put;
        pause
    }

    /// PUT is forbidden: POST for a while.
    pub(super) fn forbid_put(&mut self, now: Instant) {
        self.route = Route::Post { put_again: now + PUT_AGAIN };
    }

    /// Notes what POST can't send; what was accepted before `fresh_since` is not offered to it any more.
    pub(super) fn keep_for_put(&mut self, kept: &[Kept], fresh_since: Timestamp) {
        self.waits_for_put.retain(|_, accepted| *accepted >= fresh_since);
        self.waits_for_put.extend(kept.iter().map(|kept| (kept.id, kept.accepted)));
    }

    pub(super) fn posted(&self) -> &HashMap<SeriesPath, Timestamp> {
        &self.posted
    }

    /// Notes what is posted; what is older than `oldest` is never posted, so that nobody asks for it.
    pub(super) fn post(&mut self, samples: &[Sample], oldest: Timestamp) {
        self.posted.retain(|_, time| *time >= oldest);
        self.posted.extend(samples.iter().map(|sample| (sample.path.clone(), sample.time)));
    }

    /// PUT went through: true if it had been forbidden.
    pub(super) fn may_put(&mut self) -> bool {
        let was_forbidden = self.route != Route::Put || self.notice != Notice::Nothing;
        self.route = Route::Put;
        self.waits_for_put.clear();
        self.posted.clear();
        self.notice = Notice::Nothing;
        was_forbidden
    }
}
