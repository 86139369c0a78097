//! Runs jobs when they are due.
//!
//! [`RunLoop`] is the task: it takes plans, drives the [`Schedule`] and starts runs while there is room. [`Performer`]
//! performs one of them: measures within the deadline, hands the reports over, counts and logs what goes wrong.
//! `in_flight` knows which jobs are running. [`run_once`] does every job once. [`Heartbeat`] tells others that the
//! loop turns; [`RunMetrics`] counts.

mod failure;
mod heartbeat;
mod in_flight;
mod metrics;
mod once;
mod performer;
mod prompted;

use std::{
    future,
    num::{NonZeroU16, NonZeroUsize},
    sync::Arc,
    time::Duration,
};

use tokio::{
    sync::mpsc,
    task,
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::{
    bot::{JobId, Overlap, Plan, Prompted, Prompts},
    protocol::Protocol,
    schedule::{Firing, FirstRun, Schedule},
    sink::Sink,
    throttle::{OutageLog, OutageSpan},
};
use in_flight::InFlight;
use prompted::PromptedRuns;

pub use heartbeat::Heartbeat;
pub use metrics::RunMetrics;
pub use once::{Summary, run_once};
pub use performer::Performer;

/// How many runs may go on at once. A run mostly waits for a network and takes a few kB: 10,000 of them are a minute's
/// pings of 200,000 devices. When all places are taken, what is due waits in the schedule, where a job's missed
/// firings become one run; `runs_coalesced` and the lateness tell.
pub const DEFAULT_CONCURRENCY: NonZeroUsize = NonZeroUsize::new(10_000).unwrap();

/// How long runs may go on once the loop is told to stop; then they are dropped and counted.
pub const GRACE: Duration = Duration::from_secs(10);

/// How long dropped runs may take to go. One that computes without a pause cannot be dropped, and is left behind.
const DROP_GRACE: Duration = Duration::from_secs(1);

/// The longest pause: a clock that leaps is noticed after at most this, and the heart never beats slower.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// The most firings taken before the loop looks up again, so that ten thousand that are due at one second keep neither
/// a new plan nor the end waiting.
const FIRINGS_A_TURN: usize = 256;

/// Runs that hold all places and of which none ended for this long are said to be stuck: far longer than runs wait for
/// each other where the places are just enough.
const STUCK: Duration = Duration::from_mins(1);

/// How many ids a warning names.
const IDS_IN_A_WARNING: usize = 5;

/// Runs jobs when they are due.
pub struct RunLoop<B: Protocol, S> {
    /// What performs a run.
    pub performer: Performer<B, S>,
    /// Returns the whole set of jobs, each time it changed.
    pub plans: mpsc::Receiver<Plan<B::Task>>,
    /// How many runs may go on at once.
    pub concurrency: NonZeroUsize,
    /// When a job runs first that a later plan adds.
    pub first_run: FirstRun,
    /// Beats each time the loop turns, at least once a second.
    pub heartbeat: Heartbeat,
    /// Ends the task.
    pub stop: CancellationToken,
}

impl<B: Protocol, S: Sink> RunLoop<B, S> {
    /// Works until it is stopped, then lets the runs that go on end within [`GRACE`].
    pub async fn run(self) {
        let Self { performer, mut plans, concurrency, first_run, heartbeat, stop } = self;
        let mut state = LoopState {
            performer: Arc::new(performer),
            schedule: Schedule::with_first_run(first_run),
            in_flight: InFlight::default(),
            concurrency: concurrency.get(),
            stuck: OutageLog::default(),
            prompted: PromptedRuns::default(),
        };
        let prompts = state.performer.prompts();
        loop {
            heartbeat.beat();
            state.start_prompted(prompts.as_ref());
            let pause = state.start_due();
            state.begin();
            heartbeat.set_blocked(state.blocked());
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Some(plan) = plans.recv() => state.put_in_force(plan),
                () = arrival(prompts.as_ref()) => {}
                // What is due begins before anybody looks at what is over.
                () = task::yield_now(), if pause.is_zero() => {}
                () = state.in_flight.some_ended(), if !pause.is_zero() => state.settle(),
                () = sleep(pause), if !pause.is_zero() => {}
            }
        }
        let mut last = Summary::default();
        wind_down(&state.performer, state.in_flight, &mut last).await;
    }
}

/// What the loop works with.
struct LoopState<B: Protocol, S> {
    performer: Arc<Performer<B, S>>,
    schedule: Schedule<B::Task>,
    in_flight: InFlight,
    concurrency: usize,
    stuck: OutageLog,
    prompted: PromptedRuns,
}

impl<B: Protocol, S: Sink> LoopState<B, S> {
    /// Starts what was asked for, as far as there is room.
    fn start_prompted(&mut self, prompts: Option<&Prompts>) {
        let Some(prompts) = prompts else { return };
        self.prompted.add(prompts.take());
        if self.in_flight.len() >= self.concurrency {
            return;
        }
        let in_flight = &self.in_flight;
        let ready = self.prompted.take_ready(Instant::now(), |job, what| in_flight.allows(job, beside(what)));
        let now = self.performer.clock.now();
        for (job, what) in ready {
            if let Some(firing) = self.schedule.run_now(&job, what, now) {
                self.performer.metrics.prompted.inc();
                self.in_flight.start(job, self.performer.clone().perform(firing));
            }
        }
    }

