//! The newest runs of each job, and the troubles that they meet.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::Notify;

use super::snapshot::{JobStatus, RunRecord, StandingTrouble};
use crate::{
    bot::{Job, JobId, RunId},
    cause::{Trouble, TroubleNotes},
    model::{AccountId, EntityId, Intervals},
    report::Report,
    schedule::next_firing,
    time::Timestamp,
};

/// Runs that are kept of each job: enough to tell a failure that stays from one that passes.
pub const RUNS_KEPT: usize = 5;

/// Jobs of which runs are kept; of more only the metrics tell.
const MOST_JOBS: usize = 50_000;

/// Troubles that are kept of a job at once; a table of a thousand broken rows is as broken as one of these.
const MOST_STANDING: usize = 64;

/// The longest error that is kept of a run, in octets.
const MOST_ERROR: usize = 400;

/// How a run ended.
#[derive(Clone, Copy, Debug)]
pub struct RunEnd<'a> {
    /// Which run.
    pub run: &'a RunId,
    /// How late it began.
    pub late: Duration,
    /// How long it took.
    pub took: Duration,
    /// The word and the text of its failure; none of one that ended well.
    pub failure: Option<(&'static str, &'a str)>,
}

/// What is known of runs; a clone is of the same.
#[derive(Clone, Debug, Default)]
pub struct RunLog {
    jobs: Arc<Mutex<HashMap<JobId, Entry>>>,
    news: Arc<Notify>,
}

#[derive(Debug)]
struct Entry {
    intervals: Intervals,
    start: Option<Timestamp>,
    account: Option<AccountId>,
    entity: Option<EntityId>,
    runs: VecDeque<Kept>,
    last_good: Option<i64>,
    failed_in_a_row: u32,
    skipped: u64,
    standing: Vec<Standing>,
}

#[derive(Debug)]
struct Kept {
    due: i64,
    late: Duration,
    took: Duration,
    outcome: &'static str,
    values: u32,
    troubles: u32,
    error: Option<Box<str>>,
}

#[derive(Debug)]
struct Standing {
    trouble: Trouble,
    since: i64,
    last: i64,
}

impl RunLog {
    /// Keeps these jobs and no others; what is known of one that stays is kept.
    pub fn planned<T>(&self, jobs: &[Job<T>]) {
        let mut known = self.jobs();
        let mut before = std::mem::take(&mut *known);
        for job in jobs.iter().take(MOST_JOBS) {
            let entry = match before.remove(&job.id) {
                Some(entry) => Entry { intervals: job.intervals.clone(), start: job.start, ..entry },
                None => Entry::of(job),
            };
            known.insert(job.id.clone(), entry);
        }
    }

    /// Returns where a run notes what it meets.
    pub(crate) fn notes(&self) -> TroubleNotes {
        TroubleNotes::kept()
    }

    /// Notes how a run ended, what it reported and what it met.
    pub(crate) fn ended(&self, end: &RunEnd<'_>, values: u32, about: Option<About>, notes: &TroubleNotes) {
        let noted = notes.take();
        let mut jobs = self.jobs();
        let Some(entry) = jobs.get_mut(&end.run.job) else { return };
        let due = end.run.due.seconds();
        if let Some(About { account, entity }) = about {
            entry.account = entry.account.or(Some(account));
            entry.entity = entry.entity.or(entity);
        }
        let met = noted.troubles.len().saturating_add(noted.more as usize);
        entry.keep(Kept {
            due,
            late: end.late,
            took: end.took,
            outcome: end.failure.map_or("ok", |(kind, _)| kind),
            values,
            troubles: u32::try_from(met).unwrap_or(u32::MAX),
            error: end
                .failure
                .map(|(_, text)| text.get(..text.floor_char_boundary(MOST_ERROR)).unwrap_or("").into()),
        });
        let mut is_new = end.failure.is_some() && entry.failed_in_a_row == 0;
        if end.failure.is_some() {
            entry.failed_in_a_row = entry.failed_in_a_row.saturating_add(1);
        } else {
            (entry.failed_in_a_row, entry.last_good) = (0, Some(due));
            let is_over = |standing: &Standing| {
                let scope = standing.trouble.scope;
                noted.looked_at.is_empty() || scope.sensor.is_none() || noted.looked_at.contains(&scope)
            };
            entry.standing.retain(|standing| {
                !is_over(standing) || noted.troubles.iter().any(|met| is_same(met, &standing.trouble))
            });
        }
        for trouble in noted.troubles {
            is_new |= entry.stand(trouble, due);
        }
        if is_new {
            self.news.notify_one();
        }
    }

