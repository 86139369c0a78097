//! The schedule against a model that walks every second, and the promises it makes about clocks that jump.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::{collections::BTreeMap, time::Duration};

use grafolean_collector::{
    bot::{Job, JobId},
    model::{Interval, Intervals},
    schedule::{Changes, Firing, FirstRun, Schedule},
    time::Timestamp,
};
use proptest::{collection::vec, option, prelude::*, sample::subsequence};

const NOON: Timestamp = Timestamp::from_seconds(1_700_000_000);
const HOUR: Duration = Duration::from_secs(3_600);

fn job(id: &str, intervals: &[i64], start: Option<i64>, task: u8) -> Job<u8> {
    let intervals = Intervals::new(intervals.iter().map(|s| Interval::from_seconds(*s).unwrap())).unwrap();
    Job { start: start.map(Timestamp::from_seconds), ..Job::new(id, intervals, task) }
}

fn drain(schedule: &mut Schedule<u8>, now: Timestamp) -> Vec<Firing<u8>> {
    std::iter::from_fn(|| schedule.take_due(now)).collect()
}

fn dues(firings: &[Firing<u8>]) -> Vec<i64> {
    firings.iter().map(|firing| firing.run.due.seconds()).collect()
}

fn seconds(firing: &Firing<u8>) -> Vec<u32> {
    firing.run.intervals.iter().map(|interval| interval.seconds()).collect()
}

#[test]
fn a_job_fires_at_its_start_and_every_interval_from_there() {
    let mut schedule = Schedule::default();
    schedule.replace(vec![job("a", &[60, 300], Some(NOON.seconds() - 30), 0)], NOON);
    let mut fired = Vec::new();
    for second in 0..=600 {
        for firing in drain(&mut schedule, NOON + Duration::from_secs(second)) {
            assert_eq!(firing.run.due, NOON + Duration::from_secs(second));
            fired.push((second, seconds(&firing)));
        }
    }
    assert_eq!(fired.len(), 10);
    assert_eq!(fired[0], (30, vec![60]));
    assert_eq!(fired[4], (270, vec![60, 300]));
    assert_eq!(fired[9], (570, vec![60, 300]));
}

#[test]
fn a_job_without_a_start_keeps_its_place_after_a_restart() {
    let first_due = |at: Timestamp| {
        let mut schedule = Schedule::default();
        schedule.replace(vec![job("ping.7", &[60], None, 0)], at);
        schedule.next_due().unwrap().seconds() % 60
    };
    assert!((0..600).all(|later| first_due(NOON + Duration::from_secs(later)) == first_due(NOON)));
}

#[test]
fn a_job_that_joins_others_runs_at_once_if_that_is_wanted_and_then_on_its_cadence() {
    let (first, second) = (job("known", &[600], None, 1), job("added", &[60, 600], None, 2));
    let timed = job("timed", &[600], Some(NOON.seconds() - 10), 3);
    let mut schedule = Schedule::with_first_run(FirstRun::AtOnce);
    schedule.replace(vec![first.clone()], NOON);
    assert!(drain(&mut schedule, NOON + Duration::from_secs(2)).is_empty(), "the first jobs join no others");
    schedule.replace(vec![first, second.clone(), timed], NOON + Duration::from_secs(2));
    let mut alone = Schedule::default();
    alone.replace(vec![second], NOON + Duration::from_secs(3));
    let on_cadence = alone.next_due().unwrap();
    let fired = drain(&mut schedule, NOON + Duration::from_secs(3));
    let added = fired.iter().find(|firing| firing.run.id.as_str() == "added").unwrap();
    assert_eq!((fired.len(), added.run.due), (1, NOON + Duration::from_secs(3)));
    assert_eq!(seconds(added), [60, 600], "as if all its intervals were due");
    let again = drain(&mut schedule, on_cadence);
    let again = again.iter().find(|firing| firing.run.id.as_str() == "added").unwrap();
    assert_eq!((again.run.due, again.since), (on_cadence, on_cadence));
}

#[test]
fn a_leap_forward_is_one_run_for_each_job() {
    let mut schedule = Schedule::default();
    schedule.replace((0..100).map(|n| job(&format!("j{n}"), &[60, 300], None, 0)).collect(), NOON);
    let firings = drain(&mut schedule, NOON + HOUR);
    assert_eq!(firings.len(), 100);
    for firing in firings {
        assert!(firing.run.due > NOON + HOUR - Duration::from_secs(60) && firing.run.due <= NOON + HOUR);
        assert!(firing.since < firing.run.due);
        assert_eq!(seconds(&firing), [60, 300]);
    }
    assert!(drain(&mut schedule, NOON + HOUR).is_empty());
}

#[test]
fn a_leap_back_leaves_no_job_waiting_for_the_clock_to_return() {
    let mut schedule = Schedule::default();
    schedule.replace(vec![job("a", &[60], Some(NOON.seconds()), 0)], NOON);
    assert_eq!(drain(&mut schedule, NOON + Duration::from_secs(60)).len(), 1);
    let back = NOON - HOUR;
    assert!(drain(&mut schedule, back).is_empty());
    assert_eq!(schedule.next_due(), Some(back + Duration::from_secs(60)));
    assert_eq!(dues(&drain(&mut schedule, back + Duration::from_secs(61))), [back.seconds() + 60]);
}

