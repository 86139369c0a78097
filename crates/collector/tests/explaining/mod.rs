//! What runs of a real run loop are explained as, in virtual time: days of sound set-ups, of which no cause is claimed, and
//! runs that come late or do not end.

use std::{
    collections::BTreeMap,
    num::NonZeroUsize,
    sync::{Arc, Mutex},
    time::Duration,
};

use grafolean_collector::{
    backend::AccountInventory,
    bot::{Bot, BotError, Job, Plan, Run},
    cause::Cause,
    model::{AccountId, Device, EntityId, Interval, Intervals, UserId},
    report::{Report, Values},
    run::{Heartbeat, Performer, RunLoop, RunMetrics},
    schedule::FirstRun,
    sim::SimClock,
    sink::{Sink, SinkError},
    status::{BotStatus, Configuration, RunLog},
    time::{Clock, Timestamp},
    why::{Answer, Facts, KnownBot, Question, Rights, StoredValue, Told, explain},
};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::json;
use tokio::{sync::mpsc, time::sleep};
use tokio_util::sync::CancellationToken;

const NOON: Timestamp = Timestamp::from_seconds(1_700_000_000);

/// How often the configuration is read, in seconds.
const EVERY: i64 = 120;

/// A device: how often it is measured, and how long a run takes.
#[derive(Clone)]
struct Measured {
    intervals: Vec<i64>,
    takes: Duration,
}

/// Measures devices as they are said to be; a task is the number of its device.
struct Meter(Vec<Measured>);

impl Bot for Meter {
    type Task = i64;

    fn protocol(&self) -> &str {
        "meter"
    }

    fn jobs(&self, _: &[Device]) -> Plan<i64> {
        Plan::default()
    }

    async fn perform(&self, run: Run<i64>) -> Result<Vec<Report>, BotError> {
        let device = &self.0[usize::try_from(*run.task - 1).unwrap()];
        sleep(device.takes).await;
        let values = vec![(format!("entity.{}.meter.level", run.task), 1.0)];
        Ok(vec![Report::Values(Values { account: AccountId::new(1), time: run.due, values })])
    }
}

/// Keeps the newest value of each path, as a hub does.
#[derive(Default)]
struct Newest(Mutex<BTreeMap<String, (f64, f64)>>);

impl Sink for Newest {
    async fn accept(&self, reports: Vec<Report>) -> Result<(), SinkError> {
        for report in reports {
            let Report::Values(values) = report else { continue };
            for (path, value) in values.values {
                self.0.lock().unwrap().insert(path, (values.time.as_seconds_f64(), value));
            }
        }
        Ok(())
    }
}

struct World {
    clock: SimClock,
    log: RunLog,
    stored: Arc<Newest>,
    account: AccountInventory,
    devices: usize,
    stop: CancellationToken,
}

impl World {
    async fn begin(devices: &[Measured], places: usize) -> Self {
        let (clock, log, stored) = (SimClock::at(NOON), RunLog::default(), Arc::new(Newest::default()));
        let (plans, receiver) = mpsc::channel(1);
        let stop = CancellationToken::new();
        let bot = Arc::new(Meter(devices.to_vec()));
        let performer =
            Performer::new(bot, Arc::clone(&stored), Arc::new(clock.clone()), RunMetrics::default());
        let run_loop = RunLoop {
            performer: performer.recording(log.clone()),
            plans: receiver,
            concurrency: NonZeroUsize::new(places).unwrap(),
            first_run: FirstRun::OnCadence,
            heartbeat: Heartbeat::default(),
            stop: stop.clone(),
        };
        tokio::spawn(run_loop.run());
        let interval = |seconds: &i64| Interval::from_seconds(*seconds).unwrap();
        let job = |(device, id): (&Measured, i64)| {
            let intervals = Intervals::new(device.intervals.iter().map(interval)).unwrap();
            Job::new(format!("meter.1.{id}"), intervals, id)
        };
        let jobs: Vec<_> = devices.iter().zip(1..).map(job).collect();
        log.planned(&jobs);
        plans.send(Plan { jobs, refused: Vec::new() }).await.unwrap();
        // The loop ends when nobody can bring it plans any more.
        tokio::spawn({
            let stop = stop.clone();
            async move {
                stop.cancelled().await;
                drop(plans);
            }
        });
        Self { clock, log, stored, account: account(devices), devices: devices.len(), stop }
    }

