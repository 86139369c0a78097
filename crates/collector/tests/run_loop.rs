//! The run loop in virtual time: when runs start, what they may do to each other, how it ends.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![allow(clippy::cast_precision_loss, clippy::cast_sign_loss)]

mod explaining;

use std::{
    num::{NonZeroU16, NonZeroUsize},
    sync::{Arc, Mutex},
    time::Duration,
};

use grafolean_collector::{
    bot::{BotError, Job, Overlap, Plan, Prompted, Prompts, Run, RunId},
    details::NoFields,
    model::{AccountId, Device, Interval},
    protocol::Protocol,
    report::{Report, Values},
    run::{GRACE, Heartbeat, Performer, RunLoop, RunMetrics, Summary, run_once},
    schedule::FirstRun,
    sim::SimClock,
    sink::{Sink, SinkError},
    time::{Clock, Timestamp},
};
use tokio::{
    sync::{Notify, mpsc},
    task::JoinHandle,
    time::sleep,
};
use tokio_util::sync::CancellationToken;

const NOON: Timestamp = Timestamp::from_seconds(1_700_000_000);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Act {
    Nothing,
    Report,
    Signal,
    Take(Duration),
    Fail,
    Panic,
}

/// A bot that does as its task says, and writes down when it began and what was accepted of it.
#[derive(Default)]
struct Actor {
    began: Mutex<Vec<(String, i64)>>,
    accepted: Mutex<Vec<(String, i64)>>,
    signal: Notify,
    prompts: Prompts,
}

fn after_noon(due: Timestamp) -> i64 {
    due.seconds() - NOON.seconds()
}

impl Protocol for Actor {
    const NAME: &'static str = "act";
    type Credential = NoFields;
    type Sensor = NoFields;
    type Entity = NoFields;
    type Task = Act;

    fn plan(&self, _: &[AccountId], _: &[Device]) -> Plan<Act> {
        Plan::default()
    }

    fn prompts(&self) -> Option<Prompts> {
        Some(self.prompts.clone())
    }

    fn accepted(&self, run: &RunId) {
        self.accepted.lock().unwrap().push((run.job.to_string(), after_noon(run.due)));
    }

    async fn perform(&self, run: Run<Act>) -> Result<Vec<Report>, BotError> {
        self.began.lock().unwrap().push((run.id.to_string(), after_noon(run.due)));
        match *run.task {
            Act::Nothing => {}
            Act::Report => {
                let values = vec![("a".to_owned(), 1.0)];
                return Ok(vec![Report::Values(Values {
                    account: AccountId::new(1),
                    time: run.due,
                    values,
                })]);
            }
            Act::Signal => self.signal.notify_one(),
            Act::Take(span) => sleep(span).await,
            Act::Fail => return Err(BotError::new("socket", "could not open a socket")),
            Act::Panic => panic!("a bot lost its head"),
        }
        Ok(Vec::new())
    }
}

/// A sink that is slow, or broken, as it is told.
#[derive(Default)]
struct SlowSink {
    kept: Mutex<Vec<Report>>,
    delay: Duration,
    broken: bool,
}

impl Sink for SlowSink {
    async fn accept(&self, reports: Vec<Report>) -> Result<(), SinkError> {
        sleep(self.delay).await;
        if self.broken {
            return Err(SinkError { reports: reports.len(), source: "the disk is full".into() });
        }
        self.kept.lock().unwrap().extend(reports);
        Ok(())
    }
}

