//! A pass over all series: what is older than it is kept goes, what it amounted to in each hour stays, and what is left
//! is counted.

use std::collections::HashMap;

use grafolean_collector::{model::AccountId, time::Timestamp};
use rusqlite::Connection;

use super::{
    PointsMetrics, SeriesId, block, damage,
    error::{Context, PointsError},
    hours::{self, HOUR_MICROS, Hours},
    recent::SharedRecent,
    retention::{Policies, Scope},
    series,
};

/// A step stops at this many series.
const STEP_SERIES: usize = 64;

/// Blocks a step deletes.
const STEP_BLOCKS: usize = 256;

/// Blocks of one series that a step summarises: each is unpacked, some tenths of a millisecond.
const STEP_SUMMARISED: usize = 32;

/// How many passes follow each other because a size is exceeded. Each cuts away a part of what is too much, as nobody
/// knows which of it is old; what is still too much then goes with the pass an hour later.
const MOST_PASSES: u32 = 12;

const DOING: &str = "deleting values that are older than they are kept";

/// A pass over all series.
#[derive(Debug)]
pub(super) struct Pass {
    now: Timestamp,
    /// The series up to here are done.
    done_through: i64,
    /// By scope the bytes that were left and the oldest time, of those that are done.
    left: HashMap<Scope, Left>,
    /// By scope before which time nothing is kept, since it takes too much.
    cuts: HashMap<Scope, Timestamp>,
    passes: u32,
}

#[derive(Clone, Copy, Debug)]
struct Left {
    bytes: u64,
    oldest: Timestamp,
}

/// What a step did; it counts once its transaction is committed.
#[derive(Debug)]
pub(super) struct Step {
    through: Option<i64>,
    left: Vec<(Scope, Left)>,
    /// Series that were deleted, as nothing of them was left.
    pub(super) forgotten: u64,
    /// Blocks that were damaged, and set aside.
    pub(super) damaged: u64,
}

impl Pass {
    /// Begins a pass at a moment.
    pub(super) fn begin(now: Timestamp) -> Self {
        Self { now, done_through: 0, left: HashMap::new(), cuts: HashMap::new(), passes: 1 }
    }

    /// Does some of it.
    pub(super) fn step(
        &self,
        connection: &Connection,
        recent: &SharedRecent,
        policies: &Policies,
    ) -> Result<Step, PointsError> {
        let mut next = connection
            .prepare_cached("SELECT id, account, path FROM series WHERE id > ?1 ORDER BY id LIMIT 1")
            .doing(DOING)?;
        let mut step = Step { through: Some(self.done_through), left: Vec::new(), forgotten: 0, damaged: 0 };
        let (mut through, mut deleted) = (self.done_through, 0);
        for _ in 0..STEP_SERIES {
            let mut rows = next.query([through]).doing(DOING)?;
            let Some(row) = rows.next().doing(DOING)? else {
                step.through = None;
                return Ok(step);
            };
            let id: i64 = row.get(0).doing(DOING)?;
            let account = AccountId::new(row.get(1).doing(DOING)?);
            let path: String = row.get(2).doing(DOING)?;
            let verdict = policies.verdict(account, &path, self.now, &self.cuts);
            let series = SeriesId::new(id);
            let mut whole = true;
            if let Some(before) = verdict.values_before {
                let some = if verdict.summarised {
                    let from = verdict.hours_before.unwrap_or(Timestamp::from_micros(i64::MIN));
                    summarise(connection, series, before, from, &mut step.damaged)?
                } else {
                    delete(connection, series, before)?
                };
                deleted += some;
                whole = some < if verdict.summarised { STEP_SUMMARISED } else { STEP_BLOCKS };
            }
            if !whole {
                break;
            }
            if let Some(before) = verdict.hours_before {
                deleted += delete_hours(connection, series, before)?;
            }
            if deleted > 0 || verdict.values_before.is_some() {
                let in_memory = recent.read().holds(series);
                step.forgotten += u64::from(series::forget_if_empty(connection, series, in_memory)?);
            }
            if !verdict.scopes.is_empty()
                && let Some(left) = left_of(connection, series)?
            {
                step.left.extend(verdict.scopes.iter().map(|scope| (*scope, left)));
            }
            through = id;
            step.through = Some(through);
            if deleted >= STEP_BLOCKS {
                break;
            }
        }
        Ok(step)
    }

