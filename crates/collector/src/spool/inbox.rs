//! What waits for the writer, the writer woken when something does, and what is done while the disk hangs.

use std::{
    mem,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use tokio::{
    sync::{Notify, OwnedSemaphorePermit, oneshot},
    time::Instant,
};
use tracing::{Span, error, info, warn};

use super::{
    entry::{Batch, Lane, Row, Settlement, TakeRequest},
    error::SpoolError,
    metrics::{Limit, SpoolMetrics},
    sinks::{SinkBatch, SinkNumber, SinkSettlement},
    statistics::{Depth, Statistics},
    trouble::DropLog,
    writer::Writer,
};
use crate::throttle::{OutageLog, OutageSpan};

/// A group of at least this many commands tells that many runs hand over at once.
const CROWD: usize = 8;

/// The part of its time after which a crowd's group is followed by the next: those who were just answered are about
/// to hand over more, and would otherwise always just miss a group, so that each would be half as large.
const GATHERING: u32 = 8;

/// No group is held up longer than this.
const LONGEST_GATHERING: Duration = Duration::from_millis(1);

/// A disk that takes nothing for this long hangs: reports are then held in memory, as while it is full. A commit takes
/// milliseconds, on a slow disk under load a tenth of this.
const HANG_AFTER: Duration = Duration::from_secs(1);

/// One thing asked of the writer. What is asked in one moment is answered as one group.
pub(super) enum Command {
    Accept {
        rows: Vec<Row>,
        room: OwnedSemaphorePermit,
        reply: oneshot::Sender<Result<(), SpoolError>>,
    },
    Settle {
        settlement: Settlement,
        reply: oneshot::Sender<()>,
    },
    Take {
        request: TakeRequest,
        reply: oneshot::Sender<Option<Batch>>,
    },
    Feed {
        sink: SinkNumber,
        values: usize,
        reply: oneshot::Sender<Option<SinkBatch>>,
    },
    Advance {
        sink: SinkNumber,
        settlement: SinkSettlement,
        reply: oneshot::Sender<()>,
    },
    Look {
        reply: oneshot::Sender<()>,
    },
    Close {
        reply: oneshot::Sender<()>,
    },
    /// Reports stood here for which memory has no room while the disk hangs.
    Dropped,
}

/// What the handles and the writer share.
pub(super) struct Shared {
    path: Arc<Path>,
    metrics: SpoolMetrics,
    waiting: Mutex<Waiting>,
    /// None once it was closed.
    writer: Mutex<Option<Writer>>,
    pub(super) state: Mutex<Statistics>,
    arrivals: [Notify; Lane::ALL.len()],
    sinks: Vec<(String, Notify)>,
    /// The bot for which lines are logged from the writer's thread.
    span: Span,
}

struct Waiting {
    commands: Vec<Command>,
    /// The reports among them.
    depth: Depth,
    /// Those before this one hold none any more.
    first_held: usize,
    is_drained: bool,
    /// When the writer took commands for the last time, or was started.
    taken: Instant,
    hang: OutageLog,
    drops: DropLog,
}

impl Waiting {
    /// Returns for how long the disk has hung.
    fn hangs_for(&self, now: Instant) -> Option<Duration> {
        let silent = now.saturating_duration_since(self.taken);
        (self.is_drained && silent >= HANG_AFTER).then_some(silent)
    }
}

impl Shared {
    pub(super) fn new(path: Arc<Path>, writer: Writer, metrics: SpoolMetrics, sinks: Vec<String>) -> Self {
        let waiting = Waiting {
            commands: Vec::new(),
            depth: Depth::default(),
            first_held: 0,
            is_drained: false,
            taken: Instant::now(),
            hang: OutageLog::default(),
            drops: DropLog::default(),
        };
        Self {
            path,
            metrics,
            state: Mutex::new(writer.statistics()),
            waiting: Mutex::new(waiting),
            writer: Mutex::new(Some(writer)),
            arrivals: Lane::ALL.map(|_| Notify::new()),
            sinks: sinks.into_iter().map(|name| (name, Notify::new())).collect(),
            span: Span::current(),
        }
    }

    pub(super) fn arrival(&self, lane: Lane) -> &Notify {
        let [values, entities, events] = &self.arrivals;
        match lane {
            Lane::Values => values,
            Lane::Entities => entities,
            Lane::Events => events,
        }
    }

    pub(super) fn sink(&self, name: &str) -> Option<SinkNumber> {
        self.sinks.iter().position(|(known, _)| known == name).map(SinkNumber)
    }

    pub(super) async fn arrival_for(&self, SinkNumber(sink): SinkNumber) {
        match self.sinks.get(sink) {
            Some((_, arrival)) => arrival.notified().await,
            None => std::future::pending().await,
        }
    }

    pub(super) fn sinks_arrival(&self, have_arrived: bool) {
        for (_, arrival) in self.sinks.iter().filter(|_| have_arrived) {
            arrival.notify_one();
        }
    }

    /// Hands a command to the writer, which is started unless it is at work. It must be called within a runtime.
    ///
    /// The number of commands that wait is bounded by the callers, since each awaits its answer, and the bytes of
    /// reports by the room they hold.
    pub(super) fn submit(self: &Arc<Self>, command: Command) {
        let mut waiting = locked(&self.waiting);
        if let Command::Accept { rows, .. } = &command {
            waiting.depth += rows.iter().map(Row::depth).sum();
        }
        waiting.commands.push(command);
        if !waiting.is_drained {
            waiting.is_drained = true;
            waiting.taken = Instant::now();
            let mut drain = Drain { shared: Arc::clone(self), is_over: false };
            tokio::task::spawn_blocking(move || drain.run());
        }
    }

    /// Returns what to answer while the disk hangs, and logs that it does.
    pub(super) fn hang(&self) -> Option<SpoolError> {
        let now = Instant::now();
        let mut waiting = locked(&self.waiting);
        let silent = waiting.hangs_for(now)?;
        let held = waiting.depth.reports;
        self.metrics.hangs(waiting.depth);
        if waiting.hang.failed("hang", now).is_some() {
            error!(
                spool = %self.path.display(), seconds = silent.as_secs(), held,
                "the disk hangs: reports are held in memory, and written when it answers"
            );
        }
        Some(self.held(&waiting, silent))
    }

    /// Drops the oldest reports that wait until so many bytes of room are free, and counts what goes.
    pub(super) fn make_room(&self, bytes: u64) {
        let now = Instant::now();
        let mut waiting = locked(&self.waiting);
        let Some(silent) = waiting.hangs_for(now) else { return };
        let mut dropped = Depth::default();
        while dropped.bytes < bytes {
            let place = waiting.first_held;
            let Some(command) = waiting.commands.get_mut(place) else { break };
            if let Command::Accept { .. } = command
                && let Command::Accept { rows, reply, .. } = mem::replace(command, Command::Dropped)
            {
                dropped += rows.iter().map(Row::depth).sum();
                let _ = reply.send(Err(self.held(&waiting, silent)));
            }
            waiting.first_held += 1;
        }
        waiting.depth = waiting.depth.less(dropped);
        self.metrics.dropped(Limit::Memory, dropped.values);
        for (name, _) in self.sinks.iter().filter(|_| dropped.values > 0) {
            self.metrics.dropped_of_sink(name, Limit::Memory, dropped.values);
        }
        waiting.drops.dropped(dropped);
        if let Some(Depth { reports, values, .. }) = waiting.drops.due(now) {
            warn!(
                spool = %self.path.display(), limit = Limit::Memory.as_str(), reports, values,
                "the oldest reports held in memory were dropped"
            );
        }
    }

    /// Returns what is in the queue, as of the last group; while the disk hangs, with what waits for it.
    pub(super) fn statistics(&self) -> Statistics {
        let mut state = locked(&self.state).clone();
        let waiting = locked(&self.waiting);
        if let Some(silent) = waiting.hangs_for(Instant::now()) {
            state.queue += waiting.depth;
            state.held += waiting.depth;
            state.trouble = Some(hangs(silent));
        }
        state
    }

    fn held(&self, waiting: &Waiting, silent: Duration) -> SpoolError {
        SpoolError::Held {
            path: self.path.to_path_buf(),
            held: usize::try_from(waiting.depth.reports).unwrap_or(usize::MAX),
            reason: hangs(silent),
        }
    }

    /// Removes and returns what waits; `None` if nothing does, and then the writer ends.
    fn take_commands(&self) -> Option<Vec<Command>> {
        let now = Instant::now();
        let mut waiting = locked(&self.waiting);
        if let Some(OutageSpan { lasted, .. }) = waiting.hang.ended(now) {
            let reports = waiting.depth.reports;
            info!(spool = %self.path.display(), ?lasted, reports, "the disk answers again, what was held is written");
        }
        waiting.taken = now;
        waiting.first_held = 0;
        waiting.depth = Depth::default();
        waiting.is_drained = !waiting.commands.is_empty();
        waiting.is_drained.then(|| mem::take(&mut waiting.commands))
    }
}

fn hangs(silent: Duration) -> String {
    format!("the disk has not answered for {} s", silent.as_secs())
}

/// The writer at work. However it ends (also by a panic, or unrun since the runtime goes down), the next command
/// can start another one and nobody waits for an answer that never comes.
struct Drain {
    shared: Arc<Shared>,
    is_over: bool,
}

impl Drain {
    fn run(&mut self) {
        let _bot = self.shared.span.clone().entered();
        let mut slot = locked(&self.shared.writer);
        while let Some(commands) = self.shared.take_commands() {
            let Some(writer) = slot.as_mut() else { continue };
            let (began, is_crowd) = (Instant::now(), commands.len() >= CROWD);
            let closing = writer.work(commands, &self.shared);
            if is_crowd {
                thread::sleep((began.elapsed() / GATHERING).min(LONGEST_GATHERING));
            }
            if !closing.is_empty() {
                *slot = None;
                for reply in closing {
                    let _ = reply.send(());
                }
            }
        }
        self.is_over = true;
    }
}

impl Drop for Drain {
    fn drop(&mut self) {
        if !self.is_over {
            let mut waiting = locked(&self.shared.waiting);
            waiting.is_drained = false;
            waiting.depth = Depth::default();
            waiting.first_held = 0;
            waiting.commands.clear();
        }
    }
}

/// A panic of another thread leaves nothing half done behind these locks that the next group would not mend.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use crate::{
        model::AccountId,
        report::{Report, Values},
        sim::SimClock,
        spool::{Lane, Limits, Spool, TakeRequest},
        time::Timestamp,
    };

    use super::*;

    const NOON: Timestamp = Timestamp::from_seconds(1_700_000_000);

    fn report(number: i64) -> [Report; 1] {
        let values = (0..10).map(|place| (format!("p.{number}.{place}"), 1.0)).collect();
        let time = NOON + Duration::from_secs(number.unsigned_abs());
        [Report::Values(Values { account: AccountId::new(1), time, values })]
    }

    async fn numbers(spool: &Spool) -> Vec<i64> {
        let request = TakeRequest {
            lane: Lane::Values,
            fresh_within: Duration::MAX,
            fresh_values: usize::MAX,
            old_values: usize::MAX,
            after: None,
            access: std::collections::HashMap::new(),
        };
        let entries = spool.take(request).await.unwrap().unwrap().entries;
        let number = |report: &Report| match report {
            Report::Values(values) => values.time.seconds() - NOON.seconds(),
            _ => panic!("no values"),
        };
        entries.iter().map(|entry| number(&entry.report)).collect()
    }

    /// Lets time pass, and the tasks that wait for it run, while a thread hangs.
    async fn pass(span: Duration) {
        for _ in 0..8 {
            tokio::time::advance(span / 8).await;
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn while_the_disk_hangs_reports_are_held_in_memory_and_then_written_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let limits = Limits { memory_bytes: 20_000, ..Limits::default() };
        let clock = Arc::new(SimClock::at(NOON));
        let metrics = SpoolMetrics::default();
        let spool =
            Spool::open(folder.path().join("spool.sqlite"), limits, clock, metrics.clone()).await.unwrap();
        spool.accept(&report(0)).await.unwrap();
        // Nobody gets by this lock, as nobody gets by a disk that hangs.
        let (held, is_held) = std::sync::mpsc::channel();
        let (release, is_released) = std::sync::mpsc::channel::<()>();
        let disk = thread::spawn({
            let spool = spool.clone();
            move || {
                let _disk = locked(&spool.shared().writer);
                held.send(()).unwrap();
                let _ = is_released.recv();
            }
        });
        is_held.recv().unwrap();
        let first = tokio::spawn({
            let spool = spool.clone();
            async move { spool.accept(&report(1)).await }
        });
        pass(Duration::from_millis(900)).await;
        assert!(!first.is_finished() && spool.statistics().trouble.is_none(), "a slow disk is waited for");
        pass(Duration::from_secs(1)).await;
        let error = first.await.unwrap().unwrap_err();
        assert!(error.to_string().contains("the disk has not answered for 1 s"), "{error}");
        for number in 2..10 {
            assert!(matches!(spool.accept(&report(number)).await, Err(SpoolError::Held { .. })), "at once");
        }
        let state = spool.statistics();
        assert_eq!((state.held.reports, state.held.values, state.queue.values), (9, 90, 100));
        assert!(state.trouble.unwrap().contains("not answered"));
        // Beyond what memory may hold the oldest goes, and nobody waits.
        for number in 10..200 {
            let accept = tokio::spawn({
                let spool = spool.clone();
                async move { spool.accept(&report(number)).await }
            });
            pass(Duration::from_millis(500)).await;
            assert!(matches!(accept.await.unwrap(), Err(SpoolError::Held { .. })));
        }
        let held = spool.statistics().held;
        assert!(held.bytes <= 20_000 && held.reports > 10, "{held:?}");
        drop(release);
        disk.join().unwrap();
        spool.look().await.unwrap();
        let kept = i64::try_from(held.reports).unwrap();
        assert_eq!(numbers(&spool).await, [0].into_iter().chain(200 - kept..200).collect::<Vec<_>>());
        let state = spool.statistics();
        assert_eq!((state.held.reports, state.trouble), (0, None));
    }
}
