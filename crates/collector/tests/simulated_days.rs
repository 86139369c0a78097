//! Days of a collector in virtual time: a backend with faults, kills, restarts, clocks that leap, changes. Whatever
//! the seed, nothing accepted is lost, nothing is sent twice in a batch, and each job runs at its due times.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, unreachable_pub)]

mod simulation;

use std::{collections::BTreeMap, sync::atomic::Ordering, time::Duration};

use simulation::{Day, Record};

fn lived(seed: u64, hours: u64) -> Record {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(Day::of_seed(seed, Duration::from_hours(hours)))
}

fn is_bad(path: &str) -> bool {
    ["poison", "venom", "no path", "nan"].iter().any(|word| path.contains(word))
}

fn nothing_is_lost_or_invented(seed: u64, record: &Record) {
    let measured = record.bot.measured.lock().unwrap();
    assert_eq!(record.left, 0, "seed {seed}: all is delivered in fair fault_plan");
    for (key, (value, _)) in measured.iter().filter(|(key, _)| !record.doubtful.contains(key)) {
        let (stored, is_dead) = (record.stored.get(key), record.dead.contains(key));
        if is_bad(&key.1) {
            assert!(is_dead && stored.is_none(), "seed {seed}: {key:?} is a dead letter");
        } else {
            assert!(stored == Some(value) || is_dead, "seed {seed}: {key:?} was accepted and is lost");
        }
    }
    for (key, value) in &record.stored {
        assert_eq!(
            measured.get(key).map(|(value, _)| value),
            Some(value),
            "seed {seed}: {key:?} was never measured"
        );
    }
    let good_but_dead = record.dead.iter().filter(|(_, path, _)| !is_bad(path)).count();
    assert!(
        good_but_dead * 1_000 <= measured.len(),
        "seed {seed}: {good_but_dead} good values are dead letters"
    );
}

fn the_backend_is_treated_well(seed: u64, record: &Record) {
    let tally = record.tally;
    assert_eq!((tally.repeated, tally.contradicted), (0, 0), "seed {seed}");
    assert!(tally.most_at_once <= 1 && tally.largest_batch <= 1_000, "seed {seed}: {tally:?}");
}

/// A job's first due time tells its phase; from that follow all others.
fn each_job_runs_at_its_due_times(seed: u64, record: &Record) {
    let attempts = record.bot.attempts.lock().unwrap();
    let mut by_job: BTreeMap<&str, BTreeMap<i64, &Vec<Vec<u32>>>> = BTreeMap::new();
    for ((job, due), intervals) in attempts.iter() {
        by_job.entry(job).or_default().insert(*due, intervals);
    }
    for job in &record.steady {
        let runs = &by_job[job.as_str()];
        let intervals: Vec<u32> = [300, 600, 3_600]
            .into_iter()
            .filter(|i| runs.values().flat_map(|runs| *runs).any(|run| run.contains(i)))
            .collect();
        let phase = runs.keys().next().unwrap() % i64::from(intervals[0]);
        let firing = |due: i64| -> Vec<u32> {
            intervals.iter().copied().filter(|interval| (due - phase) % i64::from(*interval) == 0).collect()
        };
        assert!(runs.keys().all(|due| !firing(*due).is_empty()), "seed {seed}: {job} ran off its grid");
        for (from, to) in &record.even {
            for due in (*from..*to).filter(|due| !firing(*due).is_empty()) {
                let ran = runs.get(&due).is_some_and(|runs| runs.contains(&firing(due)));
                assert!(ran, "seed {seed}: {job} at {due}: {:?}, due {:?}", runs.get(&due), firing(due));
            }
        }
    }
}

fn memory_is_bounded(seed: u64, record: &Record) {
    assert!(record.bot.most_at_once.load(Ordering::Relaxed) <= 20, "seed {seed}");
    assert_eq!(record.most_held, 0, "seed {seed}: nothing is held in memory while the disk is well");
}

/// How many days are lived, each from a seed of its own, unless `SIM_DAYS` says otherwise.
const DAYS: u64 = 6;

/// Lives every third day from the given one on, so that three tests share them.
fn each_third_day_holds(first: u64) {
    let days = std::env::var("SIM_DAYS").map_or(DAYS, |days| days.parse().unwrap());
    for seed in (first..days).step_by(3) {
        let record = lived(seed, 24);
        nothing_is_lost_or_invented(seed, &record);
        the_backend_is_treated_well(seed, &record);
        each_job_runs_at_its_due_times(seed, &record);
        memory_is_bounded(seed, &record);
        assert!(
            record.stored.len() > 5_000,
            "seed {seed}: the day was lived ({} values)",
            record.stored.len()
        );
        assert!(record.deepest > 0, "seed {seed}: something had to wait");
    }
}

#[test]
fn simulated_days_lose_nothing_first_third() {
    each_third_day_holds(0);
}

#[test]
fn simulated_days_lose_nothing_second_third() {
    each_third_day_holds(1);
}

#[test]
fn simulated_days_lose_nothing_last_third() {
    each_third_day_holds(2);
}
