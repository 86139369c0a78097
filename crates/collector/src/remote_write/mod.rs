//! Prometheus remote write: values of a spool's sink on their way to Prometheus, VictoriaMetrics, Mimir, Thanos, and
//! whatever else takes it.
//!
//! ```text
//!  Spool ─ feed ─▶ Named (names, labels) ─▶ Sender ─ shards, each series in order ─▶ Receiver
//!    ▲                                         │
//!    └────────────── advance ◀── all stored, or dead letters
//! ```
//! [`RemoteWrite`] is the task. `point` makes points of values, `encode` and `message` the bodies of both versions of the
//! protocol, `receiver` the request and what its answer means, `sender` finds what is refused, `staleness` marks what
//! ended. [`Naming`] says what a path is called.
//!
//! | what the receiver says | what is done |
//! | --- | --- |
//! | no answer, 408, 425, 429, 5xx | the same again after 1 s, doubling to a minute, or after `Retry-After` |
//! | 413 | smaller requests |
//! | 400, 422 and other 4xx | halved; a value alone is a dead letter if the receiver then takes what it took before |
//! | "out of order", "duplicate" | a dead letter, unless the answer to an earlier request with it was lost: then it is there |
//! | the same to everything | nothing is a dead letter; it is asked again, slower and slower, and `/healthz` says so |
//! | 401, 403, 404, 405, a redirect | everything is kept until a person mends that |
//! | 415, or nothing said of samples | version 1.0 of the protocol rather than 2.0 |

mod encode;
mod file;
pub mod message;
mod metrics;
mod naming;
mod point;
mod receiver;
mod sender;
mod series;
mod settings;
mod staleness;

use std::{sync::Arc, time::Duration};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use tokio::time::{self, Instant};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    spool::{SinkBatch, SinkNumber, SinkSettlement, Spool, SpoolError},
    throttle::{OutageLog, OutageSpan},
    time::Clock,
};
use point::{Named, Point};
use sender::{Sender, Stop};
use staleness::Staleness;

pub use encode::Version;
pub use file::read_sinks;
pub use metrics::RemoteWriteMetrics;
pub use naming::{Declared, Entities, KnownOwner};
pub use receiver::{Answer, HttpReceiver, Receiver};
pub use series::{ByPath, Labelled, NAME_LABEL, Naming, Series};
pub use settings::{
    Authentication, REQUEST_SAMPLES, RemoteWriteError, RemoteWriteSettings, SHARDS, VersionChoice,
};
pub use staleness::STALE;

/// While nothing comes the spool is looked at this often, and series are looked at for their end.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// The first pause after a failure; it doubles up to [`LONGEST_PAUSE`], with jitter.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// A receiver that is back gets values within this time.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// The same after what a person has to mend.
const LONGEST_SLOW_PAUSE: Duration = Duration::from_mins(10);

/// How long the last attempt to deliver what waits may take at a stop.
const FLUSH_GRACE: Duration = Duration::from_secs(5);

/// A spool that does not answer is asked again so often, a second apart, before the task ends with an error.
const MAX_SPOOL_FAILURES: u32 = 10;

/// Delivers the values of a spool's sink to a receiver.
pub struct RemoteWrite<R, N> {
    /// Where they come from.
    pub spool: Spool,
    /// Which sink of it.
    pub sink: SinkNumber,
    /// Where they go.
    pub receiver: Arc<R>,
    /// What they are called there.
    pub naming: N,
    /// Name, shards, size of requests.
    pub settings: RemoteWriteSettings,
    /// The clock by which series end.
    pub clock: Arc<dyn Clock>,
    /// Counts.
    pub metrics: RemoteWriteMetrics,
    /// Ends the task after a last attempt to deliver what waits, at most five seconds.
    pub stop: CancellationToken,
}

impl<R: Receiver, N: Naming> RemoteWrite<R, N> {
    /// Works until it is stopped; what is not delivered then waits in the spool.
    ///
    /// # Errors
    /// Fails if the spool is gone.
    pub async fn run(self) -> Result<(), SpoolError> {
        let stop = self.stop.clone();
        let deadline = async {
            stop.cancelled().await;
            time::sleep(FLUSH_GRACE).await;
        };
        let working = Working::new(self);
        tokio::select! { biased; worked = working.run() => worked, () = deadline => Ok(()) }
    }
}

/// The task at work.
struct Working<R, N> {
    spool: Spool,
    sink: SinkNumber,
    clock: Arc<dyn Clock>,
    stop: CancellationToken,
    named: Named<N>,
    sender: Sender<R>,
    staleness: Staleness,
    jitter: StdRng,
    pause: Duration,
    outage: OutageLog,
    spool_failures: u32,
}