    /// Notes that a run was left out, since the last one of its job goes on.
    pub(crate) fn skipped(&self, run: &RunId) {
        if let Some(entry) = self.jobs().get_mut(&run.job) {
            entry.skipped = entry.skipped.saturating_add(1);
            let none = Duration::ZERO;
            let due = run.due.seconds();
            entry.keep(Kept {
                due,
                late: none,
                took: none,
                outcome: "skipped",
                values: 0,
                troubles: 0,
                error: None,
            });
        }
    }

    /// Notes the end of a run that could not say so itself: it panicked, or was dropped.
    pub(crate) fn broke_off(&self, job: &JobId, now: Timestamp, kind: &'static str, error: &str) {
        let none = Duration::ZERO;
        let run = RunId { job: job.clone(), due: now };
        let end = RunEnd { run: &run, late: none, took: none, failure: Some((kind, error)) };
        self.ended(&end, 0, None, &TroubleNotes::default());
    }

    /// Returns at most `most` jobs by their ids, how many there are beyond, and all troubles that stand.
    pub fn read(&self, now: Timestamp, most: usize) -> (Vec<JobStatus>, usize, Vec<StandingTrouble>) {
        let jobs = self.jobs();
        let mut ids: Vec<_> = jobs.iter().collect();
        ids.sort_unstable_by_key(|(id, _)| *id);
        let troubles = ids.iter().flat_map(|(id, entry)| {
            entry.standing.iter().map(|standing| StandingTrouble {
                trouble: standing.trouble.clone(),
                job: id.as_str().to_owned(),
                since: standing.since,
                last: standing.last,
            })
        });
        let troubles = troubles.collect();
        let more = ids.len().saturating_sub(most);
        (ids.into_iter().take(most).map(|(id, entry)| entry.status(id, now)).collect(), more, troubles)
    }

    /// Waits until a run met something that the one before had not met.
    pub(super) async fn news(&self) {
        self.news.notified().await;
    }

    fn jobs(&self) -> MutexGuard<'_, HashMap<JobId, Entry>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Two of one cause at one place are one, whatever numbers they were found by.
fn is_same(one: &Trouble, other: &Trouble) -> bool {
    (one.cause, one.scope, &one.path) == (other.cause, other.scope, &other.path)
}

/// What the reports of a run are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct About {
    account: AccountId,
    entity: Option<EntityId>,
}

impl About {
    /// Reads it of what a run reported, and how many values that is.
    pub(crate) fn of(reports: &[Report]) -> (u32, Option<Self>) {
        let mut values = 0_usize;
        let mut about = None;
        for report in reports {
            if let Report::Values(of) = report {
                values += of.values.len();
                about = about.or_else(|| {
                    let path = of.values.first().map(|(path, _)| path.as_str());
                    Some(Self { account: of.account, entity: path.and_then(entity_of_path) })
                });
            }
        }
        (u32::try_from(values).unwrap_or(u32::MAX), about)
    }
}

/// Returns the entity of `entity.7.ping.success`.
fn entity_of_path(path: &str) -> Option<EntityId> {
    let mut parts = path.split('.');
    (parts.next()? == "entity").then_some(())?;
    parts.next()?.parse().ok().map(EntityId::new)
}

