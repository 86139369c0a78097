//! What is damaged on disk costs itself alone and is reported; what is gone is noticed; what ended is tidy.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use grafolean_collector::{
    model::{AccountId, Sample, SeriesPath},
    time::{Clock, SystemClock, Timestamp},
};
use grafolean_hub::points::{Keep, Limits, Order, Points, PointsError, Settings, Span};
use rusqlite::Connection;
use tempfile::TempDir;

const ACCOUNT: AccountId = AccountId::new(7);
const SMALL: Settings =
    Settings { keep: Keep::ALL, disk_reserve: 0, limits: Limits { recent_bytes: 100_000, block_points: 8 } };

/// A store in a folder of its own, and the file as any program opens it.
struct Place {
    folder: TempDir,
    points: Option<Points>,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let points = Some(open(folder.path()));
        Self { folder, points }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("points.sqlite")
    }

    fn points(&self) -> &Points {
        self.points.as_ref().unwrap()
    }

    async fn put(&self, name: &str, times: std::ops::Range<i64>) {
        self.points().put(ACCOUNT, times.map(|time| sample(name, time)).collect()).await.unwrap();
    }

    /// Does to the file what a disk may do while the hub is down.
    fn damage(&mut self, harm: impl FnOnce(&Connection)) {
        self.points = None;
        harm(&Connection::open(self.file()).unwrap());
        self.points = Some(open(self.folder.path()));
    }

    async fn times(&self, name: &str) -> Vec<i64> {
        let path = path(name);
        let read = self.points().read(move |reader| {
            let Some(id) = reader.series(ACCOUNT, &path)? else { return Ok(Vec::new()) };
            Ok(reader.window(id, Span::ALL, Order::Ascending, 1_000)?.points)
        });
        let points = read.await.unwrap();
        assert!(points.iter().all(|point| point.value == point.time.micros() as f64 / 7.0), "{points:?}");
        points.iter().map(|point| point.time.micros()).collect()
    }

    async fn last_values(&self) -> Vec<(String, f64)> {
        let filter = "*".parse().unwrap();
        let last = self.points().read(move |reader| reader.last_values(ACCOUNT, &filter, 100)).await.unwrap();
        last.into_iter().map(|last| (last.path, last.point.value)).collect()
    }

    /// Passes once the writer has done what readers reported before.
    async fn settled(&self) {
        self.points().seal().await.unwrap();
    }

    fn count(&self, table: &str) -> i64 {
        let file = Connection::open(self.file()).unwrap();
        file.query_row(&format!("SELECT count(*) FROM {table}"), (), |row| row.get(0)).unwrap()
    }
}

fn open(folder: &Path) -> Points {
    Points::open(&folder.join("points.sqlite"), SMALL, Arc::new(SystemClock)).unwrap()
}

fn path(name: &str) -> SeriesPath {
    SeriesPath::parse(name).unwrap()
}

fn sample(name: &str, time: i64) -> Sample {
    Sample { path: path(name), time: Timestamp::from_micros(time), value: time as f64 / 7.0 }
}

#[tokio::test]
async fn a_damaged_block_costs_itself_and_is_set_aside_once_it_is_read() {
    let mut place = Place::new();
    place.put("a", 0..24).await;
    place.put("b", 0..3).await;
    place.settled().await;
    place.damage(|file| {
        let cut =
            "UPDATE blocks SET points = CAST(substr(points, 1, 30) AS BLOB) WHERE series = 1 AND first = 8";
        assert_eq!(file.execute(cut, ()).unwrap(), 1);
    });
    let rest: Vec<i64> = (0..8).chain(16..24).collect();
    assert_eq!(place.times("a").await, rest);
    place.settled().await;
    assert_eq!((place.count("damaged"), place.count("blocks")), (1, 3));
    assert_eq!(place.times("a").await, rest);
    assert_eq!(place.times("b").await, [0, 1, 2]);
    place.put("a", 8..16).await;
    place.settled().await;
    assert_eq!(place.times("a").await, (0..24).collect::<Vec<_>>());
    assert_eq!(place.count("damaged"), 1, "it is reported once");
}

#[tokio::test]
async fn a_block_that_says_it_is_of_another_series_or_time_is_noticed() {
    let mut place = Place::new();
    place.put("a", 0..16).await;
    place.put("b", 100..103).await;
    place.settled().await;
    place.damage(|file| {
        assert_eq!(
            file.execute("UPDATE blocks SET series = 2 WHERE series = 1 AND first = 0", ()).unwrap(),
            1
        );
        assert_eq!(
            file.execute("UPDATE blocks SET last = 900 WHERE series = 1 AND first = 8", ()).unwrap(),
            1
        );
    });
    assert_eq!(place.times("b").await, [100, 101, 102], "no foreign value");
    assert_eq!(place.times("a").await, (8..16).collect::<Vec<_>>());
    place.settled().await;
    assert_eq!(place.count("damaged"), 1);
    let last = "blocks WHERE series = 1 AND last = 15";
    assert_eq!(place.count(last), 1, "the row was put right, its values are whole");
}

#[tokio::test]
async fn each_flipped_bit_of_a_recent_value_costs_that_value_and_is_reported() {
    for bit in (0..28 * 8).step_by(5) {
        let mut place = Place::new();
        place.put("a", 0..5).await;
        place.damage(|file| {
            let mut bytes: Vec<u8> =
                file.query_row("SELECT points FROM journal", (), |row| row.get(0)).unwrap();
            bytes[2 * 28 + bit / 8] ^= 1 << (bit % 8);
            file.execute("UPDATE journal SET points = ?1", [bytes]).unwrap();
        });
        assert_eq!(place.times("a").await, [0, 1, 3, 4], "bit {bit}");
        assert_eq!(place.count("damaged"), 1, "bit {bit}");
        place.damage(|_| {});
        assert_eq!(place.times("a").await, [0, 1, 3, 4], "bit {bit}, a second start");
        assert_eq!(place.count("damaged"), 1, "bit {bit}, it is reported once");
    }
}

