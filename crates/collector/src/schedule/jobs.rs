//! The jobs, and when each of them is due.

use std::{
    collections::{HashMap, HashSet},
    hint::black_box,
    mem,
    sync::Arc,
};

use super::{Cadence, Changes, wheel::Wheel};
use crate::{
    bot::{Job, JobId, Prompted, Run},
    cause::TroubleNotes,
    time::Timestamp,
};

/// The step back of the clock that is waited out. A longer one starts the firings again from the new present, so that
/// nothing waits for the clock to come back to where it was; a shorter one, as a clock makes that is being adjusted,
/// would only measure again what has just been measured.
const PATIENCE_SECONDS: i64 = 2;

/// How many jobs are fetched from memory at once. Each lies somewhere else: the processor waits for a few dozen together
/// as long as for one.
const FETCHED_AT_ONCE: usize = 32;

/// The jobs, and when each of them is due.
///
/// Missed firings of a job are one run, whatever kept them waiting: a leap of the clock, a restart of the machine, or
/// no room for more runs. What is not taken stays due, so a job has never more than one run waiting.
///
/// ```
/// use grafolean_collector::{bot::Job, model::Interval, schedule::Schedule, time::Timestamp};
///
/// let now = Timestamp::from_seconds(1_700_000_000);
/// let minute = Interval::from_seconds(60)?;
/// let mut schedule = Schedule::default();
/// schedule.replace(vec![Job { start: Some(now), ..Job::new("uptime", minute, "10.0.0.7") }], now);
///
/// assert_eq!(schedule.next_due(), Some(Timestamp::from_seconds(1_700_000_060)));
/// let after_a_nap = Timestamp::from_seconds(1_700_000_200);
/// let firing = schedule.take_due(after_a_nap).expect("three firings were missed, they are one run");
/// assert_eq!(firing.run.due, Timestamp::from_seconds(1_700_000_180));
/// assert!(schedule.take_due(after_a_nap).is_none());
/// # Ok::<(), grafolean_collector::model::IntervalError>(())
/// ```
#[derive(Debug)]
pub struct Schedule<T> {
    slots: Vec<Slot<T>>,
    cadences: HashSet<Arc<Cadence>>,
    wheel: Wheel,
    /// The jobs by their ids, once one was asked for since they were put in force.
    by_id: Option<HashMap<JobId, u32>>,
    /// Entries that are due and fetched, the next one last.
    fetched: Vec<u32>,
    now: i64,
    first_run: FirstRun,
    has_jobs_of_before: bool,
}

/// When a job runs first that joins others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FirstRun {
    /// On its cadence.
    #[default]
    OnCadence,
    /// Within seconds, once, as if all its intervals were due; then on its cadence. Somebody who adds a device sees its
    /// first values without waiting for an interval. The first set of jobs is no addition: a restart measures nothing
    /// twice. Jobs with a start of their own keep to it.
    AtOnce,
}

/// How many added jobs run at once in one second: a network that is added whole is not measured all in one moment.
const FIRST_RUNS_A_SECOND: usize = 100;

/// A job as it is kept: 56 bytes and its id, which lets a million of them fit.
#[derive(Debug)]
struct Slot<T> {
    id: JobId,
    task: Arc<T>,
    cadence: Arc<Cadence>,
    anchor: i64,
    due: i64,
}

/// A run that is due, with the cadence it comes from.
#[derive(Clone, Debug)]
pub struct Firing<T> {
    /// What is to be performed.
    pub run: Run<T>,
    /// The first firing this run stands for; earlier than the run's due time if firings were missed.
    pub since: Timestamp,
    /// How long it may take and what it may overlap.
    pub cadence: Arc<Cadence>,
}

impl<T> Firing<T> {
    /// A run of a job outside its cadence, as if all its intervals were due.
    pub fn of_all_intervals(job: Job<T>, due: Timestamp) -> Self {
        let Job { id, intervals, start, overlap, deadline, task } = job;
        let (task, due_intervals) = (Arc::new(task), intervals.as_slice().to_vec());
        let run = Run { id, task, due, intervals: due_intervals, troubles: TroubleNotes::default() };
        let cadence = Arc::new(Cadence::new(intervals, start, overlap, deadline));
        Self { run, since: due, cadence }
    }
}

impl<T> Default for Schedule<T> {
    fn default() -> Self {
        Self {
            slots: Vec::new(),
            cadences: HashSet::new(),
            wheel: Wheel::at(i64::MIN),
            by_id: None,
            fetched: Vec::new(),
            now: i64::MIN,
            first_run: FirstRun::default(),
            has_jobs_of_before: false,
        }
    }
}

impl<T> Schedule<T> {
    /// Returns one without jobs, by which those that are added later run first at such a time.
    pub fn with_first_run(first_run: FirstRun) -> Self {
        Self { first_run, ..Self::default() }
    }
}

impl<T: PartialEq> Schedule<T> {
    /// Puts a new set of jobs in force.
    ///
    /// A job that is as before keeps its cadence and a run that is overdue; so does one of which only the task is
    /// another. The rest fires from `now` on.
    pub fn replace(&mut self, wanted: Vec<Job<T>>, now: Timestamp) -> Changes {
        self.observe(now);
        self.by_id = None;
        let joins_others = mem::replace(&mut self.has_jobs_of_before, true);
        let first_run = if joins_others { self.first_run } else { FirstRun::OnCadence };
        let mut changes = Changes::default();
        let mut known: HashMap<JobId, Slot<T>> =
            mem::take(&mut self.slots).into_iter().map(|slot| (slot.id.clone(), slot)).collect();
        let mut placed = HashSet::with_capacity(wanted.len());
        self.slots.reserve_exact(wanted.len());
        for job in wanted {
            if placed.insert(job.id.clone()) {
                let slot = self.slot(job, &mut known, first_run, &mut changes);
                self.slots.push(slot);
            } else {
                changes.duplicates.push(job.id);
            }
        }
        changes.removed = known.len();
        drop(known);
        self.cadences.retain(|cadence| Arc::strong_count(cadence) > 1);
        self.wind();
        changes
    }