impl<R: Receiver, N: Naming> Working<R, N> {
    fn new(task: RemoteWrite<R, N>) -> Self {
        let name = task.settings.sink.name.clone();
        let counts = task.metrics.of(&name);
        let limits = (task.settings.shards, task.settings.request_samples);
        Self {
            spool: task.spool,
            sink: task.sink,
            clock: task.clock,
            stop: task.stop,
            named: Named::new(task.naming),
            sender: Sender::new(task.receiver, name, counts, limits),
            staleness: Staleness::default(),
            jitter: StdRng::seed_from_u64(rand::random()),
            pause: FIRST_PAUSE,
            outage: OutageLog::default(),
            spool_failures: 0,
        }
    }

    async fn run(mut self) -> Result<(), SpoolError> {
        loop {
            match self.spool.feed(self.sink, self.sender.appetite()).await {
                Ok(Some(batch)) => {
                    self.spool_failures = 0;
                    match self.deliver(batch).await {
                        Ok(true) => {}
                        Ok(false) => return Ok(()),
                        Err(error) => self.wait_after(error).await?,
                    }
                }
                Ok(None) if self.stop.is_cancelled() => return Ok(()),
                Ok(None) => self.rest().await,
                Err(error) => self.wait_after(error).await?,
            }
        }
    }

    async fn wait_after(&mut self, error: SpoolError) -> Result<(), SpoolError> {
        self.spool_failures += 1;
        if self.spool_failures > MAX_SPOOL_FAILURES || self.stop.is_cancelled() {
            return Err(error);
        }
        time::sleep(Duration::from_secs(1)).await;
        Ok(())
    }

    /// Waits until there may be more; what ended meanwhile is marked.
    async fn rest(&mut self) {
        self.mark_ended(self.now()).await;
        tokio::select! {
            biased;
            () = self.stop.cancelled() => {}
            () = self.spool.arrival_for(self.sink) => {}
            () = time::sleep(LOOK_EVERY) => {}
        }
    }

    /// Returns what the clock shows, in milliseconds.
    fn now(&self) -> i64 {
        self.clock.now().micros().div_euclid(1_000)
    }

    /// Markers are sent once and not kept: readers do without them after five minutes anyway.
    async fn mark_ended(&mut self, now: i64) {
        let markers = self.staleness.ended(now);
        if markers.is_empty() {
            return;
        }
        let count = markers.len();
        let unmarked = self.sender.markers(markers).await;
        self.sender.counts.marked(count.saturating_sub(unmarked));
    }

    /// Delivers a batch however long it takes; false if it was stopped meanwhile.
    async fn deliver(&mut self, batch: SinkBatch) -> Result<bool, SpoolError> {
        let SinkBatch { entries, unreadable, up_to, doubtful_to } = batch;
        let (mut left, mut rejected) = self.named.points(&self.sender.name, entries, doubtful_to);
        rejected.extend(unreadable);
        self.staleness.seen(&left, self.now());
        while !left.is_empty() {
            let round = self.sender.round(left).await;
            left = round.left;
            rejected.extend(round.rejected);
            let Some(stop) = round.stop else {
                self.well();
                continue;
            };
            if self.stop.is_cancelled() || !self.pause_after(stop).await {
                return Ok(false);
            }
            left = self.still_wanted(left);
        }
        self.well();
        self.sender.counts.rejected(rejected.len());
        self.spool.advance(self.sink, SinkSettlement { up_to, rejected }).await?;
        Ok(true)
    }

    /// Returns what the spool's limits have not given up meanwhile.
    fn still_wanted(&self, points: Vec<Point>) -> Vec<Point> {
        let name = &self.sender.name;
        let sinks = self.spool.statistics().sinks;
        let Some(position) = sinks.iter().find(|sink| sink.name == *name).map(|sink| sink.position) else {
            return points;
        };
        points.into_iter().filter(|point| point.entry > position).collect()
    }

    fn well(&mut self) {
        self.pause = FIRST_PAUSE;
        self.sender.counts.well();
        if let Some(OutageSpan { lasted, .. }) = self.outage.ended(Instant::now()) {
            info!(sink = self.sender.name, ?lasted, "the sink takes values again");
        }
    }

    /// Waits for as long as the receiver asks, and longer each time; false if it was stopped.
    async fn pause_after(&mut self, stop: Stop) -> bool {
        let (asked, longest, text) = match stop {
            Stop::Later { retry_after, text } => (retry_after, LONGEST_PAUSE, text),
            Stop::Fault(text) => (None, LONGEST_SLOW_PAUSE, text),
            Stop::Untrusted(text) => (None, LONGEST_SLOW_PAUSE, format!("it refuses everything: {text}")),
        };
        let needs_a_person = longest > LONGEST_PAUSE;
        self.sender.counts.failing(needs_a_person, &text);
        if self.outage.failed("sink", Instant::now()).is_some() {
            warn!(sink = self.sender.name, reason = text, "the sink takes no values: they wait in the spool");
        }
        let pause = self.pause.mul_f64(self.jitter.random_range(0.5..=1.0)).max(asked.unwrap_or_default());
        self.pause = self.pause.saturating_mul(2).min(longest);
        tokio::select! {
            biased;
            () = self.stop.cancelled() => false,
            () = time::sleep(pause) => true,
        }
    }
}
