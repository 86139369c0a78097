//! What is known of one account.

use std::time::Duration;

use rand::rngs::StdRng;
use tokio::time::Instant;

use super::{
    pause::Pause,
    settings::{PUT_AGAIN, SUSPECT_ATTEMPTS},
};
use crate::spool::{Access, EntryId};

/// How an account's values may be sent, and when.
#[derive(Debug)]
pub(super) struct Standing {
    closed_until: Option<Instant>,
    pause: Pause,
    slow_pause: Pause,
    /// Failures of this account while the backend was healthy.
    suspicion: u32,
    /// Values given up since the last that was stored.
    pub(super) convicted_in_a_row: usize,
    witnesses_heard: usize,
    route: Route,
    pub(super) is_told: Told,
}

/// By which method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Put,
    Post { put_again: Instant, above: EntryId },
}

/// The last refusal that was said, so that it is said once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Told {
    #[default]
    Nothing,
    PutForbidden,
    AllForbidden,
}

impl Default for Standing {
    fn default() -> Self {
        Self {
            closed_until: None,
            pause: Pause::short(),
            slow_pause: Pause::slow(),
            suspicion: 0,
            convicted_in_a_row: 0,
            witnesses_heard: 0,
            route: Route::Put,
            is_told: Told::Nothing,
        }
    }
}

impl Standing {
    /// Gives what may be taken from the spool for it; None means all of it.
    pub(super) fn access(&self, now: Instant) -> Option<Access> {
        if self.closed_until.is_some_and(|until| now < until) {
            return Some(Access::Closed);
        }
        match self.route {
            Route::Post { put_again, above } if now < put_again => Some(Access::FreshAbove(above)),
            _ => None,
        }
    }

    /// Gives the method for what was taken at this time.
    pub(super) fn route(&self, now: Instant) -> Route {
        match self.route {
            Route::Post { put_again, .. } if now >= put_again => Route::Put,
            route => route,
        }
    }

    /// Gives when it changes by itself.
    pub(super) fn changes_at(&self, now: Instant) -> Option<Instant> {
        let put_again = match self.route {
            Route::Put => None,
            Route::Post { put_again, .. } => Some(put_again),
        };
        [self.closed_until, put_again].into_iter().flatten().filter(|at| *at > now).min()
    }

    /// Whether it failed so often that one of its values is to be looked for.
    pub(super) fn is_suspect(&self) -> bool {
        self.suspicion + 1 >= SUSPECT_ATTEMPTS
    }

    /// Values were stored.
    pub(super) fn stored(&mut self) {
        self.pause = Pause::short();
        self.slow_pause = Pause::slow();
        self.closed_until = None;
        self.convicted_in_a_row = 0;
    }

    /// Gives a number that differs each time.
    pub(super) fn next_witness(&mut self) -> usize {
        self.witnesses_heard = self.witnesses_heard.wrapping_add(1);
        self.witnesses_heard
    }

    /// A whole batch is dealt with.
    pub(super) fn finished(&mut self) {
        self.suspicion = 0;
    }

    /// It failed while the backend was healthy.
    pub(super) fn suspect(&mut self, now: Instant, jitter: &mut StdRng) -> Duration {
        self.suspicion = self.suspicion.saturating_add(1);
        self.close(now, jitter)
    }

    /// Nothing is sent for a while.
    pub(super) fn close(&mut self, now: Instant, jitter: &mut StdRng) -> Duration {
        let pause = self.pause.next(jitter);
        self.closed_until = Some(now + pause);
        pause
    }

    /// A person has to do something, or the backend is ill in a way that more requests do not mend.
    pub(super) fn close_slowly(&mut self, now: Instant, jitter: &mut StdRng) -> Duration {
        let pause = self.slow_pause.next(jitter);
        self.closed_until = Some(now + pause);
        self.route = Route::Put;
        pause
    }

    /// PUT is forbidden: POST for a while.
    pub(super) fn forbid_put(&mut self, now: Instant) {
        self.route = Route::Post { put_again: now + PUT_AGAIN, above: EntryId::BEFORE_ALL };
    }

    /// What was posted, or is too old for it, is not taken again.
    pub(super) fn posted(&mut self, up_to: EntryId) {
        if let Route::Post { above, .. } = &mut self.route {
            *above = up_to;
        }
    }

    /// PUT went through: true if it had been forbidden.
    pub(super) fn may_put(&mut self) -> bool {
        let was_forbidden = self.route != Route::Put || self.is_told != Told::Nothing;
        self.route = Route::Put;
        self.is_told = Told::Nothing;
        was_forbidden
    }
}