/// Returns the account and the entity of a job that is named `ping.1.7`, as those of the bots here are, or `7/3`, as those of
/// bots in Python are: the entity, and what of it.
fn named_in(id: &str) -> (Option<AccountId>, Option<EntityId>) {
    if let Some(entity) = id.split('/').next().and_then(|part| part.parse().ok()) {
        return (None, Some(EntityId::new(entity)));
    }
    let mut parts = id.split('.');
    if parts.next() == Some("entity") {
        return (None, entity_of_path(id));
    }
    let account = parts.next().and_then(|part| part.parse().ok()).map(AccountId::new);
    let entity = parts.next().and_then(|part| part.parse().ok()).map(EntityId::new);
    (account, account.and(entity))
}

impl Entry {
    fn of<T>(job: &Job<T>) -> Self {
        let (account, entity) = named_in(job.id.as_str());
        Self {
            intervals: job.intervals.clone(),
            start: job.start,
            account,
            entity,
            runs: VecDeque::new(),
            last_good: None,
            failed_in_a_row: 0,
            skipped: 0,
            standing: Vec::new(),
        }
    }

    fn keep(&mut self, run: Kept) {
        if self.runs.len() >= RUNS_KEPT {
            self.runs.pop_front();
        }
        self.runs.push_back(run);
    }

    /// Notes a trouble; returns whether it is a new one.
    fn stand(&mut self, trouble: Trouble, due: i64) -> bool {
        if let Some(known) = self.standing.iter_mut().find(|known| is_same(&known.trouble, &trouble)) {
            (known.trouble, known.last) = (trouble, due);
            return false;
        }
        let has_room = self.standing.len() < MOST_STANDING;
        if has_room {
            self.standing.push(Standing { trouble, since: due, last: due });
        }
        has_room
    }