    /// Adds what a step did; returns whether the pass has ended.
    pub(super) fn note(&mut self, step: &Step, policies: &Policies, metrics: &PointsMetrics) -> bool {
        metrics.forgotten_series.inc_by(step.forgotten);
        metrics.damaged_blocks.inc_by(step.damaged);
        for &(scope, left) in &step.left {
            self.left
                .entry(scope)
                .and_modify(|all| {
                    all.bytes = all.bytes.saturating_add(left.bytes);
                    all.oldest = all.oldest.min(left.oldest);
                })
                .or_insert(left);
        }
        if let Some(through) = step.through {
            self.done_through = through;
            return false;
        }
        let cuts = self.next_cuts(policies);
        if cuts.is_empty() || self.passes >= MOST_PASSES {
            return true;
        }
        self.cuts.extend(cuts);
        self.left.clear();
        self.done_through = 0;
        self.passes += 1;
        false
    }

    /// Returns for each scope that takes too much a time before which some of it lies. What has come within the last
    /// hour is never cut.
    fn next_cuts(&self, policies: &Policies) -> Vec<(Scope, Timestamp)> {
        let last_hour = self.now.micros().saturating_sub(HOUR_MICROS);
        let cut = |(&scope, left): (&Scope, &Left)| {
            let most = policies.max_bytes(scope).filter(|&most| left.bytes > most)?;
            let span = last_hour.saturating_sub(left.oldest.micros());
            // In thousandths, three quarters of the share that is too much: what is old may lie denser than what is new.
            let excess = (left.bytes - most).saturating_mul(750) / left.bytes.max(1);
            let part = i64::try_from(excess).unwrap_or(0).max(5).saturating_mul(span / 1_000);
            let cut = left.oldest.micros().saturating_add(part.max(HOUR_MICROS)).min(last_hour);
            let cut = Timestamp::from_micros(cut);
            (span > 0 && self.cuts.get(&scope).is_none_or(|before| *before < cut)).then_some((scope, cut))
        };
        self.left.iter().filter_map(cut).collect()
    }
}

/// Deletes some blocks of values that are all before a time; returns how many.
fn delete(connection: &Connection, series: SeriesId, before: Timestamp) -> Result<usize, PointsError> {
    let most = i64::try_from(STEP_BLOCKS).unwrap_or(i64::MAX);
    connection
        .prepare_cached(
            "DELETE FROM blocks WHERE id IN
                 (SELECT id FROM blocks WHERE series = ?1 AND first < ?2 AND last < ?2 LIMIT ?3)",
        )
        .and_then(|mut delete| delete.execute((series.number(), before.micros(), most)))
        .doing(DOING)
}

fn delete_hours(connection: &Connection, series: SeriesId, before: Timestamp) -> Result<usize, PointsError> {
    connection
        .prepare_cached("DELETE FROM hours WHERE series = ?1 AND first < ?2 AND last < ?2")
        .and_then(|mut delete| delete.execute((series.number(), before.micros())))
        .doing(DOING)
}

/// Deletes some blocks of values that are all before a time and keeps what they amounted to in each hour from `from`
/// on; returns how many.
fn summarise(
    connection: &Connection,
    series: SeriesId,
    before: Timestamp,
    from: Timestamp,
    damaged: &mut u64,
) -> Result<usize, PointsError> {
    const DOING: &str = "summing up values by the hour";
    let mut select = connection
        .prepare_cached(
            "SELECT id, first, points FROM blocks WHERE series = ?1 AND first < ?2 AND last < ?2
             ORDER BY first LIMIT ?3",
        )
        .doing(DOING)?;
    let most = i64::try_from(STEP_SUMMARISED).unwrap_or(i64::MAX);
    let mut rows = select.query((series.number(), before.micros(), most)).doing(DOING)?;
    let (mut hours, mut taken) = (Hours::new(), Vec::new());
    while let Some(row) = rows.next().doing(DOING)? {
        taken.push(row.get::<_, i64>(0).doing(DOING)?);
        let bytes = row.get_ref(2).and_then(|value| Ok(value.as_blob()?)).doing(DOING)?;
        match block::decode(series, bytes) {
            Ok(points) => hours::summarise(&mut hours, &points),
            Err(reason) => {
                *damaged += 1;
                let first = Timestamp::from_micros(row.get(1).doing(DOING)?);
                tracing::error!(%series, %first, reason, "a damaged block was set aside in the table damaged");
                damage::set_aside(connection, series, first, &reason, bytes)?;
            }
        }
    }
    hours.retain(|&hour, _| hours::start(hour) >= from);
    hours::add(connection, series, hours)?;
    let mut delete = connection.prepare_cached("DELETE FROM blocks WHERE id = ?1").doing(DOING)?;
    for id in &taken {
        delete.execute([id]).doing(DOING)?;
    }
    Ok(taken.len())
}

