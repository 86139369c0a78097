//! A store whose process is killed at any instruction keeps what it had accepted.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]
#![allow(clippy::print_stdout)]

use std::{
    env,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
};

use grafolean_collector::{
    model::{AccountId, Sample, SeriesPath},
    time::{SystemClock, Timestamp},
};
use grafolean_hub::points::{Keep, Limits, Order, Points, Settings, Span};
use rand::{RngExt, SeedableRng, rngs::StdRng};

const ACCOUNT: AccountId = AccountId::new(1);
const FOLDER: &str = "POINTS_KILL_FOLDER";
const SERIES: u32 = 5;
const ROUNDS: u64 = 12;

/// Small limits: the process seals, trims its journal and rewrites blocks all the time.
const SMALL: Settings =
    Settings { keep: Keep::ALL, disk_reserve: 0, limits: Limits { recent_bytes: 4_000, block_points: 16 } };

/// The test starts itself as the process that is killed.
#[test]
fn what_was_accepted_outlives_a_kill_at_any_instruction() {
    if let Ok(folder) = env::var(FOLDER) {
        return write_until_killed(Path::new(&folder));
    }
    let seed = rand::random();
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let folder = tempfile::tempdir().unwrap();
    let mut accepted = 0;
    for _ in 0..ROUNDS {
        accepted = run_and_kill(folder.path(), random.random_range(1..200)).max(accepted);
        check(folder.path(), accepted);
    }
}

/// Batch n puts value n at time n of each series, and again at an older time that batch n / 2 wrote.
fn batch(number: u32) -> Vec<Sample> {
    let sample = |series: u32, time: u32| Sample {
        path: SeriesPath::parse(&format!("s{series}")).unwrap(),
        time: Timestamp::from_seconds(i64::from(time)),
        value: f64::from(number),
    };
    (0..SERIES).flat_map(|series| [sample(series, number), sample(series, number / 2)]).collect()
}

#[tokio::main(flavor = "current_thread")]
async fn write_until_killed(folder: &Path) {
    let points = Points::open(&folder.join("points.sqlite"), SMALL, Arc::new(SystemClock)).unwrap();
    let begun = newest(&points).await;
    for number in begun + 1.. {
        points.put(ACCOUNT, batch(number)).await.unwrap();
        println!("\naccepted {number}");
        std::io::stdout().flush().unwrap();
    }
}

async fn newest(points: &Points) -> u32 {
    let filter = "*".parse().unwrap();
    let last = points.read(move |reader| reader.last_values(ACCOUNT, &filter, 1)).await.unwrap();
    last.first().map_or(0, |last| u32::try_from(last.point.time.seconds()).unwrap())
}

/// Kills the process at some moment after it has told of so many batches; returns the last one it told of.
fn run_and_kill(folder: &Path, batches: usize) -> u32 {
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "what_was_accepted_outlives_a_kill_at_any_instruction", "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let told = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut told = told.filter_map(|line| line.strip_prefix("accepted ")?.parse::<u32>().ok());
    let mut last = told.by_ref().take(batches).last().unwrap();
    // SIGKILL; what it told before it died still stands in the pipe.
    child.kill().unwrap();
    last = told.last().unwrap_or(last);
    child.wait().unwrap();
    last
}

/// All batches up to the last one accepted are there, each time once with the value that was put last.
#[tokio::main(flavor = "current_thread")]
async fn check(folder: &Path, accepted: u32) {
    let points = Points::open(&folder.join("points.sqlite"), SMALL, Arc::new(SystemClock)).unwrap();
    let stored = newest(&points).await;
    // The batch after the last one told of may have been stored, too, but no other.
    assert!(stored == accepted || stored == accepted + 1, "stored {stored}, accepted {accepted}");
    for series in 0..SERIES {
        let path = SeriesPath::parse(&format!("s{series}")).unwrap();
        let window = points
            .read(move |reader| {
                let id = reader.series(ACCOUNT, &path)?.unwrap();
                reader.window(id, Span::ALL, Order::Ascending, usize::MAX)
            })
            .await
            .unwrap();
        let read: Vec<_> = window.points.iter().map(|p| (p.time.seconds(), p.value)).collect();
        // Time t was last written by batch 2t + 1, or 2t, or t itself.
        let value = |t: u32| [2 * t + 1, 2 * t].into_iter().find(|&n| n <= stored).unwrap_or(t);
        let expected: Vec<_> = (0..=stored).map(|t| (i64::from(t), f64::from(value(t)))).collect();
        assert_eq!(read, expected, "series {series}");
    }
    drop(points);
}