    /// What is known at this moment, of a bot that spoke some seconds ago.
    fn facts(&self, spoke: Duration, id: i64) -> Facts {
        let now = self.clock.now();
        let (jobs, jobs_more, troubles) = self.log.read(now, 1_000);
        let read_at = now.seconds() - (now.seconds() - NOON.seconds()).rem_euclid(EVERY);
        let configuration = Configuration {
            read_at: Some(read_at as f64),
            every: EVERY as u64,
            devices: self.devices,
            jobs: self.devices,
            accounts: vec![AccountId::new(1)],
            ..Configuration::default()
        };
        let status = BotStatus {
            protocol: "meter".to_owned(),
            user: Some(UserId::new(9)),
            started: NOON.as_seconds_f64(),
            at: (now - spoke).as_seconds_f64(),
            pause: 3.0,
            configuration,
            jobs,
            jobs_more,
            troubles,
            ..BotStatus::default()
        };
        let told = Told { status: Arc::new(status), received: (now - spoke).as_seconds_f64() };
        let bot = KnownBot {
            id: UserId::new(9),
            name: "meter".to_owned(),
            protocol: Some("meter".to_owned()),
            tied_to_account: Some(AccountId::new(1)),
            last_seen: Some(told.received),
            rights: Some(Rights { read: true, write: true }),
            told: Some(told),
        };
        let stored = self.stored.0.lock().unwrap();
        let of_device = |path: &&String| path.starts_with(&format!("entity.{id}."));
        let values = stored.keys().filter(of_device).map(|path| StoredValue {
            path: path.clone(),
            time: stored[path].0,
            value: stored[path].1,
        });
        Facts {
            now: now.as_seconds_f64(),
            account: self.account.clone(),
            bots: vec![bot],
            is_partial: false,
            foreign_bots: Vec::new(),
            gone_bots: Vec::new(),
            stored: Some(values.collect()),
            retention: None,
            range: None,
        }
    }

    fn why(&self, spoke: Duration, id: i64) -> Vec<Answer> {
        explain(&Question::Entity(EntityId::new(id)), &self.facts(spoke, id))
    }

    /// The causes that are claimed of a device.
    fn causes(&self, id: i64) -> Vec<Cause> {
        let answers = self.why(Duration::from_secs(1), id);
        answers.iter().flat_map(|answer| answer.findings.iter().map(|finding| finding.cause)).collect()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// The account as people set it up: a sensor for each interval.
fn account(devices: &[Measured]) -> AccountInventory {
    let mut sensors = Vec::new();
    let entities: Vec<_> = devices
        .iter()
        .zip(1_i64..)
        .map(|(device, id)| {
            let used = device.intervals.iter().map(|interval| {
                let sensor = i64::try_from(sensors.len()).unwrap() + 1;
                sensors.push(json!({
                    "id": sensor, "name": format!("level {interval}"), "protocol": "meter",
                    "default_interval": interval, "details": {},
                }));
                json!({"sensor": sensor, "interval": null})
            });
            let attachment = json!({"credential": 1, "bot": null, "sensors": used.collect::<Vec<_>>()});
            json!({
                "id": id, "name": format!("tank {id}"), "entity_type": "device", "parent": null,
                "details": {"ipv4": "192.0.2.1"}, "protocols": {"meter": attachment},
            })
        })
        .collect();
    serde_json::from_value(json!({
        "account": {"id": 1, "name": "Cellar"},
        "entities": entities,
        "credentials": [{"id": 1, "name": "way in", "protocol": "meter", "details": {}}],
        "sensors": sensors,
    }))
    .unwrap()
}

#[tokio::test(start_paused = true)]
async fn twenty_sound_set_ups_are_sound_at_every_moment_of_two_days() {
    let intervals: [&[i64]; 10] = [
        &[1],
        &[10],
        &[60],
        &[60, 300],
        &[300],
        &[3_600],
        &[60, 86_400],
        &[30, 45],
        &[7],
        &[600, 3_600, 7_200],
    ];
    let short = intervals.map(|of| Measured { intervals: of.to_vec(), takes: Duration::from_millis(20) });
    // As long as may be: of 30 and 45 seconds runs come 15 seconds apart.
    let long = intervals.map(|of| {
        let takes =
            Duration::from_secs(u64::try_from(of[0]).unwrap()).mul_f64(0.45).min(Duration::from_secs(200));
        Measured { intervals: of.to_vec(), takes }
    });
    let world = World::begin(&[short, long].concat(), 1_000).await;
    let mut dice = StdRng::seed_from_u64(16);
    let mut asked = 0;
    while world.clock.now() < NOON + Duration::from_hours(48) {
        sleep(Duration::from_millis(dice.random_range(1..120_000))).await;
        let spoke = Duration::from_millis(dice.random_range(0..4_000));
        for id in 1..=20 {
            for answer in world.why(spoke, id) {
                assert_eq!(answer.findings, [], "{answer:#?}");
                asked += 1;
            }
        }
    }
    assert!(asked > 20_000, "{asked}");
}

#[tokio::test(start_paused = true)]
async fn runs_that_begin_late_since_all_places_are_taken_are_told() {
    let slow = Measured { intervals: vec![60], takes: Duration::from_secs(50) };
    let world = World::begin(&vec![slow; 5], 1).await;
    sleep(Duration::from_mins(10)).await;
    let named: Vec<_> = (1..=5).map(|id| world.causes(id)).collect();
    assert!(named.iter().any(|causes| causes.contains(&Cause::Overload)), "{named:?}");
}

#[tokio::test(start_paused = true)]
async fn runs_that_do_not_end_within_their_time_are_told() {
    let endless = Measured { intervals: vec![60], takes: Duration::from_secs(90) };
    let sound = Measured { intervals: vec![60], takes: Duration::from_secs(1) };
    let world = World::begin(&[endless, sound], 10).await;
    sleep(Duration::from_mins(5)).await;
    let named = world.causes(1);
    assert_eq!(named.first(), Some(&Cause::RunOverran), "{named:?}");
    assert_eq!(world.causes(2), []);
}