struct World {
    bot: Arc<Actor>,
    sink: Arc<SlowSink>,
    clock: SimClock,
    metrics: RunMetrics,
    heartbeat: Heartbeat,
    plans: mpsc::Sender<Plan<Act>>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl World {
    fn begin(concurrency: usize, sink: SlowSink) -> Self {
        let (bot, sink) = (Arc::new(Actor::default()), Arc::new(sink));
        let (clock, metrics) = (SimClock::at(NOON), RunMetrics::default());
        let (plans, receiver) = mpsc::channel(1);
        let (heartbeat, stop) = (Heartbeat::default(), CancellationToken::new());
        let run_loop = RunLoop {
            performer: Performer::new(bot.clone(), sink.clone(), Arc::new(clock.clone()), metrics.clone()),
            plans: receiver,
            concurrency: NonZeroUsize::new(concurrency).unwrap(),
            first_run: FirstRun::OnCadence,
            heartbeat: heartbeat.clone(),
            stop: stop.clone(),
        };
        let task = tokio::spawn(run_loop.run());
        Self { bot, sink, clock, metrics, heartbeat, plans, stop, task }
    }

    async fn plan(&self, jobs: Vec<Job<Act>>) {
        self.plans.send(Plan { jobs, refused: Vec::new() }).await.unwrap();
    }

    async fn pass(&self, seconds: u64) {
        // Between two whole seconds, so that no firing coincides with the look.
        sleep(Duration::from_millis(seconds * 1_000 + 500)).await;
    }

    fn accepted(&self) -> Vec<(String, i64)> {
        std::mem::take(&mut self.bot.accepted.lock().unwrap())
    }

    fn began(&self) -> Vec<(String, i64)> {
        std::mem::take(&mut self.bot.began.lock().unwrap())
    }
}

fn every(seconds: i64, id: &str, act: Act) -> Job<Act> {
    Job { start: Some(NOON), ..Job::new(id, Interval::from_seconds(seconds).unwrap(), act) }
}

#[tokio::test(start_paused = true)]
async fn runs_begin_at_their_due_times() {
    let world = World::begin(10, SlowSink::default());
    world.plan(vec![every(20, "a", Act::Nothing), every(30, "b", Act::Report)]).await;
    world.pass(60).await;
    let expected =
        [("a", 20), ("b", 30), ("a", 40), ("a", 60), ("b", 60)].map(|(id, at)| (id.to_owned(), at));
    let mut began = world.began();
    began.sort_by_key(|(id, at)| (*at, id.clone()));
    assert_eq!(began, expected);
    assert_eq!((world.metrics.started(), world.metrics.succeeded()), (5, 5));
    assert_eq!(world.sink.kept.lock().unwrap().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_fails_or_panics_hurts_nobody_and_comes_again() {
    let world = World::begin(10, SlowSink::default());
    world
        .plan(vec![every(10, "f", Act::Fail), every(10, "p", Act::Panic), every(10, "n", Act::Nothing)])
        .await;
    world.pass(20).await;
    assert_eq!(world.began().len(), 6);
    let metrics = &world.metrics;
    assert_eq!((metrics.failed("socket"), metrics.failed("panic"), metrics.succeeded()), (2, 2, 2));
}

#[tokio::test(start_paused = true)]
async fn a_run_beyond_its_deadline_is_dropped_and_counted() {
    let world = World::begin(10, SlowSink::default());
    let hanging = every(10, "a", Act::Take(Duration::from_secs(3_600)));
    world.plan(vec![Job { deadline: Some(Duration::from_secs(3)), ..hanging }]).await;
    world.pass(31).await;
    assert_eq!(world.began().len(), 3);
    assert_eq!((world.metrics.failed("deadline"), world.metrics.skipped()), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn a_job_does_not_overlap_itself_unless_it_says_so() {
    let allow = |runs| Overlap::Allow(NonZeroU16::new(runs).unwrap());
    for (overlap, begun, skipped) in [(Overlap::Skip, 1, 2), (allow(2), 2, 1), (allow(9), 3, 0)] {
        let world = World::begin(10, SlowSink::default());
        let long = every(10, "a", Act::Take(Duration::from_secs(35)));
        world.plan(vec![Job { overlap, deadline: Some(Duration::from_secs(60)), ..long }]).await;
        world.pass(30).await;
        assert_eq!((world.began().len(), world.metrics.skipped()), (begun, skipped), "{overlap:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_changed_job_does_not_overlap_the_run_of_what_it_was() {
    let world = World::begin(10, SlowSink::default());
    let deadline = Some(Duration::from_secs(60));
    world.plan(vec![Job { deadline, ..every(10, "a", Act::Take(Duration::from_secs(25))) }]).await;
    world.pass(11).await;
    world.plan(vec![Job { deadline, ..every(10, "a", Act::Nothing) }]).await;
    world.pass(30).await;
    assert_eq!(world.began(), [("a".to_owned(), 10), ("a".to_owned(), 40)]);
}

#[tokio::test(start_paused = true)]
async fn without_room_a_job_waits_and_its_missed_firings_are_one_run() {
    let world = World::begin(1, SlowSink::default());
    let deadline = Some(Duration::from_secs(100));
    let long = Job { deadline, ..every(100, "long", Act::Take(Duration::from_secs(55))) };
    world.plan(vec![long]).await;
    world.pass(100).await;
    world.plan(vec![every(20, "short", Act::Nothing)]).await;
    world.pass(60).await;
    let began = world.began();
    // Its firings at 120 and 140 found no room; at 155 there was, for the one of 140.
    assert_eq!(began[1], ("short".to_owned(), 140));
    assert_eq!(began[2], ("short".to_owned(), 160));
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_is_slow_holds_places_and_a_broken_one_is_counted() {
    let slow = World::begin(1, SlowSink { delay: Duration::from_secs(7), ..SlowSink::default() });
    slow.plan((0..10).map(|n| every(10, &format!("j{n}"), Act::Report)).collect()).await;
    slow.pass(30).await;
    assert_eq!(slow.began().len(), 3, "at 10, 17 and 24 seconds");

    let broken = World::begin(1, SlowSink { broken: true, ..SlowSink::default() });
    broken.plan(vec![every(10, "a", Act::Report)]).await;
    broken.pass(30).await;
    assert_eq!((broken.began().len(), broken.metrics.failed("sink")), (3, 3), "it goes on measuring");
    assert_eq!(broken.accepted(), [], "reports that are not safe were not accepted");
}

#[tokio::test(start_paused = true)]
async fn a_run_is_accepted_once_its_reports_are_safe_and_never_if_it_failed() {
    let world = World::begin(10, SlowSink { delay: Duration::from_secs(3), ..SlowSink::default() });
    let hanging = Job { deadline: Some(Duration::from_secs(2)), ..every(10, "d", Act::Take(GRACE)) };
    world
        .plan(vec![
            every(10, "r", Act::Report),
            every(10, "n", Act::Nothing),
            every(10, "f", Act::Fail),
            every(10, "p", Act::Panic),
            hanging,
        ])
        .await;
    world.pass(12).await;
    assert_eq!(world.accepted(), [("n".to_owned(), 10)], "the sink still writes what `r` reported");
    world.pass(2).await;
    assert_eq!(world.accepted(), [("r".to_owned(), 10)]);
}

#[tokio::test(start_paused = true)]
async fn a_stop_lets_runs_end_within_the_grace_and_drops_the_others() {
    let world = World::begin(10, SlowSink::default());
    let deadline = Some(Duration::from_secs(60));
    world
        .plan(vec![
            every(10, "quick", Act::Take(Duration::from_secs(5))),
            Job { deadline, ..every(10, "slow", Act::Take(Duration::from_secs(50))) },
            every(11, "never", Act::Nothing),
        ])
        .await;
    world.pass(10).await;
    let told = tokio::time::Instant::now();
    world.stop.cancel();
    world.task.await.unwrap();
    assert_eq!(told.elapsed(), GRACE);
    assert_eq!((world.metrics.succeeded(), world.metrics.failed("stopped")), (1, 1));
    assert_eq!(world.bot.began.lock().unwrap().len(), 2, "nothing begins after the stop");
}

#[tokio::test(start_paused = true)]
async fn an_end_of_the_plans_leaves_the_jobs_running() {
    let mut world = World::begin(10, SlowSink::default());
    world.plan(vec![every(10, "a", Act::Nothing)]).await;
    world.pass(1).await;
    world.plans = mpsc::channel(1).0;
    world.pass(30).await;
    assert_eq!(world.began().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_leap_of_the_clock_is_noticed_within_a_second_and_costs_no_rhythm() {
    let world = World::begin(10, SlowSink::default());
    world.plan(vec![every(600, "a", Act::Nothing)]).await;
    world.pass(5).await;
    world.clock.leap(3_600);
    world.pass(1).await;
    assert_eq!(world.began(), [("a".to_owned(), 3_600)]);
    world.clock.leap(-3_600);
    world.pass(600).await;
    assert_eq!(world.began(), [("a".to_owned(), 600)]);
    assert!(world.heartbeat.age() <= Duration::from_secs(1));
}

/// Lets a hundred thousand runs fall due at once, and returns while most of them wait.
async fn amid_a_burst() -> World {
    let world = World::begin(10, SlowSink::default());
    world.plan((0..100_000).map(|n| every(10, &format!("j{n}"), Act::Signal)).collect()).await;
    world.bot.signal.notified().await;
    world
}

#[tokio::test(start_paused = true)]
async fn a_burst_does_not_keep_a_new_plan_waiting() {
    let world = amid_a_burst().await;
    world.plan(vec![every(10, "other", Act::Nothing)]).await;
    world.pass(100).await;
    assert!(world.began().iter().filter(|(id, _)| id != "other").count() < 1_000);
}

#[tokio::test(start_paused = true)]
async fn a_burst_does_not_keep_the_stop_waiting() {
    let world = amid_a_burst().await;
    world.stop.cancel();
    world.task.await.unwrap();
    assert!(world.metrics.started() < 1_000);
}

#[tokio::test(start_paused = true)]
async fn once_is_every_job_once_at_the_present_second() {
    let (bot, sink) = (Arc::new(Actor::default()), Arc::new(SlowSink::default()));
    let clock = Arc::new(SimClock::at(NOON + Duration::from_millis(700)));
    assert_eq!(clock.now().seconds(), NOON.seconds());
    let performer = Performer::new(bot.clone(), sink.clone(), clock, RunMetrics::default());
    let jobs = vec![every(60, "a", Act::Report), every(60, "b", Act::Fail), every(60, "c", Act::Panic)];
    let two = NonZeroUsize::new(2).unwrap();
    let summary = run_once(performer, jobs, two, &CancellationToken::new()).await;
    assert_eq!(summary, Summary { runs: 3, failed: 2 });
    assert!(bot.began.lock().unwrap().iter().all(|(_, due)| *due == 0));
    assert_eq!(sink.kept.lock().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn runs_that_hold_all_places_and_do_not_end_are_unhealthy_and_named() {
    let world = World::begin(2, SlowSink::default());
    let stuck = |id: &str| {
        let hanging = every(10, id, Act::Take(Duration::from_secs(200)));
        Job { deadline: Some(Duration::from_secs(200)), ..hanging }
    };
    world.plan(vec![stuck("ping.7"), stuck("ping.9"), every(10, "waits", Act::Nothing)]).await;
    world.pass(60).await;
    assert_eq!(world.heartbeat.fresh(), Ok(()));
    world.pass(30).await;
    let reason = world.heartbeat.fresh().unwrap_err();
    assert!(reason.contains("hold all 2 places for ") && reason.ends_with(": ping.7, ping.9"), "{reason}");
    world.pass(130).await;
    assert_eq!(world.heartbeat.fresh(), Ok(()), "they ended");
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_asked_for_begins_at_once_and_disturbs_no_cadence() {
    let world = World::begin(10, SlowSink::default());
    let gap = Duration::from_secs(5);
    world.plan(vec![every(60, "a", Act::Nothing), every(60, "b", Act::Take(Duration::from_secs(3)))]).await;
    world.pass(10).await;
    let ask = |job: &str, what| world.bot.prompts.ask(job.into(), what, gap);
    ask("a", Prompted::All);
    ask("nobody", Prompted::All);
    world.pass(0).await;
    assert_eq!(world.began(), [("a".to_owned(), 10)]);
    for _ in 0..10 {
        ask("a", Prompted::All);
    }
    ask("b", Prompted::All);
    world.pass(0).await;
    ask("b", Prompted::Nothing);
    world.pass(8).await;
    let began = world.began();
    let of = |job: &str| began.iter().filter(|(id, _)| id == job).map(|(_, at)| *at).collect::<Vec<_>>();
    assert_eq!(of("a"), [15], "ten that were asked for within the gap are one at its end");
    assert_eq!(of("b"), [11, 11], "what measures nothing does not wait for the run that goes on");
    world.pass(51).await;
    assert_eq!(world.began().len(), 2, "each fired once on its cadence");
}
