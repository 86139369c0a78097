//! Every job once, for a look by hand.

use std::{collections::VecDeque, fmt, num::NonZeroUsize, sync::Arc};

use tokio_util::sync::CancellationToken;

use super::{Performer, in_flight::InFlight, performer::Outcome, wind_down};
use crate::{bot::Job, protocol::Protocol, schedule::Firing, sink::Sink, time::Timestamp};

/// What came of doing every job once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Runs that ended, well or badly.
    pub runs: usize,
    /// Those that ended badly.
    pub failed: usize,
}

impl Summary {
    pub(super) fn count(&mut self, outcome: Outcome) {
        self.runs += 1;
        self.failed += usize::from(outcome == Outcome::Failed);
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} runs, {} failed", self.runs, self.failed)
    }
}

/// Performs every job once, as if all its intervals were due at the present second, and waits for the ends.
///
/// Once stopped, it starts no more and lets those that go on end within [`GRACE`](super::GRACE).
pub async fn run_once<B: Protocol, S: Sink>(
    performer: Performer<B, S>,
    jobs: Vec<Job<B::Task>>,
    concurrency: NonZeroUsize,
    stop: &CancellationToken,
) -> Summary {
    let performer = Arc::new(performer);
    let due = Timestamp::from_seconds(performer.clock.now().seconds());
    let mut waiting: VecDeque<_> = jobs.into();
    let mut in_flight = InFlight::default();
    let mut summary = Summary::default();
    loop {
        while in_flight.len() < concurrency.get()
            && let Some(job) = waiting.pop_front()
        {
            performer.metrics.due.inc();
            in_flight.start(job.id.clone(), performer.clone().perform(Firing::of_all_intervals(job, due)));
        }
        in_flight.begin();
        if in_flight.len() == 0 {
            break;
        }
        tokio::select! { biased; () = stop.cancelled() => break, () = in_flight.some_ended() => {} }
        in_flight.settle(|run| summary.count(performer.conclude(run)));
    }
    wind_down(&performer, in_flight, &mut summary).await;
    summary
}
