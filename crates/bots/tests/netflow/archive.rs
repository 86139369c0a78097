//! An archive in a folder that is gone after the test.
#![allow(dead_code, reason = "each test crate uses its own part of it")]

use std::{fs, num::NonZeroUsize, path::Path, time::Duration};

use grafolean_bots::netflow::{
    archive::{Archive, ArchiveMetrics, BATCHES, Settings},
    flow::Flow,
    generate::{Families, Traffic},
    origin::{Origin, Protocol, Stream},
    query::{Answer, By, Counts, Filter, Progress, Question, ask as ask_folder},
    sampling::Factor,
};
use grafolean_collector::time::Timestamp;
use tempfile::TempDir;

/// 2023-11-14 22:10:00 UTC.
pub(crate) const NOW: Timestamp = Timestamp::from_seconds(1_699_999_800);

pub(crate) struct Kept {
    _folder: TempDir,
    pub(crate) settings: Settings,
    pub(crate) metrics: ArchiveMetrics,
}

impl Kept {
    pub(crate) fn new() -> Self {
        Self::with(Duration::from_secs(1_000_000), u64::MAX)
    }

    pub(crate) fn with(age: Duration, bytes: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings::new(folder.path().join("archive"), age, bytes);
        Self { _folder: folder, settings, metrics: ArchiveMetrics::default() }
    }

    pub(crate) fn copy_of(other: &Self) -> Self {
        let copy = Self::new();
        copy_folder(&other.settings.folder, &copy.settings.folder);
        copy
    }

    /// Keeps flows, each received at a time of its own, and ends.
    pub(crate) fn keep(&self, flows: &[Flow], received: impl Fn(u64) -> Timestamp) {
        let archive = Archive::open(&self.settings, self.metrics.clone(), received(0)).unwrap();
        let mut feed = archive.feed();
        for (place, flow) in (0..).zip(flows) {
            let now = received(place);
            feed.pass(now);
            feed.flow(&origin(now), flow);
            // a test's flows come faster than any network's
            while self.metrics.waiting.get() > i64::try_from(BATCHES).unwrap() / 2 {
                std::thread::yield_now();
            }
        }
        drop(feed);
        drop(archive);
        assert_eq!(self.metrics.dropped.get(), 0);
    }
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

pub(crate) fn origin(received: Timestamp) -> Origin {
    let exporter = "192.0.2.7:9995".parse().unwrap();
    let stream = Stream { exporter, protocol: Protocol::Netflow9, domain: 3, agent: None };
    Origin { stream, received, exported: Some(received) }
}

/// Invented flows of both families; some were sampled, and some lack what others tell.
pub(crate) fn flows(count: usize) -> Vec<Flow> {
    let mut traffic = Traffic::new(7, 500, Families::Mixed);
    let changed = |(place, flow): (usize, Flow)| match place % 10 {
        0 => Flow { factor: Factor::one_in(100), ..flow },
        1 => Flow { source_port: None, destination_port: None, protocol: Some(1), ..flow },
        2 => Flow { bytes: None, packets: None, input: None, ..flow },
        3 => Flow { source: None, source_as: None, first: None, ..flow },
        _ => flow,
    };
    (0..count).map(|place| (place, traffic.flow(NOW))).map(changed).collect()
}

pub(crate) fn question(filter: &str, by: &[&str]) -> Question {
    Question {
        filter: Filter::parse(filter).unwrap(),
        from: Timestamp::default(),
        to: NOW + Duration::from_secs(1_000_000),
        by: by.iter().map(|by| By::parse(by).unwrap()).collect(),
        top: usize::MAX,
        order: Counts::Bytes,
        unscaled: false,
    }
}

pub(crate) fn ask(settings: &Settings, filter: &str, by: &[&str]) -> Answer {
    ask_in(settings, &question(filter, by))
}

pub(crate) fn ask_in(settings: &Settings, question: &Question) -> Answer {
    ask_folder(&settings.folder, question, NonZeroUsize::new(2).unwrap(), &Progress::default()).unwrap()
}
