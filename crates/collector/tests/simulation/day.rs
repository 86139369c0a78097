//! What happens on a day, and what is left of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZeroUsize,
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use grafolean_collector::report::Report;
use grafolean_collector::{
    collector::{CollectorError, CollectorSettings, Pipeline},
    deliver::DeliverySettings,
    health::Health,
    sim::{FaultPlan, SimBackend, SimClock, Tally},
    spool::{Content, Letters, Spool, SpoolFile},
    time::{Clock, Timestamp},
};
use rand::{RngExt, SeedableRng, rngs::SmallRng, seq::IndexedRandom};
use tempfile::TempDir;
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::{
    SimBot,
    bot::Key,
    town::{device, town},
};

const MIDNIGHT: Timestamp = Timestamp::from_seconds(1_700_006_400);
const DEVICES: i64 = 50;
const CONCURRENCY: usize = 20;

/// A value handed over this short before a kill may or may not have been accepted.
const INSTANT: Duration = Duration::from_millis(2);

/// What a day left behind.
pub struct Record {
    pub bot: Arc<SimBot>,
    pub stored: BTreeMap<Key, f64>,
    pub dead: BTreeSet<Key>,
    pub tally: Tally,
    /// What was handed over at the moment of a kill.
    pub doubtful: BTreeSet<Key>,
    /// Times in which the collector lived, the clock ran evenly and all was settled, in seconds since the epoch.
    pub even: Vec<(i64, i64)>,
    /// Jobs that were there all day.
    pub steady: BTreeSet<String>,
    /// What waited at the end.
    pub left: u64,
    /// The most values that waited.
    pub deepest: u64,
    /// The most that was held in memory alone.
    pub most_held: u64,
}

#[derive(Clone, Copy, Debug)]
enum Event {
    Kill,
    Restart,
    Leap(i64),
    Remove,
    Add,
    Look,
}

/// A day in the making.
pub struct Day {
    chance: SmallRng,
    clock: SimClock,
    backend: Arc<SimBackend>,
    bot: Arc<SimBot>,
    folder: TempDir,
    life: Option<RunningCollector>,
    even_since: i64,
    record: Record,
    present: Vec<i64>,
    next_device: i64,
}

/// A collector from its start to its end.
struct RunningCollector {
    task: JoinHandle<Result<(), CollectorError>>,
    spool: Spool,
    stop: CancellationToken,
}

impl Day {
    /// Lives through a day and until all is delivered; everything in it follows from the seed.
    pub async fn of_seed(seed: u64, length: Duration) -> Record {
        let mut chance = SmallRng::seed_from_u64(seed);
        let fault_plan = FaultPlan::random(&mut chance, length);
        let events = events(&mut chance, length);
        let mut day = Self::begin(seed, chance, fault_plan).await;
        let dawn = Instant::now();
        for (at, event) in events {
            sleep_until(dawn + at).await;
            day.happen(event).await;
        }
        sleep_until(dawn + length).await;
        day.end().await
    }

    async fn begin(seed: u64, chance: SmallRng, fault_plan: FaultPlan) -> Self {
        let clock = SimClock::at(MIDNIGHT);
        let backend = Arc::new(SimBackend::new(seed, town(DEVICES), fault_plan));
        let bot = Arc::new(SimBot::default());
        let folder = folder();
        let life = Some(RunningCollector::begin(&bot, &backend, &clock, &folder).await);
        let present: Vec<i64> = (1_000..1_000 + DEVICES).collect();
        let record = Record {
            bot: bot.clone(),
            stored: BTreeMap::new(),
            dead: BTreeSet::new(),
            tally: Tally::default(),
            doubtful: BTreeSet::new(),
            even: Vec::new(),
            steady: present.iter().map(|id| format!("sim.{id}")).collect(),
            left: 0,
            deepest: 0,
            most_held: 0,
        };
        let (even_since, next_device) = (settled(&clock), 2_000);
        Self { chance, clock, backend, bot, folder, life, even_since, record, present, next_device }
    }

