//! A store whose disk is full says so, keeps what it had, and goes on when there is room again.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]
#![allow(clippy::print_stdout)]

use std::{env, path::Path, process::Command, sync::Arc};

use grafolean_collector::{
    model::{AccountId, Sample, SeriesPath},
    time::{SystemClock, Timestamp},
};
use grafolean_hub::points::{Keep, Limits, Order, Points, PointsError, Settings, Span};

const ACCOUNT: AccountId = AccountId::new(1);
const FOLDER: &str = "POINTS_FULL_DISK_FOLDER";
const SMALL: Settings =
    Settings { keep: Keep::ALL, disk_reserve: 0, limits: Limits { recent_bytes: 100_000, block_points: 64 } };

/// The test starts itself again where no file may grow beyond 2 MiB, which is how a full disk looks to it.
#[tokio::test]
async fn a_full_disk_is_told_and_nothing_that_was_accepted_is_lost() {
    if let Ok(folder) = env::var(FOLDER) {
        return fill_up(Path::new(&folder)).await;
    }
    let folder = tempfile::tempdir().unwrap();
    let again = "trap '' XFSZ; ulimit -f 4096; exec \"$0\" --exact --nocapture \"$1\"";
    let output = Command::new("sh")
        .args(["-c", again])
        .arg(env::current_exe().unwrap())
        .arg("a_full_disk_is_told_and_nothing_that_was_accepted_is_lost")
        .env(FOLDER, folder.path())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}{}", String::from_utf8_lossy(&output.stderr));
    let accepted = told.lines().find_map(|line| line.strip_prefix("accepted ")).unwrap().parse().unwrap();

    let points = open(folder.path());
    assert_eq!(values(&points).await, accepted);
    points.put(ACCOUNT, batch(accepted)).await.unwrap();
    points.seal().await.unwrap();
    assert_eq!(values(&points).await, accepted + BATCH);
}

const BATCH: i64 = 1_000;

fn open(folder: &Path) -> Points {
    Points::open(&folder.join("points.sqlite"), SMALL, Arc::new(SystemClock)).unwrap()
}

/// Values that hardly compress, so that the disk is full soon.
fn batch(from: i64) -> Vec<Sample> {
    let sample = |time: i64| Sample {
        path: SeriesPath::parse("a").unwrap(),
        time: Timestamp::from_seconds(time),
        value: ((time * 7919) as f64).sin(),
    };
    (from..from + BATCH).map(sample).collect()
}

async fn values(points: &Points) -> i64 {
    let window = points
        .read(|reader| {
            let id = reader.series(ACCOUNT, &SeriesPath::parse("a").unwrap())?.unwrap();
            reader.window(id, Span::ALL, Order::Ascending, usize::MAX)
        })
        .await
        .unwrap();
    i64::try_from(window.points.len()).unwrap()
}

async fn fill_up(folder: &Path) {
    let points = open(folder);
    let mut accepted = 0;
    let error = loop {
        match points.put(ACCOUNT, batch(accepted)).await {
            Ok(_) => accepted += BATCH,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, PointsError::Database { .. }), "{error:?}");
    // How many fit depends on how far sealing got beside it; that it worked at all before does not.
    assert!(accepted >= BATCH, "it was full from the first value on");
    assert_eq!(values(&points).await, accepted);
    println!("\naccepted {accepted}");
}
