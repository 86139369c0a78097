//! Sends points, in order for each series, and isolates those that a receiver never takes.
//!
//! ```text
//!          stored
//!   write ──────────▶ next part
//!    │ 4xx
//!    ├─ several series: halved by series      ├─ one series: halved by time
//!    └─ one point: a suspect ─▶ control sample ─ stored ──▶ rejected
//!                                              └ refused ─▶ Stop::Untrusted, nothing is rejected
//! ```
//! The control sample is what was stored last: a receiver takes the newest sample of a series again. So one that refuses
//! everything, or a proxy before it, makes no dead letters. What a receiver refuses as out of order is no dead letter if
//! it may have stored it before: the answer to an earlier request was lost.

use std::{collections::HashSet, hash::RandomState, mem, num::NonZeroUsize, sync::Arc, time::Duration};

use futures_util::future::join_all;

use super::{
    encode::{Grouped, Version},
    metrics::SinkCounts,
    point::Point,
    receiver::{Answer, Receiver},
};
use crate::{protocol::prometheus::Metric, spool::RejectedEntry};

/// Why sending ended before all points were dealt with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// The same may succeed later.
    Later { retry_after: Option<Duration>, text: String },
    /// The receiver does not let us in, or nobody speaks the protocol there: a person has to mend that.
    Fault(String),
    /// It refuses everything.
    Untrusted(String),
}

/// What became of points.
#[derive(Debug, Default)]
pub(super) struct Round {
    /// What is still to be sent, in order.
    pub(super) left: Vec<Point>,
    pub(super) rejected: Vec<RejectedEntry>,
    pub(super) stop: Option<Stop>,
}

/// The way to one receiver.
pub(super) struct Sender<R> {
    pub(super) receiver: Arc<R>,
    pub(super) name: String,
    pub(super) counts: SinkCounts,
    shards: NonZeroUsize,
    request_samples: NonZeroUsize,
    hashing: RandomState,
    /// What was stored last.
    control: Option<Point>,
    /// Metrics whose meaning was told.
    described: HashSet<String>,
}

/// A point that was refused alone.
struct Suspect {
    points: Vec<Point>,
    reason: String,
}

/// One shard at work.
struct Shard<R> {
    receiver: Arc<R>,
    counts: SinkCounts,
    control: Option<Point>,
    /// Parts that are to be sent, the next one last.
    parts: Vec<Vec<Point>>,
    describe: Vec<Arc<Metric>>,
    described: Vec<String>,
    /// Refused beside one that was stored.
    condemned: Vec<Suspect>,
    /// Refused while nothing is known that the receiver takes.
    unproven: Vec<Suspect>,
    /// What follows them in their series: it waits, or they would be out of order.
    held: Vec<Point>,
    /// Addresses of series of which a point was refused, whatever its time.
    poisoned: HashSet<usize>,
    stop: Option<Stop>,
}

impl<R: Receiver> Sender<R> {
    pub(super) fn new(
        receiver: Arc<R>,
        name: String,
        counts: SinkCounts,
        (shards, request_samples): (NonZeroUsize, NonZeroUsize),
    ) -> Self {
        Self {
            receiver,
            name,
            counts,
            shards,
            request_samples,
            hashing: RandomState::new(),
            control: None,
            described: HashSet::new(),
        }
    }

    /// Returns how many values fill all shards.
    pub(super) fn appetite(&self) -> usize {
        self.shards.get().saturating_mul(self.request_samples.get())
    }

    /// Sends points that stand in the order of their acceptance.
    pub(super) async fn round(&mut self, points: Vec<Point>) -> Round {
        let mut by_shard: Vec<Vec<Point>> = vec![Vec::new(); self.shards.get()];
        for point in points {
            let shard = point.series.shard(&self.hashing, self.shards.get());
            if let Some(shard) = by_shard.get_mut(shard) {
                shard.push(point);
            }
        }
        let shards = by_shard.into_iter().filter(|points| !points.is_empty());
        let shards: Vec<_> = shards.map(|points| self.shard(points)).collect();
        let mut round = Round::default();
        for shard in join_all(shards.into_iter().map(Shard::run)).await {
            for Suspect { points, reason } in shard.condemned {
                round.rejected.extend(points.iter().map(|point| point.rejected(&self.name, &reason)));
            }
            round.left.extend(shard.parts.into_iter().rev().flatten());
            round.left.extend(shard.unproven.into_iter().flat_map(|suspect| suspect.points));
            round.left.extend(shard.held);
            round.stop = round.stop.or(shard.stop);
            self.control = shard.control.or(self.control.take());
            self.described.extend(shard.described);
        }
        round.left.sort_by_key(|point| point.entry);
        round
    }