#[tokio::test]
async fn a_damaged_journal_row_does_not_keep_the_store_from_opening() {
    let mut place = Place::new();
    place.put("a", 0..5).await;
    place.put("b", 0..5).await;
    place.damage(|file| {
        file.execute("UPDATE journal SET points = CAST(substr(points, 1, 65) AS BLOB) WHERE seq = 1", ())
            .unwrap();
    });
    assert_eq!(place.times("a").await, [0, 1]);
    assert_eq!(place.times("b").await, [0, 1, 2, 3, 4]);
    assert_eq!(place.count("damaged"), 1);
}

#[tokio::test]
async fn a_newest_value_that_is_damaged_is_read_from_its_block_and_put_right() {
    let mut place = Place::new();
    place.put("a", 0..20).await;
    place.settled().await;
    for harm in [
        "UPDATE series SET latest = CAST(substr(latest, 1, 12) || x'FF' || substr(latest, 14) AS BLOB)",
        "UPDATE series SET last = 5",
    ] {
        place.damage(|file| assert_eq!(file.execute(harm, ()).unwrap(), 1));
        assert_eq!(place.last_values().await, [("a".to_owned(), 19.0 / 7.0)], "{harm}");
        place.settled().await;
        assert_eq!(place.count("series WHERE first = 0 AND last = 19"), 1, "{harm}");
    }
}

#[tokio::test]
async fn a_file_whose_pages_are_damaged_names_the_remedy() {
    let mut place = Place::new();
    place.put("a", 0..20).await;
    place.points = None;
    let mut bytes = fs::read(place.file()).unwrap();
    bytes[100..16_384].fill(0xff);
    fs::write(place.file(), &bytes).unwrap();
    let error = Points::open(&place.file(), SMALL, Arc::new(SystemClock)).unwrap_err();
    assert!(matches!(error, PointsError::DamagedFile { .. }), "{error:?}");
    assert!(error.to_string().contains(".recover"), "{error}");
    assert_eq!(fs::read(place.file()).unwrap(), bytes, "nothing was changed");
}

#[tokio::test]
async fn after_a_stop_nothing_is_left_beside_the_file() {
    let mut place = Place::new();
    place.put("a", 0..20).await;
    let reads = (0..8).map(|_| place.times("a"));
    futures_util::future::join_all(reads).await;
    place.points = None;
    let names: Vec<_> =
        fs::read_dir(place.folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["points.sqlite"]);
    let copy = tempfile::tempdir().unwrap();
    fs::copy(place.file(), copy.path().join("points.sqlite")).unwrap();
    let copied = Place { points: Some(open(copy.path())), folder: copy };
    assert_eq!(copied.times("a").await.len(), 20);
}

#[tokio::test]
async fn values_for_a_file_that_was_removed_are_refused_until_it_is_back() {
    let place = Place::new();
    place.put("a", 0..2).await;
    let aside = tempfile::tempdir().unwrap();
    fs::rename(place.file(), aside.path().join("points.sqlite")).unwrap();
    let error = place.points().put(ACCOUNT, vec![sample("a", 2)]).await.unwrap_err();
    assert!(matches!(error, PointsError::Gone { .. }), "{error:?}");
    fs::write(place.file(), "another file").unwrap();
    assert!(place.points().put(ACCOUNT, vec![sample("a", 2)]).await.is_err());
    fs::rename(aside.path().join("points.sqlite"), place.file()).unwrap();
    place.put("a", 2..3).await;
    assert_eq!(place.times("a").await, [0, 1, 2]);
}

/// FixedClock of some day.
struct FixedClock;

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_seconds(1_800_000_000)
    }
}

#[tokio::test]
async fn a_series_of_which_no_value_is_left_is_deleted_and_may_come_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("points.sqlite");
    let now = FixedClock.now().micros();
    let settings = Settings {
        keep: Keep { values: Some(Duration::from_secs(3_600)), hours: Some(Duration::ZERO) },
        ..SMALL
    };
    let hours_ago = |hours: i64| now - hours * 3_600_000_000;
    let sample = |name: &str, time: i64| Sample { time: Timestamp::from_micros(time), ..sample(name, 0) };
    let points = Points::open(&file, SMALL, Arc::new(FixedClock)).unwrap();
    let old = ["ended", "goes.on", "waits"].map(|name| sample(name, hours_ago(5)));
    points.put(ACCOUNT, old.to_vec()).await.unwrap();
    points.seal().await.unwrap();
    drop(points);

    let points = Points::open(&file, settings, Arc::new(FixedClock)).unwrap();
    points.put(ACCOUNT, vec![sample("goes.on", now)]).await.unwrap();
    points.seal().await.unwrap();
    let filter = "*".parse().unwrap();
    let paths = points.read(move |reader| reader.paths(ACCOUNT, &filter, 10)).await.unwrap();
    assert_eq!(paths.rows.iter().map(|row| row.path.as_str()).collect::<Vec<_>>(), ["goes.on"]);
    let stored = points.put(ACCOUNT, vec![sample("ended", now)]).await.unwrap();
    assert_eq!(stored.created.len(), 1, "it is a new series");
    let filter = "*".parse().unwrap();
    let last = points.read(move |reader| reader.last_values(ACCOUNT, &filter, 10)).await.unwrap();
    assert_eq!(last.len(), 2);
    drop(points);
}