    fn status(&self, id: &JobId, now: Timestamp) -> JobStatus {
        let run = |run: &Kept| RunRecord {
            due: run.due,
            late: run.late.as_secs_f32(),
            took: run.took.as_secs_f32(),
            outcome: run.outcome.to_owned(),
            values: run.values,
            troubles: run.troubles,
            error: run.error.as_deref().map(str::to_owned),
        };
        JobStatus {
            id: id.as_str().to_owned(),
            account: self.account,
            entity: self.entity,
            intervals: self.intervals.as_slice().iter().map(|interval| interval.seconds()).collect(),
            next_due: Some(next_firing(id, &self.intervals, self.start, now)),
            last_good: self.last_good,
            failed_in_a_row: self.failed_in_a_row,
            skipped: self.skipped,
            runs: self.runs.iter().map(run).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cause::{Cause, Scope},
        model::{Interval, SensorId},
    };

    fn job(id: &str) -> Job<()> {
        Job::new(id, Interval::MINUTE, ())
    }

    fn scope(sensor: Option<i64>) -> Scope {
        let sensor = sensor.map(SensorId::new);
        Scope { account: AccountId::new(1), entity: EntityId::new(7), sensor }
    }

    fn run(log: &RunLog, due: i64, met: &[(Cause, Option<i64>)], looked_at: &[i64], failure: Option<&str>) {
        let notes = log.notes();
        for (cause, sensor) in met {
            notes.note(*cause, scope(*sensor), None, || format!("at {due}"));
        }
        looked_at.iter().for_each(|sensor| notes.looked_at(scope(Some(*sensor))));
        let id = RunId { job: "snmp.1.7".into(), due: Timestamp::from_seconds(due) };
        let failure = failure.map(|text| ("bug", text));
        let span = Duration::from_millis(20);
        log.ended(&RunEnd { run: &id, late: span, took: span, failure }, 3, None, &notes);
    }

    #[test]
    fn an_entity_is_known_by_the_name_of_its_job_before_any_value_came() {
        let known = |id| {
            let (account, entity) = named_in(id);
            (account.map(|id| id.number()), entity.map(|id| id.number()))
        };
        assert_eq!(known("ping.1.7"), (Some(1), Some(7)));
        assert_eq!(
            (known("7"), known("7/3"), known("7/all/5min")),
            ((None, Some(7)), (None, Some(7)), (None, Some(7)))
        );
        assert_eq!((known("entity.7.load"), known("network_map/7")), ((None, Some(7)), (None, None)));
    }

    #[test]
    fn the_newest_runs_are_kept_of_jobs_that_are_planned() {
        let log = RunLog::default();
        log.planned(&[job("snmp.1.7")]);
        for due in 1..=9 {
            run(&log, due * 60, &[], &[], (due == 9).then_some("it fell over"));
        }
        let (jobs, more, troubles) = log.read(Timestamp::from_seconds(600), 10);
        let [job] = &jobs[..] else { panic!("{jobs:?}") };
        assert_eq!((more, troubles.len(), job.runs.len()), (0, 0, RUNS_KEPT));
        assert_eq!((job.account, job.entity), (Some(AccountId::new(1)), Some(EntityId::new(7))));
        assert_eq!((job.last_good, job.failed_in_a_row), (Some(480), 1));
        let last = job.runs.last().unwrap();
        assert_eq!(
            (last.due, last.outcome.as_str(), last.error.as_deref()),
            (540, "bug", Some("it fell over"))
        );
        let next = job.next_due.unwrap();
        assert!(next > 600 && next <= 660, "{next}");
        log.planned(&[self::job("ping.1.8")]);
        let (jobs, ..) = log.read(Timestamp::from_seconds(600), 10);
        assert_eq!(jobs.iter().map(|job| job.id.as_str()).collect::<Vec<_>>(), ["ping.1.8"]);
    }

    #[test]
    fn a_trouble_stands_until_what_it_is_about_was_looked_at_without_it() {
        let log = RunLog::default();
        log.planned(&[job("snmp.1.7")]);
        let standing = || {
            let (_, _, troubles) = log.read(Timestamp::default(), 10);
            let of = |it: StandingTrouble| (it.trouble.cause, it.since, it.last, it.trouble.evidence);
            troubles.into_iter().map(of).collect::<Vec<_>>()
        };
        run(&log, 60, &[(Cause::NotShown, Some(5)), (Cause::Expression, Some(6))], &[5, 6], None);
        run(&log, 120, &[(Cause::NotShown, Some(5))], &[5], None);
        let expected = [
            (Cause::NotShown, 60, 120, "at 120".to_owned()),
            (Cause::Expression, 60, 60, "at 60".to_owned()),
        ];
        assert_eq!(standing(), expected, "sensor 6 was not due in the second run");
        run(&log, 180, &[(Cause::NoAnswer, None)], &[], Some("silent"));
        assert_eq!(standing().len(), 3);
        run(&log, 240, &[], &[5, 6], None);
        assert_eq!(standing(), []);
    }

    #[test]
    fn what_jobs_are_about_is_read_of_their_ids_and_of_their_values() {
        let ids = |id: &str| {
            let (account, entity) = named_in(id);
            (account.map(AccountId::number), entity.map(EntityId::number))
        };
        assert_eq!(ids("tcp.1.7.443"), (Some(1), Some(7)));
        assert_eq!(ids("netflow.1.15min"), (Some(1), None));
        assert_eq!(ids("entity.7.myprotocol.80"), (None, Some(7)));
        assert_eq!(ids("nightly"), (None, None));
        let report =
            Report::values(AccountId::new(3), Timestamp::default(), [("entity.9.x.y", 1.0), ("z", 2.0)]);
        let (values, about) = About::of(&[report]);
        assert_eq!((values, about.unwrap().entity), (2, Some(EntityId::new(9))));
    }
}
