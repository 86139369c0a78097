//! The wait for an answer.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use super::{
    SharedSocket,
    exchange::{Outcome, PendingId},
};

/// What a request will come to. Dropped before, it is given up: an answer is then none that was asked for.
pub(super) struct Answer<'a> {
    shared: &'a SharedSocket,
    pending_id: Option<PendingId>,
}

impl<'a> Answer<'a> {
    pub(super) const fn new(shared: &'a SharedSocket, pending_id: PendingId) -> Self {
        Self { shared, pending_id: Some(pending_id) }
    }
}

impl Future for Answer<'_> {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Outcome> {
        let Some(pending_id) = self.pending_id else { return Poll::Pending };
        let outcome = self.shared.exchange().poll_outcome(pending_id, context);
        if outcome.is_ready() {
            self.pending_id = None;
        }
        outcome
    }
}

impl Drop for Answer<'_> {
    fn drop(&mut self) {
        if let Some(pending_id) = self.pending_id {
            self.shared.exchange().end(pending_id);
        }
    }
}
