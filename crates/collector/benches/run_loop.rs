//! Empty jobs through the whole run loop: runs a second on one core, what it costs to keep the newest runs of each job, and
//! lateness at 10,000 runs a second, all of which fall due at once. Prints `name value unit`.
#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs)]

use std::{
    fs,
    sync::{Arc, Mutex},
    time::Duration,
};

use grafolean_collector::{
    bot::{Bot, BotError, Job, Plan, Run},
    model::{Device, Interval},
    report::Report,
    run::{DEFAULT_CONCURRENCY, Heartbeat, Performer, RunLoop, RunMetrics},
    schedule::FirstRun,
    sink::{Sink, SinkError},
    status::RunLog,
    time::{Clock, SystemClock},
};
use tokio::{runtime, sync::mpsc, time::sleep};
use tokio_util::sync::CancellationToken;

/// Measures nothing, and notes how late it was asked to, in microseconds.
struct Idle {
    lateness: Mutex<Vec<u64>>,
}

impl Bot for Idle {
    type Task = ();

    fn protocol(&self) -> &str {
        "idle"
    }

    fn jobs(&self, _devices: &[Device]) -> Plan<()> {
        Plan::default()
    }

    async fn perform(&self, run: Run<()>) -> Result<Vec<Report>, BotError> {
        let late = SystemClock.now().since(run.due);
        self.lateness.lock().unwrap().push(u64::try_from(late.as_micros()).unwrap());
        Ok(Vec::new())
    }
}

struct Nowhere;

impl Sink for Nowhere {
    async fn accept(&self, _reports: Vec<Report>) -> Result<(), SinkError> {
        Ok(())
    }
}

/// Runs jobs of one second for a while; returns the runs' lateness.
fn lateness_of(jobs: u32, seconds: u64, mut runtime: runtime::Builder, log: Option<RunLog>) -> Vec<u64> {
    let runtime = runtime.enable_all().build().unwrap();
    runtime.block_on(async {
        let bot = Arc::new(Idle { lateness: Mutex::default() });
        let (plans, receiver) = mpsc::channel(1);
        let stop = CancellationToken::new();
        let performer =
            Performer::new(bot.clone(), Arc::new(Nowhere), Arc::new(SystemClock), RunMetrics::default());
        let performer = match log {
            Some(log) => performer.recording(log),
            None => performer,
        };
        let run_loop = RunLoop {
            performer,
            plans: receiver,
            concurrency: DEFAULT_CONCURRENCY,
            first_run: FirstRun::OnCadence,
            heartbeat: Heartbeat::default(),
            stop: stop.clone(),
        };
        let task = tokio::spawn(run_loop.run());
        let interval = Interval::from_seconds(1).unwrap();
        let jobs = (0..jobs).map(|number| Job::new(format!("idle.{number}"), interval, ())).collect();
        plans.send(Plan { jobs, refused: Vec::new() }).await.unwrap();
        sleep(Duration::from_secs(seconds)).await;
        stop.cancel();
        task.await.unwrap();
        std::mem::take(&mut *bot.lateness.lock().unwrap())
    })
}

/// Time on a processor, so that what else the machine does is left out.
fn processor_time() -> Duration {
    let statistics = fs::read_to_string("/proc/self/schedstat").unwrap();
    Duration::from_nanos(statistics.split(' ').next().unwrap().parse().unwrap())
}

fn main() {
    let cost = |jobs, log| {
        let began = processor_time();
        let runs = lateness_of(jobs, 5, runtime::Builder::new_current_thread(), log).len();
        (processor_time() - began).as_secs_f64() / runs as f64
    };
    // Far more than can be run: the loop never rests.
    println!("run_loop_throughput {:.0} runs/s", 1.0 / cost(1_000_000, None));
    // As many as are kept.
    let (mut plain, mut recorded) = (f64::MAX, f64::MAX);
    for _ in 0..3 {
        plain = plain.min(cost(50_000, None));
        recorded = recorded.min(cost(50_000, Some(RunLog::default())));
    }
    println!("run_loop_cost_of_an_empty_run {:.0} ns", plain * 1e9);
    println!("run_loop_cost_of_keeping_a_run {:.0} ns", (recorded - plain) * 1e9);
    let mut two_threads = runtime::Builder::new_multi_thread();
    two_threads.worker_threads(2);
    for (threads, runtime) in [(1, runtime::Builder::new_current_thread()), (2, two_threads)] {
        let mut late = lateness_of(10_000, 10, runtime, None);
        late.sort_unstable();
        let at = |hundredth: usize| {
            late.get(late.len() * hundredth / 100).copied().unwrap_or_default() as f64 / 1e3
        };
        println!("run_loop_lateness_p50_of_10k_due_at_once_on_{threads}_threads {:.2} ms", at(50));
        println!("run_loop_lateness_p99_of_10k_due_at_once_on_{threads}_threads {:.2} ms", at(99));
    }
}