    /// Sends markers of series that ended, which are no values, and returns how many could not be sent.
    pub(super) async fn markers(&self, markers: Vec<Point>) -> usize {
        let mut unmarked = 0;
        for part in markers.chunks(self.request_samples.get()) {
            if self.write_markers(part).await != Answer::Stored {
                unmarked += part.len();
            }
        }
        unmarked
    }

    async fn write_markers(&self, markers: &[Point]) -> Answer {
        let (version, grouped) = (self.receiver.version(), Grouped::of(markers));
        match grouped.body(version, &[]) {
            Ok(body) => self.receiver.write(version, body, grouped.samples()).await,
            Err(_) => Answer::TooLarge,
        }
    }

    fn shard(&self, points: Vec<Point>) -> Shard<R> {
        let mut told = HashSet::new();
        let metrics = points.iter().map(|point| &point.series.metric);
        let new =
            metrics.filter(|metric| !self.described.contains(&metric.name) && told.insert(&metric.name));
        let describe = new.cloned().collect();
        let mut parts: Vec<Vec<Point>> = Vec::new();
        let mut points = points.into_iter().peekable();
        while points.peek().is_some() {
            parts.push(points.by_ref().take(self.request_samples.get()).collect());
        }
        parts.reverse();
        Shard {
            receiver: Arc::clone(&self.receiver),
            counts: self.counts.clone(),
            control: self.control.clone(),
            parts,
            describe,
            described: Vec::new(),
            condemned: Vec::new(),
            unproven: Vec::new(),
            held: Vec::new(),
            poisoned: HashSet::new(),
            stop: None,
        }
    }
}

impl<R: Receiver> Shard<R> {
    async fn run(mut self) -> Self {
        while let Some(mut part) = self.parts.pop() {
            let version = self.receiver.version();
            match self.write(version, &part).await {
                Answer::Stored => {
                    self.counts.stored(part.len());
                    self.described
                        .extend(mem::take(&mut self.describe).into_iter().map(|it| it.name.clone()));
                    self.control = part.pop().or(self.control.take());
                    self.try_unproven_again();
                }
                Answer::Refused { status, text, is_partial } => {
                    part.iter_mut().for_each(|point| point.is_doubtful |= is_partial);
                    self.refused(part, &format!("{status}: {text}")).await;
                }
                Answer::TooLarge if part.len() > 1 => self.halve_by_place(part),
                Answer::TooLarge => self.suspect(part, "413: a single sample is too large".to_owned()).await,
                Answer::Later { retry_after, text } => {
                    part.iter_mut().for_each(|point| point.is_doubtful = true);
                    self.end(part, Stop::Later { retry_after, text });
                }
                Answer::Unauthorized(text) | Answer::NoReceiver(text) => self.end(part, Stop::Fault(text)),
                Answer::OtherVersion => {
                    if self.receiver.fall_back(version) {
                        self.parts.push(part);
                    } else {
                        let text = "the receiver does not speak version 2.0 of the protocol".to_owned();
                        self.end(part, Stop::Fault(text));
                    }
                }
            }
            if self.stop.is_some() {
                return self;
            }
        }
        if let Some(suspect) = self.unproven.first() {
            self.stop = Some(Stop::Untrusted(suspect.reason.clone()));
        }
        self
    }

    async fn write(&self, version: Version, part: &[Point]) -> Answer {
        let grouped = Grouped::of(part);
        match grouped.body(version, &self.describe) {
            Ok(body) => {
                self.counts.requested(body.len());
                let answer = self.receiver.write(version, body, grouped.samples()).await;
                self.counts.answered(&answer);
                answer
            }
            // Snappy takes up to 4 GiB.
            Err(_) => Answer::TooLarge,
        }
    }