#[test]
fn a_small_step_back_measures_nothing_twice() {
    let mut schedule = Schedule::default();
    schedule.replace(vec![job("a", &[1], None, 0)], NOON);
    assert_eq!(dues(&drain(&mut schedule, NOON + Duration::from_secs(1))), [NOON.seconds() + 1]);
    assert!(drain(&mut schedule, NOON).is_empty());
    assert!(drain(&mut schedule, NOON + Duration::from_secs(1)).is_empty());
    assert_eq!(dues(&drain(&mut schedule, NOON + Duration::from_secs(2))), [NOON.seconds() + 2]);
}

#[test]
fn a_run_that_is_overdue_survives_a_refresh() {
    let wanted = || vec![job("a", &[60], Some(NOON.seconds()), 0)];
    let mut schedule = Schedule::default();
    schedule.replace(wanted(), NOON);
    let late = NOON + Duration::from_secs(65);
    assert_eq!(schedule.replace(wanted(), late).unchanged, 1);
    assert_eq!(dues(&drain(&mut schedule, late)), [NOON.seconds() + 60]);
}

#[test]
fn a_configuration_that_changes_at_every_refresh_still_runs() {
    let mut schedule = Schedule::default();
    let mut fired = 0;
    for second in 0..600 {
        let now = NOON + Duration::from_secs(second);
        if second % 10 == 0 {
            schedule.replace(vec![job("a", &[60], None, u8::from(second % 20 == 0))], now);
        }
        fired += drain(&mut schedule, now).len();
    }
    assert_eq!(fired, 10);
}

#[test]
fn a_start_in_the_future_is_taken_as_the_present_and_told_once() {
    let wanted = || vec![job("a", &[60], Some(NOON.seconds() + 1_000), 0)];
    let mut schedule = Schedule::default();
    assert_eq!(schedule.replace(wanted(), NOON).future_starts, [JobId::from("a")]);
    let again = schedule.replace(wanted(), NOON + Duration::from_secs(7));
    assert_eq!((again.unchanged, again.future_starts.len()), (1, 0));
    assert_eq!(schedule.next_due(), Some(NOON + Duration::from_secs(60)));
}

#[test]
fn an_id_that_is_wanted_twice_is_told_and_the_first_is_in_force() {
    let mut schedule = Schedule::default();
    let changes = schedule.replace(vec![job("a", &[60], None, 1), job("a", &[30], None, 2)], NOON);
    assert_eq!(changes, Changes { added: 1, duplicates: vec![JobId::from("a")], ..Changes::default() });
    let firings = drain(&mut schedule, NOON + HOUR);
    assert_eq!((firings.len(), *firings[0].run.task), (1, 1));
}

#[test]
fn when_there_is_no_room_those_that_wait_longest_come_first() {
    let mut schedule = Schedule::default();
    let start = |n: i64| Some(NOON.seconds() - 60 + n);
    schedule.replace((1..=9).map(|n| job(&format!("j{n}"), &[60], start(n), 0)).collect(), NOON);
    let mut taken = Vec::new();
    for second in 10..70 {
        // Room for one run every six seconds, where nine are wanted in sixty.
        if second % 6 == 0 {
            taken.push(schedule.take_due(NOON + Duration::from_secs(second)).unwrap().run.id);
        }
    }
    taken.dedup();
    assert_eq!(taken.len(), 10, "no job runs twice before the others did");
    assert_eq!(taken[0], taken[9]);
}

/// One job of the model: what it is, and the second up to which its firings are done with.
#[derive(Clone)]
struct ModelJob {
    job: Job<u8>,
    anchor: i64,
    done: i64,
}

impl ModelJob {
    fn fires_at(&self, interval: Interval, second: i64) -> bool {
        (second - self.anchor).rem_euclid(i64::from(interval.seconds())) == 0
    }

    /// The firings up to `now`: the first, the last, and the intervals that have one.
    fn pending(&self, now: i64) -> Option<(i64, i64, Vec<u32>)> {
        let intervals = self.job.intervals.as_slice();
        let fires = |second: &i64| intervals.iter().any(|interval| self.fires_at(*interval, *second));
        let first = (self.done + 1..=now).find(fires)?;
        let last = (first..=now).rev().find(fires)?;
        let missed = intervals.iter().filter(|i| (first..=last).any(|second| self.fires_at(**i, second)));
        Some((first, last, missed.map(|interval| interval.seconds()).collect()))
    }
}

#[derive(Clone, Debug)]
enum Step {
    Wait(Duration),
    Leap(i64),
    Replace(Vec<Job<u8>>),
    Take(usize),
}