/// Returns what is left of a series; `None` if it has nothing on disk.
fn left_of(connection: &Connection, series: SeriesId) -> Result<Option<Left>, PointsError> {
    let row: Option<(u64, Option<i64>)> = connection
        .prepare_cached(
            "SELECT bytes, min(coalesce((SELECT min(first) FROM blocks WHERE series = ?1), 9223372036854775807),
                        coalesce((SELECT min(first) FROM hours WHERE series = ?1), 9223372036854775807))
             FROM series WHERE id = ?1",
        )
        .and_then(|mut select| {
            let mut rows = select.query([series.number()])?;
            rows.next()?.map(|row| Ok((row.get(0)?, row.get(1)?))).transpose()
        })
        .doing(DOING)?;
    let oldest = row.and_then(|(bytes, oldest)| Some((bytes, oldest.filter(|&first| first < i64::MAX)?)));
    Ok(oldest.map(|(bytes, oldest)| Left { bytes, oldest: Timestamp::from_micros(oldest) }))
}

#[cfg(test)]
mod tests {
    use std::{
        path::Path,
        sync::{
            Arc,
            atomic::{AtomicI64, Ordering},
        },
        time::Duration,
    };

    use grafolean_collector::{
        model::{Sample, SeriesPath},
        time::Clock,
    };

    use super::*;
    use crate::points::{
        AccountRetention, AggregationLevel, Drawn, Findings, Keep, Limits, Order, Points, PointsError, Rule,
        Settings, Span, Usage, check, repair,
    };

    const ACCOUNT: AccountId = AccountId::new(7);
    const HOUR: i64 = 3_600;
    const START: i64 = 1_800_000_000;

    struct SetClock(AtomicI64);

    impl Clock for SetClock {
        fn now(&self) -> Timestamp {
            Timestamp::from_seconds(self.0.load(Ordering::SeqCst))
        }
    }

    fn settings(keep: Keep) -> Settings {
        Settings { keep, disk_reserve: 0, limits: Limits { recent_bytes: 100_000, block_points: 16 } }
    }

    fn kept(values: i64, hours: Option<i64>) -> Keep {
        let span = |hours: i64| Duration::from_secs(u64::try_from(hours * HOUR).unwrap());
        Keep { values: Some(span(values)), hours: hours.map(span) }
    }

    fn open(folder: &Path, clock: &Arc<SetClock>, keep: Keep) -> Points {
        let clock = Arc::clone(clock) as Arc<dyn Clock>;
        Points::open(&folder.join("points.sqlite"), settings(keep), clock).unwrap()
    }

    /// A value each five minutes: a saw that rises within each hour, with one peak.
    fn saw(name: &str, seconds: i64) -> Sample {
        let value = if seconds == START - 50 * HOUR + 300 { 1e6 } else { (seconds % HOUR) as f64 };
        Sample { path: SeriesPath::parse(name).unwrap(), time: Timestamp::from_seconds(seconds), value }
    }

    async fn fill(points: &Points, name: &str, hours: i64) {
        let times = (0..hours * 12).map(|at| START - hours * HOUR + at * 300);
        for group in times.collect::<Vec<_>>().chunks(100) {
            points.put(ACCOUNT, group.iter().map(|&time| saw(name, time)).collect()).await.unwrap();
        }
        points.seal().await.unwrap();
    }

    async fn aggregates(points: &Points, name: &str, level: u32) -> Vec<(i64, f64, f64, f64)> {
        let path = SeriesPath::parse(name).unwrap();
        let read = points.read(move |reader| {
            let Some(id) = reader.series(ACCOUNT, &path)? else { return Ok(Vec::new()) };
            let level = AggregationLevel::new(level).unwrap();
            Ok(reader.aggregates(id, level, Span::ALL, Order::Ascending, 10_000)?.0)
        });
        let round = |value: f64| (value * 1e6).round() / 1e6;
        read.await.unwrap().iter().map(|a| (a.time.seconds(), round(a.mean), a.min, a.max)).collect()
    }

