//! The points store against the plainest model there is: a sorted map for each series.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use grafolean_collector::{
    model::{AccountId, Sample, SeriesPath},
    time::{SystemClock, Timestamp},
};
use grafolean_hub::points::{
    Aggregate, AggregationLevel, Keep, Limits, Order, Point, Points, Settings, Span,
};
use proptest::prelude::*;

const ACCOUNT: AccountId = AccountId::new(7);
const HOUR: i64 = 3_600_000_000;

/// Blocks of 8 points and a memory for a few dozen, so that a short run sees every way values can go.
const SMALL: Settings =
    Settings { keep: Keep::ALL, disk_reserve: 0, limits: Limits { recent_bytes: 2_000, block_points: 8 } };

#[derive(Clone, Debug)]
enum Step {
    Put(Vec<(usize, i64, f64)>),
    Seal,
    Reopen,
    Delete(usize),
    Rename(usize),
    Read { series: usize, from: i64, until: i64, limit: usize, newest_first: bool },
    Aggregate { series: usize, level: u32, from: i64, until: i64 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let time = || prop_oneof![3 => 0..200_i64, 1 => 0..HOUR * 20];
    let value = prop_oneof![-5..5_i32, Just(0)].prop_map(|n| f64::from(n) / 4.0);
    let put = prop::collection::vec((0..3_usize, time(), value), 1..30);
    let step = prop_oneof![
        6 => put.prop_map(Step::Put),
        1 => Just(Step::Seal),
        1 => Just(Step::Reopen),
        1 => (0..3_usize).prop_map(Step::Delete),
        1 => (0..3_usize).prop_map(Step::Rename),
        6 => (0..3_usize, time(), time(), 0..40_usize, any::<bool>()).prop_map(
            |(series, from, until, limit, newest_first)| Step::Read { series, from, until, limit, newest_first }
        ),
        2 => (0..3_usize, 0..7_u32, time(), time())
            .prop_map(|(series, level, from, until)| Step::Aggregate { series, level, from, until }),
    ];
    prop::collection::vec(step, 1..60)
}

fn micros(time: i64) -> Timestamp {
    Timestamp::from_micros(time)
}

fn path(name: &str) -> SeriesPath {
    SeriesPath::parse(name).unwrap()
}

fn open(folder: &Path) -> Points {
    Points::open(&folder.join("points.sqlite"), SMALL, Arc::new(SystemClock)).unwrap()
}

#[derive(Default)]
struct Model(BTreeMap<String, BTreeMap<i64, f64>>);

impl Model {
    fn within(&self, name: &str, from: i64, until: i64) -> Vec<(i64, f64)> {
        let all = self.0.get(name).into_iter().flatten();
        all.map(|(&time, &value)| (time, value)).filter(|(time, _)| (from..until).contains(time)).collect()
    }

