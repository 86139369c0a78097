//! The wait for an answer.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use super::{
    SharedSocket,
    exchange::{Outcome, Ticket},
};

/// What a request will come to. Dropped before, it is given up: an answer is then none that was asked for.
pub(super) struct Answer<'a> {
    shared: &'a SharedSocket,
    ticket: Option<Ticket>,
}

impl<'a> Answer<'a> {
    pub(super) const fn new(shared: &'a SharedSocket, ticket: Ticket) -> Self {
        Self { shared, ticket: Some(ticket) }
    }
}

impl Future for Answer<'_> {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Outcome> {
        let Some(ticket) = self.ticket else { return Poll::Pending };
        let outcome = self.shared.exchange().poll_outcome(ticket, context);
        if outcome.is_ready() {
            self.ticket = None;
        }
        outcome
    }
}

impl Drop for Answer<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            self.shared.exchange().end(ticket);
        }
    }
}