    async fn values(points: &Points, name: &str) -> usize {
        let path = SeriesPath::parse(name).unwrap();
        let read = points.read(move |reader| {
            let Some(id) = reader.series(ACCOUNT, &path)? else { return Ok(0) };
            Ok(reader.window(id, Span::ALL, Order::Ascending, 100_000)?.points.len())
        });
        read.await.unwrap()
    }

    async fn usage(points: &Points) -> Usage {
        points.read(|reader| reader.usage(ACCOUNT)).await.unwrap()
    }

    /// What stands in the blocks' table and in that of the hours, added up anew.
    fn counted(folder: &Path) -> u64 {
        let connection = Connection::open(folder.join("points.sqlite")).unwrap();
        let sum = "SELECT coalesce((SELECT sum(length(points)) FROM blocks), 0)
                        + coalesce((SELECT sum(length(summaries)) FROM hours), 0)";
        connection.query_row(sum, (), |row| row.get(0)).unwrap()
    }

    #[tokio::test]
    async fn what_values_amounted_to_stays_when_they_go_and_charts_show_the_true_peaks() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(SetClock(AtomicI64::new(START)));
        let points = open(folder.path(), &clock, Keep::ALL);
        fill(&points, "a", 100).await;
        let (whole, wide) = (aggregates(&points, "a", 0).await, aggregates(&points, "a", 2).await);
        assert_eq!(whole.len(), 100);
        drop(points);

        let points = open(folder.path(), &clock, kept(10, Some(60)));
        points.put(ACCOUNT, vec![saw("b", START)]).await.unwrap();
        points.seal().await.unwrap();
        let left = values(&points, "a").await;
        assert!((120..136).contains(&left), "{left} values are left of the last ten hours");
        // Hours before the first that is kept are gone; a block of them goes as a whole, like one of values.
        let after = aggregates(&points, "a", 0).await;
        assert!(whole.ends_with(&after) && (60..=61).contains(&after.len()), "{after:?}");
        assert!(after.iter().any(|&(_, _, _, max)| max == 1e6), "the peak of an hour that went is shown");
        let wide_after = aggregates(&points, "a", 2).await;
        assert!(wide.ends_with(wide_after.get(1..).unwrap()), "{wide_after:?} {wide:?}");
        assert_eq!(usage(&points).await.bytes, counted(folder.path()));
        let drawn = points.read(|reader| {
            let id = reader.series(ACCOUNT, &SeriesPath::parse("a").unwrap())?.unwrap();
            let span = Span {
                from: Timestamp::from_seconds(START - 55 * HOUR),
                until: Timestamp::from_seconds(START),
            };
            reader.drawn(id, span, 500)
        });
        let Drawn::Buckets(width, buckets) = drawn.await.unwrap() else { panic!("it has hours") };
        assert_eq!((width, buckets.len()), (Duration::from_secs(3_600), 55));
        assert!(buckets.iter().all(|bucket| bucket.count == 12));
        assert!(buckets.iter().any(|bucket| bucket.highest == 1e6));

