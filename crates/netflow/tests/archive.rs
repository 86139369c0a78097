//! Raw flows on disk, written and asked for.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::print_stdout, missing_docs)]

#[path = "fixture/archive.rs"]
mod archive;

use std::{fs, time::Duration};

use archive::{Kept, NOW, ask, ask_in, flows, origin, question};
use grafolean_collector::time::Timestamp;
use grafolean_netflow::{
    archive::{Archive, ArchiveMetrics, BATCH_RECORDS, Catalog, Settings, WINDOW},
    query::{By, Filter, Question},
    record::Flow,
};

/// Windows begin at whole multiples of their length.
const START: Timestamp = NOW;

fn catalog(settings: &Settings) -> Catalog {
    Catalog::read(&settings.folder).unwrap()
}

#[test]
fn what_is_fed_is_found_again_to_the_byte() {
    let kept = Kept::new();
    let flows = flows(10_000);
    kept.keep(&flows, |place| START + Duration::from_secs(place / 1_000 * 100));
    let found = catalog(&kept.settings);
    assert_eq!(found.files.len(), 4, "1,000 s in windows of {WINDOW:?}");
    assert!(found.pieces.is_empty());
    let answer = ask(&kept.settings, "any", &["src", "dst"]);
    let scaled = |of: fn(&Flow) -> u64| flows.iter().map(of).sum::<u64>();
    assert_eq!(answer.total.bytes, scaled(Flow::scaled_bytes));
    assert_eq!(answer.total.packets, scaled(Flow::scaled_packets));
    assert_eq!((answer.total.flows, answer.scanned), (10_000, 10_000));
    let raw = ask_in(&kept.settings, &Question { unscaled: true, ..question("any", &[]) });
    assert_eq!(raw.total.bytes, flows.iter().filter_map(|flow| flow.bytes).sum::<u64>());
    assert_eq!(kept.metrics.flows.get(), 10_000);
    assert_eq!(kept.metrics.dropped.get() + kept.metrics.unwritten.get() + kept.metrics.errors.get(), 0);
}

#[test]
fn a_time_is_meant_to_the_microsecond() {
    let kept = Kept::new();
    kept.keep(&flows(1_000), |place| START + Duration::from_secs(place / 50 * 50));
    let at = |seconds| START + Duration::from_secs(seconds);
    for (from, to, count) in
        [(0, 1_000, 1_000), (100, 101, 50), (99, 100, 0), (250, 601, 400), (1_000, 2_000, 0), (50, 50, 0)]
    {
        let asked = Question { from: at(from), to: at(to), ..question("any", &["src"]) };
        assert_eq!(ask_in(&kept.settings, &asked).total.flows, count, "{from} to {to}");
    }
}

#[test]
fn what_a_kill_leaves_is_a_file_after_the_next_start_and_is_found_before_it() {
    let kept = Kept::new();
    let flows = flows(2_000);
    let archive = Archive::open(&kept.settings, kept.metrics.clone(), START).unwrap();
    let mut feed = archive.feed();
    for (place, flow) in (0_u64..).zip(&flows) {
        let now = START + Duration::from_millis(place * 20);
        feed.flow(&origin(now), flow);
        feed.pass(now);
    }
    // the writer is behind: what it has written when the copy is made is what a kill would have left
    while Catalog::read(&kept.settings.folder).unwrap().pieces.len() < 8 {
        assert_eq!(kept.metrics.errors.get(), 0);
        std::thread::yield_now();
    }
    let left = Kept::copy_of(&kept);
    drop(feed);
    drop(archive);
    fs::write(left.settings.folder.join("open/flows-20231114T221000Z.0000.0099.part"), b"PAR1half").unwrap();
    let pieces = catalog(&left.settings).pieces.len();
    let before = ask(&left.settings, "any", &["src"]);
    assert!(pieces >= 8 && before.total.flows >= 150 * 8, "{pieces} pieces, {:?}", before.total);
    drop(Archive::open(&left.settings, ArchiveMetrics::default(), NOW + Duration::from_secs(3_600)).unwrap());
    let after = ask(&left.settings, "any", &["src"]);
    assert_eq!((catalog(&left.settings).pieces.len(), catalog(&left.settings).files.len()), (0, 1));
    assert_eq!((after.total, after.groups), (before.total, before.groups));
    assert_eq!(fs::read_dir(left.settings.folder.join("open")).unwrap().count(), 0, "nothing else is left");
}

#[test]
fn a_damaged_piece_is_set_aside_and_the_others_are_kept() {
    let kept = Kept::new();
    kept.keep(&flows(100), |_| START);
    let whole = catalog(&kept.settings).files[0].path.clone();
    let open = kept.settings.folder.join("open");
    let piece = |number: u32| open.join(format!("flows-20231114T231500Z.0000.{number:04}.parquet"));
    fs::copy(&whole, piece(0)).unwrap();
    fs::write(piece(1), &fs::read(&whole).unwrap()[..500]).unwrap();
    fs::copy(&whole, piece(2)).unwrap();
    drop(Archive::open(&kept.settings, ArchiveMetrics::default(), START).unwrap());
    assert_eq!(ask(&kept.settings, "any", &[]).total.flows, 300);
    let aside = piece(1).with_extension("damaged");
    assert!(aside.exists(), "{}", aside.display());
}