    fn slot(
        &mut self,
        job: Job<T>,
        known: &mut HashMap<JobId, Slot<T>>,
        first_run: FirstRun,
        changes: &mut Changes,
    ) -> Slot<T> {
        let before = known.remove(&job.id);
        let Job { id, intervals, start, overlap, deadline, task } = job;
        let cadence = self.shared(Cadence::new(intervals, start, overlap, deadline));
        let kept_anchor =
            before.as_ref().filter(|slot| slot.cadence.has_start_of(&cadence)).map(|slot| slot.anchor);
        if kept_anchor.is_none() && cadence.starts_after(self.now) {
            changes.future_starts.push(id.clone());
        }
        let anchor = kept_anchor.unwrap_or_else(|| cadence.anchor(&id, self.now));
        let Some(before) = before else {
            let on_cadence = cadence.next_after(anchor, self.now);
            let due = match first_run {
                FirstRun::AtOnce if !cadence.has_start() => {
                    let wait = i64::try_from(changes.added / FIRST_RUNS_A_SECOND).unwrap_or(i64::MAX);
                    on_cadence.min(self.now.saturating_add(wait).saturating_add(1))
                }
                _ => on_cadence,
            };
            changes.added += 1;
            return Slot { id, task: Arc::new(task), cadence, anchor, due };
        };
        if before.cadence == cadence && *before.task == task {
            changes.unchanged += 1;
            // Its title may be another.
            return Slot { id, ..before };
        }
        changes.changed += 1;
        let fires_as_before = before.anchor == anchor && before.cadence.has_intervals_of(&cadence);
        let due = if fires_as_before { before.due } else { cadence.next_after(anchor, self.now) };
        Slot { id, task: Arc::new(task), cadence, anchor, due }
    }
}

impl<T> Schedule<T> {
    /// Returns the number of jobs.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Returns whether there is no job.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Returns the whole second at which something is due; a second that has passed if something is overdue.
    pub fn next_due(&self) -> Option<Timestamp> {
        let next = if self.fetched.is_empty() { self.wheel.next_due() } else { Some(self.now) };
        next.map(Timestamp::from_seconds)
    }

    /// Removes and returns a run that is due, those that have waited longest first.
    pub fn take_due(&mut self, now: Timestamp) -> Option<Firing<T>> {
        self.observe(now);
        if self.fetched.is_empty() {
            self.fetch();
        }
        let entry = self.fetched.pop()?;
        let slot = self.slots.get_mut(entry as usize)?;
        let caught_up = slot.cadence.catch_up(slot.anchor, slot.due, self.now);
        let since = mem::replace(&mut slot.due, caught_up.next);
        self.wheel.insert(slot.due, entry);
        let run = Run {
            id: slot.id.clone(),
            task: slot.task.clone(),
            due: Timestamp::from_seconds(caught_up.latest),
            intervals: caught_up.intervals,
            troubles: TroubleNotes::default(),
        };
        Some(Firing { run, since: Timestamp::from_seconds(since), cadence: slot.cadence.clone() })
    }

    /// Returns a run of a job outside its cadence, which it does not change; none if there is no such job.
    pub fn run_now(&mut self, job: &JobId, prompted: Prompted, now: Timestamp) -> Option<Firing<T>> {
        let by_id = self.by_id.get_or_insert_with(|| {
            (0..).zip(&self.slots).map(|(entry, slot)| (slot.id.clone(), entry)).collect()
        });
        let slot = self.slots.get(*by_id.get(job)? as usize)?;
        let due = Timestamp::from_seconds(now.seconds());
        let run = Run {
            id: slot.id.clone(),
            task: slot.task.clone(),
            due,
            intervals: match prompted {
                Prompted::Nothing => Vec::new(),
                Prompted::All => slot.cadence.intervals().to_vec(),
            },
            troubles: TroubleNotes::default(),
        };
        Some(Firing { run, since: due, cadence: slot.cadence.clone() })
    }

    fn fetch(&mut self) {
        let due = std::iter::from_fn(|| self.wheel.pop(self.now));
        self.fetched.extend(due.take(FETCHED_AT_ONCE));
        self.fetched.reverse();
        let slots = self.fetched.iter().filter_map(|entry| self.slots.get(*entry as usize));
        let touched =
            slots.map(|slot| Arc::strong_count(&slot.task) + usize::from(slot.id.as_str().starts_with(' ')));
        black_box(touched.sum::<usize>());
    }

    fn observe(&mut self, now: Timestamp) {
        let now = now.seconds();
        if now < self.now.saturating_sub(PATIENCE_SECONDS) {
            self.go_back_to(now);
        }
        self.now = self.now.max(now);
    }

    fn go_back_to(&mut self, now: i64) {
        self.now = now;
        for slot in &mut self.slots {
            slot.due = slot.due.min(slot.cadence.next_after(slot.anchor, now));
        }
        self.wind();
    }

    fn wind(&mut self) {
        self.fetched.clear();
        self.wheel = Wheel::at(self.now);
        for (entry, slot) in (0..).zip(&self.slots) {
            self.wheel.insert(slot.due, entry);
        }
    }

    fn shared(&mut self, cadence: Cadence) -> Arc<Cadence> {
        if let Some(known) = self.cadences.get(&cadence) {
            return known.clone();
        }
        let cadence = Arc::new(cadence);
        self.cadences.insert(cadence.clone());
        cadence
    }
}