    async fn happen(&mut self, event: Event) {
        match event {
            Event::Kill => {
                self.uneven();
                self.life.take().unwrap().task.abort();
                let killed = Instant::now();
                let handed_over = self.bot.measured.lock().unwrap().clone();
                let doubtful = handed_over.into_iter().filter(|(_, (_, at))| killed - *at <= INSTANT);
                self.record.doubtful.extend(doubtful.map(|(key, _)| key));
                self.rise_again().await;
            }
            Event::Restart => {
                self.uneven();
                self.life.take().unwrap().end().await;
                self.rise_again().await;
            }
            Event::Leap(seconds) => {
                self.uneven();
                self.clock.leap(seconds);
                self.even_since = settled(&self.clock);
            }
            Event::Remove => {
                if let Some(id) = self.present.choose(&mut self.chance).copied() {
                    self.present.retain(|present| *present != id);
                    self.record.steady.remove(&format!("sim.{id}"));
                    self.backend.set_up(|inventory| {
                        for account in &mut inventory.accounts {
                            account.entities.retain(|entity| entity.id.number() != id);
                        }
                    });
                }
            }
            Event::Add => {
                self.next_device += 1;
                let added = device(self.next_device);
                self.backend.set_up(|inventory| inventory.accounts[0].entities.push(added.into()));
            }
            Event::Look => {
                let waiting = self.life.as_ref().unwrap().spool.statistics();
                self.record.deepest = self.record.deepest.max(waiting.queue.values);
                self.record.most_held = self.record.most_held.max(waiting.held.values);
            }
        }
    }

    /// A new collector takes up what the last one left on disk.
    async fn rise_again(&mut self) {
        sleep(Duration::from_secs(self.chance.random_range(1..300))).await;
        self.life = Some(RunningCollector::begin(&self.bot, &self.backend, &self.clock, &self.folder).await);
        self.even_since = settled(&self.clock);
    }

    /// Ends a time in which the clock ran evenly. The last seconds are left out: a run may have been about to begin.
    fn uneven(&mut self) {
        self.record.even.push((self.even_since, self.clock.now().seconds() - 5));
    }

    async fn end(mut self) -> Record {
        self.uneven();
        // The backend is well: what waits is delivered within the longest pause of a backend that was forbidding.
        sleep(Duration::from_hours(1)).await;
        self.life.take().unwrap().end().await;
        let file = SpoolFile::open(spool_path(&self.folder)).unwrap();
        self.record.left = file.statistics().unwrap().queue.values;
        self.record.dead = dead_values(&file);
        self.record.stored = self.backend.values();
        self.record.tally = self.backend.tally();
        self.record
    }
}

impl RunningCollector {
    async fn begin(bot: &Arc<SimBot>, backend: &Arc<SimBackend>, clock: &SimClock, folder: &TempDir) -> Self {
        let settings = CollectorSettings {
            concurrency: NonZeroUsize::new(CONCURRENCY).unwrap(),
            delivery: DeliverySettings { jitter_seed: 1, ..DeliverySettings::default() },
            ..CollectorSettings::new("sim://backend", folder.path())
        };
        let mut health = Health::new("test", MIDNIGHT);
        let clock: Arc<dyn Clock> = Arc::new(clock.clone());
        let pipeline = Pipeline::new(bot.clone(), backend.clone(), settings).with_clock(clock);
        let collector = pipeline.open(&mut health).await.unwrap();
        let (spool, stop) = (collector.spool(), CancellationToken::new());
        Self { task: tokio::spawn(collector.run(stop.clone())), spool, stop }
    }

    async fn end(self) {
        self.stop.cancel();
        self.task.await.unwrap().unwrap();
    }
}

/// A kill or a restart, a leap, a change every few hours, and a look at the queue every ten minutes.
fn events(chance: &mut SmallRng, length: Duration) -> Vec<(Duration, Event)> {
    let mut events = Vec::new();
    for _ in 0..14 {
        let kind = match chance.random_range(0..7) {
            0 | 1 => Event::Kill,
            2 => Event::Restart,
            3 => Event::Leap(chance.random_range(-7_200..7_200)),
            4 => Event::Leap(chance.random_range(-3..4)),
            5 => Event::Remove,
            _ => Event::Add,
        };
        events.push((chance.random_range(Duration::from_mins(10)..length), kind));
    }
    let looks = length.as_secs() / 600;
    events.extend((1..looks).map(|look| (Duration::from_secs(look * 600), Event::Look)));
    events.sort_by_key(|(at, _)| *at);
    events
}

/// Memory if the machine has a folder there: a simulated day writes as often as a real one.
fn folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

fn spool_path(folder: &TempDir) -> PathBuf {
    folder.path().join("sim/spool.sqlite")
}

/// From now on, with time for the last good configuration to be read, and for runs that a leap brought about to end:
/// a job that goes on is not run again.
fn settled(clock: &SimClock) -> i64 {
    clock.now().seconds() + 30
}

fn dead_values(file: &SpoolFile) -> BTreeSet<Key> {
    let mut dead = BTreeSet::new();
    let mut before = None;
    loop {
        let page = file.dead_letters(Letters::All, before, 100).unwrap();
        let Some(last) = page.last() else { return dead };
        before = Some(last.id);
        for letter in page {
            let Content::Report(Report::Values(values)) = letter.content else { panic!("{letter:?}") };
            dead.extend(values.values.into_iter().map(|(path, _)| (values.account, path, values.time)));
        }
    }
}