        // Once the hours are too old as well, nothing of the series is left.
        clock.0.store(START + 200 * HOUR, Ordering::SeqCst);
        points.put(ACCOUNT, vec![saw("b", START + 200 * HOUR)]).await.unwrap();
        points.seal().await.unwrap();
        assert_eq!(aggregates(&points, "a", 0).await, []);
        assert_eq!(usage(&points).await.series, 1, "only what goes on is left");
    }

    #[tokio::test]
    async fn damaged_hours_are_found_and_set_aside() {
        let folder = tempfile::tempdir().unwrap();
        let (file, clock) = (folder.path().join("points.sqlite"), Arc::new(SetClock(AtomicI64::new(START))));
        let points = open(folder.path(), &clock, kept(10, Some(60)));
        fill(&points, "a", 40).await;
        points.put(ACCOUNT, vec![saw("b", START)]).await.unwrap();
        points.seal().await.unwrap();
        drop(points);
        let found = || {
            let mut findings = Findings::default();
            check(&file, &mut findings).unwrap();
            (findings.damaged.len(), findings.set_aside)
        };
        assert_eq!(found(), (0, 0));
        Connection::open(&file).unwrap().execute("UPDATE hours SET summaries = x'01'", ()).unwrap();
        assert_eq!(found(), (1, 0));
        repair(&file).unwrap();
        assert_eq!(found(), (0, 1));
    }

    #[tokio::test]
    async fn rules_of_an_account_count_before_what_the_hub_is_set_to_and_outlive_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(SetClock(AtomicI64::new(START)));
        let points = open(folder.path(), &clock, Keep::ALL);
        fill(&points, "netflow.a", 50).await;
        fill(&points, "entity.a", 50).await;
        let rule = Rule {
            filter: "netflow.*".to_owned(),
            values_seconds: Some(5 * 3_600),
            hours_seconds: Some(0),
            max_bytes: None,
        };
        let retention = AccountRetention { max_bytes: None, rules: vec![rule] };
        points.set_retention(ACCOUNT, retention.clone()).await.unwrap();
        points.seal().await.unwrap();
        assert!((60..76).contains(&values(&points, "netflow.a").await));
        assert!(aggregates(&points, "netflow.a", 0).await.len() <= 7);
        assert_eq!(values(&points, "entity.a").await, 600);
        drop(points);
        let points = open(folder.path(), &clock, Keep::ALL);
        assert_eq!(points.read(|reader| reader.retention(ACCOUNT)).await.unwrap(), retention);
        clock.0.store(START + 50 * HOUR, Ordering::SeqCst);
        points.put(ACCOUNT, vec![saw("entity.a", START + 50 * HOUR)]).await.unwrap();
        points.seal().await.unwrap();
        assert_eq!((values(&points, "netflow.a").await, values(&points, "entity.a").await), (0, 601));
    }

    #[tokio::test]
    async fn an_account_stays_within_its_size_and_the_oldest_goes_first() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(SetClock(AtomicI64::new(START)));
        let points = open(folder.path(), &clock, Keep::ALL);
        // Values that hardly compress: two megabytes in all.
        let noise = |at: i64| Sample { value: ((at * 7919) as f64).sin(), ..saw("a", START - at * 60) };
        for from in (0..200_000).step_by(5_000) {
            points.put(ACCOUNT, (from..from + 5_000).map(noise).collect()).await.unwrap();
        }
        points.seal().await.unwrap();
        let before = usage(&points).await.bytes;
        let most = 1 << 20;
        assert!(before > 3 * most / 2, "{before}");
        let retention = AccountRetention { max_bytes: Some(most), rules: Vec::new() };
        points.set_retention(ACCOUNT, retention).await.unwrap();
        points.seal().await.unwrap();
        let after = usage(&points).await.bytes;
        assert!(after <= most && after > most * 3 / 4, "{after} of {before} bytes are left");
        assert_eq!(after, counted(folder.path()));
        let newest = points.read(|reader| {
            let id = reader.series(ACCOUNT, &SeriesPath::parse("a").unwrap())?.unwrap();
            Ok(reader.window(id, Span::ALL, Order::Descending, 1)?.points)
        });
        assert_eq!(newest.await.unwrap().first().map(|point| point.time.seconds()), Some(START));
    }

    #[tokio::test]
    async fn what_would_fill_the_disk_is_refused_and_what_is_there_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(SetClock(AtomicI64::new(START)));
        let points = open(folder.path(), &clock, Keep::ALL);
        fill(&points, "a", 1).await;
        let free = points.room().unwrap().free;
        drop(points);
        let file = folder.path().join("points.sqlite");
        let reserved = Settings { disk_reserve: free.saturating_mul(2), ..settings(Keep::ALL) };
        let points = Points::open(&file, reserved, Arc::clone(&clock) as Arc<dyn Clock>).unwrap();
        let refused = points.put(ACCOUNT, vec![saw("a", START)]).await.unwrap_err();
        assert!(matches!(refused, PointsError::Reserve { .. }), "{refused:?}");
        assert!(refused.to_string().contains("bytes left, and the hub leaves"), "{refused}");
        assert_eq!(values(&points, "a").await, 12);
        drop(points);
        let points = open(folder.path(), &clock, Keep::ALL);
        points.put(ACCOUNT, vec![saw("a", START)]).await.unwrap();
        assert_eq!(values(&points, "a").await, 13);
    }
}
