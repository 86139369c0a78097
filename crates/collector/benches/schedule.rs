//! A million jobs of one to four intervals: nanoseconds of processor time a firing, memory. Prints `name value unit`.
#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs)]

use std::{fs, hint::black_box, time::Duration};

use grafolean_collector::{
    bot::Job,
    model::{Interval, Intervals},
    schedule::Schedule,
    time::Timestamp,
};

const JOBS: u32 = 1_000_000;
const START: Timestamp = Timestamp::from_seconds(1_700_000_000);
const SIMULATED: Duration = Duration::from_secs(600);

fn jobs() -> Vec<Job<u32>> {
    let choices = [60, 300, 900, 3_600].map(|seconds| Interval::from_seconds(seconds).unwrap());
    let job = |number: u32| {
        let intervals = choices.into_iter().take(1 + number as usize % 4);
        Job::new(format!("ping.{number}"), Intervals::new(intervals).unwrap(), number)
    };
    (0..JOBS).map(job).collect()
}

/// A line of `/proc/self/status`, in MB.
fn memory(field: &str) -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
    line.trim_start_matches(':').trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1_000.0
}

/// Time on a processor, so that what else the machine does is left out.
fn processor_time() -> Duration {
    let statistics = fs::read_to_string("/proc/self/schedstat").unwrap();
    Duration::from_nanos(statistics.split(' ').next().unwrap().parse().unwrap())
}

fn main() {
    let mut schedule = Schedule::default();
    let wanted = jobs();
    let began = processor_time();
    schedule.replace(wanted, START);
    println!("schedule_first_replace_of_1m_jobs {} ms", (processor_time() - began).as_millis());
    println!("schedule_memory_peak_while_replacing {:.0} MB", memory("VmHWM"));
    let (mut firings, began) = (0_u32, processor_time());
    for second in 1..=SIMULATED.as_secs() {
        let now = START + Duration::from_secs(second);
        while let Some(firing) = schedule.take_due(now) {
            black_box(&firing);
            firings += 1;
        }
    }
    let spent = processor_time() - began;
    println!("schedule_firing {:.0} ns", spent.as_nanos() as f64 / f64::from(firings));
    println!("schedule_memory_of_1m_jobs {:.0} MB", memory("VmRSS"));
    let wanted = jobs();
    let began = processor_time();
    let changes = schedule.replace(wanted, START + SIMULATED);
    println!("schedule_replace_of_1m_unchanged_jobs {} ms", (processor_time() - began).as_millis());
    assert_eq!(changes.unchanged, JOBS as usize);
}
