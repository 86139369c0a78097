//! Remote write in virtual time: outages, refusals, lost answers and kills; each value is accounted for.

use std::{collections::BTreeSet, num::NonZeroUsize, sync::Arc, time::Duration};

use grafolean_collector::{
    model::AccountId,
    remote_write::{ByPath, RemoteWrite, RemoteWriteMetrics, RemoteWriteSettings, STALE, Version},
    report::{Report, Values},
    sim::SimClock,
    spool::{Content, Letters, Limits, SinkSettings, Spool, SpoolFile, SpoolMetrics},
    time::{Clock, Timestamp},
};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::receiver::{Mood, SimReceiver};

const NOON: Timestamp = Timestamp::from_seconds(1_700_000_000);

struct World {
    folder: tempfile::TempDir,
    clock: SimClock,
    spool: Spool,
    metrics: RemoteWriteMetrics,
    receivers: Vec<(&'static str, SimReceiver)>,
    tasks: Vec<(CancellationToken, JoinHandle<()>)>,
}

impl World {
    async fn new(receivers: &[(&'static str, SimReceiver)]) -> Self {
        let (folder, clock) = (tempfile::tempdir().unwrap(), SimClock::at(NOON));
        let spool = open(&folder, &clock, receivers).await;
        let mut world = Self {
            folder,
            clock,
            spool,
            metrics: RemoteWriteMetrics::default(),
            receivers: receivers.to_vec(),
            tasks: Vec::new(),
        };
        world.start();
        world
    }

    fn start(&mut self) {
        for (name, receiver) in &self.receivers {
            let stop = CancellationToken::new();
            let mut settings = RemoteWriteSettings::new(*name, "http://127.0.0.1:9/".parse().unwrap());
            settings.request_samples = NonZeroUsize::new(50).unwrap();
            let task = RemoteWrite {
                spool: self.spool.clone(),
                sink: self.spool.sink(name).unwrap(),
                receiver: Arc::new(receiver.clone()),
                naming: ByPath::default(),
                settings,
                clock: Arc::new(self.clock.clone()),
                metrics: self.metrics.clone(),
                stop: stop.clone(),
            };
            self.tasks.push((stop, tokio::spawn(async move { task.run().await.unwrap() })));
        }
    }

    /// Ends the tasks wherever they stand, and begins with what is on disk.
    async fn kill(mut self) -> Self {
        for (_, task) in self.tasks.drain(..) {
            task.abort();
            let _ = task.await;
        }
        let Self { folder, clock, spool, receivers, metrics, .. } = self;
        spool.close().await.unwrap();
        let spool = open(&folder, &clock, &receivers).await;
        let mut world = Self { folder, clock, spool, metrics, receivers, tasks: Vec::new() };
        world.start();
        world
    }

    async fn measure(&self, values: &[(&str, f64)]) {
        let values = values.iter().map(|(path, value)| ((*path).to_owned(), *value)).collect();
        self.hand_over(self.clock.now(), values).await;
    }

    async fn hand_over(&self, time: Timestamp, values: Vec<(String, f64)>) {
        let report = Report::Values(Values { account: AccountId::new(1), time, values });
        self.spool.accept(&[report]).await.unwrap();
    }

    fn waiting(&self, name: &str) -> u64 {
        let sinks = self.spool.statistics().sinks;
        sinks.iter().find(|sink| sink.name == name).unwrap().waiting.values
    }

    /// Lets hours pass until a sink has all, at most a day.
    async fn drained(&self, name: &str) {
        for _ in 0..24 * 60 {
            if self.waiting(name) == 0 {
                return;
            }
            tokio::time::sleep(Duration::from_mins(1)).await;
        }
        panic!("{} values still wait for {name}: {:?}", self.waiting(name), self.metrics.check());
    }

    /// Path and time of each dead letter of a sink, with its reason.
    fn dead(&self, name: &str) -> Vec<(String, i64, String)> {
        let file = SpoolFile::open(self.spool.path()).unwrap();
        let letters = file.dead_letters(Letters::Sink(name), None, u32::MAX).unwrap();
        let one = letters.into_iter().map(|letter| match letter.content {
            Content::Report(Report::Values(values)) => {
                (values.values[0].0.clone(), values.time.micros() / 1_000, letter.reason)
            }
            other => panic!("{other:?}"),
        });
        one.collect()
    }
}

async fn open(
    folder: &tempfile::TempDir,
    clock: &SimClock,
    receivers: &[(&'static str, SimReceiver)],
) -> Spool {
    let sinks = receivers.iter().map(|(name, _)| match *name {
        "brief" => SinkSettings { age: Duration::from_hours(1), ..SinkSettings::new("brief") },
        "small" => SinkSettings { disk_bytes: 20_000, ..SinkSettings::new("small") },
        name => SinkSettings::new(name),
    });
    let sinks = sinks.collect();
    let (path, clock) = (folder.path().join("spool.sqlite"), Arc::new(clock.clone()));
    Spool::open_with_sinks(path, Limits::default(), sinks, clock, SpoolMetrics::default()).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_value_arrives_with_its_time_and_labels_in_the_version_that_the_receiver_speaks() {
    for version in [Version::V1, Version::V2] {
        let receiver = SimReceiver::new(version, 0);
        let world = World::new(&[("a", receiver.clone())]).await;
        world.measure(&[("entity.7.ping.rtt", 0.25), ("entity.7.ping.ok", 1.0), ("not a path", 2.0)]).await;
        world.drained("a").await;
        let label = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let rtt = vec![
            label("__name__", "grafolean_value"),
            label("account_id", "1"),
            label("entity_id", "7"),
            label("path", "entity.7.ping.rtt"),
        ];
        receiver.with(|state| {
            assert_eq!(state.stored.len(), 2);
            assert_eq!(state.stored[&rtt][&1_700_000_000_000], 0.25_f64.to_bits());
            assert_eq!(state.units["grafolean_value"], "");
        });
        let dead = world.dead("a");
        assert!(dead.len() == 1 && dead[0].0 == "not a path", "{dead:?}");
        assert_eq!(world.metrics.delivered("a"), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn two_sinks_of_different_speed_and_a_dead_one_account_for_every_value() {
    for seed in 0..8 {
        println!("seed {seed}");
        let mut dice = StdRng::seed_from_u64(seed);
        let (quick, slow, dead) = (
            SimReceiver::new(Version::V2, seed),
            SimReceiver::new(Version::V1, seed),
            SimReceiver::new(Version::V1, seed),
        );
        quick.with(|state| state.poison = Some("poison".to_owned()));
        slow.with(|state| (state.latency, state.max_samples) = (Duration::from_secs(5), 20));
        dead.set(Mood::Dead);
        let mut world =
            World::new(&[("quick", quick.clone()), ("slow", slow.clone()), ("dead", dead.clone())]).await;
        let (mut sent, mut poison) = (BTreeSet::new(), BTreeSet::new());
        for minute in 0..240 {
            let time = world.clock.now();
            let values: Vec<_> = (0..dice.random_range(1..40))
                .map(|place| {
                    let kind = if place == 13 { "poison" } else { "good" };
                    (format!("entity.{kind}.p{place}"), f64::from(minute) + f64::from(place) / 100.0)
                })
                .collect();
            for (path, _) in &values {
                let key = (path.clone(), time.micros() / 1_000);
                if path.contains("poison") {
                    poison.insert(key.clone());
                }
                sent.insert(key);
            }
            world.hand_over(time, values).await;
            tokio::time::sleep(Duration::from_mins(1)).await;
            if dice.random_bool(0.03) {
                let moods = [Mood::Good, Mood::Flaky, Mood::Dead, Mood::TooMany, Mood::RefusesAll];
                quick.set(moods[dice.random_range(0..moods.len())]);
                slow.set(moods[dice.random_range(0..moods.len())]);
            }
            if dice.random_bool(0.02) {
                world = world.kill().await;
            }
        }
        quick.set(Mood::Good);
        slow.set(Mood::Good);
        world.drained("quick").await;
        world.drained("slow").await;
        let paths = |receiver: &SimReceiver| {
            receiver.with(|state| {
                let mut all = BTreeSet::new();
                for (labels, samples) in &state.stored {
                    let path = &labels.iter().find(|(name, _)| name == "path").unwrap().1;
                    let values = samples.iter().filter(|(_, bits)| **bits != STALE.to_bits());
                    all.extend(values.map(|(time, _)| (path.clone(), *time)));
                }
                all
            })
        };
        let rejected: BTreeSet<_> =
            world.dead("quick").into_iter().map(|(path, time, _)| (path, time)).collect();
        assert_eq!(rejected, poison);
        assert_eq!(world.dead("quick").len(), poison.len(), "each once");
        let good: BTreeSet<_> = sent.difference(&poison).cloned().collect();
        assert_eq!(paths(&quick), good);
        assert_eq!((paths(&slow), world.dead("slow").len()), (sent.clone(), 0));
        assert_eq!((world.waiting("dead"), dead.values()), (sent.len() as u64, 0));
        // The dead one rises, and has all of it.
        dead.set(Mood::Good);
        world.drained("dead").await;
        assert_eq!((paths(&dead), world.dead("dead").len()), (sent, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn what_limits_cost_sinks_that_are_dead_is_counted_to_the_value() {
    let receivers = ["quick", "brief", "small"].map(|name| (name, SimReceiver::new(Version::V2, 0)));
    let [_, (_, brief), (_, small)] = &receivers;
    brief.set(Mood::Dead);
    small.set(Mood::TooMany);
    let world = World::new(&receivers).await;
    let mut sent = 0;
    for minute in 0..240 {
        let values: Vec<_> =
            (0..minute % 7 + 1).map(|place| (format!("rack.r{place}"), f64::from(minute))).collect();
        sent += values.len();
        world.hand_over(world.clock.now(), values).await;
        tokio::time::sleep(Duration::from_mins(1)).await;
    }
    brief.set(Mood::Good);
    small.set(Mood::Good);
    for (name, receiver) in &receivers {
        world.drained(name).await;
        let sinks = world.spool.statistics().sinks;
        let lost = sinks.iter().find(|sink| sink.name == *name).unwrap().lost.values as usize;
        assert_eq!((receiver.values() + lost, world.dead(name).len()), (sent, 0), "{name}");
        assert_eq!(lost == 0, *name == "quick", "{name}: {lost} of {sent}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_refuses_everything_makes_no_dead_letters_and_is_told_of() {
    let receiver = SimReceiver::new(Version::V1, 0);
    let world = World::new(&[("a", receiver.clone())]).await;
    world.measure(&[("p.0", 1.0)]).await;
    world.drained("a").await;
    receiver.set(Mood::RefusesAll);
    for minute in 1..60 {
        world.measure(&[("p.0", f64::from(minute)), ("p.1", 1.0)]).await;
        tokio::time::sleep(Duration::from_mins(1)).await;
    }
    assert_eq!((world.waiting("a"), world.dead("a").len()), (118, 0));
    let fault = world.metrics.check().unwrap_err();
    assert!(fault.contains("it refuses everything: 400: who are you"), "{fault}");
    assert!(receiver.with(|state| state.requests) < 100, "it is asked seldom");
    receiver.set(Mood::Good);
    world.drained("a").await;
    assert_eq!((receiver.values(), world.dead("a").len(), world.metrics.check()), (119, 0, Ok(())));
}

#[tokio::test(start_paused = true)]
async fn what_is_older_than_what_the_receiver_has_is_a_dead_letter_unless_it_may_be_there() {
    let receiver = SimReceiver::new(Version::V1, 0);
    let world = World::new(&[("a", receiver.clone())]).await;
    tokio::time::sleep(Duration::from_mins(1)).await;
    world.measure(&[("p.0", 1.0), ("p.1", 1.0)]).await;
    world.drained("a").await;
    world.hand_over(NOON, vec![("p.0".to_owned(), 7.0), ("p.2".to_owned(), 7.0)]).await;
    world.drained("a").await;
    let dead = world.dead("a");
    assert_eq!((dead.len(), dead[0].0.as_str(), dead[0].1), (1, "p.0", 1_700_000_000_000));
    assert!(dead[0].2.contains("out of order sample"), "{dead:?}");
    assert_eq!(receiver.values(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_series_that_ends_is_marked_where_its_next_value_would_have_stood() {
    let receiver = SimReceiver::new(Version::V2, 0);
    let world = World::new(&[("a", receiver.clone())]).await;
    for _ in 0..5 {
        world.measure(&[("ends", 1.0), ("goes.on", 1.0)]).await;
        tokio::time::sleep(Duration::from_mins(1)).await;
    }
    for _ in 0..10 {
        world.measure(&[("goes.on", 1.0)]).await;
        tokio::time::sleep(Duration::from_mins(1)).await;
    }
    assert_eq!(receiver.markers(), [1_700_000_000_000 + 5 * 60_000 - 1]);
    // It comes back.
    world.measure(&[("ends", 1.0)]).await;
    world.drained("a").await;
    assert_eq!((receiver.values(), world.dead("a").len()), (21, 0));
    // When nothing comes at all, time goes on too.
    tokio::time::sleep(Duration::from_mins(10)).await;
    assert_eq!(receiver.markers().len(), 2);
}