    fn end(&mut self, part: Vec<Point>, stop: Stop) {
        self.parts.push(part);
        self.stop = Some(stop);
    }

    fn halve_by_place(&mut self, mut part: Vec<Point>) {
        self.counts.split();
        let later = part.split_off(part.len() / 2);
        self.parts.extend([later, part]);
    }

    async fn refused(&mut self, part: Vec<Point>, reason: &str) {
        let first = part.first().map(address);
        let is_one_series = part.iter().all(|point| Some(address(point)) == first);
        let is_poisoned = first.is_some_and(|series| self.poisoned.contains(&series));
        match part.len() {
            2.. if is_one_series && !is_poisoned => self.halve_by_place(part),
            2.. if !is_one_series => self.halve_by_series(part),
            _ if is_out_of_order(reason) => self.out_of_order(part, reason),
            _ => self.suspect(part, reason.to_owned()).await,
        }
    }

    fn halve_by_series(&mut self, part: Vec<Point>) {
        self.counts.split();
        let mut seen = HashSet::new();
        let order: Vec<_> = part.iter().map(address).filter(|series| seen.insert(*series)).collect();
        let first: HashSet<_> = order.iter().take(order.len() / 2).copied().collect();
        let (first, second) = part.into_iter().partition(|point| first.contains(&address(point)));
        self.parts.extend([second, first]);
    }

    /// The receiver looked at its time: no control sample has to show that it takes anything.
    fn out_of_order(&mut self, part: Vec<Point>, reason: &str) {
        let (there, refused): (Vec<_>, Vec<_>) = part.into_iter().partition(|point| point.is_doubtful);
        self.counts.was_there(there.len());
        if !refused.is_empty() {
            self.condemned.push(Suspect { points: refused, reason: reason.to_owned() });
        }
    }

    /// Removes what follows in the series of a suspect from what is to be sent.
    fn hold_back(&mut self, suspect: &Suspect) {
        let series: HashSet<_> = suspect.points.iter().map(address).collect();
        for part in self.parts.iter_mut().rev() {
            let (held, sent) =
                mem::take(part).into_iter().partition(|point| series.contains(&address(point)));
            *part = sent;
            self.held.extend::<Vec<_>>(held);
        }
        self.parts.retain(|part| !part.is_empty());
    }

    /// Something was taken: suspects are tried again beside it, and then what follows them.
    fn try_unproven_again(&mut self) {
        let held = mem::take(&mut self.held);
        self.parts.extend((!held.is_empty()).then_some(held));
        self.parts.extend(mem::take(&mut self.unproven).into_iter().rev().map(|suspect| suspect.points));
    }

    async fn suspect(&mut self, points: Vec<Point>, reason: String) {
        let suspect = Suspect { points, reason };
        let Some(control) = self.control.clone() else {
            self.hold_back(&suspect);
            self.unproven.push(suspect);
            return;
        };
        match self.write(self.receiver.version(), std::slice::from_ref(&control)).await {
            Answer::Stored => {
                self.poisoned.extend(suspect.points.iter().map(address));
                self.condemned.push(suspect);
            }
            Answer::Refused { text, .. } if is_out_of_order(&text) => self.condemned.push(suspect),
            Answer::Later { retry_after, text } => {
                self.end(suspect.points, Stop::Later { retry_after, text });
            }
            Answer::Unauthorized(text) | Answer::NoReceiver(text) => {
                self.end(suspect.points, Stop::Fault(text));
            }
            Answer::Refused { .. } | Answer::TooLarge | Answer::OtherVersion => {
                self.end(suspect.points, Stop::Untrusted(suspect.reason));
            }
        }
    }
}

/// Whether a receiver refuses a sample since it has a newer one, or another one at its time. The words are those of
/// Prometheus and of what is made of it.
fn is_out_of_order(reason: &str) -> bool {
    const WORDS: [&str; 6] = [
        "out of order sample",
        "out-of-order",
        "duplicate sample for timestamp",
        "out of bounds",
        "too old sample",
        "sample-timestamp-too-old",
    ];
    let reason = reason.to_ascii_lowercase();
    WORDS.iter().any(|words| reason.contains(words))
}

/// Returns what tells a series from all others while one of its points is there.
fn address(point: &Point) -> usize {
    Arc::as_ptr(&point.series).addr()
}
