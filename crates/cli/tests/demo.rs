//! `grafolean demo`, as somebody sees it who has just built it.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::print_stderr, missing_docs)]

mod world;

use std::path::Path;

use grafolean_collector::time::{Clock, SystemClock, Timestamp};
use grafolean_hub::{Hub, Options, points::PathFilter};
use world::{Run, grafolean, may_ping, text};

fn demo(folder: &Path, arguments: &[&str]) -> String {
    let output = grafolean(folder).args(["demo", "--listen", "127.0.0.1:0"]).args(arguments).finished();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    text(&output.stdout)
}

/// The devices of a demo's folder that were measured by a protocol at a moment or later.
async fn measured_since(folder: &Path, metric: &str, since: Timestamp) -> usize {
    let hub = Hub::open(folder, Options::default()).unwrap();
    let account = hub.setup().account("Demo").await.unwrap();
    let filter: PathFilter = format!("entity.?.{metric}").parse().unwrap();
    let last = hub.points().read(move |reader| reader.last_values(account, &filter, 1_000)).await.unwrap();
    last.iter().filter(|value| value.point.time >= since).count()
}

#[tokio::test]
async fn it_ends_by_itself_with_values_stored_and_none_lost() {
    if !may_ping() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let told = demo(folder.path(), &["--for", "15s", "--device", "127.77.0.1"]);
    assert!(told.contains("http://127.0.0.1:") && told.contains("/#token="), "{told}");
    assert!(
        told.contains("127.0.0.1 ") && told.contains("127.77.0.1") && told.contains("3/3 answered"),
        "{told}"
    );
    assert!(told.contains("127.255.255.255") && told.contains("0/3 answered  no answer"), "{told}");
    let sum: Vec<u64> =
        told.lines().last().unwrap().split(' ').filter_map(|word| word.parse().ok()).collect();
    let [_, runs, flows, collected, delivered, stored, lost] = sum[..] else { panic!("{told}") };
    assert!(
        runs > 0 && flows > 0 && collected > 0 && delivered == collected && stored == collected && lost == 0,
        "{told}"
    );
    let data = folder.path().join(".local/share/grafolean/demo");
    let known = measured_since(&data, "ping.success", Timestamp::default()).await;
    assert!(known >= 6, "{known} devices");
    for metric in ["snmp.uptime.days", "snmp.if.in-octets.?.lo", "snmp.completeness"] {
        assert_eq!(measured_since(&data, metric, Timestamp::default()).await, 1, "{metric}: {told}");
    }

    let second = SystemClock.now();
    let told = demo(folder.path(), &["--for", "8s"]);
    assert!(told.contains(", 0 lost") && !told.contains("127.77.0.1"), "{told}");
    assert_eq!(
        measured_since(&data, "ping.success", Timestamp::default()).await,
        known,
        "it goes on with the same devices"
    );
    assert_eq!(
        measured_since(&data, "ping.success", second).await,
        known - 1,
        "but for the one that only the first was told of"
    );
}