    /// Starts what is due while there is room; returns how long there is nothing more to start, zero if there is.
    fn start_due(&mut self) -> Duration {
        let now = self.performer.clock.now();
        for _ in 0..FIRINGS_A_TURN {
            if self.in_flight.len() >= self.concurrency {
                return LONGEST_PAUSE;
            }
            let Some(firing) = self.schedule.take_due(now) else {
                let until_due = self.schedule.next_due().map_or(LONGEST_PAUSE, |due| due.since(now));
                let instant = Instant::now();
                let until_prompted =
                    self.prompted.next(instant).map(|at| at.saturating_duration_since(instant));
                let until_due = until_prompted.map_or(until_due, |prompted| prompted.min(until_due));
                // A step back of the clock that is waited out leaves a due time that has passed: no reason to spin.
                return until_due.clamp(Duration::from_millis(1), LONGEST_PAUSE);
            };
            self.start(firing);
        }
        Duration::ZERO
    }

    fn start(&mut self, firing: Firing<B::Task>) {
        self.performer.metrics.due.inc();
        if firing.since < firing.run.due {
            self.performer.metrics.coalesced.inc();
        }
        let (job, overlap) = (firing.run.id.clone(), firing.cadence.overlap());
        if !self.in_flight.allows(&job, overlap) {
            // Its last run may be over, and nobody has looked.
            self.settle();
        }
        if self.in_flight.allows(&job, overlap) {
            self.in_flight.start(job, self.performer.clone().perform(firing));
        } else {
            self.performer.skipped(&firing.run.run_id());
            debug!(%job, due = %firing.run.due, "skipped, the last run goes on");
        }
    }

    /// Returns which jobs hold all places, if none of their runs has ended for [`STUCK`]: what is due waits for them.
    fn blocked(&mut self) -> Option<String> {
        let now = Instant::now();
        let full_for = self.in_flight.last_start().map(|start| now.saturating_duration_since(start));
        let full_for = full_for.filter(|span| *span >= STUCK && self.in_flight.len() >= self.concurrency);
        let Some(full_for) = full_for else {
            if let Some(OutageSpan { lasted, .. }) = self.stuck.ended(now) {
                info!(?lasted, "runs end again, what is due begins");
            }
            return None;
        };
        let (places, jobs) = (self.concurrency, first_few(&self.in_flight.jobs()));
        if self.stuck.failed("stuck", now).is_some() {
            warn!(places, ?full_for, %jobs, "no run begins: all places are held by runs that do not end");
        }
        let seconds = full_for.as_secs();
        Some(format!("no run begins: runs that do not end hold all {places} places for {seconds} s: {jobs}"))
    }

    fn settle(&mut self) {
        self.in_flight.settle(|run| {
            self.performer.conclude(run);
        });
    }

    fn begin(&mut self) {
        self.in_flight.begin();
        self.performer.metrics.in_flight.set(i64::try_from(self.in_flight.len()).unwrap_or(i64::MAX));
    }

    fn put_in_force(&mut self, plan: Plan<B::Task>) {
        self.performer.planned(&plan.jobs);
        let changes = self.schedule.replace(plan.jobs, self.performer.clock.now());
        debug!(%changes, "jobs");
        if !changes.duplicates.is_empty() {
            let ids = first_few(&changes.duplicates);
            warn!(%ids, "jobs with the id of another one are left out: the first of each is in force");
        }
        if !changes.future_starts.is_empty() {
            let ids = first_few(&changes.future_starts);
            warn!(%ids, "the start of these jobs lies in the future: they start now");
        }
    }
}

/// Waits until a run was asked for; for ever where nobody asks.
async fn arrival(prompts: Option<&Prompts>) {
    match prompts {
        Some(prompts) => prompts.arrived().await,
        None => future::pending().await,
    }
}

/// One that goes on, and one that hands over what was heard meanwhile.
const BESIDE: NonZeroU16 = NonZeroU16::new(2).unwrap();

/// How many runs of a job may go on beside one that was asked for, itself included.
const fn beside(prompted: Prompted) -> Overlap {
    match prompted {
        Prompted::Nothing => Overlap::Allow(BESIDE),
        Prompted::All => Overlap::Skip,
    }
}

/// Lets runs end within the grace, drops the others and counts them.
async fn wind_down<B: Protocol, S: Sink>(
    performer: &Performer<B, S>,
    mut in_flight: InFlight,
    summary: &mut Summary,
) {
    if in_flight.len() > 0 {
        info!(runs = in_flight.len(), grace = ?GRACE, "stopping, waiting for the runs that go on");
    }
    let ended_in_time = timeout(GRACE, conclude_all(performer, &mut in_flight, summary)).await;
    if ended_in_time.is_err() {
        in_flight.drop_runs();
        let dropped = timeout(DROP_GRACE, conclude_all(performer, &mut in_flight, summary)).await;
        if dropped.is_err() {
            warn!(runs = in_flight.len(), "left behind: these runs compute without a pause");
        }
    }
    performer.metrics.in_flight.set(0);
}

async fn conclude_all<B: Protocol, S: Sink>(
    performer: &Performer<B, S>,
    in_flight: &mut InFlight,
    summary: &mut Summary,
) {
    while in_flight.len() > 0 {
        in_flight.some_ended().await;
        in_flight.settle(|run| summary.count(performer.conclude(run)));
    }
}

fn first_few(ids: &[JobId]) -> String {
    let named = ids.iter().take(IDS_IN_A_WARNING).map(JobId::title).collect::<Vec<_>>().join(", ");
    match ids.len().saturating_sub(IDS_IN_A_WARNING) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}