fn jobs() -> impl Strategy<Value = Vec<Job<u8>>> {
    let names = subsequence((b'a'..=b'h').collect::<Vec<_>>(), 0..=8);
    names.prop_flat_map(|names| {
        let shape = (
            vec(prop_oneof![1_i64..20, 50_i64..70, 4_000_i64..5_000], 1..4),
            option::of(-5_000_i64..100),
            0..2_u8,
        );
        vec(shape, names.len()).prop_map(move |shapes| {
            let named = names.iter().zip(shapes);
            let job_of = |(name, (intervals, start, task)): (&u8, (Vec<i64>, Option<i64>, u8))| {
                let start = start.map(|start| NOON.seconds() + start);
                job(&char::from(*name).to_string(), &intervals, start, task)
            };
            named.map(job_of).collect()
        })
    })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0_u64..5_000_000).prop_map(|micros| Step::Wait(Duration::from_micros(micros))),
        2 => (0_u64..200).prop_map(|seconds| Step::Wait(Duration::from_secs(seconds))),
        1 => (-6_000_i64..6_000).prop_map(Step::Leap),
        1 => (-4_i64..4).prop_map(Step::Leap),
        2 => jobs().prop_map(Step::Replace),
        6 => prop_oneof![Just(usize::MAX), 1_usize..4].prop_map(Step::Take),
    ]
}

#[derive(Default)]
struct Model {
    jobs: BTreeMap<String, ModelJob>,
    now: i64,
}

impl Model {
    /// A step back of more than two seconds starts the firings again from there.
    fn observe(&mut self, now: Timestamp) {
        if now.seconds() < self.now - 2 {
            self.now = now.seconds();
            self.jobs.values_mut().for_each(|job| job.done = job.done.min(now.seconds()));
        }
        self.now = self.now.max(now.seconds());
    }

    fn replace(&mut self, wanted: &[Job<u8>]) {
        let before = std::mem::take(&mut self.jobs);
        for job in wanted {
            let old = before.get(job.id.as_str());
            let anchor = match (job.start, old) {
                (Some(start), Some(old)) if old.job.start == Some(start) => old.anchor,
                (Some(start), _) => start.seconds().min(self.now),
                (None, _) => phase_of(job),
            };
            let kept = old.filter(|old| old.anchor == anchor && old.job.intervals == job.intervals);
            let done = kept.map_or(self.now, |old| old.done);
            self.jobs.insert(job.id.to_string(), ModelJob { job: job.clone(), anchor, done });
        }
    }
}

/// Asks a schedule of its own, whose grid the goldens of the phase hold fast.
fn phase_of(job: &Job<u8>) -> i64 {
    let mut alone = Schedule::default();
    alone.replace(vec![Job { intervals: job.intervals.shortest().into(), ..job.clone() }], NOON);
    alone.next_due().unwrap().seconds() % i64::from(job.intervals.shortest().seconds())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_run_of_jobs_refreshes_and_leaps_fires_as_the_model_does(steps in vec(step(), 1..60)) {
        let (mut schedule, mut model, mut now) = (Schedule::default(), Model::default(), NOON);
        for step in steps {
            match step {
                Step::Wait(span) => now = now + span,
                Step::Leap(seconds) => now = Timestamp::from_micros(now.micros() + seconds * 1_000_000),
                Step::Replace(wanted) => {
                    model.observe(now);
                    model.replace(&wanted);
                    let changes = schedule.replace(wanted, now);
                    prop_assert_eq!(changes.added + changes.changed + changes.unchanged, model.jobs.len());
                }
                Step::Take(most) => {
                    model.observe(now);
                    let mut taken = 0;
                    while taken < most {
                        let Some(firing) = schedule.take_due(now) else { break };
                        let job = model.jobs.get_mut(firing.run.id.as_str()).unwrap();
                        let told = (firing.since.seconds(), firing.run.due.seconds(), seconds(&firing));
                        prop_assert_eq!(Some(told), job.pending(model.now), "{} at {}", firing.run.id, now);
                        job.done = model.now;
                        taken += 1;
                    }
                    if taken < most {
                        let left = model.jobs.values().filter(|job| job.pending(model.now).is_some());
                        prop_assert_eq!(left.count(), 0);
                        let next = (1..6_000).map(|ahead| model.now + ahead).find(|second| {
                            model.jobs.values().any(|job| job.pending(*second).is_some())
                        });
                        prop_assert_eq!(schedule.next_due().map(Timestamp::seconds), next);
                    }
                }
            }
        }
    }
}

#[test]
fn a_job_that_was_renamed_keeps_its_cadence_and_is_called_by_its_new_name() {
    let named = |title: &str| job("a", &[60], None, 1).titled(title);
    assert_ne!(named("old"), named("new"), "a plan with another title is another plan");
    let mut schedule = Schedule::default();
    schedule.replace(vec![named("old")], NOON);
    let due = schedule.next_due();
    assert_eq!(schedule.replace(vec![named("new")], NOON).unchanged, 1);
    assert_eq!(schedule.next_due(), due);
    let id = schedule.take_due(NOON + Duration::from_secs(60)).unwrap().run.id;
    assert_eq!((id.as_str(), id.title()), ("a", "new"));
    assert_eq!(JobId::from("b").title(), "b");
}