#[test]
fn full_groups_take_the_place_of_their_parts() {
    let mut kept = Kept::new();
    kept.settings.group = 2 * BATCH_RECORDS;
    let flows = flows(7 * BATCH_RECORDS);
    // so slowly that parts are written before the group is full
    kept.keep(&flows, |place| START + Duration::from_millis(place * 4));
    let answer = ask(&kept.settings, "proto tcp", &["dport"]);
    let tcp: Vec<_> = flows.iter().filter(|flow| flow.protocol == Some(6)).collect();
    assert_eq!(answer.total.flows, tcp.len() as u64);
    assert_eq!(answer.total.bytes, tcp.iter().map(|flow| flow.scaled_bytes()).sum::<u64>());
    assert_eq!(catalog(&kept.settings).files.len(), 1);
}

#[test]
fn the_oldest_files_go_when_they_are_too_old_or_too_much() {
    let kept = Kept::with(Duration::from_secs(3_600), u64::MAX);
    let flows = flows(2_400);
    // two hours, 100 flows each five minutes
    kept.keep(&flows, |place| START + Duration::from_secs(place / 100 * 300));
    let files = catalog(&kept.settings).files;
    let oldest = files[0].start;
    // none ended an hour before the last one did
    assert!(files.len() == 12 || files.len() == 13, "{}", files.len());
    assert!((START + Duration::from_secs(23 * 300)).since(oldest + WINDOW) < Duration::from_secs(3_600));
    assert_eq!(kept.metrics.files_aged.get() + files.len() as u64, kept.metrics.files.get());
    let bytes: u64 = files.iter().map(|file| file.bytes).sum();
    let smaller = Settings { bytes: bytes / 2, age: Duration::MAX, ..kept.settings };
    let metrics = ArchiveMetrics::default();
    drop(Archive::open(&smaller, metrics.clone(), START + Duration::from_secs(7_200)).unwrap());
    let left = catalog(&smaller).files;
    assert!(left.iter().map(|file| file.bytes).sum::<u64>() <= bytes / 2);
    assert_eq!(metrics.files_displaced.get(), (files.len() - left.len()) as u64);
    assert_eq!(left.last().unwrap().path, files.last().unwrap().path, "the latest stay");
    let folders = fs::read_dir(&smaller.folder).unwrap().count();
    assert!(folders <= 3, "empty folders go: {folders}");
}

#[test]
fn a_disk_that_does_not_follow_costs_flows_that_are_counted_and_holds_up_nobody() {
    let kept = Kept::new();
    let archive = Archive::open(&kept.settings, kept.metrics.clone(), START).unwrap();
    // nothing can be written where the folder was
    fs::remove_dir_all(&kept.settings.folder).unwrap();
    fs::write(&kept.settings.folder, b"").unwrap();
    let mut feed = archive.feed();
    let flows = flows(50_000);
    for flow in &flows {
        feed.flow(&origin(START), flow);
    }
    drop(feed);
    drop(archive);
    let lost = kept.metrics.unwritten.get() + kept.metrics.dropped.get();
    assert_eq!((lost, kept.metrics.flows.get()), (50_000, 0));
    assert!(kept.metrics.errors.get() > 0);
}

#[test]
fn a_damaged_file_is_an_error_and_never_a_smaller_sum() {
    let kept = Kept::new();
    kept.keep(&flows(20_000), |_| START);
    let path = &catalog(&kept.settings).files[0].path;
    let whole = fs::read(path).unwrap();
    for length in [0, 3, 8, whole.len() / 2, whole.len() - 1] {
        fs::write(path, &whole[..length]).unwrap();
        let asked = grafolean_netflow::query::ask(
            &kept.settings.folder,
            &question("any", &["src"]),
            std::num::NonZeroUsize::MIN,
            &Default::default(),
        );
        let error = asked.unwrap_err();
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(cause.contains(&path.display().to_string()), "{cause}");
    }
}

#[test]
fn groups_are_the_greatest_first_by_what_is_asked() {
    let kept = Kept::new();
    let flows = flows(5_000);
    kept.keep(&flows, |_| START);
    for by in By::NAMES.into_iter().chain(["src/24", "dst/16"]) {
        let answer = ask(&kept.settings, "src net 10.0.0.0/8", &[by]);
        let sums: u64 = answer.groups.iter().map(|group| group.sums.bytes).sum();
        assert_eq!(sums, answer.total.bytes, "{by}");
        assert!(answer.groups.is_sorted_by(|a, b| a.sums.bytes >= b.sums.bytes), "{by}");
        assert_eq!(answer.groups.len(), answer.groups_in_all, "{by}");
    }
    let one =
        ask_in(&kept.settings, &Question { top: 1, ..question("any", &["src", "dst", "proto", "dport"]) });
    let all = ask(&kept.settings, "any", &["src", "dst", "proto", "dport"]);
    assert_eq!((one.groups.len(), one.groups_in_all), (1, all.groups.len()));
    assert_eq!(one.groups[0], all.groups[0]);
    let networks = ask(&kept.settings, "any", &["src/8"]);
    let names: Vec<_> = networks.groups.iter().filter_map(|group| group.key[0].as_deref()).collect();
    assert!(names.contains(&"10.0.0.0/8") && names.iter().any(|name| name.contains(':')), "{names:?}");
    assert!(By::parse("port").unwrap_err().to_string().contains("sport, dport"));
    assert!(Filter::parse("").is_ok());
}
