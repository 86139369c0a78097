//! Our log lines on their way to Python's `logging`.

use std::{
    fmt::{self, Write},
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    time::Duration,
};

use pyo3::{exceptions::PyRuntimeError, prelude::*};
use tracing::{Event, Level, Subscriber, field::Visit};
use tracing_subscriber::{
    Layer, Registry,
    filter::{LevelFilter, Targets},
    layer::{Context, SubscriberExt},
};

/// Lines that wait for Python. It takes them at once as a rule; what comes while this many wait is left out.
const LINES: usize = 10_000;
/// Lines that Python takes at a time.
const AT_ONCE: usize = 1_000;
/// Channels that one process and its forked children use one after another: a child's child's child is three.
const CHANNELS: usize = 32;

/// A channel for each process: a fork copies a channel in whatever state it is, so a child never uses its parent's.
static SENDERS: [OnceLock<SyncSender<Line>>; CHANNELS] = [const { OnceLock::new() }; CHANNELS];
/// How many of them were begun; the last one is in use.
static BEGUN: AtomicUsize = AtomicUsize::new(0);
/// The lowest level that Python wants, in its numbers.
static LEVEL: AtomicU8 = AtomicU8::new(u8::MAX);

/// A line: Python's number of the level, the part that says it, and what it says.
type Line = (u8, String, String);

/// The lines of this process; those of a parent stay with it.
#[pyclass(frozen)]
pub(crate) struct LogLines {
    waiting: Mutex<Receiver<Line>>,
    sender: SyncSender<Line>,
    ended: AtomicBool,
}

#[pymethods]
impl LogLines {
    /// Begins with this level: everything before it is lost.
    #[new]
    fn new(level: u8) -> PyResult<Self> {
        let (sender, waiting) = sync_channel(LINES);
        let place = BEGUN.load(Ordering::Acquire);
        let free = SENDERS.get(place).is_some_and(|slot| slot.set(sender.clone()).is_ok());
        if !free {
            return Err(PyRuntimeError::new_err(format!("log lines were begun {CHANNELS} times already")));
        }
        LEVEL.store(level, Ordering::Release);
        BEGUN.store(place + 1, Ordering::Release);
        let ours = Targets::new()
            .with_target("grafolean_collector", LevelFilter::DEBUG)
            .with_target("_engine", LevelFilter::DEBUG);
        // Set already by an earlier one of ours; or by another library, then our lines go where that sends them.
        let _ = tracing::subscriber::set_global_default(Registry::default().with(ToPython.with_filter(ours)));
        Ok(Self { waiting: Mutex::new(waiting), sender, ended: AtomicBool::new(false) })
    }

    /// Waits, at most for some time, and returns the lines of at least this level that have come; None once they have
    /// been ended.
    fn take(&self, py: Python<'_>, level: u8, wait_seconds: f64) -> Option<Vec<Line>> {
        LEVEL.store(level, Ordering::Release);
        let wait = Duration::try_from_secs_f64(wait_seconds).unwrap_or_default();
        py.detach(|| {
            let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            let first = waiting.recv_timeout(wait).ok();
            let lines: Vec<Line> = first.into_iter().chain(waiting.try_iter().take(AT_ONCE)).collect();
            let all_carried = lines.is_empty() || lines.iter().all(is_end);
            let ended = all_carried && self.ended.load(Ordering::Acquire);
            (!ended).then(|| lines.into_iter().filter(|line| !is_end(line)).collect())
        })
    }

    /// Ends the waiting for lines, so that nobody waits when the interpreter ends.
    fn end(&self) {
        self.ended.store(true, Ordering::Release);
        // It wakes whoever waits; where there is no room for it, nobody does.
        let _ = self.sender.try_send((0, String::new(), String::new()));
    }
}

/// Whether it is the line that only wakes.
fn is_end(line: &Line) -> bool {
    line.0 == 0
}

struct ToPython;

impl<S: Subscriber> Layer<S> for ToPython {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        let level = match *metadata.level() {
            Level::ERROR => 40,
            Level::WARN => 30,
            Level::INFO => 20,
            _ => 10,
        };
        if level < LEVEL.load(Ordering::Acquire) {
            return;
        }
        let in_use = BEGUN.load(Ordering::Acquire).checked_sub(1).and_then(|place| SENDERS.get(place));
        let Some(lines) = in_use.and_then(OnceLock::get) else { return };
        let mut text = Text::default();
        event.record(&mut text);
        let Text { message, fields } = text;
        // Where there is no room for it, there is no other place to say so.
        let _ = lines.try_send((level, metadata.target().replace("::", "."), message + &fields));
    }
}

/// A line's words: the message, then its fields.
#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Visit for Text {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn fmt::Debug) {
        // Writing to a String cannot fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}