    /// Straight from the definition: every bucket of a level gets the mean, least and greatest of its values.
    fn aggregates(&self, name: &str, level: u32, from: i64, until: i64) -> Vec<(i64, f64, f64, f64)> {
        let width = HOUR * 3_i64.pow(level);
        let mut buckets: BTreeMap<i64, Vec<f64>> = BTreeMap::new();
        for (time, value) in self.within(name, i64::MIN, i64::MAX) {
            buckets.entry(time / width * width + width / 2).or_default().push(value);
        }
        let within = buckets.into_iter().filter(|(middle, _)| (from..until).contains(middle));
        within
            .map(|(middle, values)| {
                let mean = values.iter().sum::<f64>() / values.len() as f64;
                let least = values.iter().copied().fold(f64::INFINITY, f64::min);
                (middle, mean, least, values.iter().copied().fold(f64::NEG_INFINITY, f64::max))
            })
            .collect()
    }
}

async fn take(
    step: Step,
    points: Points,
    folder: &Path,
    model: &mut Model,
    names: &mut [String; 3],
) -> Points {
    match step {
        Step::Put(values) => {
            for &(series, time, value) in &values {
                model.0.entry(names[series].clone()).or_default().insert(time, value);
            }
            let samples = values.iter().map(|&(series, time, value)| Sample {
                path: path(&names[series]),
                time: micros(time),
                value,
            });
            points.put(ACCOUNT, samples.collect()).await.unwrap();
        }
        Step::Seal => points.seal().await.unwrap(),
        Step::Reopen => {
            drop(points);
            return open(folder);
        }
        Step::Delete(series) => {
            let wanted = path(&names[series]);
            let id = points.read(move |reader| reader.series(ACCOUNT, &wanted)).await.unwrap();
            assert_eq!(id.is_some(), model.0.remove(&names[series]).is_some());
            if let Some(id) = id {
                assert!(points.delete(ACCOUNT, id).await.unwrap());
                assert!(!points.delete(ACCOUNT, id).await.unwrap());
            }
        }
        Step::Rename(series) => {
            let wanted = path(&names[series]);
            let id = points.read(move |reader| reader.series(ACCOUNT, &wanted)).await.unwrap();
            if let Some(id) = id {
                let renamed = format!("{}x", names[series]);
                assert_eq!(points.rename(ACCOUNT, id, path(&renamed)).await.unwrap(), Some(true));
                let values = model.0.remove(&names[series]).unwrap();
                model.0.insert(renamed.clone(), values);
                names[series] = renamed;
            }
        }
        Step::Read { series, from, until, limit, newest_first } => {
            check_read(&points, model, &names[series], (from, until), limit, newest_first).await;
        }
        Step::Aggregate { series, level, from, until } => {
            check_aggregates(&points, model, &names[series], level, (from, until)).await;
        }
    }
    points
}

async fn check_read(
    points: &Points,
    model: &Model,
    name: &str,
    (from, until): (i64, i64),
    limit: usize,
    newest_first: bool,
) {
    let order = if newest_first { Order::Descending } else { Order::Ascending };
    let span = Span { from: micros(from), until: micros(until) };
    let wanted = path(name);
    let window = points
        .read(move |reader| {
            let Some(id) = reader.series(ACCOUNT, &wanted)? else { return Ok(None) };
            reader.window(id, span, order, limit).map(Some)
        })
        .await
        .unwrap();
    let mut expected = model.within(name, from, until);
    if newest_first {
        expected.reverse();
    }
    let next = expected.get(limit).map(|&(time, _)| time);
    expected.truncate(limit);
    let window = window.unwrap_or_default();
    let read: Vec<_> = window.points.iter().map(|p: &Point| (p.time.micros(), p.value)).collect();
    assert_eq!(read, expected);
    assert_eq!(window.next.map(Timestamp::micros), next);
}

async fn check_aggregates(points: &Points, model: &Model, name: &str, level: u32, (from, until): (i64, i64)) {
    let span = Span { from: micros(from), until: micros(until) };
    let wanted = path(name);
    let (aggregates, next) = points
        .read(move |reader| {
            let Some(id) = reader.series(ACCOUNT, &wanted)? else { return Ok((Vec::new(), None)) };
            let level = AggregationLevel::new(level).unwrap();
            reader.aggregates(id, level, span, Order::Ascending, 1_000)
        })
        .await
        .unwrap();
    let expected = model.aggregates(name, level, from, until);
    assert_eq!(next, None);
    assert_eq!(aggregates.len(), expected.len(), "{aggregates:?} {expected:?}");
    for (Aggregate { time, mean, min, max }, (middle, expected_mean, least, greatest)) in
        aggregates.into_iter().zip(expected)
    {
        assert_eq!((time.micros(), min, max), (middle, least, greatest));
        assert!((mean - expected_mean).abs() < 1e-9, "{mean} {expected_mean}");
    }
}

async fn check_all(points: &Points, model: &Model) {
    for name in model.0.keys() {
        check_read(points, model, name, (i64::MIN, i64::MAX), usize::MAX, false).await;
    }
    let filter = "*".parse().unwrap();
    let last = points.read(move |reader| reader.last_values(ACCOUNT, &filter, usize::MAX)).await.unwrap();
    let last: Vec<_> = last.into_iter().map(|l| (l.path, l.point.time.micros(), l.point.value)).collect();
    let expected: Vec<_> = model
        .0
        .iter()
        .filter_map(|(name, values)| {
            values.last_key_value().map(|(&time, &value)| (name.clone(), time, value))
        })
        .collect();
    assert_eq!(last, expected);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn it_reads_what_a_sorted_map_would(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let mut points = open(folder.path());
            let mut model = Model::default();
            let mut names = ["a.one".to_owned(), "a.two".to_owned(), "b".to_owned()];
            for step in steps {
                points = take(step, points, folder.path(), &mut model, &mut names).await;
            }
            check_all(&points, &model).await;
            points.seal().await.unwrap();
            check_all(&points, &model).await;
            drop(points);
        });
    }
}

#[tokio::test]
async fn values_older_than_the_retention_go() {
    #[derive(Clone, Copy)]
    struct FixedClock;
    impl grafolean_collector::time::Clock for FixedClock {
        fn now(&self) -> Timestamp {
            Timestamp::from_seconds(1_800_000_000)
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("points.sqlite");
    let settings = Settings {
        keep: Keep { values: Some(Duration::from_secs(3600)), hours: Some(Duration::ZERO) },
        ..SMALL
    };
    let sample = |seconds_ago: i64| Sample {
        path: path("a"),
        time: Timestamp::from_seconds(1_800_000_000 - seconds_ago),
        value: 1.0,
    };
    let points = Points::open(&file, SMALL, Arc::new(FixedClock)).unwrap();
    points.put(ACCOUNT, (0..100).map(|i| sample(i * 120)).collect()).await.unwrap();
    points.seal().await.unwrap();
    drop(points);

    let points = Points::open(&file, settings, Arc::new(FixedClock)).unwrap();
    points.put(ACCOUNT, vec![sample(0)]).await.unwrap();
    points.seal().await.unwrap();
    let kept = points
        .read(|reader| {
            let id = reader.series(ACCOUNT, &path("a"))?.unwrap();
            reader.window(id, Span::ALL, Order::Ascending, 1_000)
        })
        .await
        .unwrap();
    // 31 values lie within the hour; the block that begins before it stays as a whole, and it has 8 at most.
    assert!((31..31 + 8).contains(&kept.points.len()), "{}", kept.points.len());
    drop(points);
}
