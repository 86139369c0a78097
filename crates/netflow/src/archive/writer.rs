//! The thread that writes pieces.

use std::{
    fs,
    sync::mpsc::{Receiver, SyncSender},
    time::Duration,
};

use grafolean_time::Timestamp;

use super::{
    ArchiveMetrics, Record, Settings,
    encode::Encoder,
    feed::Batch,
    file,
    finish::{Closed, told},
    layout,
    layout::Stem,
};

/// The time of one file.
pub const WINDOW: Duration = Duration::from_secs(300);
/// The flows of one row group: enough for dictionaries to pay, and 21 MB of memory while they are gathered,
/// as much again while they become columns.
pub const GROUP_RECORDS: usize = 131_072;
/// Row groups of one file, 8 million flows: what comes beyond in the same time begins a further file.
pub const FILE_GROUPS: u32 = 64;
/// How long flows wait before they are in a piece. With the second in which they are gathered, a crash loses less than five.
pub const FLUSH: Duration = Duration::from_secs(3);

/// Gathers flows into groups, and writes them.
pub(super) struct Writer {
    settings: Settings,
    metrics: ArchiveMetrics,
    /// Removes and returns the windows that are over.
    closed: SyncSender<Closed>,
    /// When the latest batch was handed over; only those who hand over read a clock.
    now: Timestamp,
    flushed: Timestamp,
    window: Option<Window>,
    /// The flows of the group under way.
    records: Vec<Record>,
    encoder: Encoder,
}

/// The file under way.
struct Window {
    start: Timestamp,
    stem: Stem,
    group: u32,
    /// Parts of the group that are written, and how many of its flows they hold.
    parts: u32,
    in_parts: usize,
}

impl Writer {
    pub(super) fn new(
        settings: Settings,
        metrics: ArchiveMetrics,
        closed: SyncSender<Closed>,
        now: Timestamp,
    ) -> Self {
        let (records, encoder) = (Vec::new(), Encoder::default());
        Self { settings, metrics, closed, now, flushed: now, window: None, records, encoder }
    }

    /// Writes until nobody hands anything over any more.
    pub(super) fn run(mut self, batches: &Receiver<Batch>) {
        while let Ok((now, records)) = batches.recv() {
            self.metrics.waiting.dec();
            self.take(now, records);
        }
        self.finish();
    }

    fn take(&mut self, now: Timestamp, records: Vec<Record>) {
        self.now = now;
        let start = window_start(now);
        if self.window.as_ref().is_some_and(|window| window.start != start) {
            self.finish();
        }
        if !records.is_empty() {
            self.begin(start);
            self.records.extend(records);
        }
        if self.records.len() >= self.settings.group {
            self.write_group();
            if self.window.as_ref().is_some_and(|window| window.group >= FILE_GROUPS) {
                self.finish();
            }
        } else if now < self.flushed || now.since(self.flushed) >= FLUSH {
            self.write_part();
        }
    }

    fn begin(&mut self, start: Timestamp) {
        let folder = &self.settings.folder;
        self.window.get_or_insert_with(|| {
            // in this order: pieces go once their file is there
            let open = layout::pieces(folder).unwrap_or_default();
            let free = |stem: &Stem| {
                !open.contains_key(stem) && stem.path(folder).is_some_and(|path| !path.exists())
            };
            let stem = (0..).map(|further| Stem::new(start, further)).find(free);
            let stem = stem.unwrap_or_else(|| Stem::new(start, 0));
            Window { start, stem, group: 0, parts: 0, in_parts: 0 }
        });
    }

    /// Writes what came since the part before. A part that cannot be written is tried again with what comes.
    fn write_part(&mut self) {
        self.flushed = self.now;
        let Some(window) = &mut self.window else { return };
        let Some(news @ [_, ..]) = self.records.get(window.in_parts..) else { return };
        let path = window.stem.piece(&self.settings.folder, window.group, Some(window.parts));
        let written = file::write(&path, |out| self.encoder.add_group(out, news));
        if written.is_ok() {
            window.parts += 1;
            window.in_parts = self.records.len();
        }
        told(&self.metrics, written);
    }

    /// Writes the group whole, in place of its parts.
    fn write_group(&mut self) {
        self.flushed = self.now;
        let Some(window) = &mut self.window else { return };
        if self.records.is_empty() {
            return;
        }
        let folder = &self.settings.folder;
        let path = window.stem.piece(folder, window.group, None);
        let written = file::write(&path, |out| self.encoder.add_group(out, &self.records));
        let flows = self.records.len();
        // what a full disk leaves in parts is kept
        let kept = if written.is_ok() { flows } else { window.in_parts };
        if written.is_ok() {
            for part in 0..window.parts {
                let _ = fs::remove_file(window.stem.piece(folder, window.group, Some(part)));
            }
        }
        self.metrics.flows.inc_by(kept as u64);
        self.metrics.unwritten.inc_by((flows - kept) as u64);
        window.group += 1;
        (window.parts, window.in_parts) = (0, 0);
        self.records.clear();
        told(&self.metrics, written);
    }

    /// Has a file made of the window's pieces.
    fn finish(&mut self) {
        self.write_group();
        let Some(window) = self.window.take() else { return };
        // without a finisher the next start makes the file
        let _ = self.closed.send(Closed { stem: window.stem, now: self.now });
    }
}

fn window_start(now: Timestamp) -> Timestamp {
    let seconds = i64::try_from(WINDOW.as_secs()).unwrap_or(i64::MAX);
    Timestamp::from_seconds(now.seconds() - now.seconds().rem_euclid(seconds))
}
